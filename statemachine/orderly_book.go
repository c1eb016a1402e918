package statemachine

// This file tells which orderly connections were closed by the book, nothing amiss.
// Of these the Machine finds the steps of RFC 9293 §3.6 case 1 and no finding
// (clean.go and clean_close.go say by which rules); a test has every connection
// take both ways.

// bookFlow is one direction of an orderly connection while it is looked at.
type bookFlow struct {
	nxt, una, right Seq
	ts              uint32
	ttl, shift      uint8
	synced          bool  // a segment behind the SYN came
	newest, before  uint8 // its last segment that took numbers, and the one before that, counted from 1; 0 for its SYN
	last            uint8 // its last segment, likewise
}

// ByTheBook reports that the connection, whose SYN and SYN-ACK are given, was closed
// by the book, and that nothing in it deserves a closer look. Then Life tells all.
func (o *Orderly) ByTheBook(syn, synack *Held) bool {
	if o.fins != 3 || o.n < 5 || !alikeSYNs(&syn.Segment, &synack.Segment) {
		return false
	}
	segs := o.segs[:o.n]
	first := len(segs) - 4 // FIN, ACK, FIN, ACK, or both in the middle as one
	if !segs[first].isFIN() {
		first++
	}
	if !segs[first].isFIN() || !segs[len(segs)-2].isFIN() {
		return false
	}
	var flows [2]bookFlow
	stamps := BriefBits(0)
	if synack.Segment.Options.Has(OptTimestamp) {
		stamps = BriefStamped
		flows[Client].ts, flows[Server].ts = syn.Segment.Options.TSVal, synack.Segment.Options.TSVal
	}
	flows[Client].begin(&syn.Segment, synack.Segment.Ack)
	flows[Server].begin(&synack.Segment, synack.Segment.Seq)
	flows[Client].right = synack.Segment.Ack.Add(Size(synack.Segment.Window))
	if !goesOn(segs[:first], 0, &flows, stamps) {
		return false
	}
	// Of the server's first segment, which brings something new, the third follows.
	return flows[Server].synced && o.isClose(first, &flows, syn, synack) && goesOn(segs[first:], first, &flows, stamps)
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
func (x *bookFlow) begin(seg *Segment, una Seq) {
	x.nxt, x.una, x.ttl, x.shift = seg.End(), una, seg.TTL, shiftOf(&seg.Options)
}

// shiftOf returns the window shift that a SYN offers (RFC 7323 §2.3).
func shiftOf(o *Options) uint8 {
	if o.Has(OptWScale) {
		return min(o.WScale, 14)
	}
	return 0
}

// goesOn takes segments behind so many others, and reports whether they were nothing
// special. Those of a connection with timestamps have stamps.
func goesOn(segs []OrderlySegment, behind int, flows *[2]bookFlow, stamps BriefBits) bool {
	odd := uint8(0)
	for i := range segs {
		g := &segs[i]
		side := g.side()
		x, y := &flows[side], &flows[side^1]
		odd |= g.ttl ^ x.ttl | uint8((g.bits^stamps)&BriefStamped)
		if g.window == 0 || int32(g.tsval-x.ts) < 0 {
			return false
		}
		x.ts = g.tsval
		end := x.nxt.Add(Size(g.n))
		if g.n > 0 && x.right.LessEq(end) {
			return false // it fills the window, or goes beyond
		}
		if end = end.Add(Size(g.bits & BriefBits(FIN))); end != x.nxt {
			x.nxt, x.newest, x.before = end, uint8(behind+i+1), x.last
		} else if g.ack == y.una {
			return false // an ACK that tells nothing new
		}
		x.last, y.una = uint8(behind+i+1), g.ack
		edge := g.ack.Add(Size(g.window) << (x.shift & 15))
		switch moved := int32(edge - y.right); {
		case moved > 0 || !x.synced: // that of a SYN is not scaled
			y.right, x.synced = edge, true
		case moved < -1<<(x.shift&15):
			return false // it moved back
		}
	}
	return odd == 0
}

// resumed reports what resumes says of the last segment of x that took numbers;
// its SYN is given, which was captured so long after the SYN-ACK.
func (o *Orderly) resumed(x *bookFlow, syn *Segment, since Time) bool {
	if x.newest == 0 || !linuxSYN(&syn.Options) {
		return false
	}
	id := syn.IPID
	if x.before > 0 {
		g := &o.segs[x.before-1]
		since, id = g.since(), g.ipid
	}
	g := &o.segs[x.newest-1]
	return g.bits&BriefIPID != 0 && resumes(g.since()-since, id, g.ipid)
}

// isClose reports that what begins with the first FIN, behind flows, is a clean close:
// FIN, perhaps the ACK of it, the peer's FIN, the ACK of that (see closesCleanly and
// closesFreely).
func (o *Orderly) isClose(begin int, flows *[2]bookFlow, syn, synack *Held) bool {
	rest := o.segs[begin:o.n]
	fin, answer, own, last := &rest[0], &rest[1], &rest[len(rest)-2], &rest[len(rest)-1]
	first, second := fin.side(), fin.side().Peer()
	x, y := &flows[first], &flows[second]
	if fin.ack != y.nxt || answer.side() != second || own.side() != second || last.side() != first || !own.isFIN() {
		return false
	}
	if own != answer {
		opened := synack
		if second == Client {
			opened = syn
		}
		if answer.n != 0 || o.resumed(y, &opened.Segment, opened.At.Time-synack.At.Time) {
			return false
		}
	}
	finEnd := x.nxt.Add(fin.seqLen())
	return answer.ack == finEnd && own.ack == finEnd && last.ack == y.nxt.Add(own.seqLen())
}
