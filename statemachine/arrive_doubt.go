package statemachine

// This file asks what speaks against the order in which the two FINs of a
// connection seem to have left and arrived.

// doubtOfFIN says what keeps it open that y, which took the peer's FIN between
// entries cause and c, had not closed before; sure tells that cause is the copy
// that arrived.
func (r *resolution) doubtOfFIN(y Side, first, cause, c int, sure bool) Doubt {
	switch o := &r.log[c]; {
	case !sure && r.doubtfulOrder(y, first, c):
		return DoubtCopy
	case o.isFIN() && !o.closedLater(&r.log[first], r.grace(y)):
		return DoubtResent
	case r.mayHoldFIN(y, first, cause, c):
		return DoubtHeld
	case r.mayBeOvertaken(y, cause, c):
		return DoubtOvertaken
	}
	return NoDoubt
}

// doubtfulOrder reports that another copy of the peer's FIN, between entries
// first and last, might have arrived before the ACK of y's own FIN, which the
// chosen one did not. That ACK's arrival is then no longer proven either.
func (r *resolution) doubtfulOrder(y Side, first, last int) bool {
	if end, _, own := r.fin(y); own >= 0 && r.log[first].ack == end {
		return false // every copy brings that ACK along
	}
	for k := range r.arrivals {
		if a := &r.arrivals[k]; a.event == RecvACKOfFIN && a.cause > first && a.cause < last {
			a.proof = -1
			return true
		}
	}
	return false
}

// initialWindow is what an end may send before anything is acknowledged where
// nothing was lost (RFC 6928 §2): ten segments of Ethernet.
const initialWindow Size = 14600

// mayHoldFIN reports that y, which took the peer's FIN between entries cause
// and c, may have closed before, its own FIN waiting (RFC 9293 §3.10.4) behind
// a closed window or numbers that were not acknowledged till then; or it left
// unseen among others that died before the tap. Observer: where nothing was
// lost the initial window lets a FIN go at once. After a loss it may wait for
// a single ACK (RFC 5681 §3.1), and away from y that may have died on its way.
func (r *resolution) mayHoldFIN(y Side, first, cause, c int) bool {
	e, o, me := &r.log[cause], &r.log[c], &r.ends[y]
	if _, own, _ := r.fin(y); me.is(hasFIN) || own >= 0 && own < c {
		return false
	}
	if o.is(afterLoss) && r.answersAtOnce(y, cause, c) {
		return true // it died before the tap with what was lost there
	}
	sent := o.maxEnd
	if o.is(newEnd) {
		if o.seq == o.end && (!me.is(fromMiddle) || r.lastOf(y, c) >= 0) {
			return true // numbers before it were not captured
		}
		sent = o.seq
	}
	if me.is(hasISS) && sent == me.iss.Add(1) && r.c.flags&(fastOpen|bothOpened) == 0 && !me.is(synMissing) {
		return false // nothing but the SYN, and no application before its ACK
	}
	if !r.lossBefore(y, c, e.ack, sent) {
		late := e.at.Time-me.nxtAt > r.grace(y.Peer()) // the peer's ACK was due long before
		return e.window == 0 || e.ack.Less(sent) && (late || sent.Sub(e.ack) >= initialWindow)
	}
	if e.window == 0 || e.ack.Less(sent) || me.resp == 0 || me.resp >= remote {
		return true
	}
	for k := first; k <= cause; k++ {
		if r.from(e.side(), k) && r.log[k].is(newAck) {
			return true
		}
	}
	return false
}

// delayedACK is how long Linux keeps back an ACK at least that it may delay (RFC
// 9293 §3.8.6.3).
const delayedACK Time = 40e6

// answersAtOnce reports that y acknowledged the peer's FIN, entry cause, by the
// pure ACK c at once though the FIN was captured but once, brought nothing else
// and filled no hole.
// Departure: an ACK may be delayed in every state, or in none. Linux delays that
// of such a FIN in ESTABLISHED, and never in FIN-WAIT-1, where its application has
// closed. Stacks that put the window scale before the other options of their SYN
// (BSD, macOS, Windows) acknowledge every FIN at once.
func (r *resolution) answersAtOnce(y Side, cause, c int) bool {
	e, o := &r.log[cause], &r.log[c]
	if !e.is(newAck) && o.maxEnd.LessEq(e.ack) {
		return false // nothing that a FIN could wait for
	}
	if !r.ends[y].is(likeLinux) || e.is(payload) || !o.plain() || o.is(payload|hasSACK) || o.at.Time-e.at.Time >= delayedACK {
		return false
	}
	for k := range c {
		if f := &r.log[k]; k != cause && f.side() == e.side() && f.isFIN() {
			return false // a second one is answered at once
		}
	}
	for k := cause + 1; k < c; k++ {
		if r.from(e.side(), k) && o.at.Time-r.log[k].at.Time >= r.soonest(y) {
			return false // it may answer that
		}
	}
	before, ok := r.ackedBefore(y, c)
	if !ok && !e.is(hasSACK) {
		before, ok = e.lo, true
	}
	return ok && before == e.seq
}

// mayBeOvertaken reports that the peer sent an ACK of y's FIN behind its own
// FIN, entry cause, and so long before y's answer c that it may have passed that
// on the way to y. The order of sending is then presumed.
func (r *resolution) mayBeOvertaken(y Side, cause, c int) bool {
	end, own, _ := r.fin(y)
	if r.ends[y].resp < remote || own < 0 || own > c || r.log[cause].ack == end {
		return false
	}
	latest := r.log[c].at.Time - r.ends[y].resp/2 // c itself may be what resp was measured by
	for k := cause + 1; k < c && r.log[k].at.Time <= latest; k++ {
		if r.acksAt(y, k, end) {
			return true
		}
	}
	return false
}

// lossBefore reports that y had lost something before entry c: it sent numbers
// again by then, or later some between una and sent.
func (r *resolution) lossBefore(y Side, c int, una, sent Seq) bool {
	for k := range r.log {
		e := &r.log[k]
		if r.from(y, k) && e.repeats(r.c.flags&bothOpened != 0) && (k < c || una.LessEq(e.seq) && e.seq.Less(sent)) {
			return true
		}
	}
	return r.ends[y].is(repeated)
}

// closedLater reports that the FIN e is the first that its sender, with the
// given grace, sent, so that it had not closed when the peer's FIN reached it.
// A copy that died before the tap leaves a gap in the IP IDs, or time for a
// time-out.
func (e *entry) closedLater(fin *entry, grace Time) bool {
	if e.is(hasIPID) && e.ipid != 0 {
		return e.is(follows)
	}
	return e.at.Time-fin.at.Time <= grace
}
