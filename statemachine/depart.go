package statemachine

// This file applies departures: what sending a segment shows of its sender.

// depart applies what sending entry p shows of its sender.
func (r *resolution) depart(y Side, p int) {
	e := &r.log[p]
	x := &r.ends[y]
	s := Step{Cause: e.at, Place: e.at.Packet, Side: y, Certainty: Witnessed}
	switch {
	case e.isSYN():
		if x.is(hasISS) && e.seq == x.iss {
			s.Event, s.Number, s.NumberKind = SendSYN, e.seq, ISNNumber
			if r.disowned(y, p) {
				s.Certainty = Presumed
			}
			if x.state == Closed || x.state == Unknown || x.state == Listen {
				r.step(s)
			}
		}
	case e.isSYNACK():
		s.Event, s.Number, s.NumberKind = SendSYNACK, e.seq, ISNNumber
		r.step(s)
	case e.isRST() && r.forged&(1<<p) != 0:
	case e.isRST():
		r.departRST(y, p, s)
	case e.isFIN() && r.forged&(1<<p) != 0:
	case e.isFIN():
		r.selfEvident(y, p)
		s.Event, s.Number, s.NumberKind = SendFIN, e.end-1, FINNumber
		r.presumeLike(y, &s)
		if (x.state == Established || x.state == SynReceived) && r.acksUnseen(y, p) {
			s.Certainty, s.Doubt = Presumed, DoubtUnseen
		}
		if r.step(s) {
			x.has |= hasFIN
			x.finEnd = e.end
		}
	default:
		r.selfEvident(y, p)
	}
}

// presumeLike makes y's own FIN, the step s, a presumption where the peer's is
// one: y may have closed before that arrived.
func (r *resolution) presumeLike(y Side, s *Step) {
	if x := &r.ends[y]; x.state == CloseWait && x.cert == Presumed {
		s.Certainty, s.Proof, s.Doubt = Presumed, 0, r.doubtOf(y)
	}
}

// acksUnseen reports that entry p of y acknowledges what the capture does not hold,
// the peer's FIN perhaps among it: no segment reaches so far, not even one captured
// late, and none takes numbers behind it, as nothing does behind a FIN.
func (r *resolution) acksUnseen(y Side, p int) bool {
	e := &r.log[p]
	if !e.is(acksUnsent) {
		return false
	}
	for k := p + 1; k < len(r.log); k++ {
		if o := &r.log[k]; r.from(y.Peer(), k) && o.seq != o.end && e.ack.LessEq(o.end) {
			return false
		}
	}
	return true
}

// disowned reports that the sender of the SYN at p refused the answer to it
// by a bare RST: its attempt was over by then, or the SYN was not its own.
func (r *resolution) disowned(y Side, p int) bool {
	for i := p + 1; i < len(r.log); i++ {
		e := &r.log[i]
		if !r.from(y, i) || e.flags.Has(SYN) {
			continue
		}
		return e.bareRST() && e.seq == r.log[p].seq.Add(1)
	}
	return false
}

// selfEvident makes the steps that the sender of an ordinary segment must
// have made before, where no captured segment brought them.
func (r *resolution) selfEvident(y Side, p int) {
	e := &r.log[p]
	x := &r.ends[y]
	s := Step{Cause: e.at, Place: e.at.Packet, Side: y, Certainty: Witnessed}
	switch {
	case x.state == Unknown && e.plain():
		s.Event, s.Certainty = SendSynchronized, Presumed
	case x.state == SynSent && e.flags.Has(ACK) && r.beyondISN(y.Peer(), e.ack):
		s.Event = RecvSYNACK
	case x.state == SynReceived && r.provesThirdACK(y, p):
		s.Event = RecvACKOfSYN
	case x.state == TimeWait && e.plain():
		x.since = e.at.Time // RFC 9293 §3.10.7.4 step 8: restart the 2MSL time-out
		return
	default:
		return
	}
	r.step(s)
}

// beyondISN reports that ack covers the SYN of x, as far as it is known.
func (r *resolution) beyondISN(x Side, ack Seq) bool {
	e := &r.ends[x]
	return !e.is(hasISS) || e.iss.Less(ack)
}

// provesThirdACK reports that an end in SYN-RECEIVED can have sent entry p
// only after the ACK of its SYN: payload or FIN, or an ACK beyond the SYN.
// With Fast Open (RFC 7413 §4.2) and in a simultaneous open payload and FIN
// prove nothing; where it had sent a SYN that is missing FIN does not, since
// CLOSE in SYN-RECEIVED sends one and SEND waits (RFC 9293 §3.10.4, §3.10.2).
func (r *resolution) provesThirdACK(y Side, p int) bool {
	e := &r.log[p]
	if !e.flags.Has(ACK) || e.flags.Has(SYN) {
		return false
	}
	if end, ok := r.synEnd(y.Peer()); ok && r.tells(y, p) && end.Less(e.ack) {
		return true
	}
	return !e.isRST() && (e.is(payload) || e.isFIN() && !r.ends[y].is(synMissing)) && r.c.flags&(fastOpen|bothOpened) == 0
}

