package statemachine

// readData reads a segment with payload or FIN, and reports whether it is only
// a second capture or a copy made by the network, which changes nothing.
func (a *Analysis) readData(at Moment, side Side, seg *Segment, r *Reading, rel int64) bool {
	x, y := &a.flows[side], &a.flows[side^1]
	end := rel + int64(seg.SeqLen())
	if x.outruns(rel, seg) {
		a.forgetFIN(side)
	}
	if rel >= x.high || x.has(probed) && rel == x.high-1 && end > x.high {
		r.Class = New
		probe := rel == x.high && seg.Len == 1 && !seg.Flags.Has(FIN) && y.has(windowSeen) && y.window == 0
		if rel > x.high {
			a.skip(at, side, seg, r, rel)
		}
		a.advance(at, side, seg, r)
		if probe { // RFC 9293 §3.8.6.1
			r.Class = ZeroWindowProbe
			r.Marks &^= WindowFull
			x.bits |= probed
		}
		return false
	}
	if c := a.probe(at, side, seg, rel); c != NoClass {
		r.Class = c
		a.repeatProbe(at, side, seg, r)
		return false
	}
	to := seg.End()
	if end > x.high {
		to = x.nxt()
	}
	if h := a.holeAt(side, seg.Seq, to); h != nil {
		a.readLate(at, side, seg, r, h, to)
		return false
	}
	return a.readAgain(at, side, seg, r, rel)
}

// outruns reports that seg has payload at the number of the flow's FIN and
// beyond: its sender never sent that FIN.
func (x *flow) outruns(rel int64, seg *Segment) bool {
	const fin = finSent | controlSet
	return x.bits&fin == fin && seg.Len > 0 && rel < x.high && rel+int64(seg.Len) > x.high &&
		x.control.seq.Add(x.control.n) == x.nxt()
}

// forgetFIN takes a forged FIN out of the flow.
func (a *Analysis) forgetFIN(side Side) {
	x := &a.flows[side]
	x.high--
	x.bits &^= finSent | controlSet | finAgain
	if x.nxt().Less(x.una) {
		x.una = x.nxt()
		a.flows[side^1].bits &^= ackPrintSet
	}
}

// advance takes octets that come next: the flow's high moves behind them.
func (a *Analysis) advance(at Moment, side Side, seg *Segment, r *Reading) {
	x := &a.flows[side]
	rel := x.rel(seg.Seq)
	x.bytes += uint64(max(rel+int64(seg.Len)-max(rel, x.high), 0))
	x.high = rel + int64(seg.SeqLen())
	x.bits &^= probed | resent
	a.remember(at, side, seg)
	if !x.has(rttPending) && r.Class == New && r.Marks&(GapBefore|PartialOverlap) == 0 {
		x.rttEnd, x.rttAt = x.nxt(), at.Time
		x.bits |= rttPending
	}
	if x.has(rightKnown) && seg.Len > 0 && x.right.LessEq(seg.Seq.Add(seg.Len)) {
		if seg.Seq.Less(x.right) {
			r.Marks |= WindowFull
		} else if seg.Len > 1 { // one octet is a probe of the window
			r.Hints |= BeyondWindow
		}
	}
	if n := x.nxt().Sub(x.una); n > x.maxFlight && x.has(acked) && n < halfSpace {
		x.maxFlight = n
	}
	if seg.Flags.Has(FIN) {
		x.bits |= finSent
		x.control = makeSent(at, side, seg)
		x.bits |= controlSet
	}
}

// readLate reads a segment with octets that were never captured though later
// ones were: the first copy, late, or a copy of what was lost before the tap.
func (a *Analysis) readLate(at Moment, side Side, seg *Segment, r *Reading, h *hole, to Seq) {
	x := &a.flows[side]
	r.Class = a.judgeHole(at, side, seg, h)
	if r.Class == Retransmission {
		r.Kind = a.retransmissionKind(at, side, seg, 0, h.age(at))
		r.Backoff = 1
		x.again[r.Kind-1]++
	}
	missing := a.fill(at, side, seg, to)
	if missing < to.Sub(seg.Seq) {
		r.Marks |= PartialOverlap
	}
	if seg.Flags.Has(FIN) && to == seg.End() && missing > 0 {
		missing--
		x.bits |= finSent | controlSet
		x.control = makeSent(at, side, seg)
	}
	x.bytes += uint64(missing)
	x.karn(seg)
	s := a.remember(at, side, seg)
	if r.Class == Retransmission {
		s.copies = 1
		if x.has(acked) && seg.End().LessEq(x.una) {
			r.Marks |= Spurious
		}
	}
	if to != seg.End() {
		a.extend(seg, side, to)
	}
}

