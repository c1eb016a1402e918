package statemachine

// This file answers the questions about the log on which the rules of arrival
// rest: which segment of an end covers a number, which copy arrived, what was
// sent again.

// response is the grace that an end gets to answer, beyond twice its shortest
// response time seen at the tap.
const response Time = 5e6

// responseUnknown is the grace where no response time was seen: the first
// retransmission time-out of RFC 6298 §2.
const responseUnknown Time = 1e9

// grace returns how long after a segment's capture its receiver may go on
// sending what it sent without it.
func (r *resolution) grace(y Side) Time { return r.ends[y].grace(&r.ends[y.Peer()]) }

// grace is that of the end y, whose peer is x.
func (y *end) grace(x *end) Time {
	if y.resp > 0 {
		return 2*y.resp + response
	}
	switch {
	case x.resp >= remote:
		return 2*x.resp + response // the other half of the round trip: the best there is
	case x.resp > 0:
		return minRTO // x is at the tap, y wherever; x would have sent again
	}
	return responseUnknown
}

// wellBehind reports that entry j of y left long after entry i: later than what
// may have crossed it. A SYN-ACK again is sent by a clock of one second (RFC
// 6298 §2), which no round trip outlasts.
func (r *resolution) wellBehind(y Side, i, j int) bool {
	wait := r.grace(y)
	if r.log[j].isSYNACK() {
		wait = min(wait, responseUnknown/2)
	}
	return r.log[j].at.Time > r.log[i].at.Time+wait
}

// counts reports that entry i was sent by its endpoint and not withdrawn.
func (r *resolution) counts(i int) bool {
	return r.log[i].live() && r.gone&(1<<i) == 0
}

// from reports that entry i counts and was sent by side s.
func (r *resolution) from(s Side, i int) bool {
	return r.log[i].side() == s && r.counts(i)
}

// tells reports that entry j was sent by y and that its ACK field tells what
// had reached y.
func (r *resolution) tells(y Side, j int) bool {
	e := &r.log[j]
	if e.side() != y || !r.counts(j) || !e.flags.Has(ACK) {
		return false
	}
	if e.is(evidence) {
		return true
	}
	// The tap saw the ACK before the numbers that it acknowledges.
	x := &r.ends[y.Peer()]
	return e.is(acksUnsent) && x.is(hasNxt) && e.ack.LessEq(x.nxt) && r.ends[y].ack.LessEq(e.ack)
}

// cover returns the first entry behind i that y cannot have sent before all
// numbers below target had reached it; -1 when there is none.
func (r *resolution) cover(y Side, i int, target Seq) int {
	for j := i + 1; j < len(r.log); j++ {
		if r.tells(y, j) && target.LessEq(r.log[j].ack) {
			return j
		}
	}
	return -1
}

// lastShort returns the last entry between i and to that y sent without
// having target; -1 when there is none.
func (r *resolution) lastShort(y Side, i, to int, target Seq) int {
	for j := to - 1; j > i; j-- {
		if r.tells(y, j) && r.log[j].ack.Less(target) {
			return j
		}
	}
	return -1
}

// lastOf returns the last entry of side s before to that counts; -1 when
// there is none.
func (r *resolution) lastOf(s Side, to int) int {
	for j := to - 1; j >= 0; j-- {
		if r.from(s, j) {
			return j
		}
	}
	return -1
}

// resent reports that x sent numbers below end again after entry i: what an
// ACK does not cover may then lie behind a hole.
func (r *resolution) resent(x Side, i int, end Seq) bool {
	for k := i + 1; k < len(r.log); k++ {
		e := &r.log[k]
		if r.from(x, k) && !e.is(newEnd) && e.seq != e.end && e.seq.Less(end) {
			return true
		}
	}
	return false
}

// sameSent reports that entries i and k occupy the same end of the sequence
// space: the one repeats the other's last number.
func (r *resolution) sameSent(i, k int) bool {
	a, b := &r.log[i], &r.log[k]
	return a.side() == b.side() && a.end == b.end && a.seq != a.end && b.seq != b.end &&
		a.flags&(SYN|FIN|ACK) == b.flags&(SYN|FIN|ACK)
}

// chosen returns which copy of entry i, itself or a later one before the
// cover, arrived first at y: the first when y reports octets received twice
// (RFC 2883 §4); by the timestamp that the cover echoes the latest that was
// sent by then (RFC 7323 §4.1); else the latest that left at least 0.8 of y's
// shortest response time before the cover.
//
// sure tells that no other copy can have been the first: the others were not
// sent by then, or y would have answered an earlier one, which the cover comes too
// late for, and no segment of y is missing at the tap.
func (r *resolution) chosen(y Side, i, cover int) (best int, sure bool) {
	c := &r.log[cover]
	best, sure = i, true
	for k := i + 1; k < cover; k++ {
		if !r.counts(k) || !r.sameSent(i, k) {
			continue
		}
		if best == i && r.reportedTwice(y, cover, &r.log[i]) {
			return i, true
		}
		e, b := &r.log[k], &r.log[best]
		if c.is(hasTS) && e.is(hasTS) && e.tsval != b.tsval {
			if int32(c.tsecr-e.tsval) >= 0 {
				best, sure = k, c.is(follows)
				continue
			}
			if b.is(newTS) && c.tsecr == b.tsval || r.echoesBeyond(cover, k) {
				continue
			}
		}
		sure = false
		if c.at.Time-e.at.Time >= r.ends[y].resp*8/10 {
			best, sure = k, c.is(follows) && c.at.Time-b.at.Time > r.grace(y)
		}
	}
	return best, sure
}

