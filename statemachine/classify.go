package statemachine

// keepAliveIdle is the shortest silence before a keep-alive; no common stack
// lets an application ask for less than a second.
const keepAliveIdle Time = 1e9

// readAny is the whole of Read, for every segment.
func (a *Analysis) readAny(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	r.Window = uint32(seg.Window)
	a.number(r, x, y, seg)
	switch f := seg.Flags & (SYN | FIN | RST | ACK); {
	case f&(SYN|FIN|RST) == SYN:
		a.readSYN(at, side, seg, r)
	case f&RST != 0:
		a.readRST(at, side, seg, r)
	case f&SYN != 0 || f&ACK == 0:
		// No live TCP sends it (RFC 9293 §3.10.7.4): it proves nothing and
		// moves nothing.
	default:
		a.readOrdinary(at, side, seg, r)
	}
}

// readRST notes a reset. It has no class: it takes no sequence space.
func (a *Analysis) readRST(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	if seg.Len == 0 && a.sameACK(at, side, seg, r) {
		return
	}
	if d := seg.Seq.Sub(x.una); x.has(acked) && d > 0 && d < Size(max(y.window, 1)) {
		x.bits |= provoked // in the window, but not exact: RFC 5961 §3.2
	}
	x.lastAt, x.lastClass = at.Time, NoClass
	x.noteACK(at, seg)
}

// readSYN reads a SYN or SYN-ACK.
func (a *Analysis) readSYN(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	own, kind := sentSYN, KindSYN
	if seg.Flags.Has(ACK) {
		own, kind = sentSYNACK, KindSYNACK
	}
	var earlier sent
	switch {
	case x.has(started) && seg.Seq != x.base:
		again := own == sentSYNACK && x.high <= 1 && !x.has(acked)        // its first SYN-ACK was never acknowledged
		if x.has(synced) && !again || own == sentSYNACK && x.has(acked) { // on a live connection: RFC 5961 §4.2
			x.bits |= provoked
			x.lastAt, x.lastClass = at.Time, NoClass
			r.Scaled = true
			return
		}
		earlier = a.otherAttempt(side, seg)
		fallthrough
	case !x.has(started):
		x.start(seg.Seq, 0, issKnown)
		r.Class = New
	case x.has(own):
		if a.repeatSYN(at, side, seg, r, kind) {
			return
		}
	case !x.has(captured):
		x.bits |= issKnown
		r.Class = OutOfOrder // what answers it was captured before it
	default:
		r.Class = New // a SYN-ACK of the simultaneous open (RFC 9293 §3.5)
	}
	if earlier.n > 0 {
		x.control = earlier
		x.bits |= controlSet
		a.retransmitted(at, side, seg, r, kind, &x.control)
	}
	if r.Class != Retransmission && !(x.has(controlSet) && x.control.olderIs(seg)) {
		x.control = makeSent(at, side, seg)
		x.bits |= controlSet
	}
	x.bits |= own
	x.agree(y, seg)
	a.takeACK(at, side, seg, r)
	if own == sentSYNACK && r.Class == New {
		a.takeHalf(at, side, sentSYN)
	}
	a.takeSYNData(at, side, seg)
	a.number(r, x, y, seg)
	a.finish(at, side, seg, r)
}

// otherAttempt begins another attempt of side, and returns the copy of seg that
// an earlier one left, if any: two servers behind one address may answer the
// same SYN in turn.
func (a *Analysis) otherAttempt(side Side, seg *Segment) (earlier sent) {
	x := &a.flows[side]
	if s := a.recall(side, seg); s != nil && s.seq == seg.Seq && s.n == seg.SeqLen() {
		earlier = *s
		s.n = 0
	}
	if x.has(controlSet) {
		a.recent[a.next] = x.control
		a.next = (a.next + 1) % recentSegments
	}
	*x = flow{segments: x.segments, again: x.again}
	return earlier
}

