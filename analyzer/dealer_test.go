package analyzer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// splitting is a source of which every part is made anew. What its parts do not
// have to tell of a foreign packet they leave out.
type splitting struct {
	Source
	again  func() Source
	dealer *Dealer
}

func newSplitting(again func() Source) *splitting { return &splitting{Source: again(), again: again} }

func (s *splitting) Split(n int) []Source {
	parts := []Source{s}
	s.dealer = NewDealer(0, n)
	for i := 1; i < n; i++ {
		parts = append(parts, &splitting{Source: s.again(), dealer: NewDealer(i, n)})
	}
	return parts
}

func (s *splitting) Next(p *Packet) error {
	err := s.Source.Next(p)
	if err == nil && s.dealer != nil && (p.Skip == NotSkipped || p.ICMP.Quotes) {
		if !s.dealer.Mine(SumOf(p.Src, p.Dst)) {
			*p = Packet{
				Foreign: true, Number: p.Number, Time: p.Time, Link: p.Link, Skip: p.Skip, HasTCP: p.HasTCP,
				Comment: p.Comment, Drops: p.Drops, ICMP: ICMPError{Quotes: p.ICMP.Quotes},
			}
		}
	}
	return err
}

// Each packet is one dealer's, both directions of a flow go to the same, and
// flows of the same length are shared out evenly.
func TestDealer(t *testing.T) {
	const flows, packets = 64, 100
	for n := 1; n <= maxWorkers; n++ {
		var dealers []*Dealer
		for me := range n {
			dealers = append(dealers, NewDealer(me, n))
		}
		owner, count := map[int]int{}, make([]int, n)
		for i := range flows * packets {
			flow := i % flows
			a := netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:%d", 1+flow%8, 1024+flow))
			b := netip.MustParseAddrPort("10.9.9.9:80")
			if flow%2 == 1 {
				a = netip.MustParseAddrPort(fmt.Sprintf("[2001:db8::%d]:%d", 1+flow%8, 1024+flow))
				b = netip.MustParseAddrPort("[2001:db8::ff]:80")
			}
			if i/flows%2 == 1 {
				a, b = b, a
			}
			who := -1
			for me, d := range dealers {
				if d.Mine(SumOf(a, b)) {
					if who >= 0 {
						t.Fatalf("%d dealers: packet %d is of two", n, i)
					}
					who = me
				}
			}
			if who < 0 {
				t.Fatalf("%d dealers: packet %d is nobody's", n, i)
			}
			if before, ok := owner[flow]; ok && before != who {
				t.Fatalf("%d dealers: flow %d went from %d to %d", n, flow, before, who)
			}
			owner[flow] = who
			count[who]++
		}
		for me, c := range count {
			if fair := flows * packets / n; c < fair*3/4 || c > fair*5/4 {
				t.Errorf("%d dealers: %d got %d packets, a fair share is %d", n, me, c, fair)
			}
		}
	}
}

// A flow has the same sum however its ends were read.
func TestFlowSum(t *testing.T) {
	a, b := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("10.0.0.2:1024")
	var e Ends
	if e.SetIPv4(0x0a000001, 0x0a000002, 80<<16|1024); e.Sum() != SumOf(a, b) || SumOf(a, b) != SumOf(b, a) ||
		SumIPv4(0x0a000001, 0x0a000002, 80<<16|1024) != e.Sum() {
		t.Error("IPv4")
	}
	a, b = netip.MustParseAddrPort("[1:2:3:4:5:6:7:8]:80"), netip.MustParseAddrPort("[::9]:1024")
	if e.SetIPv6(0x1000200030004, 0x5000600070008, 0, 9, 80<<16|1024); e.Sum() != SumOf(a, b) || SumOf(a, b) != SumOf(b, a) {
		t.Error("IPv6")
	}
}

// Packets that one dealer deals for all are dealt as each would deal them itself.
func TestDealerAdopts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := 2; n <= maxWorkers; n++ {
		var alone, together []*Dealer
		for me := range n {
			alone, together = append(alone, NewDealer(me, n)), append(together, NewDealer(me, n))
		}
		var x Dealt
		for range 50 {
			flows := make([]FlowSum, r.IntN(255))
			for i := range flows {
				flows[i] = FlowSum(r.IntN(3000)) * mixer
			}
			first := r.IntN(n)
			together[first].Deal(&x, flows)
			for me := range n {
				if me != first {
					together[me].Adopt(&x)
				}
				var want []uint8
				for i, flow := range flows {
					if alone[me].Mine(flow) {
						want = append(want, uint8(i))
					}
				}
				if got := together[me].Own(&x); !slices.Equal(got, want) {
					t.Fatalf("reader %d of %d: %v, want %v", me, n, got, want)
				}
			}
		}
	}
}
