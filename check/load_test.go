package check_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/check"
)

// TestMistakes demands line, column and advice for mistakes in expectations.
func TestMistakes(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown field", "connections:\n  - verdit: closed\n", `x.yaml:2:5: unknown field "verdit" in a connection (did you mean verdict?)`},
		{"unknown top field", "conections: []\n", `x.yaml:1:1: unknown field "conections" in the file (did you mean connections?)`},
		{"unknown state", "connections:\n  - client: {states: [SYN-SEND]}\n", `x.yaml:2:23: unknown state "SYN-SEND" (did you mean SYN-SENT?)`},
		{"unknown finding", "connections:\n  - findings:\n      forbid: [bare-fim]\n", `x.yaml:3:16: unknown finding "bare-fim" (did you mean bare-fin?)`},
		{"unknown verdict", "connections:\n  - verdict: close\n", `x.yaml:2:14: unknown verdict "close" (did you mean closed?)`},
		{"bad limit", "connections:\n  - limits: {duration: 5 apples}\n", `x.yaml:2:24: duration: "5 apples" is not a time`},
		{"impossible limit", "connections:\n  - limits: {packets: \"< 0\"}\n", `"< 0" can never be met`},
		{"twice", "connections:\n  - verdict: closed\n    verdict: reset\n", `x.yaml:3:5: "verdict" stands twice, first in line 2`},
		{"bad endpoint", "connections:\n  - match: {client: \"10.0.0.1:99999\"}\n", `x.yaml:2:21: "10.0.0.1:99999" is not an endpoint`},
		{"list for a mapping", "connections:\n  - client: [ESTABLISHED]\n", `x.yaml:2:13: client must be a mapping, not a list`},
		{"option that is no boolean", "connections:\n  - options: {sack: yes please}\n", `x.yaml:2:21: sack must be true or false`},
		{"order 0", "connections:\n  - match: {order: 0}\n", `order must be 1 for the first`},
		{"version", "version: 2\n", `x.yaml:1:10: unknown version "2"`},
		{"syntax", "connections:\n  - a: [\n", `x.yaml:`},
		{"empty", "", `x.yaml:1:1: the file is empty`},
		{"two documents", "version: 1\n---\nversion: 1\n", `a second document`},
		{"empty list", "connections:\n  - verdict: []\n", `x.yaml:2:14: the list of verdicts is empty`},
		{"condition", "connections:\n  - assert: verdit == 'closed'\n", `x.yaml:2:13: unknown name verdit, at character 1 (did you mean verdict?)`},
		{"condition that can never hold", "connections:\n  - match: {where: \"verdict == 'close'\"}\n", `no connection has "close" there`},
		{"no state", "connections:\n  - client: {final: }\n", `state must be a single value, not nothing`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := check.Parse("x.yaml", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			var one *check.FileError
			if !errors.As(err, &one) {
				t.Errorf("%T is no *FileError", err)
			}
		})
	}
}

// TestAllMistakesAtOnce shows that one run names every mistake, ten at most.
func TestAllMistakesAtOnce(t *testing.T) {
	_, err := check.Parse("x.yaml", []byte("a: 1\nb: 2\nc: 3\n"))
	var list check.FileErrors
	if !errors.As(err, &list) || len(list) != 3 {
		t.Errorf("got %v", err)
	}
	_, err = check.Parse("x.yaml", []byte(strings.Repeat("- 1\n", 3)+"\n"))
	if err == nil {
		t.Error("a list passes for a file")
	}
	var many strings.Builder
	for c := 'a'; c < 'z'; c++ {
		many.WriteString(string(c) + ": 1\n")
	}
	_, err = check.Parse("x.yaml", []byte(many.String()))
	if !errors.As(err, &list) || len(list) != 10 {
		t.Errorf("%d mistakes told", len(list))
	}
}

