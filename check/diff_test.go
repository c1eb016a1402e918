package check_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/check"
)

func compare(t *testing.T, a, b string, detail check.Detail) []check.DiffLine {
	t.Helper()
	var traces [2]*check.Trace
	for i, p := range []string{a, b} {
		var err error
		if traces[i], err = check.ReadTrace(context.Background(), p, detail); err != nil {
			t.Fatal(err)
		}
	}
	return check.Compare(traces[0], traces[1])
}

// TestDiffNormalises compares the same exchange recorded elsewhere, and one
// that differs in one segment.
func TestDiffNormalises(t *testing.T) {
	dir := t.TempDir()
	other := recording{
		client: [4]byte{192, 168, 7, 9}, server: [4]byte{172, 16, 0, 1}, cport: 61000, sport: 8080,
		start: 1_800_000_123e9, shift: [2]uint32{0xffff_ff80, 12345}, stretch: 300,
	}
	a := usual().write(t, dir, "a.pcap", open3+talk+close4)
	b := other.write(t, dir, "b.pcap", open3+talk+close4)
	if d := compare(t, a, b, check.BySegments); len(d) != 0 {
		t.Errorf("the same exchange differs: %v", d)
	}
	c := other.write(t, dir, "c.pcap", open3+strings.Replace(talk, "101:111(10)", "101:109(8)", 1)+
		"C>S . 109:111(2) ack 321 win 502\nS>C . 321:321(0) ack 111 win 502\n"+close4)
	var minus, plus []string
	for _, l := range compare(t, a, c, check.BySegments) {
		switch l.Sign {
		case '-':
			minus = append(minus, l.Text)
			if l.A == 0 || l.B != 0 {
				t.Errorf("%q at packets %d and %d", l.Text, l.A, l.B)
			}
		case '+':
			plus = append(plus, l.Text)
			if l.B == 0 || l.A != 0 {
				t.Errorf("%q at packets %d and %d", l.Text, l.A, l.B)
			}
		}
	}
	if len(minus) == 0 || minus[0] != "client [P.] seq 1 ack 1 length 10" || len(plus) < 2 || plus[0] != "client [P.] seq 1 ack 1 length 8" {
		t.Errorf("got\n- %s\n+ %s", strings.Join(minus, "\n- "), strings.Join(plus, "\n+ "))
	}
	if d := compare(t, a, c, check.ByConnections); len(d) != 0 {
		t.Errorf("the connections differ: %v", d)
	}
}

// TestDiffStates: a reset in the place of a close shows at every degree.
func TestDiffStates(t *testing.T) {
	dir := t.TempDir()
	a := usual().write(t, dir, "a.pcap", open3+talk+close4)
	b := usual().write(t, dir, "b.pcap", open3+talk+"C>S R. 111:111(0) ack 321 win 502")
	for _, d := range []check.Detail{check.ByConnections, check.ByStates, check.BySegments} {
		var text strings.Builder
		for _, l := range compare(t, a, b, d) {
			text.WriteString(string(l.Sign) + l.Text + "\n")
		}
		if !strings.Contains(text.String(), "-verdict: closed\n") || !strings.Contains(text.String(), "+verdict: reset\n") {
			t.Errorf("%d: %s", d, text.String())
		}
	}
}
