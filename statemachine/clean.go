package statemachine

// This file settles by a few comparisons what connections mostly consist of:
// a handshake with nothing between its three segments and what proves the
// third, all captured in the order of sending. For that log resolve finds the
// same steps, by these rules: each end's beginning by its SYN and SYN-ACK
// (beginnings); the SYN proven by the SYN-ACK that answers it (arrivalsOfSYN),
// the SYN-ACK by the next segment of the opener (arrivalOfSYNACK), the third
// ACK by what the other end sends behind it (arrivalOfThirdACK). A test has
// every capture take both ways.

// cleanHandshake settles the log of c if it is such a handshake, and reports
// whether no more is to be tried: it was settled, or lacks its proof still.
func (m *Machine) cleanHandshake(c *Conn) bool {
	if m.slow || m.careful || len(c.log) < 3 || !c.opensCleanly() {
		return false
	}
	opener := c.log[0].side()
	last := len(c.log) - 1
	for i := 2; i <= last; i++ {
		e := &c.log[i]
		if !e.plain() || !e.live() || e.is(acksUnsent) || !e.flags.Has(ACK) || e.side() != opener && i < last {
			return false
		}
	}
	if c.log[last].side() == opener {
		return true // nothing of the other end yet: its third ACK is open
	}
	if last == 2 || !c.beyondThirdACK(&c.log[last]) {
		return false
	}
	m.settleHandshake(c, opener, &c.log[last])
	return true
}

// opensCleanly reports that the log, in which nothing is settled, begins with
// the connection's own SYN, the SYN-ACK that answers it, and the opener's ACK
// of that.
func (c *Conn) opensCleanly() bool {
	syn, synack, third := &c.log[0], &c.log[1], &c.log[2]
	x, y := &c.ends[syn.side()], &c.ends[syn.side().Peer()]
	const odd = copied | void | payload
	return c.flags == sawSYN && c.heirs == [2]heir{} &&
		x.state == Unknown && y.state == Unknown && x.has&(hasISS|fromMiddle) == hasISS && y.has&(hasISS|fromMiddle) == hasISS &&
		syn.isSYN() && syn.bits&odd == 0 && syn.seq == x.iss &&
		synack.isSYNACK() && synack.bits&(odd|connects) == 0 && synack.side() != syn.side() && synack.seq == y.iss && synack.ack == syn.end &&
		third.side() == syn.side() && third.ack == synack.end
}

// beyondThirdACK reports what the end that answered the SYN can have sent only
// after the third ACK (see provesThirdACK): payload, or an ACK of more than the
// SYN.
func (c *Conn) beyondThirdACK(e *entry) bool {
	return e.is(payload) || e.is(evidence) && c.log[0].end.Less(e.ack)
}

// settleHandshake makes the steps of a clean handshake, in the order of their
// places, and empties the log.
func (m *Machine) settleHandshake(c *Conn, opener Side, proof *entry) {
	syn, synack, third := c.log[0].at, c.log[1].at, c.log[2].at
	x, y := &c.ends[opener], &c.ends[opener.Peer()]
	x.state, x.open, y.state, y.open = Closed, active, Listen, passive
	took := func(at Moment, side Side, ev Event, by uint64) Step {
		return Step{Cause: at, Place: at.Packet, Side: side, Event: ev, Certainty: Proven, Proof: by}
	}
	sent := Step{Cause: syn, Place: syn.Packet, Side: opener, Event: SendSYN, Certainty: Witnessed, Number: x.iss, NumberKind: ISNNumber}
	m.move(x, sent)
	got := took(syn, opener.Peer(), RecvSYN, synack.Packet)
	got.Number, got.NumberKind = x.iss, ISNNumber
	m.move(y, got)
	got = took(synack, opener, RecvSYNACK, third.Packet)
	got.Number, got.NumberKind = y.iss, ISNNumber
	m.move(x, got)
	m.move(y, took(third, opener.Peer(), RecvACKOfSYN, proof.at.Packet))
	m.dropLog(c)
	c.tries = 0
}