// TestLimits holds conditions on numbers against values on both sides of them.
func TestLimits(t *testing.T) {
	tests := []struct {
		limit string
		ok    bool // of an exchange with 10 packets in 9 ms and 30 octets
	}{
		{"packets: 10", true}, {"packets: 9", false}, {`packets: "<= 10"`, true}, {`packets: "< 10"`, false},
		{`packets: ">= 10"`, true}, {`packets: "> 10"`, false}, {"packets: 9..11", true}, {"packets: 11..12", false},
		{`packets: "= 10"`, true}, {"bytes: 30", true}, {"bytes: 31", false},
		{"duration: 9ms", true}, {`duration: "< 9ms"`, false}, {`duration: "<= 9 ms"`, true}, {"duration: 8ms..0.01s", true},
		{`handshake_rtt: "<= 2ms"`, true}, {`handshake_rtt: "< 2ms"`, false},
		{`time_in: {ESTABLISHED: "< 10ms"}`, true}, {`time_in: {ESTABLISHED: "< 1ms"}`, false},
		{"retransmissions: 0", true}, {`retransmissions: "> 0"`, false},
		{"duplicate_acks: 0", true}, {"out_of_order: 0", true}, {"zero_windows: 0", true},
	}
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	for _, test := range tests {
		text := "connections:\n  - limits: {" + test.limit + "}\n"
		r := checked(t, path, check.Options{Expect: writeFile(t, filepath.Join(dir, "x.yaml"), text)})
		if r.Err != nil || r.Failed() == test.ok {
			t.Errorf("%s: failed %v, want %v (%v)\n%s", test.limit, r.Failed(), !test.ok, r.Err, people(t, r))
		}
	}
}

// TestDemands has, for each field, a demand that the sound exchange meets and
// one that it does not.
func TestDemands(t *testing.T) {
	tests := []struct{ meets, fails string }{
		{"verdict: [reset, closed]", "verdict: reset"},
		{"handshake: [three-way, fast-open]", "handshake: simultaneous"},
		{"close: client-first", "close: [server-first, simultaneous]"},
		{"client: {contains: [SYN-SENT, FIN-WAIT-1]}", "client: {contains: [FIN-WAIT-1, SYN-SENT]}"},
		{"client: {reaches: [ESTABLISHED, TIME-WAIT]}", "client: {reaches: [ESTABLISHED, CLOSING]}"},
		{"limits: {time_in: {CLOSING: \"< 1s\"}}", "limits: {time_in: {CLOSING: \"> 1ms\"}}"},
		{"client: {never: [CLOSING, CLOSE-WAIT]}", "client: {never: FIN-WAIT-2}"},
		{"client: {final: TIME-WAIT}", "client: {final: CLOSED}"},
		{"server: {final: [CLOSED, LAST-ACK]}", "server: {final: TIME-WAIT}"},
		{"client: {certainty: proven}", "server: {certainty: proven}"},
		{"certainty: presumed", "certainty: witnessed"},
		{"client: {offers: {mss: 1460, sack: true, timestamps: false}}", "client: {offers: {timestamps: true}}"},
		{"server: {offers: {mss: \">= 1400\"}}", "server: {offers: {mss: \"> 1460\"}}"},
		{"options: {window_scale: true, sack: true, mss: 1460}", "options: {window_scale: false}"},
		{"options: {fast_open: false, mptcp: false}", "options: {fast_open: true}"},
		{"client: {limits: {bytes: 10, packets: 6}}", "client: {limits: {bytes: 20}}"},
		{"server: {limits: {time_in: {CLOSE-WAIT: \"< 1s\"}}}", "server: {limits: {time_in: {CLOSE-WAIT: \"> 1s\"}}}"},
		{"findings: {forbid: [any]}", "findings: {require: mid-stream}"},
		{"findings: {allow: []}", "findings: {require: [bare-fin]}"},
		{"count: 1", "count: 2"},
		{"match: {client: 10.0.0.0/8, server: \"10.0.0.2:23\"}", "match: {client: \":23\"}"},
		{"match: {endpoint: \"10.0.0.2:23\", port: 4970}", "match: {endpoint: 10.0.0.3}"},
		{"match: {order: 1}", "match: {order: 2}"},
		{"match: {order: -1, port: 23}", "match: {port: 24}"},
		{"match: {where: \"verdict == 'closed'\"}", "match: {where: \"bytes == 0\"}"},
		{"assert: [\"bytes == 30\", \"client.bytes < server.bytes\"]", "assert: [\"bytes == 30\", \"client.bytes > server.bytes\"]"},
		{"{match: {port: 24}, count: 0}", "{match: {port: 23}, count: 0}"},
	}
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	for _, test := range tests {
		for demand, want := range map[string]bool{test.meets: true, test.fails: false} {
			text := "connections:\n  - " + demand + "\n"
			r := checked(t, path, check.Options{Expect: writeFile(t, filepath.Join(dir, "x.yaml"), text)})
			if r.Err != nil || r.Failed() == want {
				t.Errorf("%s: met %v, want %v\n%s", demand, !r.Failed(), want, people(t, r))
			}
			for _, u := range r.Unmet() {
				told(t, demand, &u)
			}
		}
	}
}