// repeatSYN reads a SYN or SYN-ACK that was sent before, and reports whether
// it is only a second capture or a copy made by the network.
func (a *Analysis) repeatSYN(at Moment, side Side, seg *Segment, r *Reading, kind Kind) bool {
	x, y := &a.flows[side], &a.flows[side^1]
	// A SYN-ACK between which and its copy the peer repeated its SYN answers that.
	// Without an ID of its own the frame does not tell; a copy made by the
	// network draws an answer too (RFC 9293 §3.10.7.4 step 4).
	answer := kind == KindSYNACK && y.has(controlSet) &&
		(y.control.copies > 0 && y.control.at > x.control.at || x.has(synAgain) && (!seg.HasIPID || seg.IPID == 0))
	x.bits &^= synAgain
	if kind == KindSYN && y.has(sentSYNACK) && y.control.at > x.control.at {
		y.bits |= synAgain
	}
	if c := x.copyClass(at, seg, &x.control, answer); c != NoClass && !answer {
		a.copied(at, x, r, c, x.control.number(at.Packet), x.control.at)
		r.Scaled = true
		return true
	}
	if x.control.olderIs(seg) {
		r.Class = OutOfOrder
		x.bits |= provoked
		return false
	}
	a.retransmitted(at, side, seg, r, kind, &x.control)
	if x.has(acked) {
		r.Marks |= Spurious
		x.bits |= provoked
	}
	return false
}

// takeSYNData moves high behind the SYN and the data of Fast Open (RFC 7413).
func (a *Analysis) takeSYNData(at Moment, side Side, seg *Segment) {
	x := &a.flows[side]
	end := int64(seg.SeqLen())
	if end <= x.high {
		return
	}
	x.bytes += uint64(end - max(x.high, 1))
	x.high = end
	if seg.Len > 0 {
		a.remember(at, side, seg)
	}
}

// agree settles the window scale of both ends (RFC 7323 §2.2): it holds when
// both SYNs carried the option, and a SYN-ACK carries it only when the SYN
// did.
func (x *flow) agree(y *flow, seg *Segment) {
	const syns = sentSYN | sentSYNACK
	x.bits &^= offersScale | scaleHidden
	switch {
	case seg.Options.Has(OptWScale):
		x.bits |= offersScale
		x.shift = min(seg.Options.WScale, 14) // RFC 7323 §2.3
	case seg.Options.Set&(OptCut|OptBad) != 0:
		x.bits |= scaleHidden
		return
	}
	other := y.bits&syns != 0 && !y.has(scaleHidden)
	switch {
	case !x.has(offersScale) || other && !y.has(offersScale):
		x.shift, y.shift = 0, 0
		x.bits |= shiftKnown
		y.bits |= shiftKnown
	case other:
		x.bits |= shiftKnown
		y.bits |= shiftKnown
	case seg.Flags.Has(ACK):
		x.bits |= shiftKnown
	}
}

// readOrdinary reads a segment with ACK that is neither SYN nor RST.
func (a *Analysis) readOrdinary(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	if !x.has(started) {
		x.start(seg.Seq, 0, 0)
	}
	rel := x.rel(seg.Seq)
	if !x.has(captured) && !x.has(issKnown) && rel > x.high {
		x.high = rel // mid-stream: what is in flight was sent before the capture
	}
	if !a.plausible(side, seg, r, rel) {
		a.number(r, x, y, seg)
		return
	}
	if seg.SeqLen() == 0 {
		if a.sameACK(at, side, seg, r) {
			return
		}
		if a.denies(side, seg, rel) {
			rel = x.rel(seg.Seq)
		}
		r.Class = a.classifyACK(at, side, seg, r, rel)
		if rel > x.high {
			a.skip(at, side, seg, r, rel) // SND.NXT of a pure ACK: data went by unseen
		}
	} else if a.readData(at, side, seg, r, rel) {
		return
	}
	a.takeACK(at, side, seg, r)
	if !x.has(synced) {
		a.takeHalf(at, side, sentSYNACK)
		x.bits |= synced
	}
	a.number(r, x, y, seg)
	a.finish(at, side, seg, r)
}

// plausible reports whether the segment can belong to the flow as it is
// known. One that lies far ahead is not believed before the peer acknowledges
// it or the sender goes on from there: forged segments must not move the flow.
func (a *Analysis) plausible(side Side, seg *Segment, r *Reading, rel int64) bool {
	x, y := &a.flows[side], &a.flows[side^1]
	end, limit := rel+int64(seg.SeqLen()), y.reach()
	if x.high-rel > 1<<30 {
		return false
	}
	if rel <= x.high && seg.Len <= 1<<24 || end-x.high <= limit {
		return true
	}
	r.Marks |= GapBefore
	switch d := int64(seg.Seq.Diff(x.far)); {
	case x.has(farSet) && x.farCount == farByACK && d <= limit && d >= -limit:
	case x.has(farSet) && d == 0 && x.farCount == farEnough:
	case x.has(farSet) && d == 0:
		x.farCount++
		x.far = seg.End()
		return false
	default:
		x.far, x.farCount = seg.End(), 1
		x.bits |= farSet
		return false
	}
	x.bits &^= farSet
	return true
}

