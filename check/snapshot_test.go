package check_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
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
	if !strings.HasSuffix(r.Update, "changed") || r.Failed() {
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
