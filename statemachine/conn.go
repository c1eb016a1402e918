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
	lacksSome                        // see Lacks
	strangeRST                       // see Strange
)

// end is what is known of one endpoint: settled state, and the numbers of
// all that it has sent so far.
type end struct {
	since    Time // when it entered its state
	resp     Time // its shortest response time seen at the tap; 0 when none was
	nxtAt    Time // when nxt last grew
	lastAt   Time // when it last sent
	iss, nxt Seq  // ISS; highest end sent: SND.NXT as far as captured
	ack      Seq  // highest ACK sent: a lower bound of RCV.NXT
	right    Seq  // highest right edge offered
	finEnd   Seq  // number behind its FIN
	tsval    uint32
	lastSeq  Seq // of its last segment, with the fields below to know a copy by
	lastEnd  Seq
	lastAck  Seq
	lastID   uint16
	lastWnd  uint16
	lastFl   Flags
	state    State
	cert     Certainty
	open     opening
	wscale   uint8
	asks     uint8 // segments that repeat earlier ones and demand an answer of a peer that has been silent for as long as a time-out
	has      endBits
}

// endBits tell which fields of an end mean something.
type endBits uint32

const (
	hasISS     endBits = 1 << iota // iss
	hasNxt                         // nxt: it sent something with a place
	hasACK                         // ack, right
	hasFIN                         // finEnd: its FIN has left, settled
	tookFIN                        // it consumed the peer's FIN, settled
	hasTSVal                       // tsval
	hasScale                       // its SYN carried a window scale
	nxtTwice                       // something was sent again since nxt last grew
	spoke                          // it sent at least one segment that counts
	hasLast                        // lastSeq to lastFl
	bareSYN                        // it sent a SYN without ACK
	fromMiddle                     // its first segment was no SYN
	sacks                          // it tells what it has by SACK (RFC 2018 §2)
	repeated                       // it sent numbers again before what is in the log
	likeLinux                      // its SYN has a window scale, where Linux puts it
	synMissing                     // it presumably sent a SYN that the capture lacks; see lostSYN
	resumed                        // its latest numbers may have been sent before; see resumes
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

// Unanswered returns how many segments of side, 255 at most, repeated earlier ones
// and demanded an answer since its peer last spoke; those count that follow its
// last word by a time-out (RFC 6298 §2).
func (c *Conn) Unanswered(side Side) int { return int(c.ends[side].asks) }

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
		if c.log[i].flags&(FIN|RST) != 0 || c.log[i].isQuote() {
			return true
		}
	}
	return false
}

// Lacks tells c that the segment observed next is a RST and that numbers below
// its own, which the peer has not acknowledged, never passed the tap; see
// Analysis.Lacks.
func (c *Conn) Lacks() { c.flags |= lacksSome }

// Strange tells c that the segment observed next is a RST that, by what the
// machine is not shown (its TTL, say), another host than the one whose address
// it bears has probably sent.
func (c *Conn) Strange() { c.flags |= strangeRST }

// Flow is Observe for a segment that can settle nothing and belongs to c without
// a doubt: it acknowledges what was sent, and data flow. For any other it does
// nothing and returns false. Neither Advance nor Judge is needed before it where
// no SYN is held.
func (m *Machine) Flow(c *Conn, at Moment, side Side, seg *Segment) bool {
	if x := &c.ends[side]; m.slow || !x.state.steady() || !c.ordinary(side, seg) {
		return false
	}
	c.last = at
	c.flow(at, side, seg)
	return true
}

// ordinary reports a segment that acknowledges nothing but what was sent, while
// nothing is open.
func (c *Conn) ordinary(side Side, seg *Segment) bool {
	y := &c.ends[side.Peer()]
	return len(c.log) == 0 && seg.Flags&(SYN|FIN|RST|ACK) == ACK && y.state.quiet() && (!y.is(hasNxt) || seg.Ack.LessEq(y.nxt))
}

// Observe feeds the next captured segment of c, sent by side. Steps and
// Findings then hold what it settled.
func (m *Machine) Observe(c *Conn, at Moment, side Side, seg *Segment) {
	m.begin()
	if m.Flow(c, at, side, seg) {
		return
	}
	c.last = at
	if c.ends[side].state == Unknown && c.flags&sawRST == 0 && c.ordinary(side, seg) {
		m.firstSight(c, at, side, seg)
		return
	}
	e := m.room(c)
	c.enter(e, at, side, seg)
	worth := c.worthTrying(m.push(c, e))
	m.inherit(c, at, side)
	if worth {
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
	if b := c.note(at, x, y, seg, seg.End()); b&newEnd == 0 && seg.SeqLen() > 0 {
		x.has |= repeated
	}
}

// firstSight takes the first segment of an end whose beginning the capture
// lacks (RFC 9293 §3.10.7.4: only a synchronized end sends an ACK).
func (m *Machine) firstSight(c *Conn, at Moment, side Side, seg *Segment) {
	x := &c.ends[side]
	x.has |= fromMiddle
	c.flow(at, side, seg)
	m.move(x, Step{Cause: at, Place: at.Packet, Side: side, Event: SendSynchronized, Certainty: Presumed})
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
