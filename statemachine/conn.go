package statemachine

// Conn is one TCP connection under observation. The zero value is a
// connection of which nothing was seen yet. A Conn belongs to one Machine.
//
// What is settled stands in the two ends; what a later segment may still
// decide stands in the log, which is bounded (log.go) and empty while data
// flows both ways.
type Conn struct {
	ends  [2]end
	log   []entry
	tries uint8 // entries since the last attempt to settle
	flags connFlags
	last  Moment
	heirs [2]heir // what showed an end to have begun anew; see Judge
}

// heir is the SYN of another connection that took an end's place, and the
// packet that proves it where that is another one.
type heir struct {
	by    Moment
	proof uint64
}

// connFlags are facts about the whole connection.
type connFlags uint8

const (
	sawSYN     connFlags = 1 << iota // a SYN of either end was captured
	sawRST                           // a RST that may end the connection is in the log, or was
	fastOpen                         // a SYN-ACK acknowledged data of the SYN (RFC 7413)
	bothOpened                       // both ends sent a SYN of their own accord
	finished                         // Finish was called
)

// end is what is known of one endpoint: settled state, and the numbers of
// all that it has sent so far.
type end struct {
	since    Time // when it entered its state
	resp     Time // its shortest response time seen at the tap; 0 when none was
	nxtAt    Time // when nxt last grew
	lastAt   Time // when it last sent
	proof    uint64
	iss, nxt Seq // ISS; highest end sent: SND.NXT as far as captured
	ack      Seq // highest ACK sent: a lower bound of RCV.NXT
	right    Seq // highest right edge offered
	finEnd   Seq // number behind its FIN
	tsval    uint32
	lastSeq  Seq // of its last segment, with the fields below to know a copy by
	lastAck  Seq
	lastID   uint16
	lastWnd  uint16
	lastFl   Flags
	state    State
	cert     Certainty
	open     opening
	wscale   uint8
	asks     uint8 // segments that demand an answer and repeat earlier ones, since the peer last spoke
	has      endBits
}

// endBits tell which fields of an end mean something.
type endBits uint16

const (
	hasISS     endBits = 1 << iota // iss
	hasNxt                         // nxt: it sent something with a place
	hasACK                         // ack, right
	hasFIN                         // finEnd: its FIN has left, settled
	tookFIN                        // it consumed the peer's FIN, settled
	hasTSVal                       // tsval
	hasScale                       // its SYN carried a window scale
	nxtTwice                       // the segment that ends at nxt was sent more than once
	spoke                          // it sent at least one segment that counts
	hasLast                        // lastSeq to lastFl
	bareSYN                        // it sent a SYN without ACK
	fromMiddle                     // its first segment was no SYN
)

func (e *end) is(b endBits) bool { return e.has&b == b }

// State returns the state of an end by the steps settled so far and how sure
// the last of them is; Witnessed when there was none.
func (c *Conn) State(s Side) (State, Certainty) {
	e := &c.ends[s]
	if e.state == Unknown && e.cert == Uncertain {
		return Unknown, Uncertain
	}
	return e.state, e.cert
}

// ISS returns the initial send sequence number of an end, and whether the
// capture shows it.
func (c *Conn) ISS(s Side) (Seq, bool) { return c.ends[s].iss, c.ends[s].is(hasISS) }

// Ended reports that nothing can follow: all is settled and no end has a
// connection any more.
func (c *Conn) Ended() bool {
	if len(c.log) > 0 {
		return false
	}
	gone := func(s State) bool { return s == Closed || s == Listen }
	a, b := c.ends[0].state, c.ends[1].state
	return gone(a) && (gone(b) || b == Unknown) || gone(b) && a == Unknown
}

// Closing reports that a FIN or a RST was seen: the connection is on its way
// to its end and may be settled once it has fallen silent.
func (c *Conn) Closing() bool {
	if c.flags&sawRST != 0 || c.ends[0].is(hasFIN) || c.ends[1].is(hasFIN) {
		return true
	}
	for i := range c.log {
		if c.log[i].flags&(FIN|RST) != 0 {
			return true
		}
	}
	return false
}