// told demands that a failure names its line, what was seen, and, where it is
// about a connection, the packet with the lines around it.
func told(t *testing.T, demand string, u *check.Result) {
	t.Helper()
	if u.At.Line != 2 || u.At.Column == 0 || u.Expect == "" || u.Seen == "" || u.Code == "" {
		t.Errorf("%s: %+v", demand, u)
	}
	if u.Conn == 0 {
		return
	}
	packets := make(map[uint64]bool)
	for _, l := range u.Context {
		packets[l.Packet] = true
	}
	// The sound exchange has ten packets: its first and last have one neighbour.
	want := 3
	if u.Packet == 1 || u.Packet == 10 {
		want = 2
	}
	if len(packets) != want || !packets[u.Packet] {
		t.Errorf("%s: the lines of %d packets around #%d", demand, len(packets), u.Packet)
	}
}

// TestCaptureDemands does the same for the capture as a whole.
func TestCaptureDemands(t *testing.T) {
	tests := []struct {
		demand string
		ok     bool
	}{
		{"connections: 2", true}, {"connections: 1", false}, {"segments: 20", true}, {"drops: 0", true},
		{"verdicts: {closed: 2}", true}, {"verdicts: {closed: 1}", false}, {"verdicts: {reset: 0}", false},
		{"findings: {forbid: error}", true}, {"findings: {require: bare-fin}", false},
	}
	dir := t.TempDir()
	for _, test := range tests {
		expect := writeFile(t, filepath.Join(dir, "x.yaml"), "capture: {"+test.demand+"}\n")
		r := checked(t, filepath.Join(pcaps, "time-wait-reuse.pcap"), check.Options{Expect: expect})
		if r.Err != nil || r.Failed() == test.ok {
			t.Errorf("%s: failed %v\n%s", test.demand, r.Failed(), people(t, r))
		}
	}
}

// FuzzParse gives the reader of expectations any bytes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("connections: &c\n  - *c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := check.Parse("x.yaml", data)
		if (x == nil) == (err == nil) {
			t.Errorf("%v with %v", x, err)
		}
	})
}

func TestExpectationsPath(t *testing.T) {
	for in, want := range map[string]string{
		"a.pcap": "a.expect.yaml", "d/a.pcapng.gz": "d/a.expect.yaml", "a.cap.zst": "a.expect.yaml", "a.pcap.xz": "a.expect.yaml", "a.pcap.lz4": "a.expect.yaml", "trace": "trace.expect.yaml",
	} {
		if got := check.ExpectationsPath(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestUnreadable tells what kept a capture from being checked.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(whole[:len(whole)-7]))
	r := checked(t, path, check.Options{Policy: check.NewPolicy("default")})
	if r.Err == nil || r.BadExpectations() || len(r.Results) == 0 {
		t.Errorf("damaged: %v, %d results", r.Err, len(r.Results))
	}
	r = checked(t, filepath.Join(dir, "none.pcap"), check.Options{})
	if r.Err == nil || r.BadExpectations() {
		t.Errorf("missing: %v", r.Err)
	}
	r = checked(t, path, check.Options{Expect: writeFile(t, filepath.Join(dir, "x.yaml"), "wersion: 1")})
	if r.Err == nil || !r.BadExpectations() {
		t.Errorf("mistake in expectations: %v", r.Err)
	}
}