// synEnd returns the number behind the SYN of x and the data on it that were
// acknowledged with it. Where the SYN was not captured, its SYN-ACK tells.
func (r *resolution) synEnd(x Side) (end Seq, ok bool) {
	e := &r.ends[x]
	end, ok = e.iss.Add(1), e.is(hasISS)
	if ok && r.c.flags&fastOpen == 0 {
		return end, true
	}
	for i := range r.log {
		if e := &r.log[i]; e.side() != x && e.live() && e.isSYNACK() && (!ok || end.Less(e.ack)) {
			end, ok = e.ack, true
		}
	}
	return end, ok
}

// departRST applies the departure of a RST (RFC 9293 §3.10.5, §3.10.7.1). One
// that only answers an unacceptable ACK in SYN-SENT or SYN-RECEIVED is no end
// of the attempt (§3.10.7.3, §3.10.7.4).
func (r *resolution) departRST(y Side, p int, s Step) {
	e := &r.log[p]
	x := &r.ends[y]
	if (x.state == SynSent || x.state == SynReceived) && !e.flags.Has(ACK) && r.answersBadACK(y, p) {
		return
	}
	if x.state == Closed || x.state == Listen {
		return
	}
	if x.state == Unknown && x.has&hasNxt == 0 {
		// It never sent anything else: it had no connection to lose.
		x.state, x.cert = Closed, Witnessed
		return
	}
	r.closedBefore(y, p)
	r.closedUnsent(y, p)
	s.Event = SendRST
	switch {
	case e.is(strange) || r.unstamped(y, p):
		s.Certainty, s.Doubt = Presumed, DoubtForged
	case x.is(hasNxt) && e.seq != x.nxt && !r.answersACK(y, p):
		s.Certainty = Presumed
	}
	if w := Time(r.m.cfg.FinWait2); x.state == FinWait2 && w > 0 && e.at.Time-x.since >= w && !e.flags.Has(ACK) {
		s = Step{Cause: Moment{Time: x.since + w}, Place: e.at.Packet, Side: y, Event: FinWait2Timeout, Certainty: ByTimer}
	}
	r.step(s)
}

// answersACK reports that the RST at p takes its number from an ACK of the
// peer (RFC 9293 §3.10.7.1).
func (r *resolution) answersACK(y Side, p int) bool {
	e := &r.log[p]
	if peer := &r.ends[y.Peer()]; peer.is(hasACK) && (e.lo == e.seq || peer.ack == e.seq) {
		return true
	}
	for i := range p {
		if o := &r.log[i]; r.from(y.Peer(), i) && o.flags.Has(ACK) && o.ack == e.seq {
			return true
		}
	}
	return false
}

// closedBefore makes the step of an end whose bare RST at p bears the number
// behind its FIN: it took that number from an ACK of the FIN, which presumably
// was processed first (RFC 9293 §3.10.7.1, §3.10.7.4 step 5). A FIN that
// a live end takes shows that there was none any more.
func (r *resolution) closedBefore(y Side, p int) {
	e := &r.log[p]
	x := &r.ends[y]
	if x.state != FinWait1 || !x.is(hasFIN) || e.flags.Has(ACK) || e.seq != x.finEnd {
		return
	}
	for i := p - 1; i >= 0; i-- {
		if o := &r.log[i]; r.from(y.Peer(), i) && o.flags.Has(ACK) && o.ack == x.finEnd && !r.takesFIN(y, i) {
			r.step(Step{Cause: o.at, Place: o.at.Packet, Side: y, Event: RecvACKOfFIN, Certainty: Presumed})
			return
		}
	}
}

// closedUnsent makes the step of an end that was repeating itself and then
// answers payload, which it leaves unacknowledged, by a bare RST at the number
// of its ACK. A live end does so only when its application has closed (RFC 9293
// §3.6.1, RFC 1122 §4.2.2.13); its FIN was waiting behind what was lost.
// Observer: away from the end it may as well have sent a RST before, which died
// on its way to the tap; then it answers what its peer sends again.
func (r *resolution) closedUnsent(y Side, p int) {
	e := &r.log[p]
	x, peer := &r.ends[y], &r.ends[y.Peer()]
	if x.state != Established || e.flags.Has(ACK) || !x.is(nxtTwice|hasACK) || !peer.is(hasACK|hasNxt) || e.seq != e.lo {
		return
	}
	end := peer.nxt // of the payload
	if r.closes(y.Peer()) {
		end--
	}
	near := x.resp > 0 && x.resp < remote
	if x.ack.Less(end) && (near || !peer.is(nxtTwice)) {
		r.step(Step{Cause: e.at, Place: e.at.Packet, Side: y, Event: SendFIN, Certainty: Presumed, Doubt: DoubtUnsent})
	}
}

// unstamped reports that the RST at p lacks the timestamps that its sender
// puts on every other segment though it answers none: a live stack would have
// put them here too (RFC 7323 §3.2 allows, Linux does).
func (r *resolution) unstamped(y Side, p int) bool {
	e := &r.log[p]
	return e.flags.Has(ACK) && !e.is(hasTS) && r.ends[y].is(hasTSVal) && r.ends[y.Peer()].is(hasTSVal)
}

// answersBadACK reports that the RST at p takes its number from an ACK of the
// peer that the end cannot accept.
func (r *resolution) answersBadACK(y Side, p int) bool {
	e := &r.log[p]
	x := &r.ends[y]
	for i := p - 1; i >= 0; i-- {
		o := &r.log[i]
		if o.side() == y || !o.live() || !o.flags.Has(ACK) || o.ack != e.seq {
			continue
		}
		return o.ack.LessEq(x.iss) || x.nxt.Less(o.ack)
	}
	return false
}
