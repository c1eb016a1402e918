package statemachine

// This file tells which orderly connections were closed by the book, nothing amiss.
// Of these the Machine finds the steps of RFC 9293 §3.6 case 1 and no finding
// (clean.go and clean_close.go say by which rules); a test has every connection
// take both ways.

// bookFlow is one direction of an orderly connection while it is looked at.
type bookFlow struct {
	nxt, una, right Seq
	ts              uint32
	last            Time // when its last segment was captured, since the SYN-ACK
	id              uint16
	ttl, shift      uint8
	synced          bool // a segment behind the SYN came
	wide            bool // right is set
	stamped         bool
	counts, resumed bool // as likeLinux and resumed of an end
}

// ByTheBook reports that the connection, whose SYN and SYN-ACK are given, was closed
// by the book, and that nothing in it deserves a closer look. Then Life tells all.
func (o *Orderly) ByTheBook(syn *Held, synack *Held) bool {
	if o.fins != 3 || o.n < 5 || !alikeSYNs(&syn.Segment, &synack.Segment) {
		return false
	}
	var flows [2]bookFlow
	flows[Client].begin(&syn.Segment, synack.Segment.Ack, syn.At.Time-synack.At.Time)
	flows[Server].begin(&synack.Segment, synack.Segment.Seq, 0)
	stamped := synack.Segment.Options.Has(OptTimestamp)
	flows[Client].stamped, flows[Server].stamped = stamped, stamped
	flows[Client].right, flows[Client].wide = synack.Segment.Ack.Add(Size(synack.Segment.Window)), true
	answered := false // by the server's first segment, which brings something new and so proves the third
	closing := false
	segs := o.segs[:o.n]
	for i := range segs {
		g := &segs[i]
		side := g.side()
		if !closing && g.isFIN() {
			if closing = true; !answered || !isClose(segs[i:], &flows) {
				return false
			}
		}
		answered = answered || side == Server
		if !flows[side].goes(g, &flows[side.Peer()]) {
			return false
		}
	}
	return true
}

// alikeSYNs reports SYNs that agree about what may be agreed upon.
func alikeSYNs(syn, synack *Segment) bool {
	const odd = OptSACK | OptFastOpen | OptMD5 | OptAO | OptMPTCP | OptUTO | OptOther | OptBad | OptCut | OptPadded
	const asked = OptWScale | OptSACKPerm | OptTimestamp
	a, b := syn.Options.Set, synack.Options.Set
	return (a|b)&odd == 0 && b&^a&asked == 0 && a&OptWScale == b&OptWScale && !connecting(synack) &&
		syn.Window != 0 && synack.Window != 0 && synack.Ack == syn.End()
}

// begin takes the first segment of a direction, of which una is acknowledged.
func (x *bookFlow) begin(seg *Segment, una Seq, since Time) {
	x.nxt, x.una, x.last = seg.End(), una, since
	x.ttl, x.ts, x.id = seg.TTL, seg.Options.TSVal, seg.IPID
	x.shift, x.counts = shiftOf(&seg.Options), linuxSYN(&seg.Options)
}

// shiftOf returns the window shift that a SYN offers (RFC 7323 §2.3).
func shiftOf(o *Options) uint8 {
	if o.Has(OptWScale) {
		return min(o.WScale, 14)
	}
	return 0
}

// goes takes a segment that x sent to y, and reports whether it was nothing
// special.
func (x *bookFlow) goes(g *OrderlySegment, y *bookFlow) bool {
	if g.window == 0 || g.ttl != x.ttl || (g.bits&BriefStamped != 0) != x.stamped || x.stamped && int32(g.tsval-x.ts) < 0 {
		return false
	}
	if g.n > 0 && x.wide && x.right.LessEq(x.nxt.Add(Size(g.n))) {
		return false // it fills the window, or goes beyond
	}
	end := x.nxt.Add(g.seqLen())
	if end == x.nxt && g.ack == y.una {
		return false // an ACK that tells nothing new
	}
	if end != x.nxt {
		x.nxt = end
		x.resumed = x.counts && g.bits&BriefIPID != 0 && resumes(g.since()-x.last, x.id, g.ipid)
	}
	x.ts, x.last, x.id = g.tsval, g.since(), g.ipid
	y.una = g.ack
	return x.offers(g, y)
}

// offers takes the window of a segment that x sent to y.
func (x *bookFlow) offers(g *OrderlySegment, y *bookFlow) bool {
	edge := g.ack.Add(Size(g.window) << x.shift)
	switch {
	case !y.wide || y.right.Less(edge):
		y.right, y.wide = edge, true
	case edge == y.right:
	case !x.synced:
		y.right = edge // that of a SYN is not scaled
	case edge.Add(1 << x.shift).Less(y.right):
		return false // it moved back
	}
	x.synced = true
	return true
}

// isClose reports that rest, which begins with the first FIN behind flows, is a
// clean close: FIN, perhaps the ACK of it, the peer's FIN, the ACK of that (see
// closesCleanly and closesFreely).
func isClose(rest []OrderlySegment, flows *[2]bookFlow) bool {
	if len(rest) != 3 && len(rest) != 4 {
		return false
	}
	fin, answer, own, last := &rest[0], &rest[1], &rest[len(rest)-2], &rest[len(rest)-1]
	first, second := fin.side(), fin.side().Peer()
	x, y := &flows[first], &flows[second]
	if fin.ack != y.nxt || answer.side() != second || own.side() != second || last.side() != first || !own.isFIN() {
		return false
	}
	if own != answer && (answer.n != 0 || y.resumed) {
		return false
	}
	finEnd := x.nxt.Add(fin.seqLen())
	return answer.ack == finEnd && own.ack == finEnd && last.ack == y.nxt.Add(own.seqLen())
}
