package analyzer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// A SYN that was all there was gets the record that the machine would give it.
func TestAloneAsByMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := &script{}
	letters := []string{"S", "S", "SE", "SW", "SEW", "SP", "SU"}
	for i := range 400 {
		port := 1000 + i
		if i%50 == 0 {
			port = 0
		}
		k := s.talk(fmt.Sprintf("10.0.%d.%d:%d", i/200, 1+i%200, port), fmt.Sprintf("10.0.0.1:%d", 1+r.IntN(2)*40000))
		k.raw(cl, letters[r.IntN(len(letters))], r.Uint32(), 0, sm.Size(r.Uint32N(3)/2*10))
		o := &s.packets[len(s.packets)-1].Segment.Options
		o.Set = sm.OptionSet(r.Uint32N(1 << 13))
		o.MSS, o.WScale = uint16(r.Uint32N(9000)), uint8(r.Uint32N(16))
	}
	short := s.run(t, Options{Wants: WantConnections})
	long := s.run(t, Options{Wants: WantConnections | WantNotes}) // which leaves all to the machine
	if len(short.conns) != 400 {
		t.Fatalf("%d connections", len(short.conns))
	}
	for i := range short.conns {
		if a, b := fmt.Sprint(short.conns[i]), fmt.Sprint(long.conns[i]); a != b {
			t.Fatalf("%s\nby the machine %s", a, b)
		}
	}
}
