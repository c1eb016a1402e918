package statemachine

// Incarnation says to which connection on a four-tuple a segment belongs.
type Incarnation uint8

// The answers of Judge.
const (
	// SameConn: the segment belongs to the connection.
	SameConn Incarnation = iota
	// NewConn: the connection is over; Finish it and observe the segment on
	// a fresh one.
	NewConn
	// HoldSYN: a SYN that may open a new connection, or may be forged or old:
	// keep it in a Held, and observe it on the connection too.
	HoldSYN
	// NewFromHeld: the held SYN was real: Finish the connection, then observe
	// the held SYN and this segment on a fresh one.
	NewFromHeld
)

// Held is a SYN whose fate is open.
type Held struct {
	At      Moment
	Side    Side // its sender, as the old connection counts sides
	Segment Segment
}

// oldDuplicate is how close behind the SYN of an unanswered attempt a SYN
// with another ISN still counts as an old duplicate rather than as the next
// attempt.
const oldDuplicate Time = 250e6

// Judge says whether a segment belongs to c or begins another connection on
// the same four-tuple. The same ISN is never new (RFC 9293 §3.4.1). A new one
// is new at once where the old connection is over or was never answered; on
// a live one it waits for its answer: a challenge ACK leaves the connection
// as it was (RFC 5961 §4), a SYN-ACK or a refusal of its own number does not.
// held is the SYN that waits, or nil.
func (m *Machine) Judge(c *Conn, held *Held, at Moment, side Side, seg *Segment) Incarnation {
	if held != nil && (confirms(held, side, seg) || c.repeatsHeld(held, at, side, seg)) {
		m.giveWayTo(c, held, at, side)
		return NewFromHeld
	}
	if seg.Flags&(SYN|RST|FIN) != SYN {
		return SameConn
	}
	x, y := &c.ends[side], &c.ends[side.Peer()]
	if !x.is(spoke) && !y.is(spoke) || x.is(hasISS) && x.iss == seg.Seq {
		return SameConn
	}
	if c.knowsISN(side, seg.Seq) {
		return SameConn
	}
	if seg.Flags.Has(ACK) {
		// A SYN-ACK opens nothing while its receiver waits for one; out of
		// the blue it shows a connection whose SYN was not captured.
		if !(y.is(hasISS) && seg.Ack == y.iss.Add(1)) && !c.knowsISN(side.Peer(), seg.Ack-1) && m.over(c) {
			c.heirs[side] = heir{by: at}
			return NewConn
		}
		return SameConn
	}
	if !x.is(hasISS) && c.opening() && (!x.is(spoke) || !y.is(hasACK)) {
		return SameConn // the other half of a simultaneous open
	}
	if c.opening() && x.is(hasISS) && !y.is(spoke) {
		if at.Time-x.lastAt < oldDuplicate {
			return SameConn
		}
		c.heirs[side] = heir{by: at}
		return NewConn
	}
	if m.over(c) {
		if s, _ := m.Now(c, side.Peer()); s != Closed && s != Listen && s != Unknown {
			return HoldSYN // it may be taken or challenged (RFC 6191 §2, RFC 5961 §4)
		}
		c.heirs[side] = heir{by: at}
		return NewConn
	}
	return HoldSYN
}

// Claim decides about a held SYN when c ends: it was an attempt of its own when
// its sender said nothing else since. The answer true means that c gives way
// to it, as after NewFromHeld.
func (m *Machine) Claim(c *Conn, h *Held) bool {
	if !c.silentSince(h) {
		return false
	}
	m.giveWayTo(c, h, h.At, h.Side)
	return true
}

// silentSince reports that the sender of the held SYN sent nothing but copies
// of it since.
func (c *Conn) silentSince(h *Held) bool {
	seen := false
	for i := range c.log {
		e := &c.log[i]
		if e.side() != h.Side || e.at.Packet < h.At.Packet {
			continue
		}
		if !e.isSYN() || e.seq != h.Segment.Seq {
			return false
		}
		seen = true
	}
	return seen
}

// synRepeated is how long after a SYN its repetition counts as the sender's
// own: less than the first time-out of RFC 6298 §2, more than a network's
// duplicate takes.
const synRepeated Time = 200e6

