package analyzer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// beginnings is a script of connections that go on in many ways behind SYN and
// SYN-ACK, or do not.
func beginnings() *script {
	s := &script{}
	ways := []func(k *talk){
		func(*talk) {},
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); k.raw(cl, ".", k.next[cl], 501, 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); k.raw(sv, "S.", 500, k.next[cl], 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); k.raw(sv, "S.", 777, k.next[cl], 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl]+9, 0); k.raw(cl, "R", k.next[cl]+9, 0, 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); k.raw(cl, "R", k.next[cl], 0, 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); k.raw(cl, "S", k.next[cl]-1, 0, 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 10) },
		func(k *talk) { k.raw(sv, "S.W", 500, k.next[cl], 0); k.raw(cl, "P.", k.next[cl], 501, 40) },
		func(k *talk) { k.raw(sv, "R.", 0, k.next[cl], 0) },
		func(k *talk) { k.raw(cl, "S", k.next[cl]-1, 0, 0) },
		func(k *talk) {
			k.raw(cl, "S", k.next[cl]-1, 0, 0)
			s.wait(time.Second)
			k.raw(sv, "S.", 500, k.next[cl], 0)
		},
		func(k *talk) {
			for i := range 9 {
				s.wait(time.Second << i)
				k.raw(cl, "S", k.next[cl]-1, 0, 0)
			}
			k.raw(sv, "S.", 500, k.next[cl], 0)
		},
		func(k *talk) {
			k.raw(sv, "S.", 500, k.next[cl], 0)
			for range 4 {
				k.raw(sv, "S.", 500, k.next[cl], 0)
				k.raw(cl, "S", k.next[cl]-1, 0, 0)
			}
			k.raw(cl, ".", k.next[cl], 501, 0)
		},
		func(k *talk) { k.raw(cl, "S", k.next[cl]+900, 0, 0) },
		func(k *talk) { k.raw(sv, "S", 500, 0, 0); k.raw(cl, "S.", k.next[cl]-1, 501, 0) },
		func(k *talk) { s.wait(2 * time.Minute); k.raw(sv, "S.", 500, k.next[cl], 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); s.wait(time.Hour); k.raw(cl, "S", 9, 0, 0) },
		func(k *talk) { k.raw(cl, "S.", 3, k.next[cl], 0) },
		func(k *talk) { k.raw(sv, "S.", 500, k.next[cl], 0); k.raw(sv, "F.", 501, k.next[cl], 0) },
	}
	for round, letters := range []string{"S", "SEW", "SP", "SU"} {
		for i, way := range ways {
			for scales := range 4 {
				port := 1000*(round+1) + 10*i + scales
				k := s.talk(fmt.Sprintf("10.0.0.1:%d", port), "10.0.0.2:80")
				from := len(s.packets)
				k.send(cl, letters, 0)
				way(k)
				for n := from; n < len(s.packets); n++ { // one, the other, both or none scale
					p := &s.packets[n]
					if fromClient := p.Src == k.addrs[cl]; p.Segment.Flags.Has(sm.SYN) && (scales>>1 == 1 && fromClient || scales&1 == 1 && !fromClient) {
						p.Segment.Options.Set |= sm.OptWScale | sm.OptTimestamp
						p.Segment.Options.WScale, p.Segment.Options.TSVal, p.Segment.Options.TSEcr = 7, uint32(n), 5
						if scales == 3 { // both as Linux connects: with an answer, a SYN of the server's own is missing
							p.Segment.Options.Set |= sm.OptMSS | sm.OptSACKPerm | sm.OptScaleLate
							p.Segment.Options.MSS, p.Segment.Window = 1460, 44*1460
						}
					}
					p.Segment.TTL, p.Segment.IPID, p.Segment.HasIPID = 60, uint16(n), true
				}
			}
		}
	}
	return s
}

