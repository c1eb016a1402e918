package analyzer

import (
	"github.com/tcpstate/tcpstate/statemachine"
)

// Shapes of control bits. The mask leaves out ECE, CWR, AE and what is
// reserved: none of them says what a segment is for.
const (
	shapeMask = statemachine.FIN | statemachine.SYN | statemachine.RST | statemachine.PSH | statemachine.ACK | statemachine.URG
	xmasShape = statemachine.FIN | statemachine.PSH | statemachine.URG
)

// shape is a finding that one segment shows by itself.
type shape struct {
	code statemachine.Code
	is   func(*statemachine.Segment) bool
}

// shapes lists the segments that are strange by their form alone.
var shapes = [...]shape{
	{statemachine.NullFlags, isNull},
	{statemachine.Xmas, isXmas},
	{statemachine.BareFIN, isBareFIN},
	{statemachine.SYNFIN, func(s *statemachine.Segment) bool { return s.Flags.Has(statemachine.SYN | statemachine.FIN) }},
	{statemachine.SYNRST, func(s *statemachine.Segment) bool { return s.Flags.Has(statemachine.SYN | statemachine.RST) }},
	{statemachine.DataWithoutACK, isDataWithoutACK},
	{statemachine.SYNWithData, func(s *statemachine.Segment) bool { return s.IsSYN() && s.Len > 0 }},
	{statemachine.RSTWithData, func(s *statemachine.Segment) bool { return s.Flags.Has(statemachine.RST) && s.Len > 0 }},
	{statemachine.BadOption, func(s *statemachine.Segment) bool { return s.Options.Has(statemachine.OptBad) }},
}

func isNull(s *statemachine.Segment) bool { return s.Flags&shapeMask == 0 }

func isXmas(s *statemachine.Segment) bool { return s.Flags&shapeMask == xmasShape }

// isBareFIN reports a FIN without ACK (RFC 9293 §3.10.7.4, step 5: a segment
// without ACK is dropped).
func isBareFIN(s *statemachine.Segment) bool {
	const m = statemachine.FIN | statemachine.SYN | statemachine.RST | statemachine.ACK
	return s.Flags&m == statemachine.FIN && !isXmas(s)
}

func isDataWithoutACK(s *statemachine.Segment) bool {
	return s.Len > 0 && !s.Flags.Any(statemachine.ACK|statemachine.SYN|statemachine.RST)
}

// isProbe reports a segment that no TCP sends, only a scanner.
func isProbe(s *statemachine.Segment) bool {
	return isNull(s) || isXmas(s) || isBareFIN(s) || s.Flags.Has(statemachine.SYN|statemachine.FIN)
}

// isUsual reports the segments that no entry of shapes is about, in few tests: ACK
// set, neither SYN nor RST, or a SYN alone or with ACK, without data; options whole.
func isUsual(s *statemachine.Segment) bool {
	const m = statemachine.ACK | statemachine.SYN | statemachine.RST
	const opening = statemachine.SYN | statemachine.FIN | statemachine.RST
	return (s.Flags&m == statemachine.ACK || s.Flags&opening == statemachine.SYN && s.Len == 0) && s.Options.Set&statemachine.OptBad == 0
}

// judgeShape reports what is strange about the packet itself.
func (t *tracker) judgeShape(f *flow, it *item, side statemachine.Side) {
	seg := &it.packet.Segment
	if !isUsual(seg) {
		for i := range shapes {
			if shapes[i].is(seg) {
				t.finding(f, statemachine.Finding{At: it.at(), Side: side, Code: shapes[i].code})
			}
		}
	}
	if seg.Flags.Has(statemachine.SYN) {
		t.judgeScale(f, seg, it.at(), side)
	}
	if it.odd {
		t.judgePacket(f, it, side)
	}
}

// judgePacket is the part of judgeShape that is about the packet and not the
// segment.
func (t *tracker) judgePacket(f *flow, it *item, side statemachine.Side) {
	p := it.packet
	if p.Sums&SumChecked != 0 {
		t.sum(f, it, side)
	}
	if p.Overlap {
		t.finding(f, statemachine.Finding{At: it.at(), Side: side, Code: statemachine.FragmentOverlap})
	}
	if f.facts.is&wasCut == 0 && it.isCut() {
		t.cut(f, it.at(), side, p.CapLen, max(int64(p.WireLen), int64(p.SegOff+p.SegLen))) // by the length in the record, or by that in the IP header
	}
}

// cut notes the first packet of the flow's connection whose segment was captured without
// its end: so many octets of its frame were, of all that were sent.
func (t *tracker) cut(f *flow, at statemachine.Moment, side statemachine.Side, captured uint32, sent int64) {
	f.facts.is |= wasCut
	f.kept |= cutShort
	t.finding(f, statemachine.Finding{At: at, Side: side, Code: statemachine.SnaplenCut, A: int64(captured), B: sent})
}

// judgeScale reports a window scale in one SYN only (RFC 7323 §2.2), at the
// second of the two.
func (t *tracker) judgeScale(f *flow, seg *statemachine.Segment, at statemachine.Moment, side statemachine.Side) {
	const both = sentSYN | offeredScale
	mine, peer := f.facts.did[side]&both, f.facts.did[side.Peer()]&both
	if mine&peer&sentSYN != 0 && mine != peer && !seg.Flags.Has(statemachine.RST) {
		without := side
		if mine&offeredScale != 0 {
			without = side.Peer()
		}
		t.once(f, statemachine.Finding{At: at, Side: without, Code: statemachine.WindowScaleOneSided})
	}
}

// judgeOpening reports what the first packet of a connection shows.
func (t *tracker) judgeOpening(f *flow, seg *statemachine.Segment, at statemachine.Moment, side statemachine.Side) {
	if f.key.isLand() {
		t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.Land})
	}
	if f.key.lowPort() == 0 || f.key.highPort() == 0 {
		t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.PortZero})
	}
	// A RST alone belongs to no connection that goes on; it says nothing of
	// a handshake.
	const m = statemachine.SYN | statemachine.RST | statemachine.ACK
	if seg.Flags&m == statemachine.ACK {
		f.facts.is |= begunInMiddle
		t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.MidStream})
	}
}

// judgeEnd reports what only a whole connection shows: one end alone was
// captured, though it acknowledges what the other must have sent.
func (t *tracker) judgeEnd(f *flow) {
	for side := range statemachine.Side(2) {
		if f.packets[side.Peer()] > 0 {
			continue
		}
		// One ACK alone may be a probe; a SYN-ACK, a SYN with an ACK behind
		// it and two ACKs are answers to somebody.
		d := f.facts.did[side]
		if d&acked != 0 && (d&(ackedOn|sentSYN) != 0) {
			t.once(f, statemachine.Finding{At: f.last, Side: side.Peer(), Code: statemachine.OneWayCapture})
		}
	}
}