// Observe feeds the next captured segment of c, sent by side. Steps and
// Findings then hold what it settled.
func (m *Machine) Observe(c *Conn, at Moment, side Side, seg *Segment) {
	m.begin()
	c.last = at
	x, y := &c.ends[side], &c.ends[side.Peer()]
	if len(c.log) == 0 && seg.Flags&(SYN|FIN|RST|ACK) == ACK && x.state.steady() && y.state.quiet() {
		c.flow(at, side, seg)
		return
	}
	if x.state == Unknown && len(c.log) == 0 && seg.Flags&(SYN|FIN|RST|ACK) == ACK && y.state.quiet() && c.flags&sawRST == 0 {
		m.firstSight(c, at, side, seg)
		return
	}
	e := c.enter(at, side, seg)
	m.push(c, &e)
	m.inherit(c, at, side)
	if c.worthTrying(&e) {
		m.settleIfSure(c)
	}
}

// steady reports a state in which data may flow and nothing is pending: the
// end's own FIN, if it sent one, is acknowledged.
func (s State) steady() bool { return s == Established || s == CloseWait || s == FinWait2 }

// quiet is steady, or an end of which nothing is known.
func (s State) quiet() bool { return s.steady() || s == Unknown }

// flow notes the numbers of a segment that cannot change a state.
func (c *Conn) flow(at Moment, side Side, seg *Segment) {
	x := &c.ends[side]
	y := &c.ends[side.Peer()]
	if x.repeats(seg) {
		return
	}
	c.note(at, x, y, seg, seg.End())
}

// firstSight takes the first segment of an end whose beginning the capture
// lacks (RFC 9293 §3.10.7.4: only a synchronized end sends an ACK).
func (m *Machine) firstSight(c *Conn, at Moment, side Side, seg *Segment) {
	x := &c.ends[side]
	x.has |= fromMiddle
	c.flow(at, side, seg)
	m.move(x, Step{Cause: at, Place: at.Packet, Side: side, Event: SendSynchronized, Certainty: Presumed})
}

// repeats reports that seg is the frame that x sent last, captured again:
// same IP ID, numbers, flags, window and timestamp.
func (x *end) repeats(seg *Segment) bool {
	if !x.is(hasLast) || x.lastSeq != seg.Seq || x.lastAck != seg.Ack || x.lastFl != seg.Flags ||
		x.lastWnd != seg.Window || !seg.HasIPID || seg.IPID == 0 || x.lastID != seg.IPID {
		return false
	}
	return !seg.Options.Has(OptTimestamp) || seg.Options.TSVal == x.tsval
}

// plausible is how far behind all that was sent a segment may lie and still
// be taken for the sender's own: more than any window that can be offered
// without scaling, far less than half of the sequence space.
const plausible Size = 1 << 26

// note enters a segment into the numbers of its sender x and returns what is
// new about it. seqEnd is the number behind it.
func (c *Conn) note(at Moment, x, y *end, seg *Segment, seqEnd Seq) entryBits {
	var b entryBits
	x.lastAt = at.Time
	x.lastSeq, x.lastAck, x.lastFl, x.lastWnd, x.lastID = seg.Seq, seg.Ack, seg.Flags, seg.Window, seg.IPID
	x.has |= hasLast | spoke
	y.asks = 0
	if x.is(hasNxt) && !seg.Flags.Has(RST) && seg.Seq.Less(x.nxt) && x.asks < 255 {
		x.asks++ // sent again, or a probe one number back (RFC 9293 §3.8.4)
	}
	if seg.Flags.Has(ACK) {
		b |= c.noteACK(at, x, y, seg)
	}
	if seg.Flags.Has(RST) {
		return b
	}
	switch {
	case !x.is(hasNxt):
		x.nxt, x.nxtAt = seqEnd, at.Time
		x.has |= hasNxt
		b |= newEnd
	case x.nxt.Less(seqEnd) && seqEnd.Sub(x.nxt) < plausible:
		x.nxt, x.nxtAt = seqEnd, at.Time
		x.has &^= nxtTwice
		b |= newEnd
	case seqEnd == x.nxt && seqEnd != seg.Seq:
		x.has |= nxtTwice
	}
	if seg.Options.Has(OptTimestamp) {
		x.tsval = seg.Options.TSVal
		x.has |= hasTSVal
	}
	return b
}

