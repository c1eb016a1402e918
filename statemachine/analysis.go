package statemachine

// Analysis follows the sequence space of one connection in both directions
// and says of each segment what it is: new, sent again, late, captured twice,
// a probe, an answer to one. It goes by what passed the tap and by nothing
// else; it holds no pointers, never allocates, and its zero value is a fresh
// connection. What needs hindsight (loss behind the tap, octets that were
// acknowledged but never captured) is not its business.
type Analysis struct {
	flows  [2]flow
	recent [recentSegments]sent
	holes  [recentHoles]hole
	next   uint8   // slot of recent that is overwritten next
	hole   uint8   // slot of holes that is overwritten next
	twice  bool    // frames of this connection were captured twice
	slow   bool    // tests: take the slow path for everything
	half   [2]Time // round trip from the tap to this side and back, by the handshake; 0 when not seen
}

// flow is one direction: the octets that its side sends, what the peer
// acknowledged of them, and the window that its side offers.
type flow struct {
	high    int64  // one past the highest octet taken as sent, from base
	bytes   uint64 // payload octets captured, each counted once
	lastAt  Time   // its latest segment, keep-alives and their answers aside
	rttAt   Time   // when the octet before rttEnd passed the tap
	srtt    Time   // tap to peer and back (RFC 6298 §2)
	minRTT  Time
	ackAt   Time // its latest pure ACK or RST
	control sent // its latest SYN, SYN-ACK or FIN

	base      Seq // ISS, or the first number seen
	una       Seq // highest SEG.ACK that the peer sent for this flow
	right     Seq // highest right edge that the peer offered
	rttEnd    Seq
	recover   Seq // end of the range that is being repaired
	sacked    Seq // highest right edge that the peer's SACK blocks named
	far       Seq // end of a segment too far ahead to be believed so far
	sackSum   uint32
	ackPrint  uint32 // fingerprint of its latest pure ACK or RST
	ackPacket uint32
	lastTS    uint32 // highest TSval
	window    uint32 // as offered last, scaled where the scale is known
	maxWindow uint32
	maxFlight Size // most octets in flight
	minWindow uint32
	segments  uint32
	again     [NumKinds - 1]uint32 // retransmissions by kind, from KindRTO on
	bits      bits
	dups      uint16 // duplicate ACKs in a row that its side sent
	ipid      uint16
	ipidRun   uint8 // how many times in a row ipid rose by a little
	shift     uint8 // RFC 7323 §2.2
	farCount  uint8
	lastClass Class
}

// bits are the yes-or-no facts of a flow.
type bits uint32

const (
	started     bits = 1 << iota // base is set
	captured                     // a segment of this side was captured
	issKnown                     // base is the ISS
	sentSYN                      // a SYN without ACK
	sentSYNACK                   // a SYN with ACK
	synced                       // a segment behind the handshake's SYN
	acked                        // una is set
	offersScale                  // its SYN carried a window scale
	scaleHidden                  // its SYN's options were cut or damaged
	shiftKnown                   // shift holds for both ends' agreement
	windowSeen                   // window is set
	rightKnown                   // right is set and exact
	rttPending                   // rttEnd waits for its ACK
	tsSeen                       // lastTS is set
	ipidVaries                   // consecutive segments bore different IP IDs
	ipidSeen                     // ipid is set
	finSent                      // high counts a FIN
	probed                       // the octet before high went out as a zero-window probe
	provoked                     // its latest segment draws a challenge ACK (RFC 5961)
	sackSeen                     // sacked is set
	farSet                       // far is set
	ackPrintSet                  // ackPrint is set
	controlSet                   // control is set
	resent                       // its latest octets were sent again
	finAgain                     // its latest segment is its FIN sent again
	repairsFast                  // what lies before recover is sent again because of duplicate ACKs
	repairsRTO                   // or because of a time-out
	halfDone                     // the handshake's half toward the peer was measured
	denied                       // its sender showed that an ACK of the peer went beyond what was sent
	synAgain                     // the peer's SYN was captured again behind its SYN-ACK
)

// Read takes the next segment, which side sent and the tap saw at the moment
// at, and says what it is. Segments have to come in the order of the capture.
func (a *Analysis) Read(at Moment, side Side, seg *Segment) (r Reading) {
	a.ReadInto(at, side, seg, &r)
	return r
}

// ReadInto is Read into r, for those who read millions of segments.
func (a *Analysis) ReadInto(at Moment, side Side, seg *Segment, r *Reading) {
	*r = Reading{}
	x, y := &a.flows[side], &a.flows[side^1]
	x.segments++
	if x.plain(y, seg) && !a.slow {
		a.readPlain(at, side, seg, r)
	} else {
		a.readAny(at, side, seg, r)
	}
}