// Whether a connection is observed from its SYN on or kept as its opening makes
// no difference to what is said of it.
func TestOpeningsKept(t *testing.T) {
	scripts := []*script{beginnings(), busy(20)}
	for seed := range uint64(20) {
		scripts = append(scripts, noise(seed, 200))
	}
	for i, s := range scripts {
		for _, opt := range []Options{
			{Wants: wantAll}, {Wants: WantConnections}, {Wants: WantConnections, MaxConnections: 3},
			{Wants: wantAll, OnePass: true}, {Wants: WantPackets, OnePass: true}, {Wants: WantConnections, OnePass: true},
			{Wants: wantAll, OnePass: true, Idle: 30 * time.Second}, {Wants: wantAll, OnePass: true, MaxConnections: 3},
		} {
			all, none := opt, opt
			all.openings, none.openings = openingsAll, openingsNone
			got, want := s.run(t, all), s.run(t, none)
			if i == 0 && opt.Wants == wantAll && !has(want.lines, "server 10.0.0.2:80 CLOSED -> SYN-SENT presumed") {
				t.Error("no SYN is said to be missing")
			}
			for k := range max(len(got.lines), len(want.lines)) {
				if k >= len(got.lines) || k >= len(want.lines) || got.lines[k] != want.lines[k] {
					t.Fatalf("script %d, %+v, line %d of %d:\n got %q\nwant %q", i, opt, k, len(want.lines),
						got.lines[min(k, len(got.lines)):min(k+3, len(got.lines))], want.lines[min(k, len(want.lines)):min(k+3, len(want.lines))])
				}
			}
			if !slices.EqualFunc(got.conns, want.conns, sameConnection) {
				t.Fatalf("script %d, %+v: the records differ", i, opt)
			}
		}
	}
}

// sameConnection compares all of two records.
func sameConnection(a, b Connection) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

// An answer that is kept is the segment that was captured.
func TestAnswer(t *testing.T) {
	syn := sm.Held{Side: cl, Segment: sm.Segment{Seq: 0xffffffff}}
	seg := sm.Segment{
		Seq: 5, Ack: 0, Flags: sm.SYN | sm.ACK | sm.ECE, Window: 6, Urgent: 7, IPID: 8, HasIPID: true, TTL: 9,
		Options: sm.Options{Set: 0x17, MSS: 10, WScale: 11, TFOLen: 12, TSVal: 13, TSEcr: 14},
	}
	at := sm.Moment{Packet: 3, Time: 4}
	a := answerOf(at, &seg)
	var got sm.Held
	a.held(&syn, &got)
	if want := (sm.Held{At: at, Side: sv, Segment: seg}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Of a connection of which nothing but its SYN was captured the same is known as
// if it had been observed, whatever the SYN is like.
func TestLoneSYNKept(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 4))
	s := &script{}
	for i := range 4000 {
		k := s.talk(fmt.Sprintf("10.1.%d.%d:%d", i/250, i%250, r.IntN(3)*30000), "10.0.0.2:80")
		k.send(cl, []string{"S", "SEW", "SP", "SU", "Se"}[max(r.IntN(12)-7, 0)], sm.Size(max(r.IntN(12)-10, 0)))
		p := &s.packets[i]
		g := &p.Segment
		if r.IntN(4) == 0 {
			g.Window = []uint16{0, 1, 65535}[r.IntN(3)]
		}
		if r.IntN(6) > 0 {
			g.Options = sm.Options{Set: sm.OptMSS | sm.OptionSet(r.Uint32())&0x7fff, MSS: 1460, WScale: uint8(r.IntN(20)), TSVal: r.Uint32()}
		}
		if r.IntN(3) == 0 {
			p.Sums = []Checksums{SumChecked, SumChecked | SumBad, SumChecked | SumBad | SumPartial}[r.IntN(3)]
		}
		if r.IntN(8) == 0 {
			p.Frame, p.CapLen = p.Frame[:40], 40
		}
		p.Overlap = r.IntN(20) == 0
		if r.IntN(50) == 0 {
			s.wait(time.Duration(r.IntN(90)) * time.Second)
		}
	}
	for _, opt := range []Options{
		{Wants: WantConnections}, {Wants: WantConnections, AnyOrder: true, Workers: 2}, {Wants: WantConnections, OnePass: true},
	} {
		all, none := opt, opt
		all.openings, none.openings, none.Workers = openingsAll, openingsNone, 1
		got, want := s.run(t, all), s.run(t, none)
		byID := func(a, b Connection) int { return int(a.ID) - int(b.ID) }
		slices.SortFunc(got.conns, byID)
		slices.SortFunc(want.conns, byID)
		if len(got.conns) != len(want.conns) {
			t.Fatalf("%+v: %d records, want %d", opt, len(got.conns), len(want.conns))
		}
		for i := range want.conns {
			if !sameConnection(got.conns[i], want.conns[i]) {
				t.Errorf("%+v, %+v:\n got %+v\nwant %+v", opt, s.packets[i].Segment, got.conns[i], want.conns[i])
				break
			}
		}
		if a, b := fmt.Sprintf("%+v", got.capture), fmt.Sprintf("%+v", want.capture); a != b {
			t.Errorf("%+v:\n got %s\nwant %s", opt, a, b)
		}
	}
}