// noteACK enters the ACK field and the window of a segment of x. An ACK below
// the highest that x sent before was overtaken on its way to the tap and is
// no evidence.
func (c *Conn) noteACK(at Moment, x, y *end, seg *Segment) entryBits {
	ack := seg.Ack
	if y.is(hasNxt) && y.nxt.Less(ack) {
		if ack.Sub(y.nxt) >= plausible || seg.Flags.Has(RST) {
			return acksUnsent
		}
		if !y.is(fromMiddle) && c.flags&sawSYN != 0 {
			// Perhaps not captured, perhaps never sent: no evidence until
			// the peer's own numbers reach it.
			return acksUnsent
		}
	}
	if !x.is(hasACK) {
		x.ack = ack
		x.has |= hasACK
		x.right = ack.Add(c.window(x, y, seg))
		c.timeResponse(at, x, y)
		return evidence | newAck
	}
	if r := ack.Add(c.window(x, y, seg)); x.right.Less(r) {
		x.right = r
	}
	if ack == x.ack {
		return evidence
	}
	if !x.ack.Less(ack) {
		return 0
	}
	x.ack = ack
	c.timeResponse(at, x, y)
	return evidence | newAck
}

// timeResponse keeps the shortest time that x took, as the tap sees it, to
// acknowledge the last of what y had sent once (RFC 6298 §3: Karn).
func (c *Conn) timeResponse(at Moment, x, y *end) {
	if !y.is(hasNxt) || x.ack != y.nxt || y.is(nxtTwice) {
		return
	}
	if r := at.Time - y.nxtAt; r > 0 && (x.resp == 0 || r < x.resp) {
		x.resp = r
	}
}

// window returns the receive window that a segment of x offers, scaled when
// both SYNs carried the option and the segment is no SYN (RFC 7323 §2.2).
// Observer: in mid-stream the scale is unknown; the largest is assumed, so
// that nothing is called out of the window that may lie in it.
func (c *Conn) window(x, y *end, seg *Segment) Size {
	w := Size(seg.Window)
	if seg.Flags.Has(SYN) {
		return w
	}
	if x.is(hasScale) && y.is(hasScale) {
		return w << min(x.wscale, 14)
	}
	if !x.is(hasISS) || !y.is(hasISS) {
		return w << 14
	}
	return w
}

// enter notes a segment and makes its log entry.
func (c *Conn) enter(at Moment, side Side, seg *Segment) entry {
	x := &c.ends[side]
	e := entry{
		at: at, seq: seg.Seq, ack: seg.Ack, end: seg.End(),
		flags: seg.Flags, ipid: seg.IPID, window: seg.Window, bits: entryBits(side),
	}
	if seg.Len > 0 {
		e.bits |= payload
	}
	if seg.HasIPID {
		e.bits |= hasIPID
	}
	if o := &seg.Options; o.Has(OptTimestamp) {
		e.tsval, e.tsecr = o.TSVal, o.TSEcr
		e.bits |= hasTS
	}
	if o := &seg.Options; o.Has(OptSACK) && o.NSACK > 0 {
		e.sackLo, e.sackHi = o.SACK[0].Left, o.SACK[0].Right
		e.bits |= hasSACK
		if e.sackLo.Less(seg.Ack) || o.NSACK > 1 && o.SACK[1].Left.LessEq(e.sackLo) && e.sackHi.LessEq(o.SACK[1].Right) {
			e.bits |= dsack // RFC 2883 §4
		}
	}
	switch {
	case x.repeats(seg) || c.capturedBefore(&e):
		e.bits |= copied
	case voidShape(seg.Flags):
		e.bits |= void
	default:
		e.bits |= c.noteEntry(at, side, seg, &e)
	}
	e.maxEnd = x.nxt
	return e
}

// voidShape reports control bits that no TCP sends or takes: no ACK outside
// SYN and RST, SYN with FIN or RST (RFC 9293 §3.10.7.4 step 5, §3.10.7.2).
func voidShape(f Flags) bool {
	if f.Has(SYN) {
		return f.Any(FIN | RST)
	}
	return !f.Any(ACK | RST)
}

