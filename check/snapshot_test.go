package check_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/statemachine"
)

func snapshot(t *testing.T, path string) string {
	t.Helper()
	o, err := check.Observe(context.Background(), path, statemachine.Linux())
	if err != nil {
		t.Fatal(err)
	}
	text, err := check.Snapshot(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSnapshotIsStable records the same exchange with other addresses, ports,
// sequence numbers and times: the snapshot must be the same, octet by octet.
func TestSnapshotIsStable(t *testing.T) {
	dir := t.TempDir()
	other := recording{
		client: [4]byte{192, 168, 7, 9}, server: [4]byte{172, 16, 0, 1}, cport: 61000, sport: 8080,
		start: 1_800_000_123e9, shift: [2]uint32{0xffff_ff80, 12345}, stretch: 250,
	}
	a := snapshot(t, usual().write(t, dir, "a.pcap", open3+talk+close4))
	b := snapshot(t, other.write(t, dir, "b.pcap", open3+talk+close4))
	if a != b {
		t.Errorf("the snapshots differ\n%s\n%s", a, b)
	}
	long := open3 + talk + close4 + "+100 C>S S 5000:5000(0) win 64240 <mss 1460,sackOK,wscale 7>\n"
	d := snapshot(t, usual().write(t, dir, "d.pcap", long))
	if first, _, _ := strings.Cut(d, "  - name: connection 2"); strings.Replace(first, "connections: 2", "connections: 1", 1) != a {
		t.Errorf("the end of TIME-WAIT changes the snapshot\n%s", d)
	}
	o := check.Options{Expect: writeFile(t, filepath.Join(dir, "a.yaml"), strings.Replace(a, "connections: 1", "connections: 2", 1))}
	if r := checked(t, filepath.Join(dir, "d.pcap"), o); r.Failed() {
		t.Errorf("the end of TIME-WAIT fails\n%s", people(t, r))
	}
	for _, word := range []string{"10.0.0", "4970", "100", "1700000000"} {
		if strings.Contains(a, word) {
			t.Errorf("the snapshot holds %s\n%s", word, a)
		}
	}
	if c := snapshot(t, usual().write(t, dir, "c.pcap", open3+talk)); a == c {
		t.Error("the snapshot of another exchange is the same")
	}
}

// TestUpdate writes expectations, lets them fail on another exchange, and
// refreshes them: what people wrote stays.
func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	if r := checked(t, path, check.Options{Update: true}); r.Update != "written" || r.Failed() {
		t.Fatalf("%q %v", r.Update, r.Unmet())
	}
	file := check.ExpectationsPath(path)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "    verdict: closed", "    # the login must end well\n    verdict: closed # always", 1)
	edited = strings.Replace(edited, "retransmissions: 0", "retransmissions: \"<= 3\"\n      duration: \"< 1h\"", 1)
	writeFile(t, file, edited)
	if r := checked(t, path, check.Options{Update: true}); r.Update != "unchanged" || r.Failed() {
		t.Fatalf("%q\n%s", r.Update, people(t, r))
	}
	usual().write(t, dir, "x.pcap", open3+talk+"C>S F 111:111(0) win 502\nS>C R. 321:321(0) ack 111 win 502")
	if r := checked(t, path, check.Options{}); !r.Failed() {
		t.Fatal("another exchange meets the expectations")
	}
	r := checked(t, path, check.Options{Update: true})
	if !strings.HasPrefix(r.Update, "changed in ") || r.Failed() {
		t.Fatalf("%q\n%s", r.Update, people(t, r))
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# the login must end well", "verdict: reset # always", `"<= 3"`, `"< 1h"`, "allow: [bare-fin]", "close: reset-by-server"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

// TestUpdateAddsConnections refreshes a file that lists every connection when
// the capture has one more.
func TestUpdateAddsConnections(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	checked(t, path, check.Options{Update: true})
	two, err := os.ReadFile(filepath.Join(pcaps, "time-wait-reuse.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(two))
	r := checked(t, path, check.Options{Update: true})
	if r.Failed() {
		t.Fatal(people(t, r))
	}
	got, err := os.ReadFile(check.ExpectationsPath(path))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), "connection 2") || !strings.Contains(string(got), "connections: 2") {
		t.Errorf("the second connection is missing\n%s", got)
	}
}

// TestUpdateLeavesLimits shows that a limit is never loosened by itself.
func TestUpdateLeavesLimits(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	text := "connections:\n  - limits: {duration: \"< 1us\"}\n"
	file := writeFile(t, check.ExpectationsPath(path), text)
	r := checked(t, path, check.Options{Update: true})
	if len(r.Unmet()) != 1 {
		t.Errorf("%d unmet, want 1", len(r.Unmet()))
	}
	if got, _ := os.ReadFile(file); string(got) != text {
		t.Errorf("the file was changed to\n%s", got)
	}
}

// TestUpdateEveryPair takes the snapshot of each bundled capture to each other
// one: what --update writes must be met, and a second one must change nothing.
func TestUpdateEveryPair(t *testing.T) {
	dir := t.TempDir()
	files := check.Find([]string{pcaps}, false)
	if len(files) < 20 {
		t.Fatalf("%d captures", len(files))
	}
	for i, from := range files {
		text := snapshot(t, from)
		for _, to := range []string{files[(i+1)%len(files)], files[(i+7)%len(files)], files[(i*5+3)%len(files)]} {
			o := check.Options{Update: true, Expect: writeFile(t, filepath.Join(dir, "x.yaml"), text)}
			if r := checked(t, to, o); r.Failed() {
				t.Errorf("%s to %s\n%s", filepath.Base(from), filepath.Base(to), people(t, r))
			}
			if r := checked(t, to, o); r.Update != "unchanged" {
				t.Errorf("%s to %s: %q", filepath.Base(from), filepath.Base(to), r.Update)
			}
		}
	}
}

// TestUpdateBackAndForth takes a snapshot to a capture with findings and back:
// each time the file is what a new snapshot would be.
func TestUpdateBackAndForth(t *testing.T) {
	dir := t.TempDir()
	good := usual().write(t, dir, "good.pcap", open3+talk+close4)
	bad := usual().write(t, dir, "bad.pcap", open3+talk+"C>S F 111:111(0) win 502\n"+close4)
	file := writeFile(t, filepath.Join(dir, "x.yaml"), snapshot(t, good))
	for _, path := range []string{bad, good, bad} {
		if r := checked(t, path, check.Options{Update: true, Expect: file}); r.Failed() {
			t.Error(people(t, r))
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := snapshot(t, path); filepath.Base(path) == "bad.pcap" && string(got) != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestUpdateManyConnections takes counts of verdicts to a capture with others.
func TestUpdateManyConnections(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "x.yaml"), "capture:\n  verdicts: {closed: 3}\n")
	path := usual().write(t, dir, "x.pcap", open3+"C>S R. 101:101(0) ack 301 win 502\n")
	if r := checked(t, path, check.Options{Update: true, Expect: file}); r.Failed() {
		t.Error(people(t, r))
	}
	if got, _ := os.ReadFile(file); string(got) != "capture:\n  verdicts: {closed: 0, reset: 1}\n" {
		t.Errorf("got %s", got)
	}
}

// TestUpdateKeepsLineEnds: a file from Windows stays one.
func TestUpdateKeepsLineEnds(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	file := writeFile(t, filepath.Join(dir, "x.yaml"), "# why\r\nconnections:\r\n  - verdict: reset # always\r\n")
	checked(t, path, check.Options{Update: true, Expect: file})
	if got, _ := os.ReadFile(file); string(got) != "# why\r\nconnections:\r\n  - verdict: closed # always\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestUpdateRefuses what it could not write, and leaves nothing behind.
func TestUpdateRefuses(t *testing.T) {
	dir := t.TempDir()
	a := usual().write(t, dir, "a.pcap", open3+talk+close4)
	b := usual().write(t, dir, "a.pcapng", open3+talk+close4)
	err := check.Files(context.Background(), []string{a, b}, check.Options{Update: true}, func(r *check.Report) error {
		if !r.BadExpectations() || !strings.Contains(r.Err.Error(), "belongs to "+a+" and "+b) {
			t.Errorf("%s: %v", r.Capture, r.Err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	shared := "connections:\n  - client: &x {final: CLOSED}\n    server: *x\n"
	file := writeFile(t, filepath.Join(t.TempDir(), "x.yaml"), shared)
	if r := checked(t, a, check.Options{Update: true, Expect: file}); !r.BadExpectations() || !strings.Contains(r.Err.Error(), "x.yaml:3:13: cannot be updated") {
		t.Errorf("%v", r.Err)
	}
	if got, _ := os.ReadFile(file); string(got) != shared {
		t.Errorf("got %s", got)
	}
	var write *check.WriteError
	r := checked(t, a, check.Options{Update: true, Expect: filepath.Join(dir, "none", "x.yaml")})
	if !errors.As(r.Err, &write) || r.BadExpectations() {
		t.Errorf("%v", r.Err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

// TestUpdateTogether lets several runs write and refresh the same file: each
// finds a whole one, and nothing is left behind.
func TestUpdateTogether(t *testing.T) {
	dir := t.TempDir()
	good := usual().write(t, dir, "good.pcap", open3+talk+close4)
	bad := usual().write(t, dir, "bad.pcap", open3+talk+"C>S R. 111:111(0) ack 321 win 502")
	o := check.Options{Update: true, Expect: filepath.Join(dir, "x.yaml")}
	var runs sync.WaitGroup
	for i := range 6 {
		runs.Go(func() {
			for j := range 10 {
				r := checked(t, []string{good, bad}[(i+j)%2], o)
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
		})
	}
	runs.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSnapshotOfAnotherRecording compares bundled captures with other
// recordings of the same scenarios, between other addresses and with other
// sequence numbers and times: the snapshots must be the same, octet by octet.
func TestSnapshotOfAnotherRecording(t *testing.T) {
	compared := 0
	for _, path := range check.Find([]string{pcaps}, false) {
		name := strings.TrimSuffix(filepath.Base(path), ".pcap")
		others, err := filepath.Glob(filepath.Join("..", "testdata", "truth", name, "*.pcap"))
		if err != nil {
			t.Fatal(err)
		}
		if len(others) == 0 {
			continue
		}
		compared++
		// What was lost shows at some capture points only: one must agree.
		want := snapshot(t, path)
		if !slices.ContainsFunc(others, func(o string) bool { return snapshot(t, o) == want }) {
			t.Errorf("%s: no other recording gives\n%s", name, want)
		}
	}
	if compared < 20 {
		t.Errorf("%d scenarios compared", compared)
	}
}

// FuzzRefresh gives --update any file that can be read: what it writes can be
// read again, and a second time there is nothing left to change.
func FuzzRefresh(f *testing.F) {
	o, err := check.Observe(context.Background(), usual().write(f, f.TempDir(), "x.pcap", open3+talk+"C>S F 111:111(0) win 502\n"+close4), statemachine.Linux())
	if err != nil {
		f.Fatal(err)
	}
	text, err := check.Snapshot(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(sound))
	f.Add(text)
	f.Add([]byte("capture: {verdicts: {reset: 3}, findings: {require: [mid-stream], allow: error}}\r\n"))
	f.Add([]byte("connections: {count: 3, client: {final: [LISTEN]}, findings: {forbid: any}}\n"))
	f.Add([]byte("connections:\n  - match: {order: 2}\n    options: {mss: 1}\n  - certainty: witnessed\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := check.Parse("x.yaml", data)
		if err != nil {
			return
		}
		text, n, err := x.Refresh(o)
		if n == 0 || err != nil {
			return
		}
		if x, err = check.Parse("x.yaml", text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again, n, err := x.Refresh(o); n != 0 || err != nil {
			t.Fatalf("%d changes more, %v\n%s\n%s", n, err, text, again)
		}
	})
}
