package check_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/statemachine"
)

// TestRecording uses the package as a test of a stack would.
func TestRecording(t *testing.T) {
	c := check.File(t, filepath.Join(pcaps, "close-client.pcap"))
	c.Client().Reaches(statemachine.Established).EndsIn(statemachine.TimeWait)
	c.Client("10.30.0.1").Through(statemachine.SynSent, statemachine.FinWait1).Never(statemachine.Closing)
	c.Server(":9000").States(statemachine.Listen, statemachine.SynReceived, statemachine.Established,
		statemachine.CloseWait, statemachine.LastAck, statemachine.Closed)
	c.Server().TimeIn(statemachine.CloseWait, "< 1s").Limit("retransmissions", "0").Certainty(statemachine.Presumed)
	c.Verdict(analyzer.VerdictClosed).Handshake(check.ThreeWay).Close(check.ClientFirst).NoFindings()
	c.Retransmissions(0).Limit("handshake_rtt", "< 1s").Certainty(statemachine.Presumed).Count(1)
	c.Endpoint("10.30.1.2").Where(`server.port == 9000`).Assert(`bytes > 0`).Nth(-1).Count(1).Follows("strict")
	check.Expect(t, filepath.Join(pcaps, "close-client.pcap"))
}

// recorder is a test that notes what it is told.
type recorder struct {
	errors []string
	fatal  bool
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = true
	r.Errorf(format, args...)
}

// TestRecordingFails has each demand fail once, and demands that the test is
// told what was expected and seen, with the packet's line.
func TestRecordingFails(t *testing.T) {
	reset := filepath.Join(pcaps, "rst-linger.pcap")
	tests := []struct {
		name   string
		demand func(c *check.Recording)
		want   string
	}{
		{"Reaches", func(c *check.Recording) { c.Client().Reaches(statemachine.TimeWait) }, "client reaches TIME-WAIT"},
		{"States", func(c *check.Recording) { c.Server().States(statemachine.Listen) }, "server goes LISTEN\nseen: LISTEN → SYN-RECEIVED"},
		{"Through", func(c *check.Recording) { c.Client().Through(statemachine.Established, statemachine.SynSent) }, "no SYN-SENT behind ESTABLISHED"},
		{"Never", func(c *check.Recording) { c.Client().Never(statemachine.SynSent) }, "client is never in SYN-SENT"},
		{"EndsIn", func(c *check.Recording) { c.Client().EndsIn(statemachine.TimeWait) }, "seen: CLOSED, at packet #8"},
		{"Ends.Certainty", func(c *check.Recording) { c.Server().Certainty(statemachine.Proven) }, "server ESTABLISHED → CLOSED is presumed"},
		{"Ends.Limit", func(c *check.Recording) { c.Server().Limit("packets", "> 99") }, "server's packets: > 99"},
		{"TimeIn", func(c *check.Recording) { c.Server().TimeIn(statemachine.Established, "< 1us") }, "time of server in ESTABLISHED"},
		{"Verdict", func(c *check.Recording) { c.Verdict(analyzer.VerdictClosed) }, "verdict is closed\nseen: reset"},
		{"Handshake", func(c *check.Recording) { c.Handshake(check.FastOpen) }, "handshake is fast-open\nseen: three-way"},
		{"Close", func(c *check.Recording) { c.Close(check.ServerFirst) }, "seen: reset-by-client"},
		{"Certainty", func(c *check.Recording) { c.Certainty(statemachine.Witnessed) }, "every step is at least witnessed"},
		{"Limit", func(c *check.Recording) { c.Limit("duration", "< 1us") }, "duration: < 1us"},
		{"Retransmissions", func(c *check.Recording) { c.Retransmissions(1) }, "retransmissions: 1\nseen: 0"},
		{"Finds", func(c *check.Recording) { c.Finds(statemachine.BareFIN) }, "finding bare-fin occurs"},
		{"Count", func(c *check.Recording) { c.Count(2) }, "1 connections, want 2"},
		{"Follows", func(c *check.Recording) { c.Follows("default") }, "rst-linger.pcap: policy default: connection 1: verdict is none of"},
		{"unknown policy", func(c *check.Recording) { c.Follows("strikt") }, "did you mean strict?"},
		{"unknown limit", func(c *check.Recording) { c.Limit("retransmision", "0") }, "did you mean retransmissions?"},
		{"bad endpoint", func(c *check.Recording) { c.Endpoint("nonsense") }, "is not an endpoint"},
		{"Assert", func(c *check.Recording) { c.Assert("bytes == 0") }, "bytes == 0\nseen: bytes is 47, at packet #8"},
		{"bad expression", func(c *check.Recording) { c.Where("byte == 0") }, "unknown name byte"},
		{"empty choice", func(c *check.Recording) { c.Where("bytes == 0") }, "no connection matches where bytes == 0"},
		{"nothing named", func(c *check.Recording) { c.Client().Reaches() }, "Reaches names nothing"},
		{"place 0", func(c *check.Recording) { c.Nth(0) }, "not from 0"},
		{"no connection", func(c *check.Recording) { c.Server(":1") }, "rst-linger.pcap: no connection matches server :1; there is 10.41.0.1:40000 > 10.41.1.2:9000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{}
			test.demand(check.File(r, reset))
			if len(r.errors) != 1 || !strings.Contains(r.errors[0], test.want) {
				t.Fatalf("got %q, want %q", r.errors, test.want)
			}
			if strings.Contains(r.errors[0], "at packet #") && !strings.Contains(r.errors[0], "\n  > #") {
				t.Errorf("no line of the packet in\n%s", r.errors[0])
			}
		})
	}
	r := &recorder{}
	check.File(r, filepath.Join(pcaps, "none.pcap"))
	if !r.fatal || strings.Count(r.errors[0], "none.pcap") != 1 {
		t.Errorf("a missing file: %q", r.errors)
	}
	r = &recorder{}
	check.File(r, reset).Follows("strict", "reset")
	if len(r.errors) != 0 {
		t.Errorf("an allowed verdict fails: %q", r.errors)
	}
}

// TestExpectFails holds a capture against expectations that another one wrote.
func TestExpectFails(t *testing.T) {
	dir := t.TempDir()
	path := usual().write(t, dir, "x.pcap", open3+talk+close4)
	r := &recorder{}
	if check.Expect(r, path); !r.fatal {
		t.Errorf("missing expectations pass: %q", r.errors)
	}
	checked(t, path, check.Options{Update: true})
	r = &recorder{}
	if check.Expect(r, path); len(r.errors) != 0 {
		t.Errorf("the snapshot fails: %q", r.errors)
	}
	usual().write(t, dir, "x.pcap", open3+talk+"C>S R. 111:111(0) ack 321 win 502")
	if check.Expect(r, path); len(r.errors) < 3 || r.fatal || !strings.Contains(r.errors[0], "> #7 ") {
		t.Errorf("got %q", r.errors)
	}
}
