package segtext

import (
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Each line, and the same line with every part spelled out.
var lines = []struct{ text, full string }{
	{"C>S S 100:100(0)", "+0.001 C>S S 100:100(0) win 65535 ttl 64"},
	{"#2 S>C S. 300:300(0) ack 101", "#2 +0.001 S>C S. 300:300(0) ack 101 win 65535 ttl 64"},
	{"+0.010 C>S S 1:1(0) win 64240 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>",
		"+0.010 C>S S 1:1(0) win 64240 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7> ttl 64"},
	{"-0.5 S>C P. 4294967290:4(10) ack 0 win 0 ipid 7 ttl 255", "-0.500 S>C P. 4294967290:4(10) ack 0 win 0 ipid 7 ttl 255"},
	{"+0.000000001 C>S none 5:5(0)", "+0.000000001 C>S none 5:5(0) win 65535 ttl 64"},
	{"C>S FPU 5:5(0) urg 9", "+0.001 C>S FPU 5:5(0) win 65535 urg 9 ttl 64"},
	{"C>S WES 5:5(0) <tfo cookiereq>", "+0.001 C>S SEW 5:5(0) win 65535 <tfo cookiereq> ttl 64"},
	{"C>S SEWe 5:15(10) <tfo 8,md5,tcp-ao,mptcp,uto,unknown,bad,cut>",
		"+0.001 C>S SEWe 5:15(10) win 65535 <tfo 8,md5,tcp-ao,mptcp,uto,unknown,bad,cut> ttl 64"},
	{"S>C . 1:1(0) ack 2 <nop,nop,sack 2 {5:6}{8:9}>", "+0.001 S>C . 1:1(0) ack 2 win 65535 <sack 2 {5:6}{8:9}> ttl 64"},
	{"S>C . 1:1(0) ack 2 <sack 0,eol>", "+0.001 S>C . 1:1(0) ack 2 win 65535 <sack 0> ttl 64"},
}

func TestLine(t *testing.T) {
	for _, tt := range lines {
		l, err := ParseLine(tt.text)
		if err != nil {
			t.Errorf("ParseLine(%q): %v", tt.text, err)
			continue
		}
		if got := l.String(); got != tt.full {
			t.Errorf("ParseLine(%q) prints as\n %q, want\n %q", tt.text, got, tt.full)
		}
		again, err := ParseLine(tt.full)
		if err != nil || again != l {
			t.Errorf("ParseLine(%q) = %+v, %v, want %+v", tt.full, again, err, l)
		}
	}
}

func TestLineFields(t *testing.T) {
	l, err := ParseLine("#9 +1.5 S>C SF.U 7:9(2) ack 8 win 3 urg 4 <mss 5,wscale 6,tfo 10,TS val 11 ecr 12,sack 1 {13:14}> ipid 15 ttl 16")
	if err != nil {
		t.Fatal(err)
	}
	want := Line{Number: 9, Delay: 1.5e9, Side: statemachine.Server, Segment: statemachine.Segment{
		Seq: 7, Ack: 8, Len: 2, Window: 3, Urgent: 4, IPID: 15, HasIPID: true, TTL: 16,
		Flags: statemachine.SYN | statemachine.FIN | statemachine.ACK | statemachine.URG,
		Options: statemachine.Options{
			Set: statemachine.OptMSS | statemachine.OptWScale | statemachine.OptFastOpen | statemachine.OptTimestamp | statemachine.OptSACK,
			MSS: 5, WScale: 6, TFOLen: 10, TSVal: 11, TSEcr: 12, NSACK: 1, SACK: [4]statemachine.SACKBlock{{Left: 13, Right: 14}},
		},
	}}
	if l != want {
		t.Errorf("got\n %+v, want\n %+v", l, want)
	}
}

func TestLineErrors(t *testing.T) {
	for _, tt := range []struct{ text, err string }{
		{"", "direction"},
		{"#0 C>S S 1:1(0)", "packet number"},
		{"#x C>S S 1:1(0)", "packet number"},
		{"+ C>S S 1:1(0)", "time"},
		{"+1. C>S S 1:1(0)", "time"},
		{"+1.0123456789 C>S S 1:1(0)", "time"},
		{"+1.-5 C>S S 1:1(0)", "time"},
		{"+9999999999 C>S S 1:1(0)", "time"},
		{"C<S S 1:1(0)", "direction"},
		{"C>S", "flags"},
		{"C>S X 1:1(0)", "flags"},
		{"C>S SS 1:1(0)", "flags"},
		{"C>S S 1:1", "sequence"},
		{"C>S S 1", "sequence"},
		{"C>S S 1:2(0)", "ends at 1"},
		{"C>S S 1:1(4294967296)", "32 bits"},
		{"C>S S 1:1(0) ack 5", "ack"},
		{"C>S . 1:1(0)", "ack"},
		{"C>S . 1:1(0) ack -1", "ack"},
		{"C>S S 1:1(0) win 65536", "16 bits"},
		{"C>S S 1:1(0) urg 1", "urg"},
		{"C>S SU 1:1(0)", "urg"},
		{"C>S S 1:1(0) <mss 1", "closing"},
		{"C>S S 1:1(0) <>", "empty"},
		{"C>S S 1:1(0) <mss>", "mss"},
		{"C>S S 1:1(0) <mss 1,mss 2>", "twice"},
		{"C>S S 1:1(0) <wscale 256>", "8 bits"},
		{"C>S S 1:1(0) <sackOK 1>", "sackOK"},
		{"C>S S 1:1(0) <sack 2 {1:2}>", "sack"},
		{"C>S S 1:1(0) <sack 1 {1:2}{3:4}>", "sack"},
		{"C>S S 1:1(0) <sack 1 {1:x}>", "sack"},
		{"C>S S 1:1(0) <sack 5 {1:2}>", "sack"},
		{"C>S S 1:1(0) <sack>", "sack"},
		{"C>S S 1:1(0) <TS val 1>", "TS"},
		{"C>S S 1:1(0) <TS val x ecr 1>", "val"},
		{"C>S S 1:1(0) <tfo 5>", "cookie"},
		{"C>S S 1:1(0) <what>", "unknown name"},
		{"C>S S 1:1(0) ipid 65536", "16 bits"},
		{"C>S S 1:1(0) ttl 256", "8 bits"},
		{"C>S S 1:1(0) ttl 1 win 5", "left over"},
	} {
		if _, err := ParseLine(tt.text); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("ParseLine(%q) gives the error %v, want one with %q", tt.text, err, tt.err)
		}
	}
}

