package statemachine

// This file compares a RST with the number that its receiver expects (RFC 9293
// §3.10.7.4 step 1, RFC 5961 §3.2). Observer: RCV.NXT of the receiver lies
// between the highest ACK that it has sent and the highest number that the RST's
// sender had sent; what never passed the tap and what the receiver says later
// bring it closer.

// fit compares the RST at i with what its receiver would take.
func (r *resolution) fit(i int) ResetFit {
	e := &r.log[i]
	me := &r.ends[e.side().Peer()]
	if r.refusesForeign(i) {
		return FitUnknown // it is about another connection than the sender's attempt
	}
	state := r.stateAt(e.side().Peer(), e.at.Packet)
	switch {
	case state == SynSent && me.is(hasISS):
		if e.flags.Has(ACK) && me.iss.Less(e.ack) && e.ack.LessEq(me.nxt) {
			return FitHandshake
		}
		return FitWrongACK
	case !me.is(hasACK) || e.lo == 0 && e.hi == 0:
		if me.is(hasISS) && e.flags.Has(ACK) && e.ack == me.iss.Add(1) {
			return FitHandshake
		}
		return FitUnknown
	case state == Listen || state == Closed || r.endedBefore(e.side().Peer(), i) != Uncertain:
		return FitNobody
	}
	return r.numberFit(e.side().Peer(), i)
}

// refusesForeign reports that the RST at i comes out of SYN-SENT and takes its
// number from an ACK of something else than its sender's SYN (RFC 9293
// §3.10.7.3 step 1): what it may end is not the attempt that is observed.
func (r *resolution) refusesForeign(i int) bool {
	e := &r.log[i]
	x := &r.ends[e.side()]
	if e.flags.Has(ACK) || !x.is(hasISS) || x.iss.Less(e.seq) && e.seq.LessEq(e.maxEnd) {
		return false
	}
	answers := false
	for k := range i {
		o := &r.log[k]
		switch {
		case !o.live() || !o.flags.Has(ACK):
		case o.side() != e.side():
			answers = answers || o.ack == e.seq
		case !o.isRST():
			return false
		}
	}
	return answers
}

// fit compares a RST with the window of its receiver when it was captured.
func (e *entry) fit() ResetFit {
	switch {
	case e.seq != e.lo && !e.seq.In(e.lo, e.hi.Sub(e.lo)):
		return FitOutside
	case e.maxEnd.Less(e.seq):
		return FitInexact
	}
	return FitExact
}

// endedBefore tells how sure it is that y's connection had ended when the RST
// at i reached it: by something that had been sent before that RST. It is
// Uncertain where it had not, as far as is known.
func (r *resolution) endedBefore(y Side, i int) Certainty {
	sure := Uncertain
	if s := r.c.ends[y].state; s == Closed || s == Listen {
		sure = r.c.ends[y].cert
	}
	for k := range r.steps {
		s := &r.steps[k]
		switch {
		case s.Side != y || s.Cause.Packet >= r.log[i].at.Packet:
		case s.To == Closed || s.To == Listen:
			sure = max(s.Certainty, Presumed)
		default:
			sure = Uncertain
		}
	}
	return sure
}

// numberFit compares the RST at i with what y expected, by all that the log
// shows.
func (r *resolution) numberFit(y Side, i int) ResetFit {
	if r.unseenExact(y, i) {
		return FitExact
	}
	fit := r.log[i].fit()
	if fit == FitExact && (r.stillShort(y, i) >= 0 || r.lacking(y, i)) {
		return FitInexact
	}
	return fit
}

// unseenExact reports that the RST at i bears the number that y's latest ACK
// asks for, though the capture lacks what that ACK acknowledges: both ends say
// that it was sent.
func (r *resolution) unseenExact(y Side, i int) bool {
	for k := i - 1; k >= 0; k-- {
		if o := &r.log[k]; r.from(y, k) && o.flags.Has(ACK) {
			return o.is(acksUnsent) && o.ack == r.log[i].seq
		}
	}
	return false
}

// stillShort returns the first segment of y that left after the RST at i had
// arrived, or answers numbers out of order, and acknowledges less than the
// RST's number: numbers below it were missing at y, so that it was not exact.
// It is -1 when there is none.
func (r *resolution) stillShort(y Side, i int) int {
	e := &r.log[i]
	soon, late := e.at.Time+r.soonest(y), e.at.Time+r.grace(y)
	short := -1
	if r.beganAnew(y, i) >= 0 {
		return -1 // what y says then is about another connection
	}
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		switch {
		case !r.tells(y, j) || o.isRST():
		case e.seq.LessEq(o.ack):
			return -1 // they were on their way
		case short >= 0:
		case o.at.Time > late, o.at.Time >= soon && r.repeatsACK(y, j) && !r.sackedUpTo(j, e.seq):
			short = j
		}
	}
	return short
}

// repeatsACK reports that entry j of y is a pure ACK that brings nothing new:
// it answers what y could not take in order, or is a challenge (RFC 5681 §2,
// RFC 5961 §3.2). One that tells of octets received twice answers these.
func (r *resolution) repeatsACK(y Side, j int) bool {
	o := &r.log[j]
	if !o.plain() || o.is(payload|newAck|dsack) {
		return false
	}
	k := r.lastOf(y, j)
	return k < 0 || r.log[k].window == o.window
}

// sackedUpTo reports that entry j tells by SACK of the octet before n. Linux
// takes a RST at the right edge of the highest block for exact.
func (r *resolution) sackedUpTo(j int, n Seq) bool {
	o := &r.log[j]
	return o.is(hasSACK) && o.hi == n
}

// lacking reports that numbers below the RST at i never passed the tap, and
// that y has not acknowledged them since: it can hardly have had them. With
// SACK Linux takes a RST behind the last of what it has for exact none the less.
func (r *resolution) lacking(y Side, i int) bool {
	e := &r.log[i]
	if !e.is(behindHole) || e.seq.LessEq(r.ends[y].ack) {
		return false
	}
	return !r.ends[Client].is(sacks) || !r.ends[Server].is(sacks) || e.seq != e.maxEnd
}

// challenged returns the pure ACK with which y answered the RST at i, asking
// for what it had asked for before (RFC 5961 §3.2); -1 when there is none.
func (r *resolution) challenged(y Side, i int) int {
	e := &r.log[i]
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if !r.tells(y, j) || o.isRST() {
			continue
		}
		if e.seq.LessEq(o.ack) {
			return -1
		}
		if o.at.Time-e.at.Time >= r.soonest(y) && r.repeatsACK(y, j) {
			return j
		}
	}
	return -1
}