// extend takes the part of seg behind high.
func (a *Analysis) extend(seg *Segment, side Side, high Seq) {
	x := &a.flows[side]
	tail := seg.End().Sub(high)
	x.high += int64(tail)
	if seg.Flags.Has(FIN) {
		x.bits |= finSent
		tail--
	}
	x.bytes += uint64(tail)
}

// judgeHole decides whether a segment that fills h is the first copy, late,
// or was sent again: by timestamps (RFC 7323 §3), then by the sender's IP ID
// counter, and only then by the time since the hole was noticed.
func (a *Analysis) judgeHole(at Moment, side Side, seg *Segment, h *hole) Class {
	x, y := &a.flows[side], &a.flows[side^1]
	sameTick := false
	if h.know&holeTS != 0 && seg.Options.Has(OptTimestamp) {
		switch d := int32(seg.Options.TSVal - h.ts); {
		case d < 0 || d == 0 && h.know&holeACK != 0:
			return OutOfOrder
		case d > 0:
			return Retransmission
		}
		sameTick = true
	}
	if h.know&holeIPID != 0 && seg.HasIPID && seg.IPID != 0 && x.ipidCounts() {
		if d := ipidOrder(seg.IPID, h.ipid); d < 0 {
			return OutOfOrder
		} else if d > 0 {
			return Retransmission
		}
	}
	trip := a.roundTrip()
	if trip == 0 {
		trip = unknownTrip
	}
	if h.age(at) < trip || sameTick && !x.lossReported(y, seg) {
		return OutOfOrder
	}
	return Retransmission
}

// unknownTrip stands for a round trip that was never measured, as in
// Wireshark.
const unknownTrip Time = 3e6

// lossReported tells that the peer asked for seg: three duplicate ACKs for
// its number (RFC 5681 §3.2), or SACK blocks above it (RFC 6675 §4), even
// when its ACK crossed the copy since.
func (x *flow) lossReported(y *flow, seg *Segment) bool {
	if x.has(sackSeen) && seg.End().LessEq(x.sacked) {
		return true
	}
	return y.dups >= 3 && seg.Seq == x.una
}

// readAgain reads a segment whose octets were captured before.
func (a *Analysis) readAgain(at Moment, side Side, seg *Segment, r *Reading, rel int64) bool {
	x, y := &a.flows[side], &a.flows[side^1]
	prev := a.recall(side, seg)
	fin := seg.Flags.Has(FIN) && x.has(finSent|controlSet) && seg.End() == x.nxt()
	if fin = fin && !(seg.Len > 0 && seg.Seq.Less(x.control.seq)); fin {
		prev = &x.control // else the payload before it decides
	}
	if prev != nil {
		if c := x.copyClass(at, seg, prev, x.lossReported(y, seg)); c != NoClass {
			a.copied(at, x, r, c, prev.number(at.Packet), prev.at)
			a.window(side, seg, r)
			return true
		}
	}
	if c := a.lateCopy(side, seg, prev); c != NoClass {
		r.Class = c
		return false
	}
	if rel < 0 && !x.has(issKnown) && prev == nil && x.olderThanSeen(seg) {
		r.Class = OutOfOrder // mid-stream: sent before the first that was captured
		x.bytes += uint64(min(int64(seg.Len), -rel))
		return false
	}
	kind := KindFIN
	if !fin {
		waited, copies := at.Time-x.lastAt, uint8(0)
		if prev != nil {
			waited, copies = at.Time-prev.at, prev.copies
		}
		kind = a.retransmissionKind(at, side, seg, copies, waited)
		if x.has(issKnown) && prev != nil && prev.seq == x.base && x.una == x.base+1 {
			kind = KindUnknown // no timer, no loss
			r.Hints |= DataRefused
		}
	}
	if prev != nil && prev.conflicts(seg) {
		r.Marks |= OverlapConflict
	}
	a.retransmitted(at, side, seg, r, kind, prev)
	if x.has(acked) && seg.End().LessEq(x.una) {
		r.Marks |= Spurious
	}
	if end := seg.End(); x.nxt().Less(end) {
		r.Marks |= PartialOverlap
		a.extend(seg, side, x.nxt())
		if seg.Flags.Has(FIN) {
			x.control = makeSent(at, side, seg)
			x.bits |= controlSet
		}
	}
	return false
}

// lateCopy tells a segment that left before what was captured of its octets:
// OutOfOrder, NetworkDuplicate when it was captured before, NoClass when
// nothing says so. prev is the copy that is remembered, or nil.
func (a *Analysis) lateCopy(side Side, seg *Segment, prev *sent) Class {
	x := &a.flows[side]
	switch {
	case prev != nil && prev.olderIs(seg):
		return OutOfOrder
	case prev != nil || !x.has(issKnown) || !x.sentBefore(seg) || a.filledEarlier(side, seg):
		return NoClass
	case x.lossReported(&a.flows[side^1], seg) && !x.olderThanSeen(seg):
		return NoClass // the peer asked for it: an IP ID alone does not outweigh that
	}
	for i := range a.holes {
		if a.holes[i].from == a.holes[i].to {
			return NetworkDuplicate
		}
	}
	return OutOfOrder // more holes than are remembered: it most likely fills one
}