// farEnough is how many segments in a row far ahead are taken as a gap in the
// capture; farByACK marks a far number that an ACK of the peer named.
const (
	farEnough = 3
	farByACK  = 255
)

// reach is how far ahead of what is known a segment to the side of y may lie:
// four of the largest windows that it offered, and 2^30 (RFC 7323 §2.3) while
// they are not known exactly.
func (y *flow) reach() int64 {
	if y.bits&(windowSeen|shiftKnown) != windowSeen|shiftKnown {
		return 1 << 30
	}
	return max(4*int64(y.maxWindow), 1<<18)
}

// takeHalf measures the half of the handshake toward side, which has just
// answered the peer's SYN or SYN-ACK for the first time; only when that was
// sent once (Karn's rule, RFC 6298 §3).
func (a *Analysis) takeHalf(at Moment, side Side, answered bits) {
	const syns = sentSYN | sentSYNACK
	x, y := &a.flows[side], &a.flows[side^1]
	if y.bits&(syns|halfDone) != answered || x.bits&syns == answered || x.bits&syns == syns {
		return // not captured, done before, or both ends opened
	}
	y.bits |= halfDone
	if rtt := at.Time - y.control.at; y.control.copies == 0 && rtt > 0 && y.una != y.base {
		a.half[side] = rtt
		y.sample(rtt)
	}
}

// skip opens a hole from high to rel: those octets were sent, but not
// captured.
func (a *Analysis) skip(at Moment, side Side, seg *Segment, r *Reading, rel int64) {
	x := &a.flows[side]
	r.Marks |= GapBefore
	r.Gap = seg.Seq.Sub(x.nxt())
	h := hole{from: x.nxt(), to: seg.Seq, at: uint32(at.Time >> holeTick), side: side}
	if seg.Options.Has(OptTimestamp) {
		h.ts, h.know = seg.Options.TSVal, holeTS
	}
	if seg.HasIPID && seg.IPID != 0 {
		h.ipid = seg.IPID
		h.know |= holeIPID
	}
	a.openHole(h)
	x.high = rel
}

// takeACK applies SEG.ACK, SEG.WND and the SACK blocks to the peer's flow.
func (a *Analysis) takeACK(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	r.Window, r.Scaled = x.offered(seg)
	if seg.Window == 0 {
		r.Marks |= ZeroWindow
	}
	if !seg.Flags.Has(ACK) {
		x.takeWindow(r)
		return
	}
	if !y.has(started) {
		if seg.Flags.Has(SYN) {
			y.start(seg.Ack-1, 1, issKnown)
		} else {
			y.start(seg.Ack, 0, 0)
		}
	}
	ahead := y.rel(seg.Ack) - y.high
	if y.has(captured) && y.has(issKnown) && (y.rel(seg.Ack) <= 0 || ahead > 0 && seg.Flags.Has(SYN)) {
		return // unacceptable (RFC 9293 §3.10.7.3 step 1): of another attempt
	}
	if ahead > 0 && !a.takeUnseen(at, side, seg, r, ahead) {
		return
	}
	d := seg.Ack.Diff(y.una)
	if !y.has(acked) {
		d = 1
	}
	if d < 0 || d == 0 && r.Hints&OlderACK != 0 {
		return // overtaken on its way: RFC 9293 §3.10.7.4 takes no older window
	}
	if d > 0 {
		y.una = seg.Ack
		y.bits |= acked
		x.dups = 0
		if y.has(rttPending) && y.rttEnd.LessEq(seg.Ack) {
			y.bits &^= rttPending
			y.sample(at.Time - y.rttAt)
		}
	}
	x.takeWindow(r)
	if edge := seg.Ack.Add(Size(r.Window)); r.Scaled && (!y.has(rightKnown) || y.right.Less(edge)) {
		y.right = edge
		y.bits |= rightKnown
	} else if r.Scaled && edge != y.right {
		y.shrink(x, edge, r)
	}
	if seg.Options.Has(OptSACK) {
		y.takeSACK(seg)
	}
}

