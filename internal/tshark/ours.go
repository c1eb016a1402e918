package main

import (
	"context"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// opinion is what one program says of a packet, in words that both use.
type opinion struct {
	class string // empty where nothing is said
	kind  string // of a retransmission
	marks statemachine.Marks
}

// The words of tshark's that differ from ours in spelling only are brought
// into ours.
const (
	retransmission = "retransmission"
	fast           = "fast"
	none           = "–"
)

// compared are the marks that both programs set.
const compared = statemachine.Spurious | statemachine.GapBefore | statemachine.ACKsUnseen | statemachine.WindowFull | statemachine.ZeroWindow

// ours collects our own opinions by packet number.
type ours map[uint64]opinion

// observe runs the analysis over a capture.
func observe(ctx context.Context, path string) (ours, error) {
	said := ours{}
	open := func() (analyzer.Source, error) { return capture.Open(path) }
	err := analyzer.Run(ctx, analyzer.Options{Wants: analyzer.WantNotes | analyzer.WantPackets}, open, said)
	return said, err
}

// Packet keeps what is said of a packet, hindsight included.
func (s ours) Packet(o *analyzer.Observation) error {
	if o.Packet == nil || o.Packet.Skip != analyzer.NotSkipped {
		return nil
	}
	marks := o.Reading.Marks
	for i := range o.Notes {
		if n := &o.Notes[i]; n.Kind == analyzer.MarkNote && n.Packet == o.Packet.Number {
			marks |= n.Mark.What
		}
	}
	s[o.Packet.Number] = opinion{o.Reading.Class.String(), o.Reading.Kind.String(), marks & compared}
	return nil
}

// Connection is not wanted.
func (ours) Connection(*analyzer.Connection) error { return nil }

// Capture is not needed.
func (ours) Capture(*analyzer.Capture) error { return nil }
