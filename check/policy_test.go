package check_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/statemachine"
)

// TestPolicies judges bundled captures and broken exchanges by each policy.
func TestPolicies(t *testing.T) {
	dir := t.TempDir()
	bareFIN := usual().write(t, dir, "bare-fin.pcap", open3+talk+"C>S F 111:111(0) win 502\n"+close4)
	afterFIN := usual().write(t, dir, "data-after-fin.pcap", open3+talk+"C>S F. 111:111(0) ack 321 win 502\nC>S P. 112:122(10) ack 321 win 502\n")
	midStream := usual().write(t, dir, "mid-stream.pcap", talk+close4)
	tests := []struct {
		capture                 string
		strict, normal, lenient bool
	}{
		{filepath.Join(pcaps, "close-client.pcap"), true, true, true},
		{filepath.Join(pcaps, "lost-fin.pcap"), false, true, true},
		{filepath.Join(pcaps, "rst-linger.pcap"), false, false, true},
		{filepath.Join(pcaps, "syn-unanswered.pcap"), false, false, true},
		{bareFIN, false, false, true},
		{afterFIN, false, false, false},
		{midStream, false, true, true},
	}
	for _, test := range tests {
		for name, want := range map[string]bool{"strict": test.strict, "default": test.normal, "lenient": test.lenient} {
			r := checked(t, test.capture, check.Options{Policy: check.NewPolicy(name), Expect: ""})
			if filepath.Dir(test.capture) == filepath.Clean(pcaps) {
				r = checked(t, test.capture, check.Options{Always: check.NewPolicy(name)})
			}
			if r.Err != nil || r.Failed() == want || len(r.Results) == 0 {
				t.Errorf("%s by %s: passed %v, want %v\n%s", filepath.Base(test.capture), name, !r.Failed(), want, people(t, r))
			}
		}
	}
}

// TestPolicyChanges forbids and allows findings and verdicts.
func TestPolicyChanges(t *testing.T) {
	path := usual().write(t, t.TempDir(), "x.pcap", open3+talk+"C>S F 111:111(0) win 502\n"+close4)
	passes := func(p *check.Policy) bool { return !checked(t, path, check.Options{Policy: p}).Failed() }
	p := check.NewPolicy("default")
	if passes(p) || !p.Allow("bare-fin") || !passes(p) {
		t.Error("an allowed finding fails")
	}
	if !p.Forbid("bare-fin") || passes(p) {
		t.Error("a finding that is forbidden after all passes")
	}
	p = check.NewPolicy("lenient")
	if !passes(p) || !p.Forbid("closed") || passes(p) || !p.Allow("closed") || !passes(p) {
		t.Error("a verdict is not forbidden and allowed by name")
	}
	p = check.NewPolicy("lenient")
	if !p.Forbid("warning") || passes(p) {
		t.Error("a severity is not forbidden by name")
	}
	if p.Forbid("nonsense") || p.Allow("nonsense") || check.NewPolicy("nonsense") != nil {
		t.Error("an unknown name is taken")
	}
}

// TestForms builds forms of opening that no bundled capture has.
func TestForms(t *testing.T) {
	tests := []struct {
		name, conversation string
		want               check.Handshake
	}{
		{"fast open taken", `
C>S S 100:110(10) win 64240 <mss 1460,tfo 8>
S>C S. 300:300(0) ack 111 win 64240 <mss 1460>
C>S . 111:111(0) ack 301 win 502
S>C P. 301:311(10) ack 111 win 502
C>S . 111:111(0) ack 311 win 502
`, check.FastOpen},
		{"fast open refused", `
C>S S 100:110(10) win 64240 <mss 1460,tfo 8>
S>C S. 300:300(0) ack 101 win 64240 <mss 1460>
C>S P. 101:111(10) ack 301 win 502
S>C . 301:301(0) ack 111 win 502
`, check.ThreeWay},
		{"refused", "C>S S 100:100(0) win 64240\nS>C R. 0:0(0) ack 101 win 0\n", check.Refused},
		{"unanswered", "C>S S 100:100(0) win 64240\n+1 C>S S 100:100(0) win 64240\n", check.Unanswered},
		{"mid-stream", talk, check.NoHandshake},
	}
	for _, test := range tests {
		o, err := check.Observe(context.Background(), usual().write(t, t.TempDir(), "x.pcap", test.conversation), statemachine.Linux())
		if err != nil || len(o.Connections) != 1 {
			t.Fatal(err)
		}
		if got := o.Connections[0].Handshake(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// TestManyConnections: a snapshot of very many connections counts them, and
// the capture meets it.
func TestManyConnections(t *testing.T) {
	var b strings.Builder
	for range 130 {
		b.WriteString(open3 + talk + close4 + "+100 ")
	}
	text := strings.ReplaceAll(b.String(), "+100 \n", "+100 ")
	text = strings.TrimSuffix(strings.TrimSpace(text), "+100")
	path := usual().write(t, t.TempDir(), "x.pcap", text)
	r := checked(t, path, check.Options{Update: true})
	if r.Failed() || len(r.Observed.Connections) != 130 {
		t.Fatalf("%d connections\n%s", len(r.Observed.Connections), people(t, r))
	}
	got := snapshot(t, path)
	if !strings.Contains(got, "connections: 130\n") || !strings.Contains(got, "verdicts:\n    closed: 130\n") || strings.Contains(got, "states") {
		t.Error(got)
	}
}