// plain reports the two commonest segments: the octets that come next, with
// an ACK of what was captured, and a pure ACK that advances.
func (x *flow) plain(y *flow, seg *Segment) bool {
	const need, ready = SYN | FIN | RST | ACK, started | captured | synced | acked
	if seg.Flags&need != ACK || x.bits&ready != ready || y.bits&ready != ready || seg.Seq != x.nxt() {
		return false
	}
	ahead, room := seg.Ack.Sub(y.una), y.nxt().Sub(y.una)
	if ahead > room || room >= halfSpace || x.bits&(farSet|probed) != 0 || y.bits&(farSet|denied) != 0 {
		return false
	}
	if seg.Len > 0 {
		return seg.Len <= maxPlainLen && y.window != 0
	}
	return ahead > 0 && y.lastClass != ZeroWindowProbe
}

// maxPlainLen bounds what the fast path takes as one segment: beyond it the
// distance has to be judged. Offloaded segments reach 64 KiB.
const maxPlainLen = 1 << 16

// readPlain is the fast path of Read.
func (a *Analysis) readPlain(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	r.Class = New
	a.number(r, x, y, seg)
	a.takeACK(at, side, seg, r)
	if seg.Len > 0 {
		a.advance(at, side, seg, r)
	}
	a.finish(at, side, seg, r)
}

// start sets the origin of a flow.
func (x *flow) start(base Seq, high int64, known bits) {
	x.base, x.high = base, high
	x.bits |= started | known
}

// nxt is SND.NXT of the flow as far as the tap knows.
func (x *flow) nxt() Seq { return x.base + Seq(uint32(x.high)) }

// rel unwraps s: the octet's place from base, taken as the one nearest to
// high.
func (x *flow) rel(s Seq) int64 { return x.high + int64(s.Diff(x.nxt())) }

// has reports whether all bits of b are set.
func (x *flow) has(b bits) bool { return x.bits&b == b }

// number fills the relative numbers.
func (a *Analysis) number(r *Reading, x, y *flow, seg *Segment) {
	if x.has(started) {
		r.RelSeq = x.rel(seg.Seq)
	}
	ok := x.has(issKnown)
	if seg.Flags.Has(ACK) {
		if y.has(started) {
			r.RelAck = y.rel(seg.Ack)
		}
		ok = ok && y.has(issKnown)
	}
	r.RelOK = ok
}

// finish notes what every segment leaves behind, whatever its class.
func (a *Analysis) finish(at Moment, side Side, seg *Segment, r *Reading) {
	x, y := &a.flows[side], &a.flows[side^1]
	if r.Class != KeepAlive && r.Class != KeepAliveACK {
		x.lastAt = at.Time
	}
	x.lastClass = r.Class
	x.bits = x.bits&^finAgain | captured
	if r.Class == Retransmission && seg.Flags.Has(FIN) {
		x.bits |= finAgain
	}
	y.bits &^= provoked
	if seg.HasIPID && seg.IPID != 0 {
		x.takeIPID(seg.IPID, r.Class == New && seg.Len > 0)
	}
	if seg.Options.Has(OptTimestamp) {
		if !x.has(tsSeen) || int32(seg.Options.TSVal-x.lastTS) > 0 {
			x.lastTS = seg.Options.TSVal
			x.bits |= tsSeen
		} else if seg.Options.TSVal != x.lastTS && r.Class == New && seg.SeqLen() > 0 {
			r.Hints |= OlderTimestamp
		}
	}
	if seg.Len == 0 && !seg.Flags.Any(SYN|FIN) && r.Hints&OlderACK == 0 {
		x.noteACK(at, seg)
	}
}

// noteACK remembers a pure ACK or RST, to know it when it is captured twice.
func (x *flow) noteACK(at Moment, seg *Segment) {
	x.ackPrint, x.ackAt, x.ackPacket = fingerprint(seg), at.Time, uint32(at.Packet)
	x.bits |= ackPrintSet
}

// takeIPID keeps the sender's IP ID counter, and whether it is one. ahead tells
// that the segment brought the highest numbers so far: it cannot be late.
func (x *flow) takeIPID(id uint16, ahead bool) {
	step := int16(id - x.ipid)
	switch {
	case !x.has(ipidSeen):
		x.bits |= ipidSeen
	case step == 0:
		return
	case step > 0 && step < ipidStride:
		x.bits |= ipidVaries
		if x.ipidRun < 255 {
			x.ipidRun++
		}
	case step < 0 && step > -ipidStride && !ahead:
		x.bits |= ipidVaries
		return // a late segment: the counter stands
	default:
		x.bits |= ipidVaries
		x.ipidRun = 0
	}
	x.ipid = id
}

// ipidStride is the largest step between two segments of one flow that still
// looks like a counter; offloaded segments and shared counters take many.
const ipidStride = 2048

// ipidOrder tells which of two IP IDs of one counter is the older: negative
// when a is, positive when b is, and 0 where they are too far apart to say.
// Counters wrap at 2^16 (RFC 791 §3.1), those of Windows at 2^15.
func ipidOrder(a, b uint16) int16 {
	if d := int16(a - b); d > -ipidStride && d < ipidStride {
		return d
	}
	return 0
}

// ipidCounts reports that the sender numbers its packets by a counter, so
// that two IP IDs tell which packet left first.
func (x *flow) ipidCounts() bool { return x.ipidRun >= 2 }
