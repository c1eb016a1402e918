package analyzer

import (
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// icmp adds an ICMP error about a segment that side sent.
func (k *talk) icmp(side sm.Side, seq uint32, e ICMPError) {
	k.now += time.Millisecond
	e.Quotes, e.Seq = true, sm.Seq(seq)
	k.packets = append(k.packets, Packet{
		Number: uint64(len(k.packets) + 1), Time: sm.Time(1e18) + sm.Time(k.now), Link: LinkEthernet, IPVersion: 4,
		Skip: SkipNotTCP, ICMP: e, Src: k.addrs[side], Dst: k.addrs[side.Peer()],
	})
}

// What an ICMP error does, in both ways of running.
func TestICMPErrors(t *testing.T) {
	port := ICMPError{Type: icmpUnreachable, Code: 3}
	for _, c := range []struct {
		name    string
		play    func(k *talk)
		want    Verdict
		detail  string
		finding sm.Code
	}{
		{"port unreachable", func(k *talk) {
			k.icmp(cl, uint32(k.packets[k.send(cl, "S", 0)-1].Segment.Seq), port)
		}, VerdictRefusedByICMP, "ICMP port unreachable", sm.ICMPError},
		{"ICMPv6, no route", func(k *talk) {
			k.send(cl, "S", 0)
			k.icmp(cl, k.iss[cl], ICMPError{Version6: true, Type: icmp6Unreachable})
		}, VerdictRefusedByICMP, "ICMP no route", sm.ICMPError},
		{"the SYN again later", func(k *talk) {
			k.send(cl, "S", 0)
			k.icmp(cl, k.iss[cl], port)
			k.wait(time.Second)
			k.raw(cl, "S", k.iss[cl], 0, 0)
		}, VerdictUnanswered, "2 SYNs", sm.ICMPError},
		{"answered all the same", func(k *talk) {
			k.send(cl, "S", 0)
			k.icmp(cl, k.iss[cl], port)
			k.wait(time.Second)
			k.raw(cl, "S", k.iss[cl], 0, 0)
			k.send(sv, "S.", 0)
			k.send(cl, ".", 0)
			k.data()
			k.clientCloses()
		}, VerdictClosed, "", sm.ICMPError},
		{"about a segment never sent", func(k *talk) {
			k.send(cl, "S", 0)
			k.icmp(cl, 77_000_000, port)
		}, VerdictUnanswered, "", sm.NoFinding},
		{"about no connection", func(k *talk) {
			k.icmp(cl, k.iss[cl], port)
			k.send(cl, "S", 0)
		}, VerdictUnanswered, "", sm.NoFinding},
		{"source quench", func(k *talk) {
			k.send(cl, "S", 0)
			k.icmp(cl, k.iss[cl], ICMPError{Type: icmpQuench})
		}, VerdictUnanswered, "", sm.ICMPError},
		{"in an established connection", func(k *talk) {
			k.handshake()
			k.data()
			k.icmp(cl, k.iss[cl]+1, port)
			k.data()
			k.clientCloses()
		}, VerdictClosed, "", sm.ICMPError},
		{"too big", func(k *talk) {
			k.handshake()
			k.data()
			k.icmp(sv, k.iss[sv]+1, ICMPError{Type: icmpUnreachable, Code: icmpFragNeeded, Len: 1500, MTU: 1400})
			k.clientCloses()
		}, VerdictClosed, "", sm.ICMPTooBig},
	} {
		for _, onePass := range []bool{false, true} {
			s := &script{}
			c.play(s.talk("10.0.0.1:40000", "10.0.0.2:80"))
			out := s.run(t, Options{Wants: wantAll, OnePass: onePass})
			if len(out.conns) != 1 {
				t.Fatalf("%s: %d connections", c.name, len(out.conns))
			}
			r := out.conns[0]
			if r.Verdict != c.want || !strings.Contains(r.Detail, c.detail) {
				t.Errorf("%s, one pass %t: %s, %q\n%s", c.name, onePass, r.Verdict, r.Detail, strings.Join(out.lines, "\n"))
			}
			for _, code := range []sm.Code{sm.ICMPError, sm.ICMPTooBig} {
				if got := r.Findings[code] > 0; got != (code == c.finding) {
					t.Errorf("%s, one pass %t: finding %s is %t", c.name, onePass, code, got)
				}
			}
		}
	}
}

// The step out of SYN-SENT stands under the SYN and is only presumed.
func TestICMPStep(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.send(cl, "S", 0)
	k.icmp(cl, k.iss[cl], ICMPError{Type: icmpUnreachable, Code: 1})
	other := s.talk("10.0.0.1:40001", "10.0.0.2:80")
	other.handshake()
	out := s.run(t, Options{Wants: wantAll})
	if !has(out.notes(), "#1 conn 1 client", "SYN-SENT -> CLOSED presumed") || !has(out.notes(), "#1 conn 1 icmp-error client") {
		t.Errorf("%s", strings.Join(out.lines, "\n"))
	}
}

func TestICMPNames(t *testing.T) {
	for want, e := range map[string]ICMPError{
		"port unreachable":             {Type: 3, Code: 3},
		"unreachable, code 99":         {Type: 3, Code: 99},
		"source quench":                {Type: 4},
		"time exceeded in transit":     {Type: 11},
		"parameter problem":            {Type: 12},
		"type 40 code 1":               {Type: 40, Code: 1},
		"no route":                     {Version6: true, Type: 1},
		"packet too big":               {Version6: true, Type: 2},
		"hop limit exceeded":           {Version6: true, Type: 3},
		"type 100 code 0":              {Version6: true, Type: 100},
		"administratively prohibited":  {Version6: true, Type: 1, Code: 1},
		"fragmentation needed":         {Type: 3, Code: 4},
		"reassembly time exceeded":     {Type: 11, Code: 1},
		"address unreachable":          {Version6: true, Type: 1, Code: 3},
		"host prohibited":              {Type: 3, Code: 10},
		"net unreachable":              {Type: 3},
		"source address failed policy": {Version6: true, Type: 1, Code: 5},
	} {
		if got := ICMPName(int64(e.code())); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}
