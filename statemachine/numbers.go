package statemachine

// This file keeps the numbers of what each end has sent, and enters segments
// into the log with what is new about them.

// repeats reports that seg is the frame that x sent last, captured again:
// same IP ID, numbers, length, flags, window and timestamp.
func (x *end) repeats(seg *Segment) bool {
	if !x.is(hasLast) || x.lastSeq != seg.Seq || x.lastEnd != seg.End() || x.lastAck != seg.Ack || x.lastFl != seg.Flags ||
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
	again := x.resumes(at, seg)
	x.lastAt = at.Time
	x.lastSeq, x.lastEnd, x.lastAck, x.lastFl, x.lastWnd, x.lastID = seg.Seq, seqEnd, seg.Ack, seg.Flags, seg.Window, seg.IPID
	x.has |= hasLast | spoke
	y.asks = 0
	if x.is(hasNxt) && !seg.Flags.Has(RST) && seg.Seq.Less(x.nxt) && x.asks < 255 && at.Time-y.lastAt >= minRTO {
		x.asks++ // sent again, or a probe one number back (RFC 9293 §3.8.4); sooner it was late
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
		if x.has &^= nxtTwice | resumed; again {
			x.has |= resumed
		}
		b |= newEnd
	case seqEnd != seg.Seq:
		x.has |= nxtTwice
	}
	if seg.Options.Has(OptTimestamp) {
		x.tsval = seg.Options.TSVal
		x.has |= hasTSVal
	}
	return b
}

// resumes reports that x sends seg after a silence as long as a time-out (RFC 6298
// §5) while, by the IP IDs, others of it died before the tap: the octets may be
// ones sent again, of which the first copies were among those.
func (x *end) resumes(at Moment, seg *Segment) bool {
	return x.is(hasLast|likeLinux) && seg.HasIPID && resumes(at.Time-x.lastAt, x.lastID, seg.IPID)
}

// resumes is the rule for a segment with the given IP ID, so long after the last,
// which had the ID before; 0 is no count.
func resumes(after Time, before, id uint16) bool {
	return after >= minRTO && id != 0 && before != 0 && id != before+1
}

// linuxSYN reports a SYN with a window scale, where Linux puts it. Departure: the
// order of the options is free (RFC 9293 §3.1).
func linuxSYN(o *Options) bool {
	return o.Has(OptWScale) && (o.Has(OptScaleLate) || o.Set&(OptSACKPerm|OptTimestamp) == 0)
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

// enter notes a segment and fills its log entry, which is not in the log yet.
func (c *Conn) enter(e *entry, at Moment, side Side, seg *Segment) {
	x := &c.ends[side]
	*e = entry{}
	e.at, e.seq, e.ack, e.end = at, seg.Seq, seg.Ack, seg.End()
	e.flags, e.ipid, e.window, e.bits = seg.Flags, seg.IPID, seg.Window, entryBits(side)
	if seg.Len > 0 {
		e.bits |= payload
	}
	if seg.HasIPID {
		e.bits |= hasIPID
		if x.is(hasLast) && x.lastID != 0 && seg.IPID == x.lastID+1 {
			e.bits |= follows
		}
	}
	if o := &seg.Options; o.Has(OptTimestamp) {
		e.tsval, e.tsecr = o.TSVal, o.TSEcr
		e.bits |= hasTS
		if !x.is(hasTSVal) || int32(o.TSVal-x.tsval) > 0 {
			e.bits |= newTS
		}
	}
	if o := &seg.Options; o.Has(OptSACK) && o.NSACK > 0 {
		e.lo, e.hi = o.SACK[0].Left, o.SACK[0].Right
		e.bits |= hasSACK
		x.has |= sacks
		if e.lo.Less(seg.Ack) || o.NSACK > 1 && o.SACK[1].Left.LessEq(e.lo) && e.hi.LessEq(o.SACK[1].Right) {
			e.bits |= dsack // RFC 2883 §4
		}
	}
	switch {
	case x.repeats(seg) || c.capturedBefore(e):
		e.bits |= copied
	case voidShape(seg.Flags):
		e.bits |= void
	default:
		if x.is(hasLast) && seg.IPID == x.lastID {
			e.bits &^= hasIPID // another segment with the same ID: the sender does not count
		}
		b := c.noteEntry(at, side, seg, e) // sets some itself
		e.bits |= b
	}
	if e.isRST() {
		c.flags &^= lacksSome | strangeRST // they were said of this one
	}
	e.maxEnd = x.nxt
}

// voidShape reports control bits that no TCP sends or takes: no ACK outside
// SYN and RST, SYN with FIN (RFC 9293 §3.10.7.4 step 5, §3.10.7.2).
func voidShape(f Flags) bool {
	if f.Any(RST) {
		return false
	}
	return !f.Any(ACK|SYN) || f.Has(SYN|FIN)
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
	if e.isRST() {
		return c.noteRST(at, x, y, seg, e)
	}
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
		if connecting(seg) {
			e.bits |= connects
		}
	} else if !x.is(hasNxt) {
		x.has |= fromMiddle
	}
	if e.isFIN() && !e.is(hasSACK) {
		e.lo = y.ack
	}
	if e.plain() && e.seq == e.end {
		x.pure(e)
	}
	if e.plain() || e.isFIN() {
		c.pickISN(y, seg.Ack-1)
		c.pickISN(x, seg.Seq-1)
	}
	return c.note(at, x, y, seg, e.end)
}

// pure enters what a pure ACK of x tells of segments that died before the tap.
func (x *end) pure(e *entry) {
	if x.is(resumed) {
		e.bits |= afterLoss
	}
	if x.is(hasNxt|hasLast) && e.seq == x.nxt.Add(1) {
		e.bits = e.bits&^follows | skips
		if e.is(hasIPID) && x.lastID != 0 && e.ipid == x.lastID+2 {
			e.bits |= follows
		}
	}
}

// noteRST enters a RST with the window that its receiver offers. SYN and FIN
// beside it take no numbers. One that no TCP sends says nothing of the end whose
// address it bears.
func (c *Conn) noteRST(at Moment, x, y *end, seg *Segment, e *entry) entryBits {
	c.flags |= sawRST
	e.end = seg.Seq.Add(seg.Len)
	e.lo, e.hi = y.ack, y.right
	e.bits &^= behindHole | strange
	if c.flags&lacksSome != 0 {
		e.bits |= behindHole
	}
	if c.flags&strangeRST != 0 {
		e.bits |= strange
	}
	if e.unsendable() {
		return 0
	}
	if x.asks >= 2 {
		e.bits |= unheard
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
	if seg.Options.Has(OptSACKPerm) {
		x.has |= sacks
	}
	if seg.Options.Has(OptWScale) {
		x.wscale = seg.Options.WScale
		x.has |= hasScale
	}
	if linuxSYN(&seg.Options) {
		x.has |= likeLinux
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

// pickISN makes isn the ISN of x when the log holds a SYN of x with it and x
// was taken to have another: of several candidates the one counts that an
// ordinary segment goes on from.
func (c *Conn) pickISN(x *end, isn Seq) {
	if !x.is(hasISS) || x.iss == isn || x.state != Unknown {
		return
	}
	for i := range c.log {
		e := &c.log[i]
		if &c.ends[e.side()] == x && e.live() && e.flags&(SYN|RST) == SYN && e.seq == isn {
			x.iss, x.nxt = isn, e.end
			return
		}
	}
}
