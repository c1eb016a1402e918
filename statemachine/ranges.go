package statemachine

// How much is remembered of one connection, both directions together.
const (
	recentSegments = 5
	recentHoles    = 5
)

// sent is a remembered segment that takes sequence space. After a
// retransmission it stands for the latest copy.
type sent struct {
	at     Time
	packet uint32 // the low half of its number
	seq    Seq
	n      Size // sequence space; 0 marks a free slot
	ts     uint32
	print  uint32
	sum    uint16 // of the payload, 0 when not known
	side   Side   // with stampedSide where ts counts
	copies uint8  // how often it was sent before
}

// stampedSide, in sent.side, tells that the segment had timestamps.
const stampedSide Side = 2

// stamped reports that ts counts.
func (s *sent) stamped() bool { return s.side&stampedSide != 0 }

// sentBy returns side as a remembered segment has it.
func sentBy(side Side, seg *Segment) Side {
	if seg.Options.Has(OptTimestamp) {
		side |= stampedSide
	}
	return side
}

// hole is a stretch that was never captured though later octets were. Once it is
// filled, from == to, its slot is free and tells of what filled it until another
// hole needs it.
type hole struct {
	from, to Seq
	ts       uint32 // TSval of what was captured behind it, or TSecr of the ACK that covered it
	at       uint32 // when it was noticed, in units of holeTick
	ipid     uint16
	side     Side
	know     holeFacts
}

// holeTick is the unit of hole.at: 4.096 µs, which wraps after almost five hours.
const holeTick = 12

// holeFacts says which fields of a hole mean something.
type holeFacts uint8

const (
	holeTS     holeFacts = 1 << iota // ts
	holeIPID                         // ipid
	holeACK                          // noticed by the peer's ACK
	holeFilled                       // ts is the TSval of what filled it last, at the time
)

// age returns how long ago the hole was noticed.
func (h *hole) age(at Moment) Time {
	return Time(uint32(at.Time>>holeTick)-h.at) << holeTick
}

// number returns the full packet number of the copy, for a segment at now.
func (s *sent) number(now uint64) uint64 { return now - uint64(uint32(now)-s.packet) }

// makeSent returns seg as it is remembered.
func makeSent(at Moment, side Side, seg *Segment) sent {
	return sent{
		at: at.Time, packet: uint32(at.Packet), seq: seg.Seq, n: seg.SeqLen(), side: sentBy(side, seg),
		ts: seg.Options.TSVal, print: fingerprint(seg), sum: seg.Sum,
	}
}

// remember puts seg into the ring.
func (a *Analysis) remember(at Moment, side Side, seg *Segment) *sent {
	s := &a.recent[a.next]
	s.at, s.packet, s.seq, s.n = at.Time, uint32(at.Packet), seg.Seq, seg.SeqLen()
	s.ts, s.print = seg.Options.TSVal, fingerprint(seg)
	s.side, s.copies, s.sum = sentBy(side, seg), 0, seg.Sum
	if a.next++; a.next == recentSegments {
		a.next = 0
	}
	return s
}

// recall finds the latest copy of what seg carries: a segment that starts at
// the same number, else one that holds its first octet; nil when forgotten.
func (a *Analysis) recall(side Side, seg *Segment) *sent {
	var part *sent
	for i := range a.recent {
		s := &a.recent[i]
		if s.n == 0 || s.side&1 != side {
			continue
		}
		if s.seq == seg.Seq && s.n == seg.SeqLen() {
			return s
		}
		if seg.Seq.In(s.seq, s.n) && (part == nil || s.at > part.at) {
			part = s
		}
	}
	return part
}

// openHole notes that [from, to) of side was not captured: in a slot that says
// nothing, else in the one that was filled first, else in the next one.
func (a *Analysis) openHole(h hole) {
	var free *hole
	for i := range a.holes {
		o := &a.holes[i]
		if o.from != o.to {
			continue
		}
		if o.know&holeFilled == 0 {
			*o = h
			return
		}
		if free == nil || h.at-free.at < h.at-o.at {
			free = o
		}
	}
	if free != nil {
		*free = h
		return
	}
	a.holes[a.hole] = h
	if a.hole++; a.hole == recentHoles {
		a.hole = 0
	}
}

