package statemachine

// This file adds up what an orderly connection that was closed comes to. The
// Machine finds the same steps for it (clean.go, clean_close.go say by which
// rules), and the Analysis the same numbers; a test has every connection take
// both ways.

// Life is what both ends of a connection went through from its SYN to the ACK
// of its second FIN, nothing amiss.
type Life struct {
	First Side // who closed first, and so went through FIN-WAIT-1 to TIME-WAIT
	// The times at the tap of the third segment, of the first FIN, of the segment
	// that acknowledged it, of the second FIN, and of the ACK of that. Two of them
	// are the same when the second FIN carries the ACK of the first.
	Opened, FIN, Acked, PeerFIN, Last Time
	Ends                              [2]LifeEnd
}

// LifeEnd is one end of a Life.
type LifeEnd struct {
	Packets      uint64 // SYN and SYN-ACK counted
	Bytes        uint64 // payload octets
	Half         Time   // round trip from the tap to this end and back, by the handshake; see Analysis.HandshakeRTT
	SRTT, MinRTT Time   // see Analysis
	MaxInFlight  Size
	MinWindow    uint32 // offered, see Analysis.Windows
	MaxWindow    uint32
	Shift        uint8 // RFC 7323 §2.2
}

// byBook is one direction of an orderly connection while it is added up: what
// flow is for the Analysis.
type byBook struct {
	nxt, una, right, rttEnd Seq
	rttAt                   Time
	pending, synced, wide   bool // wide: right is set
	stamped                 bool
	ttl                     uint8
	ts                      uint32
	last                    Time // when its last segment was captured
	id                      uint16
	counts, resumed         bool // as likeLinux and resumed of an end
}

// Life adds up o, whose SYN and SYN-ACK are given. ok is false when the
// connection was not closed by the book, or anything deserves a closer look.
func (o *Orderly) Life(syn *Held, synack *Held) (l Life, ok bool) {
	if o.fins != 3 || o.n < 5 || !alikeSYNs(&syn.Segment, &synack.Segment) {
		return l, false
	}
	var flows [2]byBook
	l.begin(&flows, syn, synack)
	answered := false // by the server's first segment, which brings something new and so proves the third
	for i := range o.segs[:o.n] {
		g := &o.segs[i]
		side := g.side()
		if g.flags&FIN != 0 {
			return l, answered && o.closes(i, &flows, &l)
		}
		answered = answered || side == Server
		if i == 0 {
			l.open(g.time, synack.At.Time)
		}
		if !l.take(g, &flows[side], &flows[side.Peer()]) {
			return l, false
		}
	}
	return l, false
}

// alikeSYNs reports SYNs that agree about what may be agreed upon.
func alikeSYNs(syn, synack *Segment) bool {
	const odd = OptSACK | OptFastOpen | OptMD5 | OptAO | OptMPTCP | OptUTO | OptOther | OptBad | OptCut | OptPadded
	const asked = OptWScale | OptSACKPerm | OptTimestamp
	a, b := syn.Options.Set, synack.Options.Set
	return (a|b)&odd == 0 && b&^a&asked == 0 && a&OptWScale == b&OptWScale && !connecting(synack) &&
		syn.Window != 0 && synack.Window != 0 && synack.Ack == syn.End()
}

// begin takes the first two segments.
func (l *Life) begin(flows *[2]byBook, syn, synack *Held) {
	c, s := &flows[Client], &flows[Server]
	c.nxt, s.nxt = syn.Segment.End(), synack.Segment.End()
	c.una, s.una = synack.Segment.Ack, synack.Segment.Seq
	c.ttl, s.ttl = syn.Segment.TTL, synack.Segment.TTL
	c.ts, s.ts = syn.Segment.Options.TSVal, synack.Segment.Options.TSVal
	c.last, s.last = syn.At.Time, synack.At.Time
	c.id, s.id = syn.Segment.IPID, synack.Segment.IPID
	c.counts, s.counts = linuxSYN(&syn.Segment.Options), linuxSYN(&synack.Segment.Options)
	stamped := synack.Segment.Options.Has(OptTimestamp)
	c.stamped, s.stamped = stamped, stamped
	c.right, c.wide = synack.Segment.Ack.Add(Size(synack.Segment.Window)), true
	for side, h := range [...]*Held{Client: syn, Server: synack} {
		e := &l.Ends[side]
		e.Packets, e.MaxWindow = 1, uint32(h.Segment.Window)
		if h.Segment.Options.Has(OptWScale) {
			e.Shift = min(h.Segment.Options.WScale, 14) // RFC 7323 §2.3
		}
	}
	if rtt := synack.At.Time - syn.At.Time; rtt > 0 {
		l.Ends[Server].Half = rtt
		l.Ends[Client].sample(rtt)
	}
}