// capturedBefore reports that the log holds the same frame already.
func (c *Conn) capturedBefore(e *entry) bool {
	if !e.is(hasIPID) || e.ipid == 0 {
		return false
	}
	for i := len(c.log) - 1; i >= 0 && i >= len(c.log)-8; i-- {
		o := &c.log[i]
		if o.ipid == e.ipid && o.side() == e.side() && o.seq == e.seq && o.ack == e.ack && o.end == e.end &&
			o.flags == e.flags && o.window == e.window && o.tsval == e.tsval && o.tsecr == e.tsecr {
			return true
		}
	}
	return false
}

// noteEntry enters a segment that counts, with what its SYN brings.
func (c *Conn) noteEntry(at Moment, side Side, seg *Segment, e *entry) entryBits {
	x, y := &c.ends[side], &c.ends[side.Peer()]
	if seg.Flags.Has(SYN) {
		c.noteSYN(x, y, seg)
		if x.is(hasISS) && x.iss != seg.Seq {
			// A SYN of another incarnation: its numbers are not this one's.
			if seg.Flags.Has(ACK) {
				return 0
			}
			x.lastAt = at.Time
			return 0
		}
	} else if !x.is(hasNxt) && !e.isRST() {
		x.has |= fromMiddle
	}
	if e.plain() || e.isFIN() {
		c.pickISN(y, seg.Ack-1)
		c.pickISN(x, seg.Seq-1)
	}
	if seg.Flags.Has(RST) {
		c.flags |= sawRST
		if x.asks >= 2 {
			e.bits |= unheard
		}
	}
	return c.note(at, x, y, seg, e.end)
}

// noteSYN takes the ISN and the options of a SYN. A SYN-ACK with another ISN
// replaces one that was never acknowledged; a SYN does not.
func (c *Conn) noteSYN(x, y *end, seg *Segment) {
	c.flags |= sawSYN
	fresh := !x.is(hasISS)
	if !fresh && seg.Seq != x.iss && x.state == Unknown && seg.Flags.Has(ACK) && !(y.is(hasACK) && x.iss.Less(y.ack)) {
		fresh = true
		x.has &^= hasNxt | hasACK | hasScale
	}
	if !fresh {
		return
	}
	if x.is(hasNxt) && !x.is(fromMiddle) {
		return
	}
	if x.is(fromMiddle) && x.state != Unknown {
		return
	}
	x.iss = seg.Seq
	x.has |= hasISS
	if seg.Options.Has(OptWScale) {
		x.wscale = seg.Options.WScale
		x.has |= hasScale
	}
	if seg.Flags.Has(ACK) && seg.Ack.Sub(y.iss) > 1 && y.is(hasISS) && seg.Ack.Sub(y.iss) < 1<<16 {
		c.flags |= fastOpen
	}
	if !seg.Flags.Has(ACK) {
		x.has |= bareSYN
		if y.is(bareSYN) {
			c.flags |= bothOpened
		}
	}
}

// worthTrying tells when an attempt to settle may succeed: a segment that
// can prove the handshake, and from time to time.
func (c *Conn) worthTrying(e *entry) bool {
	c.tries++
	if c.tries >= 8 {
		c.tries = 0
		return true
	}
	x, y := &c.ends[e.side()], &c.ends[e.side().Peer()]
	proves := e.is(evidence) && e.plain() && (e.is(payload) || y.is(hasISS) && e.ack != y.iss.Add(1))
	return proves && x.state <= SynReceived && x.is(hasISS)
}

// pickISN makes isn the ISN of x when the log holds a SYN of x with it and x
// was taken to have another: of several candidates the one counts that an
// ordinary segment goes on from.
func (c *Conn) pickISN(x *end, isn Seq) {
	if !x.is(hasISS) || x.iss == isn || x.state != Unknown {
		return
	}
	for i := range c.log {
		e := &c.log[i]
		if &c.ends[e.side()] == x && e.live() && e.flags.Has(SYN) && e.seq == isn {
			x.iss, x.nxt = isn, e.end
			return
		}
	}
}