// olderIs tells by the timestamps that seg left before the copy s (RFC 7323
// §4.3).
func (s *sent) olderIs(seg *Segment) bool {
	return s.stamped() && seg.Options.Has(OptTimestamp) && int32(seg.Options.TSVal-s.ts) < 0
}

// olderThanSeen tells by the timestamp that seg was sent before another
// segment of its flow that was captured already.
func (x *flow) olderThanSeen(seg *Segment) bool {
	return x.has(tsSeen) && seg.Options.Has(OptTimestamp) && int32(seg.Options.TSVal-x.lastTS) < 0
}

// retransmitted fills the reading of a segment sent again and puts it in the
// place of the copy before it.
func (a *Analysis) retransmitted(at Moment, side Side, seg *Segment, r *Reading, kind Kind, prev *sent) {
	x := &a.flows[side]
	r.Class, r.Kind, r.Backoff, r.Seen = Retransmission, kind, 1, true
	x.again[kind-1]++
	x.bits |= resent
	x.karn(seg)
	copies := uint8(1)
	if prev != nil {
		r.Repeats, r.Since = prev.number(at.Packet), at.Time-prev.at
		if r.To = seg.End(); prev.seq.Add(prev.n).Less(r.To) {
			r.To = prev.seq.Add(prev.n)
		}
		if prev.copies < 255 {
			copies = prev.copies + 1
		}
		r.Backoff = copies
	}
	if prev == nil || prev != &x.control && (prev.seq != seg.Seq || prev.n != seg.SeqLen()) {
		prev = a.remember(at, side, seg)
	}
	*prev = makeSent(at, side, seg)
	prev.copies = copies
}

// karn drops the pending sample when the octets that it waits for may be
// acknowledged by a copy (RFC 6298 §3).
func (x *flow) karn(seg *Segment) {
	if seg.Seq.Less(x.rttEnd) {
		x.bits &^= rttPending
	}
}

// The timers behind retransmissions, as the common stacks run them.
const (
	// minRTO is a little below Linux's shortest time-out (200 ms; RFC 6298
	// §2.4 asks for 1 s).
	minRTO Time = 180e6
	// tlpSlack is what a tail loss probe may leave after two SRTT: timer
	// ticks and the segment's own way (RFC 8985 §7.2).
	tlpSlack Time = 10e6
)

// retransmissionKind says what made the sender send seg again, which it had
// sent again copies times before, the last time waited ago as far as is known.
func (a *Analysis) retransmissionKind(at Moment, side Side, seg *Segment, copies uint8, waited Time) Kind {
	x, y := &a.flows[side], &a.flows[side^1]
	quiet := at.Time - max(x.lastAt, y.lastAt)
	trip := a.senderTrip(side)
	timeout := max(minRTO, trip)
	repairing := x.bits&(repairsFast|repairsRTO) != 0 && seg.Seq.Less(x.recover) && (!x.has(acked) || x.una.Less(x.recover))
	switch {
	case x.lossReported(y, seg) && quiet < timeout:
		x.repair(repairsFast)
		return KindFast
	case repairing && quiet < timeout:
		if x.has(repairsFast) {
			return KindFast
		}
		return KindRTO
	case seg.End() == x.nxt() && copies == 0 && trip > 0 && waited >= trip+trip/2 && waited <= 2*trip+trip/4+tlpSlack:
		return KindTLP // RFC 8985 §7: the last segment, after about two round trips
	case waited >= timeout:
		x.repair(repairsRTO)
		return KindRTO
	case y.dups > 0 && seg.Seq == x.una:
		x.repair(repairsFast)
		return KindFast // too few in flight for three: RFC 5827 §3, RFC 8985 §6
	}
	return KindUnknown
}

// repair notes that all that is in flight now may be sent again for the same
// reason (RFC 6582 §3.2).
func (x *flow) repair(why bits) {
	x.bits = x.bits&^(repairsFast|repairsRTO) | why
	x.recover = x.nxt()
}

// conflicts reports that seg has the numbers of s and other octets, by the sums
// in their checksums.
func (s *sent) conflicts(seg *Segment) bool {
	return s.sum != 0 && seg.Sum != 0 && s.sum != seg.Sum && s.seq == seg.Seq && s.n == seg.SeqLen() && seg.Len > 1
}