// open takes the time of the third segment.
func (l *Life) open(at, synack Time) {
	l.Opened = at
	if rtt := at - synack; rtt > 0 {
		l.Ends[Client].Half = rtt
		l.Ends[Server].sample(rtt)
	}
}

// take adds a segment that x sent to y, and reports whether it was nothing
// special.
func (l *Life) take(g *inOrder, x, y *byBook) bool {
	me, peer := &l.Ends[g.side()], &l.Ends[g.side().Peer()]
	end := x.nxt.Add(g.n)
	if g.window == 0 || g.ttl != x.ttl || (g.bits&orderTS != 0) != x.stamped || x.stamped && int32(g.tsval-x.ts) < 0 {
		return false
	}
	if g.n > 0 && x.wide && x.right.LessEq(end) {
		return false // it fills the window, or goes beyond
	}
	if g.flags&FIN != 0 {
		end++
	}
	if end == x.nxt && g.ack == y.una {
		return false // an ACK that tells nothing new
	}
	me.Packets++
	x.ts = g.tsval
	again := x.counts && g.bits&orderIPID != 0 && resumes(g.time-x.last, x.id, g.ipid)
	x.last, x.id = g.time, g.ipid
	if end != x.nxt {
		x.resumed = again
		me.Bytes += uint64(g.n)
		x.nxt = end
		if !x.pending {
			x.pending, x.rttEnd, x.rttAt = true, end, g.time
		}
		if n := end.Sub(x.una); n > me.MaxInFlight {
			me.MaxInFlight = n
		}
	}
	if g.ack != y.una {
		y.una = g.ack
		if y.pending && y.rttEnd.LessEq(g.ack) {
			y.pending = false
			peer.sample(g.time - y.rttAt)
		}
	}
	return l.offer(g, me, x, y)
}

// offer takes the window of a segment that x sent to y.
func (l *Life) offer(g *inOrder, me *LifeEnd, x, y *byBook) bool {
	window := uint32(g.window) << me.Shift
	if !x.synced {
		me.MinWindow = window
	}
	me.MinWindow, me.MaxWindow = min(me.MinWindow, window), max(me.MaxWindow, window)
	switch edge := g.ack.Add(Size(window)); {
	case !y.wide || y.right.Less(edge):
		y.right, y.wide = edge, true
	case edge == y.right:
	case !x.synced:
		y.right = edge // that of a SYN is not scaled
	case edge.Add(1 << me.Shift).Less(y.right):
		return false // it moved back
	}
	x.synced = true
	return true
}

// sample takes one round trip for what e sent (RFC 6298 §2).
func (e *LifeEnd) sample(rtt Time) {
	x := flow{srtt: e.SRTT, minRTT: e.MinRTT}
	x.sample(rtt)
	e.SRTT, e.MinRTT = x.srtt, x.minRTT
}

// closes adds the close, which begins with segment k: FIN, perhaps the ACK of
// it, the peer's FIN, the ACK of that, and reports whether it was all and clean
// (see closesCleanly and closesFreely).
func (o *Orderly) closes(k int, flows *[2]byBook, l *Life) bool {
	rest := o.segs[k:o.n]
	if len(rest) != 3 && len(rest) != 4 {
		return false
	}
	fin, answer, own, last := &rest[0], &rest[1], &rest[len(rest)-2], &rest[len(rest)-1]
	first, second := fin.side(), fin.side().Peer()
	x, y := &flows[first], &flows[second]
	if fin.ack != y.nxt || answer.side() != second || own.side() != second || last.side() != first || own.flags&FIN == 0 {
		return false
	}
	if own != answer && (answer.n != 0 || y.resumed) {
		return false
	}
	finEnd := x.nxt.Add(fin.n + 1)
	if answer.ack != finEnd || own.ack != finEnd || last.ack != y.nxt.Add(own.n+1) {
		return false
	}
	for i := range rest {
		s := rest[i].side()
		if !l.take(&rest[i], &flows[s], &flows[s.Peer()]) {
			return false
		}
	}
	l.First = first
	l.FIN, l.Acked, l.PeerFIN, l.Last = fin.time, answer.time, own.time, last.time
	return true
}
