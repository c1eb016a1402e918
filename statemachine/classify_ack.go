package statemachine

// classifyACK says what a segment without sequence space is.
func (a *Analysis) classifyACK(at Moment, side Side, seg *Segment, r *Reading, rel int64) Class {
	x, y := &a.flows[side], &a.flows[side^1]
	if c := a.probe(at, side, seg, rel); c != NoClass {
		return c
	}
	if !y.has(acked) {
		if x.answersUnknown(y, at, seg) {
			y.high = 1
			return KeepAliveACK
		}
		return New
	}
	window, _ := x.offered(seg)
	switch d := seg.Ack.Diff(y.una); {
	case d == 1 && y.lastClass == ZeroWindowProbe && window == 0:
		return ZeroWindowProbeACK // the receiver took the probe's octet
	case d > 0:
		return New
	case d < 0 && d < -1<<30:
		return NoClass
	case d < 0:
		r.Hints |= OlderACK
		return OutOfOrder // ACKs never go back: it was sent before another one
	}
	return a.classifySameACK(seg, r, x, y, rel, window)
}

// answersUnknown reports that seg shows the first segment of a capture that
// begins in mid-stream to be a keep-alive: a pure ACK, answered at once by an
// ACK of one number more than it bears (RFC 9293 §3.8.4).
//
// Observer: one octet that was not captured, sent right behind it, would look
// the same.
func (x *flow) answersUnknown(y *flow, at Moment, seg *Segment) bool {
	return y.bits&(captured|issKnown) == captured && y.segments == 1 && y.bytes == 0 && y.high == 0 && y.lastClass == New &&
		seg.Ack == y.nxt()+1 && seg.Seq == x.nxt() && at.Time-y.lastAt < keepAliveIdle
}

// classifySameACK says what a pure ACK of a number that was acknowledged
// before is: what provoked it decides, then what it carries.
func (a *Analysis) classifySameACK(seg *Segment, r *Reading, x, y *flow, rel int64, window uint32) Class {
	news := seg.Options.Has(OptSACK) && sackPrint(seg) != y.sackSum && y.newSACK(seg)
	changed := x.has(windowSeen) && window != x.window
	switch {
	case y.has(provoked) && rel == x.high && !news:
		return ChallengeACK // RFC 5961 §3.2, §4.2, §5.2
	case y.lastClass == KeepAlive && !(changed && window > x.window):
		return KeepAliveACK
	case y.lastClass == ZeroWindowProbe && window == 0:
		return ZeroWindowProbeACK
	case y.has(finAgain) && x.has(finSent) && x.has(acked) && x.una == x.nxt():
		return TimeWaitACK // RFC 9293 §3.10.7.4: a FIN again in TIME-WAIT
	case rel < x.high && x.sentBefore(seg):
		r.Hints |= OlderACK
		return OutOfOrder
	case news, !changed && (y.owes() || reportsTwice(seg)):
		// RFC 5681 §2; for SACK RFC 6675 §2, for DSACK RFC 2883 §4.
		if reportsTwice(seg) && !news {
			return DuplicateACK // of a copy too many: it reports no loss
		}
		if x.dups < ^uint16(0) {
			x.dups++
		}
		r.Dups = x.dups
		return DuplicateACK
	case changed && window > 0:
		return WindowUpdate
	}
	return New
}

// owes tells that the receiver of an ACK has something outstanding, or did
// not know better when it sent it again (RFC 5681 §2, condition a).
func (y *flow) owes() bool {
	return y.una.Less(y.nxt()) || y.has(resent)
}

// newSACK tells that a block lies above the cumulative ACK: a block below it
// only repeats what arrived twice (RFC 2883 §4).
func (y *flow) newSACK(seg *Segment) bool {
	for _, b := range seg.Options.SACK[:min(seg.Options.NSACK, 4)] {
		if seg.Ack.Less(b.Left) && b.Left.Less(b.Right) && b.Right.LessEq(y.nxt()) {
			return true
		}
	}
	return false
}

// reportsTwice tells that the first SACK block names octets that arrived
// twice: below the cumulative ACK, or inside the second block (RFC 2883 §4).
func reportsTwice(seg *Segment) bool {
	if !seg.Options.Has(OptSACK) || seg.Options.NSACK == 0 {
		return false
	}
	b := seg.Options.SACK
	return b[0].Right.LessEq(seg.Ack) || seg.Options.NSACK > 1 && b[1].Left.LessEq(b[0].Left) && b[0].Right.LessEq(b[1].Right)
}

// sentBefore tells that seg left before another segment of its flow that was
// captured already.
func (x *flow) sentBefore(seg *Segment) bool {
	if x.olderThanSeen(seg) {
		return true
	}
	return x.ipidCounts() && seg.HasIPID && seg.IPID != 0 && ipidOrder(seg.IPID, x.ipid) < 0
}

// probe tells a keep-alive (RFC 9293 §3.8.4) and a zero-window probe (§3.8.6.1)
// by the peer's window and the silence before it: Linux sends both with no
// octet one number below SND.NXT.
func (a *Analysis) probe(at Moment, side Side, seg *Segment, rel int64) Class {
	x, y := &a.flows[side], &a.flows[side^1]
	if seg.Len > 1 || seg.Flags.Has(FIN) || y.has(acked) && seg.Ack != y.una {
		return NoClass
	}
	closed := y.has(windowSeen) && y.window == 0
	if rel != x.high-1 && !(closed && seg.Len == 0 && x.has(acked) && seg.Seq+1 == x.una) {
		return NoClass
	}
	settled := !x.has(acked) || x.una == x.nxt()
	if closed && (settled || x.has(probed) || seg.Len == 0) {
		return ZeroWindowProbe
	}
	if !x.has(captured) && !y.has(captured) || !settled {
		return NoClass
	}
	idle := at.Time - max(x.lastAt, y.lastAt)
	if idle >= keepAliveIdle || seg.Len == 0 && !x.has(finSent) && !x.sentBefore(seg) && idle > a.roundTrip() {
		return KeepAlive
	}
	return NoClass
}

// repeatProbe names the copy before a probe that carries an octet.
func (a *Analysis) repeatProbe(at Moment, side Side, seg *Segment, r *Reading) {
	prev := a.recall(side, seg)
	if prev == nil || r.Class != ZeroWindowProbe {
		return
	}
	r.Repeats, r.Since = prev.number(at.Packet), at.Time-prev.at
	if prev.seq == seg.Seq && prev.n == seg.SeqLen() {
		if prev.copies < 255 {
			prev.copies++
		}
		r.Backoff = prev.copies
		prev.at, prev.packet = at.Time, uint32(at.Packet)
	}
}