// offered returns the window that the segment of x offers, and whether it is
// exact. The window of a SYN is never scaled (RFC 7323 §2.2).
func (x *flow) offered(seg *Segment) (uint32, bool) {
	switch {
	case seg.Flags.Has(SYN):
		return uint32(seg.Window), true
	case x.has(shiftKnown):
		return uint32(seg.Window) << x.shift, true
	}
	return uint32(seg.Window), false
}

// takeWindow keeps the window that x offers now.
func (x *flow) takeWindow(r *Reading) {
	x.window = r.Window
	if !x.has(synced) {
		x.minWindow = r.Window // the window of a SYN does not count
	}
	x.minWindow = min(x.minWindow, r.Window)
	x.maxWindow = max(x.maxWindow, r.Window)
	x.bits |= windowSeen
}

// shrink notes a right edge of x below the one offered before, by more than
// the scale rounds off (RFC 7323 §2.4). A SYN's window is unscaled and often
// larger than what follows: that is no shrinking, but its edge counts no more.
func (y *flow) shrink(x *flow, edge Seq, r *Reading) {
	switch {
	case !x.has(synced):
		y.right = edge
	case edge.Add(1 << x.shift).Less(y.right):
		r.Hints |= EdgeMovedBack
	}
}

// takeSACK keeps what the peer's SACK blocks say of the flow y (RFC 2018 §4).
func (y *flow) takeSACK(seg *Segment) {
	for _, b := range seg.Options.SACK[:min(seg.Options.NSACK, 4)] {
		if y.una.Less(b.Right) && b.Right.LessEq(y.nxt()) && (!y.has(sackSeen) || y.sacked.Less(b.Right)) {
			y.sacked = b.Right
			y.bits |= sackSeen
		}
	}
	y.sackSum = sackPrint(seg)
}

// denies reports that the pure ACK seg, which bears SND.NXT of its sender,
// lies below numbers that only ACKs of the peer named: those were never sent,
// the ACKs were forged or answer a forgery (RFC 9293 §3.10.7.4 step 5). The
// flow goes back to where it was.
func (a *Analysis) denies(side Side, seg *Segment, rel int64) bool {
	x := &a.flows[side]
	if rel >= x.high || x.sentBefore(seg) {
		return false
	}
	for i := range a.holes {
		h := &a.holes[i]
		if h.from == h.to || h.side != side || h.know&holeACK == 0 || h.to != x.nxt() || h.from != seg.Seq {
			continue
		}
		h.from, h.know = h.to, 0
		x.high = rel
		if x.nxt().Less(x.una) {
			x.una = x.nxt()
		}
		x.bits |= denied
		a.flows[side^1].bits &^= ackPrintSet
		return true
	}
	return false
}

// takeUnseen takes an ACK of octets that were never captured, and reports
// whether it is believed. They become a hole with TSecr beside it: the
// original was sent no later than that (RFC 7323 §4.3).
func (a *Analysis) takeUnseen(at Moment, side Side, seg *Segment, r *Reading, ahead int64) bool {
	x, y := &a.flows[side], &a.flows[side^1]
	if y.has(captured) {
		r.Marks |= ACKsUnseen // else the whole direction is missing
	}
	limit := x.reach()
	if y.has(denied) && y.has(captured) {
		x.bits |= provoked
		return false
	}
	if d := int64(seg.Ack.Diff(y.far)); ahead > limit && !(y.has(farSet) && d <= limit && d >= -limit) {
		y.far, y.farCount = seg.Ack, farByACK
		y.bits |= farSet
		x.bits |= provoked
		return false
	}
	y.bits &^= farSet
	if y.has(captured) {
		h := hole{from: y.nxt(), to: seg.Ack, at: uint32(at.Time >> holeTick), side: side ^ 1, know: holeACK}
		if seg.Options.Has(OptTimestamp) {
			h.ts, h.know = seg.Options.TSEcr, holeACK|holeTS
		}
		a.openHole(h)
	}
	y.high += ahead
	r.Gap = Size(ahead)
	return true
}
