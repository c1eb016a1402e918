package statemachine

// This file places the arrivals of resets and judges whether they must be
// taken.

// refusedByRST reports that y answered entry i with a bare RST at its ACK: it
// had no such connection then (RFC 9293 §3.10.7.1). The RST answers the latest
// segment that can have reached y before it left.
func (r *resolution) refusedByRST(y Side, i int) bool {
	e := &r.log[i]
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if !r.from(y, j) {
			continue
		}
		if o.at.Time-e.at.Time < r.soonest(y) {
			continue
		}
		return o.bareRST() && o.seq == e.ack && !r.answersLater(y, i, j)
	}
	return false
}

// soonest returns how soon after a segment's capture y's answer to it may be
// captured. At y's own tap that is at once: response times vary there by more
// than they last.
func (r *resolution) soonest(y Side) Time {
	if t := r.ends[y].resp; t > 1e6 {
		return t * 8 / 10
	}
	return 0
}

// answersLater reports that the RST at j answers a segment behind entry i
// rather than entry i.
func (r *resolution) answersLater(y Side, i, j int) bool {
	for k := i + 1; k < j; k++ {
		e := &r.log[k]
		if r.from(y.Peer(), k) && e.flags.Has(ACK) && e.ack == r.log[j].seq && r.log[j].at.Time-e.at.Time >= r.soonest(y) {
			return true
		}
	}
	return false
}

// arrivalsOfRST: a RST takes effect after y's last segment, since what was
// captured after it may have crossed it. An end that speaks long after it did
// not take it; on a path that is silent already its arrival is unknown.
func (r *resolution) arrivalsOfRST(y Side) {
	x := y.Peer()
	if !r.ends[y].is(spoke) {
		return
	}
	for i := range r.log {
		if !r.from(x, i) || !r.log[i].isRST() {
			continue
		}
		if j := r.answeredAsClosed(i); j >= 0 && r.forged&(1<<i) != 0 {
			r.add(max(i, r.lastOf(y, j))+1, i, orderRST, RecvRST, -1)
			continue
		}
		if j := r.beganAnew(y, i); j >= 0 {
			r.add(max(i, r.lastOf(y, j))+1, i, orderRST, RecvRST, j)
			continue
		}
		if j := r.answersAsClosed(y, i); j >= 0 {
			r.add(max(i, r.lastOf(y, j))+1, i, orderRST, RecvRST, j)
			continue
		}
		taken := true
		for j := i + 1; j < len(r.log) && taken; j++ {
			if r.from(y, j) && !r.log[j].isRST() && r.wellBehind(y, i, j) {
				taken = false
			}
		}
		switch j := r.spokeAsClosed(y, i); {
		case !taken:
		case j >= 0:
			r.add(max(i, r.lastOf(y, j))+1, i, orderRST, RecvRST, -1)
		case !r.log[i].is(unheard):
			r.add(len(r.log), i, orderRST, RecvRST, -1)
		}
	}
}

// spokeAsClosed returns the first bare RST of y that left after the RST at i can
// have arrived and takes its number from an ACK: y had no connection then (RFC
// 9293 §3.10.7.1), presumably because of that RST, which overtook what y
// answers. It is -1 when there is none.
func (r *resolution) spokeAsClosed(y Side, i int) int {
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if r.from(y, j) && o.bareRST() && o.at.Time-r.log[i].at.Time >= r.soonest(y) && r.answersACK(y, j) {
			return j
		}
	}
	return -1
}

// answersAsClosed returns y's first segment behind entry i, but for what may
// have crossed it, when it is a bare RST at the number that a segment behind
// entry i acknowledges, and y has sent no FIN; -1 otherwise.
func (r *resolution) answersAsClosed(y Side, i int) int {
	if _, first, _ := r.fin(y); first >= 0 || r.c.ends[y].is(hasFIN) {
		return -1
	}
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if !r.from(y, j) {
			continue
		}
		for k := i + 1; k < j && o.bareRST(); k++ {
			if e := &r.log[k]; r.from(y.Peer(), k) && e.flags.Has(ACK) && e.ack == o.seq {
				return j
			}
		}
		if o.isRST() || o.at.Time > r.log[i].at.Time+r.grace(y) {
			return -1
		}
	}
	return -1
}

// answeredAsClosed returns the first bare RST with which the receiver of the
// RST at i answered an ACK that was sent after it, as an end without the
// connection does (RFC 9293 §3.10.7.1): it had taken that RST, whoever sent
// it. It is -1 when there is none, or when the receiver went on.
func (r *resolution) answeredAsClosed(i int) int {
	y := r.log[i].side().Peer()
	if r.wentOn(y, i) >= 0 {
		return -1
	}
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if o.side() != y || !o.live() || !o.bareRST() {
			continue
		}
		for k := i + 1; k < j; k++ {
			if e := &r.log[k]; e.side() != y && e.live() && !e.isRST() && e.flags.Has(ACK) && e.ack == o.seq {
				return j
			}
		}
	}
	return -1
}

// beganAnew returns the first SYN-ACK of y behind entry i with another ISN
// than its SYN-ACK before i: a passive open that the RST at i returned to
// LISTEN (RFC 9293 §3.10.7.4 step 2). It is -1 when there is none.
func (r *resolution) beganAnew(y Side, i int) int {
	old := -1
	for k := i - 1; k >= 0 && old < 0; k-- {
		if r.from(y, k) && r.log[k].isSYNACK() {
			old = k
		}
	}
	for j := i + 1; old >= 0 && j < len(r.log); j++ {
		if r.from(y, j) && r.log[j].isSYNACK() && r.log[j].seq != r.log[old].seq {
			return j
		}
	}
	return -1
}

// acceptsRST tells whether y must take the RST of entry i in its present
// state (RFC 9293 §3.10.7.3 step 2, §3.10.7.4 step 2; RFC 5961 §3.2). The
// observer knows RCV.NXT only between the highest ACK that y has sent and the
// end of what x had sent. Linux takes one number lower after the peer's FIN.
func (r *resolution) acceptsRST(y Side, i, pos int) bool {
	e := &r.log[i]
	me := &r.ends[y]
	x := &r.ends[y.Peer()]
	if me.state == SynSent {
		return e.flags.Has(ACK) && me.iss.Less(e.ack) && e.ack.LessEq(me.nxt)
	}
	if !me.is(hasACK) {
		return true
	}
	if r.unseenExact(y, i) {
		return true
	}
	if r.stillShort(y, i) >= 0 || r.lacking(y, i) {
		return false
	}
	low, ok := r.ackedBefore(y, pos)
	if !ok {
		low = me.ack
	}
	if me.state == CloseWait || me.state == LastAck || me.state == Closing {
		low--
	}
	high := e.maxEnd
	if !x.is(hasNxt) || high.Less(low) {
		high = low
	}
	return low.LessEq(e.seq) && e.seq.LessEq(high)
}