func TestParse(t *testing.T) {
	c, err := Parse("// an open\n#1 +0.5 C>S S 1:1(0)\n\nS>C S. 2:2(0) ack 2\n#3 -0.1 C>S . 2:2(0) ack 3\n+60 end\n", 1e9)
	if err != nil {
		t.Fatal(err)
	}
	want := []statemachine.Moment{{Packet: 1, Time: 1.5e9}, {Packet: 2, Time: 1.501e9}, {Packet: 3, Time: 1.401e9}}
	if len(c.Segments) != len(want) {
		t.Fatalf("%d segments, want %d", len(c.Segments), len(want))
	}
	for i, w := range want {
		if c.Segments[i].At != w {
			t.Errorf("segment %d at %v, want %v", i, c.Segments[i].At, w)
		}
	}
	if w := (statemachine.Moment{Packet: 3, Time: 61.401e9}); c.End != w {
		t.Errorf("ends at %v, want %v", c.End, w)
	}
	if c.Segments[1].Side != statemachine.Server || c.Segments[1].Text != "S>C S. 2:2(0) ack 2" {
		t.Errorf("second segment: %+v", c.Segments[1])
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ text, err string }{
		{"\nC>S ?\n", "line 2: flags"},
		{"#2 C>S S 1:1(0)", "line 1: packet number: #2 is the packet 1"},
		{"+1 end\nC>S S 1:1(0)", "line 2"},
		{"1 end", "line 1: end"},
		{"+x end", "line 1: time"},
	} {
		if _, err := Parse(tt.text, 0); err == nil || !strings.HasPrefix(err.Error(), tt.err) {
			t.Errorf("Parse(%q) gives the error %v, want %q", tt.text, err, tt.err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, tt := range lines {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLine(text)
		if err != nil {
			return
		}
		again, err := ParseLine(l.String())
		if err != nil || again != l {
			t.Errorf("%q prints as %q, which reads as %+v, %v", text, l, again, err)
		}
	})
}
