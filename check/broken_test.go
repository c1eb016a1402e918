package check_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/check"
)

// open3 is a sound handshake, talk a request and its answer, close4 a sound
// close by the client.
const (
	open3 = `
C>S S 100:100(0) win 64240 <mss 1460,sackOK,wscale 7>
S>C S. 300:300(0) ack 101 win 64240 <mss 1460,sackOK,wscale 7>
C>S . 101:101(0) ack 301 win 502
`
	talk = `
C>S P. 101:111(10) ack 301 win 502
S>C P. 301:321(20) ack 111 win 502
C>S . 111:111(0) ack 321 win 502
`
	close4 = `
C>S F. 111:111(0) ack 321 win 502
S>C . 321:321(0) ack 112 win 502
S>C F. 321:321(0) ack 112 win 502
C>S . 112:112(0) ack 322 win 502
`
)

// sound is what the exchange must be like; each line that a test names holds
// one expectation.
const sound = `capture:
  connections: 1
connections:
  - name: login
    match: {server: ":23"}
    client:
      states: [CLOSED, SYN-SENT, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT]
    server:
      states: [LISTEN, SYN-RECEIVED, ESTABLISHED, CLOSE-WAIT, LAST-ACK, CLOSED]
      reaches: ESTABLISHED
    verdict: closed
    handshake: three-way
    close: client-first
    limits:
      retransmissions: 0
      time_in: {CLOSE-WAIT: "< 1s"}
    findings:
      forbid: any
`

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// checked checks one capture.
func checked(t testing.TB, path string, o check.Options) *check.Report {
	t.Helper()
	o.Zone = time.UTC
	var got *check.Report
	err := check.Files(context.Background(), []string{path}, o, func(r *check.Report) error { got = r; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestBrokenHandshakes builds an exchange that is wrong in one way each, and
// demands that the line which forbids it fails, at the packet that shows it.
func TestBrokenHandshakes(t *testing.T) {
	tests := []struct {
		name, conversation string
		line               string // of the expectations, must be among those that fail
		packet             uint64 // where that one points
		seen               string // part of what it says
		only               int    // how many fail in all, 0 for any number
		strict             string // part of what the strict policy says
	}{
		{
			name: "wrong ACK number",
			conversation: strings.Replace(open3, "C>S . 101:101(0) ack 301", "C>S . 101:101(0) ack 9999", 1) +
				"S>C R 9999:9999(0) win 0",
			line: "forbid: any", packet: 3, seen: "ack-of-unsent", strict: "ack-of-unsent",
		},
		{
			name:         "wrong ACK number: the server never gets there",
			conversation: strings.Replace(open3, "C>S . 101:101(0) ack 301", "C>S . 101:101(0) ack 9999", 1),
			line:         "reaches: ESTABLISHED", packet: 1, seen: "LISTEN → SYN-RECEIVED",
		},
		{
			name:         "third ACK missing",
			conversation: strings.TrimSpace(open3)[:strings.LastIndex(strings.TrimSpace(open3), "\n")] + "\n+1 S>C S. 300:300(0) ack 101 win 64240 <mss 1460,sackOK,wscale 7>\n",
			line:         "handshake: three-way", packet: 1, seen: "incomplete", strict: "half-open",
		},
		{
			name:         "bare FIN",
			conversation: open3 + talk + "C>S F 111:111(0) win 502",
			line:         "forbid: any", packet: 7, seen: "bare-fin", strict: "bare-fin",
		},
		{
			name:         "RST at RCV.NXT",
			conversation: open3 + talk + "S>C R. 321:321(0) ack 111 win 502",
			line:         "close: client-first", packet: 7, seen: "reset-by-server", strict: "reset by the server",
		},
		{
			name:         "RST in the window",
			conversation: open3 + talk + "S>C R 1000:1000(0) win 0\nC>S . 111:111(0) ack 321 win 502\n" + close4,
			line:         "forbid: any", packet: 7, seen: "rst-inexact", strict: "rst-inexact",
		},
		{
			name:         "RST out of the window",
			conversation: open3 + talk + "S>C R 900000:900000(0) win 0\n" + close4,
			line:         "forbid: any", packet: 7, seen: "rst-out-of-window", strict: "rst-out-of-window",
		},
		{
			name: "SYN-ACK sent again",
			conversation: `
C>S S 100:100(0) win 64240 <mss 1460,sackOK,wscale 7>
S>C S. 300:300(0) ack 101 win 64240 <mss 1460,sackOK,wscale 7>
+1 S>C S. 300:300(0) ack 101 win 64240 <mss 1460,sackOK,wscale 7>
C>S . 101:101(0) ack 301 win 502
` + talk + close4,
			line: "retransmissions: 0", packet: 3, seen: "1", only: 1, strict: "retransmissions: 0",
		},
		{
			name: "half-close never finished",
			conversation: open3 + talk + `
C>S F. 111:111(0) ack 321 win 502
S>C . 321:321(0) ack 112 win 502
+5 S>C P. 321:331(10) ack 112 win 502
C>S . 112:112(0) ack 331 win 502
`,
			line: "time_in: {CLOSE-WAIT", packet: 7, seen: "to the end of the capture", strict: "half-closed",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := usual().write(t, dir, "x.pcap", test.conversation)
			expect := writeFile(t, filepath.Join(dir, "sound.yaml"), sound)
			r := checked(t, path, check.Options{Expect: expect})
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			unmet := r.Unmet()
			lines := strings.Split(sound, "\n")
			var found bool
			for _, u := range unmet {
				if !strings.Contains(lines[u.At.Line-1], test.line) {
					continue
				}
				found = true
				if u.Packet != test.packet || !strings.Contains(u.Seen, test.seen) {
					t.Errorf("%s fails at packet %d with %q, want %d with %q", u.At, u.Packet, u.Seen, test.packet, test.seen)
				}
				if len(u.Context) < 2 {
					t.Errorf("%d lines of context", len(u.Context))
				}
			}
			if !found || test.only > 0 && len(unmet) != test.only {
				t.Errorf("%q is not what fails\n%s", test.line, people(t, r))
			}
			// A snapshot of the sound exchange must refuse it too.
			good := usual().write(t, dir, "good.pcap", open3+talk+close4)
			checked(t, good, check.Options{Update: true})
			if s := checked(t, path, check.Options{Expect: check.ExpectationsPath(good)}); s.Err != nil || !s.Failed() {
				t.Errorf("the snapshot of the sound exchange lets it pass: %v", s.Err)
			}
			if test.strict == "" {
				return
			}
			r = checked(t, path, check.Options{Policy: check.NewPolicy("strict")})
			if text := people(t, r); !r.Failed() || !strings.Contains(text, test.strict) {
				t.Errorf("the strict policy lets it pass, or does not say %q\n%s", test.strict, text)
			}
		})
	}
}

// TestBrokenOnTheWire holds recordings between real kernels, into which the lab
// put one fault each, against the same expectations.
func TestBrokenOnTheWire(t *testing.T) {
	expect := writeFile(t, filepath.Join(t.TempDir(), "sound.yaml"), strings.Replace(sound, `":23"`, `":9000"`, 1))
	lines := strings.Split(sound, "\n")
	tests := []struct {
		scenario   string
		line, seen string // of the expectation that fails first; none when all are met
		packet     uint64
	}{
		{scenario: "close-client"},
		{scenario: "spoof-ack-unsent", line: "forbid: any", seen: "ack-of-unsent", packet: 8},
		{scenario: "lost-third-ack", line: "retransmissions: 0", seen: "1", packet: 4},
		{scenario: "spoof-fin-bare", line: "forbid: any", seen: "bare-fin", packet: 8},
		{scenario: "spoof-rst-in-window", line: "forbid: any", seen: "rst-inexact", packet: 8},
		{scenario: "spoof-rst-outside", line: "forbid: any", seen: "rst-out-of-window", packet: 8},
		{scenario: "lost-syn-ack", line: "retransmissions: 0", seen: "3", packet: 3},
		{scenario: "close-wait-left", line: "states: [CLOSED", seen: "and stays there: no TIME-WAIT", packet: 9},
	}
	for _, test := range tests {
		t.Run(test.scenario, func(t *testing.T) {
			r := checked(t, filepath.Join("..", "testdata", "truth", test.scenario, "middle.pcap"), check.Options{Expect: expect})
			unmet := r.Unmet()
			switch {
			case r.Err != nil:
				t.Fatal(r.Err)
			case test.line == "" && len(unmet) == 0:
				return
			case test.line == "" || len(unmet) == 0:
				t.Fatal(people(t, r))
			}
			if u := &unmet[0]; !strings.Contains(lines[u.At.Line-1], test.line) || !strings.Contains(u.Seen, test.seen) || u.Packet != test.packet || len(u.Context) < 3 {
				t.Error(people(t, r))
			}
		})
	}
}

// TestUntold: what a capture does not tell is never met.
func TestUntold(t *testing.T) {
	dir := t.TempDir()
	half := usual().write(t, dir, "half.pcap", strings.Join(strings.Split(strings.TrimSpace(open3), "\n")[:2], "\n"))
	syn := usual().write(t, dir, "syn.pcap", strings.Split(strings.TrimSpace(open3), "\n")[0])
	for _, test := range []struct{ path, demand, seen string }{
		{half, `limits: {handshake_rtt: "< 1h"}`, "the capture does not tell"},
		{syn, `server: {never: CLOSE-WAIT}`, "the capture does not tell its states"},
		{syn, `server: {certainty: presumed}`, "the capture shows no step"},
		{syn, `server: {limits: {time_in: {CLOSE-WAIT: "< 1h"}}}`, "the capture does not tell"},
		{syn, `server: {limits: {time_in: {CLOSE-WAIT: 0}}}`, "the capture does not tell"},
		{half, `client: {limits: {time_in: {CLOSE-WAIT: "> 1s"}}}`, "client was never in it"},
		{half, `limits: {time_in: {CLOSE-WAIT: "> 1s"}}`, "neither end was in it"},
		{syn, `options: {sack: false}`, "the capture lacks a SYN"},
		{syn, `options: {mss: ">= 0"}`, "the capture lacks a SYN"},
	} {
		text := "connections:\n  - " + test.demand + "\n"
		r := checked(t, test.path, check.Options{Expect: writeFile(t, filepath.Join(dir, "x.yaml"), text)})
		if u := r.Unmet(); len(u) != 1 || u[0].Seen != test.seen {
			t.Errorf("%s: %v\n%s", test.demand, r.Err, people(t, r))
		}
	}
}

// TestSound holds the sound exchange against the same expectations and all
// policies: nothing may fail.
func TestSound(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	expect := writeFile(t, filepath.Join(dir, "sound.yaml"), sound)
	if r := checked(t, path, check.Options{Expect: expect}); r.Failed() || len(r.Results) < 9 {
		t.Errorf("%d results\n%s", len(r.Results), people(t, r))
	}
	for _, name := range check.PolicyNames() {
		if r := checked(t, path, check.Options{Policy: check.NewPolicy(name)}); r.Failed() || len(r.Results) == 0 {
			t.Errorf("%s: %s", name, people(t, r))
		}
	}
}