// echoesBeyond reports that entry j echoes the timestamp of a segment that lies
// behind the numbers of entry k and left before it. It could update TS.Recent
// only where those numbers had arrived (RFC 7323 §4.3): by an earlier copy.
func (r *resolution) echoesBeyond(j, k int) bool {
	e := &r.log[k]
	for g := range k {
		if o := &r.log[g]; r.from(e.side(), g) && e.end.LessEq(o.seq) && r.echoes(j, g) {
			return true
		}
	}
	return false
}

// reportedTwice reports a DSACK of y, from entry j on, for numbers of e.
func (r *resolution) reportedTwice(y Side, j int, e *entry) bool {
	for ; j < len(r.log); j++ {
		if r.log[j].side() == y && r.log[j].live() && r.tellsTwice(j, e) {
			return true
		}
	}
	return false
}

// tellsTwice reports that entry j carries a DSACK for numbers of e.
func (r *resolution) tellsTwice(j int, e *entry) bool {
	d := &r.log[j]
	return !d.isRST() && d.is(dsack) && d.lo.Less(e.end) && e.seq.Less(d.hi)
}

// notBefore returns the earliest place at which segment i, for its ACK field,
// can have reached y: its own capture, moved later by the order of arrival
// (y goes on without what x had sent by then) and by the timestamps that y
// echoes.
func (r *resolution) notBefore(y Side, i int) int {
	return max(r.inOrder(y, i), r.byEcho(y, i), r.tooSoon(y, i))
}

// remote is the response time from which on an end counts as away from the
// tap. Nearer ones answer now faster, now slower, as their host has it.
const remote Time = 1e6

// tooSoon moves segment i behind what y sent so shortly after its capture that
// it cannot have been there before: within 0.8 of y's shortest response time.
func (r *resolution) tooSoon(y Side, i int) int {
	pos := i + 1
	if r.ends[y].resp < remote {
		return pos
	}
	limit := r.log[i].at.Time + r.ends[y].resp*8/10
	for j := i + 1; j < len(r.log) && r.log[j].at.Time < limit; j++ {
		if r.from(y, j) {
			pos = j + 1
		}
	}
	return pos
}

// inOrder moves segment i behind what y sent without the numbers that x had
// sent before it or with it. A hole at y would explain the same ACKs, so
// numbers sent again prove nothing, and neither do those that only segment i
// tells of: they did not pass the tap.
func (r *resolution) inOrder(y Side, i int) int {
	e := &r.log[i]
	pos := i + 1
	if !r.ends[y.Peer()].is(hasNxt) || r.resent(y.Peer(), i, e.maxEnd) || e.is(newEnd) && e.seq == e.end {
		return pos
	}
	end := r.cover(y, i, e.maxEnd)
	limit := e.at.Time + r.grace(y)
	for j := i + 1; j < len(r.log) && j != end; j++ {
		if !r.tells(y, j) || !r.log[j].ack.Less(e.maxEnd) {
			continue
		}
		if r.log[j].is(hasSACK) || end < 0 && r.log[j].at.Time > limit {
			break
		}
		pos = j + 1
	}
	return pos
}

// byEcho moves segment i behind what y sent while it still echoed an older
// timestamp, where i could have updated TS.Recent: it began no further than
// the last number that y had acknowledged by then (RFC 7323 §4.3).
func (r *resolution) byEcho(y Side, i int) int {
	e := &r.log[i]
	pos := i + 1
	if !e.is(hasTS) {
		return pos
	}
	limit := e.at.Time + r.grace(y)
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if !r.tells(y, j) || !o.is(hasTS) {
			continue
		}
		if int32(o.tsecr-e.tsval) >= 0 || o.at.Time > limit {
			break
		}
		if ack, ok := r.ackedBefore(y, j); ok && e.seq.LessEq(ack) {
			pos = j + 1
		}
	}
	return pos
}

// ackedBefore returns the last ACK that y sent before entry p; ok is false
// where the log does not tell.
func (r *resolution) ackedBefore(y Side, p int) (ack Seq, ok bool) {
	for k := p - 1; k >= 0; k-- {
		if e := &r.log[k]; r.from(y, k) && (e.isSYNACK() || r.tells(y, k)) {
			return e.ack, true
		}
	}
	return 0, false
}
