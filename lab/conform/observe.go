package conform

import (
	"context"
	"net/netip"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// key names one end of a four-tuple.
type key struct{ addr, peer string }

// packet is one captured segment and what was said of it.
type packet struct {
	number   uint64
	at       statemachine.Time
	src, dst netip.AddrPort
	seg      statemachine.Segment
	reading  statemachine.Reading
	sender   key // its end of the four-tuple
}

// sight is what the program says of one capture.
type sight struct {
	packets  []packet
	numbered map[uint64]int // index of packets by packet number
	tuple    map[key][]int  // indices of the packets of both ends, by either
	steps    map[key][]statemachine.Step
	findings map[uint64][]statemachine.Code   // by packet number
	resets   map[uint64]analyzer.ResetVerdict // by packet number
}

// observe runs the program's own analysis over a capture.
func observe(path string) (*sight, error) {
	s := &sight{
		numbered: map[uint64]int{},
		tuple:    map[key][]int{},
		steps:    map[key][]statemachine.Step{},
		findings: map[uint64][]statemachine.Code{},
		resets:   map[uint64]analyzer.ResetVerdict{},
	}
	open := func() (analyzer.Source, error) { return capture.Open(path) }
	err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantNotes | analyzer.WantPackets}, open, s)
	return s, err
}

// Packet keeps the packet, its reading and its notes. Steps of one end come in
// their order.
func (s *sight) Packet(o *analyzer.Observation) error {
	if p := o.Packet; p != nil && p.Skip == analyzer.NotSkipped {
		n := len(s.packets)
		src := key{p.Src.String(), p.Dst.String()}
		dst := key{src.peer, src.addr}
		s.numbered[p.Number] = n
		s.tuple[src], s.tuple[dst] = append(s.tuple[src], n), append(s.tuple[dst], n)
		s.packets = append(s.packets, packet{p.Number, p.Time, p.Src, p.Dst, p.Segment, o.Reading, src})
	}
	for i := range o.Notes {
		n := &o.Notes[i]
		switch n.Kind { //nolint:exhaustive // two passes give final words only
		case analyzer.StepNote:
			k := key{n.Ends[n.Step.Side].String(), n.Ends[n.Step.Side.Peer()].String()}
			s.steps[k] = append(s.steps[k], n.Step)
		case analyzer.FindingNote:
			s.findings[n.Packet] = append(s.findings[n.Packet], n.Finding.Code)
		case analyzer.ResetNote:
			s.resets[n.Packet] = n.Reset
		}
	}
	return nil
}

// Connection is not wanted.
func (s *sight) Connection(*analyzer.Connection) error { return nil }

// Capture is not needed.
func (s *sight) Capture(*analyzer.Capture) error { return nil }
