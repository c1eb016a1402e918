package statemachine

// How late a copy of the same frame may be. Mirrors and bridges deliver it
// within a few milliseconds; no timer of TCP fires before minRTO.
const (
	frameTwice  Time = 20e6
	frameTwice0 Time = 1e6 // without an IP ID to go by
)

// copyClass tells a copy made by the capture or by the network from one that
// the sender made: DuplicateFrame, NetworkDuplicate, or NoClass when nothing
// says so. asked tells that the peer had asked for a retransmission.
func (x *flow) copyClass(at Moment, seg *Segment, prev *sent, asked bool) Class {
	if prev.seq != seg.Seq || prev.n != seg.SeqLen() {
		return NoClass
	}
	late := at.Time - prev.at
	hasTS := prev.stamped() && seg.Options.Has(OptTimestamp)
	same := prev.print == fingerprint(seg)
	if same && seg.HasIPID && seg.IPID != 0 && (x.has(ipidVaries) || seg.Flags.Has(SYN)) {
		// The sender gives each packet its own IP ID (RFC 6864 §4).
		switch {
		case late <= frameTwice:
			return DuplicateFrame
		case hasTS || late < minRTO:
			return NetworkDuplicate
		}
		return NoClass
	}
	if same && late >= 0 && late <= frameTwice0 && (hasTS || !asked) {
		return DuplicateFrame
	}
	switch {
	case !hasTS:
	case prev.ts == seg.Options.TSVal && x.olderThanSeen(seg):
		return NetworkDuplicate // sent before others that have passed since
	case same && !asked && late > frameTwice0 && late < minRTO:
		return NetworkDuplicate // no timer fires that soon, and the clock stood still
	}
	return NoClass
}

// copied fills the reading of such a copy. Its sender sent it
// once.
func (a *Analysis) copied(at Moment, x *flow, r *Reading, c Class, packet uint64, before Time) {
	a.twice = a.twice || c == DuplicateFrame
	r.Class, r.Repeats, r.Since = c, packet, at.Time-before
	x.segments--
}

// sameACK recognises a pure ACK or RST that was captured twice, and fills its
// reading. Stacks do send ACKs that look alike, so without an IP ID it takes
// another frame of the connection that was captured twice, and either the same
// timestamps and SACK blocks or nothing in flight that could cause them.
func (a *Analysis) sameACK(at Moment, side Side, seg *Segment, r *Reading) bool {
	x, y := &a.flows[side], &a.flows[side^1]
	late := at.Time - x.ackAt
	if !x.has(ackPrintSet) || late > minRTO || x.ackPrint != fingerprint(seg) {
		return false
	}
	c := NoClass
	switch {
	case seg.HasIPID && seg.IPID != 0 && x.has(ipidVaries):
		if c = DuplicateFrame; late > frameTwice {
			c = NetworkDuplicate
		}
	case !a.twice, late < 0, late > frameTwice0:
	case seg.Options.Has(OptTimestamp | OptSACK), y.has(acked) && y.una == y.nxt() && y.lastClass == New:
		c = DuplicateFrame
	}
	if c == NoClass {
		return false
	}
	a.copied(at, x, r, c, at.Packet-uint64(uint32(at.Packet)-x.ackPacket), x.ackAt)
	a.window(side, seg, r)
	return true
}

// window fills the offered window of a segment that changes nothing.
func (a *Analysis) window(side Side, seg *Segment, r *Reading) {
	r.Window, r.Scaled = a.flows[side].offered(seg)
	if seg.Window == 0 && !seg.Flags.Has(RST) {
		r.Marks |= ZeroWindow
	}
}
