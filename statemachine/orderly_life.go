package statemachine

// This file adds up what an orderly connection comes to that was closed by the
// book (orderly_book.go). The Machine finds the same steps for it, and the Analysis
// the same numbers; a test has every connection take both ways.

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

// Life adds up o, which is by the book, and whose SYN and SYN-ACK are given.
func (o *Orderly) Life(syn *Held, synack *Held) (l Life) {
	var flows [2]lifeFlow
	l.begin(&flows, syn, synack)
	l.open(o.from.Time, o.segs[0].since())
	segs := o.segs[:o.n]
	closing := false
	for i := range segs {
		g := &segs[i]
		if !closing && g.isFIN() {
			closing = true
			l.close(o.from.Time, segs[i:])
		}
		l.add(g, &flows)
	}
	return l
}

// lifeFlow is one direction of an orderly connection while it is added up: what
// flow is for the Analysis.
type lifeFlow struct {
	nxt, una, rttEnd Seq
	rttAt            Time // since the SYN-ACK
	pending, synced  bool
}

// begin takes the first two segments.
func (l *Life) begin(flows *[2]lifeFlow, syn, synack *Held) {
	flows[Client] = lifeFlow{nxt: syn.Segment.End(), una: synack.Segment.Ack}
	flows[Server] = lifeFlow{nxt: synack.Segment.End(), una: synack.Segment.Seq}
	for side, h := range [...]*Held{Client: syn, Server: synack} {
		e := &l.Ends[side]
		e.Packets, e.MaxWindow, e.Shift = 1, uint32(h.Segment.Window), shiftOf(&h.Segment.Options)
	}
	if rtt := synack.At.Time - syn.At.Time; rtt > 0 {
		l.Ends[Server].Half = rtt
		l.Ends[Client].sample(rtt)
	}
}

// open takes the time of the SYN-ACK, and that of the third segment since.
func (l *Life) open(synack, rtt Time) {
	l.Opened = synack + rtt
	if rtt > 0 {
		l.Ends[Client].Half = rtt
		l.Ends[Server].sample(rtt)
	}
}

// close takes the times of the close, which is all that is left.
func (l *Life) close(synack Time, rest []OrderlySegment) {
	fin, answer, own, last := &rest[0], &rest[1], &rest[len(rest)-2], &rest[len(rest)-1]
	l.First, l.FIN, l.Acked = fin.side(), synack+fin.since(), synack+answer.since()
	l.PeerFIN, l.Last = synack+own.since(), synack+last.since()
}

// add adds a segment.
func (l *Life) add(g *OrderlySegment, flows *[2]lifeFlow) {
	side := g.side()
	x, y := &flows[side], &flows[side.Peer()]
	me, peer := &l.Ends[side], &l.Ends[side.Peer()]
	me.Packets++
	me.Bytes += uint64(g.n)
	if end := x.nxt.Add(g.seqLen()); end != x.nxt {
		x.nxt = end
		if !x.pending {
			x.pending, x.rttEnd, x.rttAt = true, end, g.since()
		}
		me.MaxInFlight = max(me.MaxInFlight, end.Sub(x.una))
	}
	if g.ack != y.una {
		y.una = g.ack
		if y.pending && y.rttEnd.LessEq(g.ack) {
			y.pending = false
			peer.sample(g.since() - y.rttAt)
		}
	}
	window := uint32(g.window) << me.Shift
	if !x.synced {
		x.synced, me.MinWindow = true, window
	}
	me.MinWindow, me.MaxWindow = min(me.MinWindow, window), max(me.MaxWindow, window)
}

// sample takes one round trip for what e sent (RFC 6298 §2).
func (e *LifeEnd) sample(rtt Time) {
	x := flow{srtt: e.SRTT, minRTT: e.MinRTT}
	x.sample(rtt)
	e.SRTT, e.MinRTT = x.srtt, x.minRTT
}