// repeatsHeld reports that seg is the held SYN sent again by an end that has
// said nothing else since: the attempt is real.
func (c *Conn) repeatsHeld(h *Held, at Moment, side Side, seg *Segment) bool {
	return side == h.Side && seg.IsSYN() && seg.Seq == h.Segment.Seq &&
		at.Time-h.At.Time >= synRepeated && c.silentSince(h)
}

// confirms reports that seg shows the held SYN to be real: its answer, by
// SYN-ACK or by refusal (RFC 9293 §3.10.7.1, §3.10.7.2), or its sender going
// on behind its number.
func confirms(h *Held, side Side, seg *Segment) bool {
	next := h.Segment.Seq.Add(1)
	if side != h.Side {
		if !seg.Flags.Has(ACK) || !seg.Flags.Any(SYN|RST) || seg.Flags.Has(RST) && seg.Seq != 0 {
			return false
		}
		return next.LessEq(seg.Ack) && seg.Ack.LessEq(h.Segment.End())
	}
	return seg.Flags&(SYN|RST|ACK) == ACK && seg.Seq == next
}

// giveWayTo notes which ends the new connection shows to have lost theirs. The
// old connection's log hands the copies of the held SYN on.
func (m *Machine) giveWayTo(c *Conn, h *Held, at Moment, side Side) {
	c.heirs[h.Side] = heir{by: h.At}
	if side != h.Side {
		c.heirs[side] = heir{by: h.At, proof: at.Packet}
	}
	m.handed, m.handedTo = m.handed[:0], h.At.Packet
	keep := c.log[:0]
	for i := range c.log {
		e := &c.log[i]
		if !e.isSYN() || e.side() != h.Side || e.seq != h.Segment.Seq {
			keep = append(keep, *e)
		} else if e.at.Packet != h.At.Packet {
			m.handed = append(m.handed, *e)
		}
	}
	c.log = keep
}

// HeldCopy is one further capture of a held SYN.
type HeldCopy struct {
	At    Moment
	TSVal uint32 // 0 without timestamps
	IPID  uint16
}

// HeldCopies returns the copies of the held SYN that the old connection saw,
// after Judge has answered NewFromHeld; valid until the next such answer.
func (m *Machine) HeldCopies() []HeldCopy {
	m.copies = m.copies[:0]
	for i := range m.handed {
		e := &m.handed[i]
		m.copies = append(m.copies, HeldCopy{e.at, e.tsval, e.ipid})
	}
	return m.copies
}

// inherit gives a new connection the copies of its SYN that the old one saw.
func (m *Machine) inherit(c *Conn, at Moment, side Side) {
	if len(m.handed) == 0 || m.handedTo != at.Packet || len(c.log) != 1 {
		return
	}
	for i := range m.handed {
		e := m.handed[i]
		e.bits = e.bits&^byServer | entryBits(side)
		e.maxEnd = c.log[0].maxEnd
		m.push(c, &e)
	}
	c.ends[side].has |= nxtTwice
	m.handed = m.handed[:0]
}

// knowsISN reports that the log holds a SYN of side with this ISN.
func (c *Conn) knowsISN(side Side, isn Seq) bool {
	for i := range c.log {
		if e := &c.log[i]; e.side() == side && e.flags&(SYN|RST) == SYN && e.seq == isn {
			return true
		}
	}
	return false
}

// opening reports that no end has left the handshake.
func (c *Conn) opening() bool {
	return c.flags&sawSYN != 0 && c.flags&sawRST == 0 && c.ends[0].state <= SynReceived && c.ends[1].state <= SynReceived
}

// over reports that the connection has ended, or that both its FINs were
// seen, so that a SYN may follow.
func (m *Machine) over(c *Conn) bool {
	gone := func(s State) bool { return s == Closed || s == Listen || s == TimeWait || s == Unknown }
	a, _ := m.Now(c, Client)
	b, _ := m.Now(c, Server)
	if gone(a) && gone(b) && (a != Unknown || b != Unknown) {
		return true
	}
	late := func(s State) bool { return gone(s) || s == LastAck || s == Closing }
	return late(a) && late(b) && (a != Unknown || b != Unknown)
}
