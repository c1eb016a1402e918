package statemachine

// This file places the arrivals that close a connection: the peer's FIN and
// the ACK of one's own.

// fin returns the number behind the FIN of x and its first and last captured
// copies in the log, -1 for none; the number is meaningful when there is a
// copy, the FIN is settled, or a segment behind it was captured.
func (r *resolution) fin(x Side) (end Seq, first, last int) {
	first, last = -1, -1
	e := &r.ends[x]
	end = e.finEnd
	known := r.c.ends[x].is(hasFIN)
	if known {
		end = r.c.ends[x].finEnd
	}
	for i := range r.log {
		if !r.from(x, i) || !r.log[i].isFIN() {
			continue
		}
		if !known {
			end, known = r.log[i].end, true
		}
		if r.log[i].end == end {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if !known && r.behind[x] >= 0 {
		end = r.log[r.behind[x]].seq
	}
	return end, first, last
}

// arrivalOfACKOfFIN: the ACK must equal the number behind y's FIN. y's ACK of
// what the peer sent with it or after it proves it, and so does the echo of
// its timestamp.
func (r *resolution) arrivalOfACKOfFIN(y Side) {
	end, first, last := r.fin(y)
	settled := r.c.ends[y].is(hasFIN)
	if first < 0 && !settled {
		return
	}
	for k := 0; !settled && k < first; k++ { // a FIN that left before it was captured
		if r.from(y, k) && r.log[k].plain() && r.log[k].seq == end {
			first = -1
		}
	}
	cand := func(i int) bool {
		e := &r.log[i]
		return r.from(y.Peer(), i) && e.flags.Has(ACK) && !e.flags.Any(SYN|RST) && e.ack == end &&
			!r.diedBefore(y, i, end) && !r.waitedFor(y, i)
	}
	proof := -1
	for i := first + 1; i < len(r.log); i++ {
		if !cand(i) {
			continue
		}
		j := r.provesArrival(y, i)
		if j >= 0 && (proof < 0 || j < proof) {
			proof = j
		}
	}
	if proof >= 0 && last > proof {
		last = r.lastCopyBefore(y, max(first, 0), proof)
	}
	r.arrivalOfACK(y, first, last, proof, RecvACKOfFIN, cand)
}

// diedBefore reports that y's connection was over before entry i arrived, as its
// next segment, a bare RST, shows. With a number below the end of its FIN it
// answers data that do not acknowledge the FIN, and that ended the connection
// (RFC 9293 §3.10.4, §3.10.7.1). At that end it answers what a live end takes.
func (r *resolution) diedBefore(y Side, i int, end Seq) bool {
	for j := i + 1; j < len(r.log); j++ {
		if o := &r.log[j]; r.from(y, j) {
			return o.bareRST() && (o.seq.Less(end) && end.Sub(o.seq) < plausible || o.seq == end && r.takesFIN(y, i))
		}
	}
	return false
}

// waitedFor reports that y said long after entry i that it still lacked what
// that brings next, and never acknowledged it: the entry did not arrive. A RST
// with ACK tells RCV.NXT too, where its sender puts one in.
func (r *resolution) waitedFor(y Side, i int) bool {
	e := &r.log[i]
	if e.seq == e.end || r.cover(y, i, e.end) >= 0 {
		return false
	}
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if r.tells(y, j) && e.seq.LessEq(o.ack) && o.ack.Less(e.end) && o.at.Time > e.at.Time+r.grace(y) {
			return true
		}
	}
	return false
}

// takesFIN reports that entry i is a FIN, with no payload in it or missing before
// it: a live end acknowledges it (RFC 9293 §3.10.7.4 step 8), even one whose
// application has closed, which answers payload by a RST (RFC 1122 §4.2.2.13).
func (r *resolution) takesFIN(y Side, i int) bool {
	e := &r.log[i]
	return e.isFIN() && !e.is(payload) && r.ends[y].is(hasACK) && e.seq.LessEq(r.ends[y].ack)
}

// provesArrival returns the first entry of y that shows that segment i had
// reached it: by its ACK where i takes numbers, by its echo of a timestamp
// that no earlier segment carried; -1 when there is none.
func (r *resolution) provesArrival(y Side, i int) int {
	e := &r.log[i]
	if e.seq != e.end {
		if r.resentLater(i) || !e.is(newEnd) && r.coveredBefore(y, i) {
			return -1
		}
		return r.cover(y, i, e.seq.Add(1))
	}
	for j := i + 1; j < len(r.log); j++ {
		if r.tells(y, j) && r.echoes(j, i) {
			return j
		}
	}
	return -1
}

// coveredBefore reports that y had acknowledged the first octet of entry i
// before the entry was captured: a later ACK of it proves nothing.
func (r *resolution) coveredBefore(y Side, i int) bool {
	e := &r.log[i]
	for k := range i {
		if r.tells(y, k) && e.seq.Less(r.log[k].ack) {
			return true
		}
	}
	return false
}

// resentLater reports that the octets of entry i were sent again: the ACK of
// them does not tell which copy arrived. All copies of a FIN acknowledge the
// same, so only other segments count.
func (r *resolution) resentLater(i int) bool {
	e := &r.log[i]
	for k := i + 1; k < len(r.log); k++ {
		o := &r.log[k]
		if r.from(e.side(), k) && o.seq.Less(e.end) && e.seq.Less(o.end) && o.ack != e.ack {
			return true
		}
	}
	return false
}

// arrivalOfFIN: y consumes the peer's FIN between its last segment that does
// not cover it and the first that does. The cause is the copy that arrived,
// or the segment that filled the hole before it (RFC 9293 §3.10.7.4 step 8).
func (r *resolution) arrivalOfFIN(y Side) {
	x := y.Peer()
	end, first, last := r.fin(x)
	if r.c.ends[y].is(tookFIN) || first < 0 || !r.ends[y].is(spoke) {
		return
	}
	if j := r.ackedBeforehand(y, first, end); j >= 0 {
		r.arrivals = append(r.arrivals, arrival{pos: j, cause: j, rank: j, order: orderFIN, event: RecvFIN, proof: j})
		return
	}
	c := r.cover(y, first, end)
	if c < 0 {
		r.uncoveredFIN(y, end, first, last)
		return
	}
	i, sure := r.chosen(y, first, c)
	short := r.lastShort(y, first, c, end)
	cause := i
	if k := r.filler(x, i, c, short, end); k > i {
		cause = k
	}
	pos := min(c, max(cause+1, short+1, r.tooSoon(y, cause)))
	took := arrival{pos: pos, cause: cause, rank: cause, order: orderFIN, event: RecvFIN, proof: c}
	if took.doubt = r.doubtOfFIN(y, first, cause, c, sure); took.doubt != NoDoubt {
		took.proof = -1
	}
	if took.doubt == DoubtHeld && r.answersAtOnce(y, cause, c) && r.usedUp(y) < 0 {
		sent := arrival{pos: pos, cause: cause, rank: cause, order: orderRST, event: SendFIN, proof: -1, doubt: DoubtAtOnce, depart: true}
		r.arrivals = append(r.arrivals, sent)
		took.doubt = DoubtAtOnce
	}
	if r.lastCopyBefore(x, first, c) == first && r.answersWithoutSocket(y, c) {
		r.afterACK(&took, c)
	}
	r.arrivals = append(r.arrivals, took)
	r.ackNoLater(y, cause, pos, took.proof)
}

// ackedBeforehand returns the first segment of y that acknowledges the peer's FIN,
// which ends at end, before entry first, the first copy of it that was captured:
// the capture lacks one. It is -1 when there is none.
func (r *resolution) ackedBeforehand(y Side, first int, end Seq) int {
	for j := range first {
		if r.log[j].is(acksUnsent) && r.tells(y, j) && end.LessEq(r.log[j].ack) {
			return j
		}
	}
	return -1
}

// answersWithoutSocket reports that y's answer c to the peer's FIN, a pure ACK,
// bears the IP ID 0, where y's own FIN, sent before, bears one of a count.
// Departure: nothing in the RFC tells one ACK from another. Linux keeps no socket
// in TIME-WAIT, nor in FIN-WAIT-2 when its application has closed, and what
// answers then counts no IP IDs. In CLOSING the socket is there.
func (r *resolution) answersWithoutSocket(y Side, c int) bool {
	o := &r.log[c]
	_, own, _ := r.fin(y)
	return r.ends[y].is(likeLinux) && own >= 0 && own < c && o.plain() && o.seq == o.end && o.is(hasIPID) && o.ipid == 0 &&
		r.log[own].is(hasIPID) && r.log[own].ipid != 0
}

// afterACK places the arrival of the peer's FIN, which c answers, behind that of
// an ACK of y's own that left later and overtook it.
func (r *resolution) afterACK(took *arrival, c int) {
	for k := range r.arrivals {
		if a := &r.arrivals[k]; a.event == RecvACKOfFIN && a.cause > took.cause && a.pos <= c {
			took.pos, took.rank = max(took.pos, a.pos), a.rank
			took.proof, took.doubt = -1, DoubtNoSocket
			return
		}
	}
}

// ackNoLater places the ACK of y's FIN no later than the segment that brought
// the peer's FIN, where that segment carries it.
func (r *resolution) ackNoLater(y Side, cause, pos, proof int) {
	r.ackInOrder(cause, pos)
	end, _, own := r.fin(y)
	if e := &r.log[cause]; own < 0 && !r.c.ends[y].is(hasFIN) || !e.flags.Has(ACK) || e.ack != end {
		return
	}
	for k := range r.arrivals {
		if a := &r.arrivals[k]; a.event == RecvACKOfFIN {
			if a.cause > cause {
				a.pos, a.cause, a.rank, a.proof = pos, cause, cause, proof
			} else if a.cause == cause {
				a.pos = min(a.pos, pos) // RFC 9293 §3.10.7.4: step 5 before step 8
			}
			return
		}
	}
	r.add(pos, cause, orderACK, RecvACKOfFIN, proof)
}

// ackInOrder places an ACK of y's FIN that was sent before the segment that
// brought the peer's FIN no later than that.
func (r *resolution) ackInOrder(cause, pos int) {
	for k := range r.arrivals {
		if a := &r.arrivals[k]; a.event == RecvACKOfFIN && a.cause < cause {
			a.pos = min(a.pos, pos)
		}
	}
}

// filler returns the segment of x between i and the cover c that brought the
// octets at which y stood still, -1 when none did.
func (r *resolution) filler(x Side, i, c, short int, end Seq) int {
	best := -1
	for k := i + 1; k < c; k++ {
		o := &r.log[k]
		if !r.from(x, k) || !o.is(payload) || !o.seq.Less(end-1) {
			continue
		}
		if short >= 0 && !(o.seq.LessEq(r.log[short].ack) && r.log[short].ack.Less(o.end)) {
			continue
		}
		best = k
	}
	return best
}

// stuckBelow reports that y's last word left numbers below the FIN that ends
// at end unacknowledged, and that no segment which could have brought the next
// of them was captured since: the FIN waits behind a hole (RFC 9293 §3.10.7.4).
func (r *resolution) stuckBelow(y Side, end Seq) bool {
	j := r.lastShort(y, -1, len(r.log), end-1)
	if j < 0 || r.cover(y, j, end-1) >= 0 {
		return false
	}
	since := r.log[j].at.Time - r.grace(y) // what was captured then may have crossed y's word
	for k := range r.log {
		o := &r.log[k]
		if r.from(y.Peer(), k) && o.at.Time > since && o.seq.LessEq(r.log[j].ack) && r.log[j].ack.Less(o.end) {
			return false
		}
	}
	return true
}

// passedBy reports that y acknowledged all below the FIN of its peer, and not
// the FIN, for a segment that had left behind the last copy of it.
func (r *resolution) passedBy(y Side, last int, end Seq) bool {
	for j := last + 1; j < len(r.log); j++ {
		if !r.tells(y, j) || r.log[j].ack != end-1 {
			continue
		}
		for k := last + 1; k < j; k++ {
			if o := &r.log[k]; r.from(y.Peer(), k) && (o.is(payload) && o.end == end-1 && !r.coveredBefore(y, k) || r.echoes(j, k)) {
				return true
			}
		}
	}
	return false
}

// uncoveredFIN: presumed after y's last word, unless y spoke long after
// without covering it, or x repeated it into silence.
func (r *resolution) uncoveredFIN(y Side, end Seq, first, last int) {
	r.unsure = true
	unanswered := 0 // copies since y's last word
	for j := first; j < len(r.log); j++ {
		e := &r.log[j]
		switch {
		case r.from(y, j) && !e.isRST():
			unanswered = 0
			if j > last && r.tells(y, j) && e.ack.Less(end) && e.at.Time > r.log[last].at.Time+r.grace(y) {
				return
			}
		case r.from(y.Peer(), j) && e.isFIN():
			unanswered++
		}
	}
	if unanswered > 1 || r.stuckBelow(y, end) || r.passedBy(y, last, end) {
		return
	}
	r.add(len(r.log), last, orderFIN, RecvFIN, -1)
}