// filledEarlier reports that seg, captured before but forgotten, left after the
// copy that filled a hole with its last octets (RFC 7323 §4.3).
func (a *Analysis) filledEarlier(side Side, seg *Segment) bool {
	for i := range a.holes {
		h := &a.holes[i]
		if h.from == h.to && h.side == side && h.know&holeFilled != 0 && seg.Seq.Less(h.to) && h.to.LessEq(seg.End()) {
			return seg.Options.Has(OptTimestamp) && int32(seg.Options.TSVal-h.ts) > 0
		}
	}
	return false
}

// holeAt returns the hole that has octets of seg, nil when all of them were
// captured or the hole is forgotten.
func (a *Analysis) holeAt(side Side, from, to Seq) *hole {
	for i := range a.holes {
		h := &a.holes[i]
		if h.from != h.to && h.side == side && from.Less(h.to) && h.from.Less(to) {
			return h
		}
	}
	return nil
}

// Lacks reports that numbers of side below end, not acknowledged by its peer,
// never passed the tap.
func (a *Analysis) Lacks(side Side, end Seq) bool {
	x := &a.flows[side]
	for i := range a.holes {
		if h := &a.holes[i]; h.from != h.to && h.side == side && h.know&holeACK == 0 && h.from.Less(end) && x.una.Less(h.to) {
			return true
		}
	}
	return false
}

// fill takes [from, to), which seg has, out of the holes of side and returns how
// many octets were missing till now.
func (a *Analysis) fill(at Moment, side Side, seg *Segment, to Seq) Size {
	var n Size
	from := seg.Seq
	for i := range a.holes {
		h := &a.holes[i]
		if h.from == h.to || h.side != side || !from.Less(h.to) || !h.from.Less(to) {
			continue
		}
		left, right := h.from.Max(from), to
		if h.to.Less(to) {
			right = h.to
		}
		n += right.Sub(left)
		switch {
		case left == h.from:
			h.from = right
			h.filledBy(at, seg)
		case right == h.to:
			h.to = left
		default: // the middle: two holes remain
			rest := *h
			rest.from = right
			h.to = left
			a.openHole(rest)
			return n
		}
	}
	return n
}

// filledBy notes what filled a hole, when nothing of it is left.
func (h *hole) filledBy(at Moment, seg *Segment) {
	if h.from != h.to || !seg.Options.Has(OptTimestamp) {
		return
	}
	h.ts, h.at, h.know = seg.Options.TSVal, uint32(at.Time>>holeTick), holeFilled
}

// fingerprint folds all that two captures of one frame have in common: every
// field that the observer sees but the TTL, which routers change.
func fingerprint(seg *Segment) uint32 {
	// The products do not wait for each other.
	h := (uint64(seg.Seq)<<32 | uint64(seg.Ack)) * 0x9e3779b97f4a7c15
	h += (uint64(seg.Len)<<32 | uint64(seg.Window)<<16 | uint64(seg.Flags)) * 0xd1b54a32d192ed03
	h += (uint64(seg.IPID)<<16 | uint64(seg.Urgent)) * 0x8cb92ba72f3d8dd7
	if seg.Options.Set&(OptTimestamp|OptSACK) != 0 {
		if seg.Options.Has(OptTimestamp) {
			h += (uint64(seg.Options.TSVal)<<32 | uint64(seg.Options.TSEcr)) * 0xaef17502108ef2d9
		}
		h += uint64(sackPrint(seg)) << 32
	}
	return uint32(h>>32) ^ uint32(h)
}

// sackPrint folds the SACK blocks, 0 when there are none.
func sackPrint(seg *Segment) uint32 {
	var h uint32
	if seg.Options.Has(OptSACK) {
		for _, b := range seg.Options.SACK[:min(seg.Options.NSACK, 4)] {
			h = (h ^ uint32(b.Left)) * 0x85ebca6b
			h = (h ^ h>>15 ^ uint32(b.Right)) * 0xc2b2ae35
		}
	}
	return h
}
