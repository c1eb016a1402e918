package analyzer

import (
	"math/rand/v2"
	"slices"
	"testing"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// The shelf gives back what was put there, whatever was taken away before, and
// uses the chunks again that are empty.
func TestShelf(t *testing.T) {
	type kept struct {
		place shelfPlace
		segs  []sm.OrderlySegment
	}
	var s shelf
	var all []kept
	r := rand.New(rand.NewPCG(9, 10))
	// An Orderly whose segments differ from all others'.
	segments := func(i, n int) []sm.OrderlySegment {
		var o sm.Orderly
		o.Begin(sm.Moment{Packet: 1}, 7, sm.Seq(i+1))
		seq := sm.Seq(i + 1)
		for k := range n {
			seg := sm.Segment{Seq: seq, Ack: 8, Flags: sm.ACK, Len: sm.Size(k), Window: uint16(i)}
			var b sm.Brief
			if !b.Set(&seg) || !o.Add(sm.Moment{Packet: uint64(2 + k), Time: sm.Time(i)}, sm.Client, &b) {
				t.Fatal("a segment was not kept")
			}
			seq = seg.End()
		}
		return slices.Clone(o.Segments())
	}
	drop := func(k int) {
		if got := s.at(all[k].place); !slices.Equal(got, all[k].segs) {
			t.Fatalf("%v, want %v", got, all[k].segs)
		}
		s.drop(all[k].place)
		all = slices.Delete(all, k, k+1)
	}
	const most = 3000
	for i := range 40_000 {
		segs := segments(i, 1+r.IntN(sm.OrderlyMost))
		place := s.put(segs)
		if place == 0 {
			t.Fatal("the shelf is full")
		}
		all = append(all, kept{place, segs})
		if len(all) > most { // those that came first, mostly
			drop(r.IntN(1 + r.IntN(100)))
		}
	}
	if chunks := most*sm.OrderlyMost>>shelfBits + 3; len(s.chunks) > chunks {
		t.Errorf("%d chunks, want %d at most", len(s.chunks), chunks)
	}
	for len(all) > 0 {
		drop(0)
	}
	if s.live != 0 {
		t.Errorf("%d segments are left", s.live)
	}
}
