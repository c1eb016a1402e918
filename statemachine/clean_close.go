package statemachine

// This file settles by a few comparisons a close with nothing amiss: FIN,
// perhaps its ACK, the peer's FIN, and the ACK of that, each sent once and
// captured in order. resolve finds the same steps, by these rules: the first
// FIN arrives before what acknowledges it (arrivalOfFIN, closedLater), the ACK
// of it is proven by the last ACK, which also covers the peer's FIN
// (arrivalOfACKOfFIN, provesArrival); that last ACK itself is presumed to
// arrive (arrivalOfACK), and restarts the 2MSL time-out (selfEvident).

// cleanClose settles the log of c if it is such a close, and reports whether it
// was.
func (m *Machine) cleanClose(c *Conn) bool {
	n := len(c.log)
	if m.slow || m.careful || n != 3 && n != 4 || !c.closesCleanly() || !c.closesFreely() {
		return false
	}
	fin, answer, last := &c.log[0], &c.log[1], &c.log[n-1]
	own := &c.log[n-2] // the FIN of the end that closes second; with three segments it is the answer
	first, second := fin.side(), answer.side()
	x, y := &c.ends[first], &c.ends[second]
	step := func(e *entry, side Side, ev Event, sure Certainty, by uint64) Step {
		return Step{Cause: e.at, Place: e.at.Packet, Side: side, Event: ev, Certainty: sure, Proof: by}
	}
	numbered := func(s Step, number Seq) Step {
		s.Number, s.NumberKind = number, FINNumber
		return s
	}
	m.move(x, numbered(step(fin, first, SendFIN, Witnessed, 0), fin.end-1))
	took := step(fin, second, RecvFIN, Proven, answer.at.Packet)
	if own == answer && !answer.closedLater(fin, y.grace(x)) {
		took.Certainty, took.Proof, took.Doubt = Presumed, 0, DoubtResent
	}
	m.move(y, numbered(took, fin.end-1))
	acked := step(answer, first, RecvACKOfFIN, Proven, last.at.Packet)
	if own != answer {
		m.move(x, acked)
	}
	closing := step(own, second, SendFIN, Witnessed, 0)
	if y.cert == Presumed {
		closing.Certainty, closing.Doubt = Presumed, took.Doubt // see depart
	}
	m.move(y, numbered(closing, own.end-1))
	if own == answer {
		m.move(x, acked)
	}
	m.move(x, numbered(step(own, first, RecvFIN, Proven, last.at.Packet), own.end-1))
	x.since = last.at.Time // RFC 9293 §3.10.7.4 step 8
	done := step(last, second, RecvACKOfFIN, Presumed, 0)
	done.Doubt = took.Doubt
	m.move(y, done)
	x.has |= hasFIN | tookFIN
	y.has |= hasFIN | tookFIN
	x.finEnd, y.finEnd = fin.end, own.end
	m.dropLog(c)
	c.tries = 0
	return true
}

// closesCleanly reports that the log, three or four segments long, is a clean
// close of an established connection.
func (c *Conn) closesCleanly() bool {
	if c.flags&sawRST != 0 || c.heirs != [2]heir{} {
		return false
	}
	for i := range c.ends {
		if e := &c.ends[i]; e.state != Established || e.has&(spoke|hasFIN|tookFIN) != spoke {
			return false
		}
	}
	n := len(c.log)
	fin, answer, own, last := &c.log[0], &c.log[1], &c.log[n-2], &c.log[n-1]
	for i := range c.log {
		if e := &c.log[i]; e.bits&(copied|void|acksUnsent) != 0 || !e.flags.Has(ACK) || i > 0 && !e.is(evidence) {
			return false
		}
	}
	return fin.isFIN() && own.isFIN() && own.is(newEnd) && last.plain() && last.seq == last.end &&
		fin.side() == last.side() && answer.side() != fin.side() && own.side() != fin.side() &&
		answer.ack == fin.end && own.ack == fin.end && last.ack == own.end &&
		(own == answer || answer.plain() && answer.seq == answer.end && answer.seq == own.seq)
}

// closesFreely reports that nothing can have held back the FIN of the end that
// closes second, had it closed first (see mayHoldFIN).
func (c *Conn) closesFreely() bool {
	fin, answer := &c.log[0], &c.log[1]
	sent := answer.maxEnd
	if answer.is(newEnd) {
		sent = answer.seq
	}
	return !c.ends[answer.side()].is(repeated) && !answer.is(afterLoss) && fin.window != 0 && !(answer.is(newEnd) && answer.seq == answer.end) &&
		sent.LessEq(fin.ack)
}
