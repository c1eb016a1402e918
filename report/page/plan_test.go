package page

import (
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

func connection(id uint32, segments uint64, codes ...statemachine.Code) *analyzer.Connection {
	c := &analyzer.Connection{ID: id, Findings: make(map[statemachine.Code]int)}
	c.Ends[0].Packets = segments
	for _, code := range codes {
		c.Findings[code]++
	}
	return c
}

// take gives a connection's segments to its share, noted ones by their index,
// and returns which were kept and how many were left out before each.
func take(p *Plan, conn uint32, segments int, noted map[int]bool) (kept []int, before []uint32) {
	for i := range segments {
		s := p.Share(conn)
		if s == nil {
			return nil, nil
		}
		if keep, n := s.Take(noted[i]); keep {
			kept = append(kept, i)
			before = append(before, n)
		}
	}
	return kept, before
}

func TestPlanServesFindingsFirst(t *testing.T) {
	p := NewPlan(1000)
	for id := range uint32(20) {
		var codes []statemachine.Code
		if id == 17 {
			codes = []statemachine.Code{statemachine.RSTOutOfWindow}
		}
		p.Wish(connection(id+1, 100, codes...))
	}
	served := make(map[uint32]bool)
	for id := uint32(1); id <= 20; id++ {
		kept, _ := take(p, id, 100, nil)
		if served[id] = len(kept) == 100; !served[id] && len(kept) > 0 {
			t.Errorf("connection %d has a part of %d", id, len(kept))
		}
	}
	for id := uint32(1); id <= 20; id++ {
		if want := id < 10 || id == 18; served[id] != want {
			t.Errorf("connection %d: served %v", id, served[id])
		}
	}
}

func TestPlanCutsTheMiddle(t *testing.T) {
	p := NewPlan(1500) // 300 for one
	p.Wish(connection(1, 10_000))
	kept, before := take(p, 1, 10_000, map[int]bool{5000: true, 5001: true})
	if len(kept) != 202 || kept[0] != 0 || kept[99] != 99 || kept[100] != 5000 || kept[102] != 9900 || kept[201] != 9999 {
		t.Errorf("%d kept: %v", len(kept), kept)
	}
	if before[100] != 4900 || before[101] != 0 || before[102] != 9900-5002 {
		t.Errorf("left out: %v", before[99:104])
	}
}

func TestPlanInOnePass(t *testing.T) {
	p := NewPlan(100) // 20 for one
	for id := uint32(1); id <= 4; id++ {
		if kept, _ := take(p, id, 30, nil); len(kept) != 20 || kept[19] != 19 {
			t.Errorf("connection %d has %v", id, kept)
		}
	}
	take(p, 5, 5, nil)
	if kept, _ := take(p, 6, 30, nil); len(kept) != 15 {
		t.Errorf("%d kept of the rest", len(kept))
	}
	if kept, _ := take(p, 7, 30, nil); kept != nil {
		t.Errorf("more than the budget: %v", kept)
	}
}
