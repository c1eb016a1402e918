package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// stale is a segment with new numbers and an older timestamp. Whether its
// receiver drops it (RFC 7323 §5.3) shows in what that says next: an ACK that
// covers it tells that it was taken, so that the newer timestamp before it was
// damaged or forged, or the receiver compares none.
type stale struct {
	at          statemachine.Moment // Packet 0 for none
	end         statemachine.Seq
	tsval, last uint32 // its own, and the highest before it
	side        statemachine.Side
}

// holdStale keeps such a segment until its fate shows.
func (t *tracker) holdStale(f *flow, d *details, s stale) {
	tr := t.troubled(d)
	t.sayStale(f, &tr.stale[tr.old])
	tr.stale[tr.old] = s
	tr.old = (tr.old + 1) % uint8(len(tr.stale))
	d.watch |= unsettled
}

// settleStale settles what the segment decides: its peer's ACK that covers one,
// or a copy that its sender found necessary.
func (t *tracker) settleStale(f *flow, s *stale, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	switch {
	case side != s.side:
		if seg.Flags&(statemachine.ACK|statemachine.RST) == statemachine.ACK && s.end.LessEq(seg.Ack) {
			s.at.Packet = 0
		}
	case r.Class == statemachine.Retransmission && s.end.LessEq(seg.End()):
		t.sayStale(f, s)
	}
}

// sayStale reports a segment that was never acknowledged.
func (t *tracker) sayStale(f *flow, s *stale) {
	if s.at.Packet == 0 {
		return
	}
	t.finding(f, statemachine.Finding{
		At: s.at, Side: s.side, Code: statemachine.PAWSReject, A: int64(s.tsval), B: int64(s.last),
	})
	s.at.Packet = 0
}
