package statemachine

// Orderly keeps the segments behind the SYN and the SYN-ACK of a connection as
// long as each is the one that comes next: octets in order, ACKs of what was
// sent, a FIN behind all else. Of such a connection nothing has to be observed
// before something else comes, or it is over: its segments can be read then
// (Next), and when it was closed as RFC 9293 §3.6 case 1 has it, what they come
// to is known by adding them up (ByTheBook, Life). The zero value is none; Begin
// makes one.
type Orderly struct {
	nxt   [2]Seq // SND.NXT of each side
	una   [2]Seq // what its peer has acknowledged of that
	first [2]Seq // behind the SYN and the SYN-ACK
	from  Moment // of the SYN-ACK
	n     uint8
	fins  uint8 // of the sides, a bit each
	segs  [OrderlyMost]inOrder
}

// OrderlyMost is how many segments an Orderly keeps: a request and its answer,
// with the handshake's third segment and the close.
const OrderlyMost = 12

// inOrder is a segment of an Orderly. Its numbers follow from those before it.
type inOrder struct {
	time         Time
	packet       uint32 // counted from the SYN-ACK's
	ack          Seq
	n            Size // octets of payload
	tsval, tsecr uint32
	flags        Flags
	window       uint16
	ipid         uint16
	sum          uint16
	ttl          uint8
	bits         inOrderBits
}

// inOrderBits are facts about such a segment.
type inOrderBits uint8

const (
	orderServer inOrderBits = 1 << iota // the server sent it
	orderTS                             // tsval and tsecr count
	orderIPID                           // ipid counts
)

func (g *inOrder) side() Side { return Side(g.bits & orderServer) }

// seqLen is that of a Segment (RFC 9293 §3.4).
func (g *inOrder) seqLen() Size {
	if g.flags&FIN != 0 {
		return g.n + 1
	}
	return g.n
}

// Begin makes o that of a client's SYN without payload and the SYN-ACK that
// answers it.
func (o *Orderly) Begin(syn *Segment, at Moment, synack *Segment) {
	o.from, o.n, o.fins = at, 0, 0 // what stands in segs does not count
	o.first = [2]Seq{syn.End(), synack.End()}
	o.nxt = o.first
	o.una = [2]Seq{synack.Ack, synack.Seq}
}

// Add keeps the next segment, unless it is not the one that comes next or there
// is no room for it: then it changes nothing and returns false.
func (o *Orderly) Add(at Moment, side Side, seg *Segment) bool {
	const may = FIN | PSH | ECE | CWR
	side &= 1 // so that places of arrays need no check
	peer, fin := side^1, seg.Flags&FIN
	if seg.Flags&^may != ACK || seg.Options.Set&^OptTimestamp != 0 || seg.Urgent != 0 || seg.Len >= maxPlainLen {
		return false
	}
	if seg.Seq != o.nxt[side] || seg.Ack.Sub(o.una[peer]) > o.nxt[peer].Sub(o.una[peer]) {
		return false
	}
	if o.fins>>side&1 != 0 && (fin != 0 || seg.Len != 0) || o.n == 0 && (side != Client || seg.Ack != o.nxt[Server] || fin != 0) {
		return false
	}
	packet := at.Packet - o.from.Packet
	if int(o.n) >= len(o.segs) || packet >= 1<<32 {
		return false
	}
	g := &o.segs[o.n]
	o.n++
	bits := inOrderBits(side)
	if seg.Options.Set != 0 {
		bits |= orderTS
	}
	if seg.HasIPID {
		bits |= orderIPID
	}
	*g = inOrder{
		time: at.Time, packet: uint32(packet), ack: seg.Ack, n: seg.Len, tsval: seg.Options.TSVal, tsecr: seg.Options.TSEcr,
		flags: seg.Flags, window: seg.Window, ipid: seg.IPID, sum: seg.Sum, ttl: seg.TTL, bits: bits,
	}
	o.una[peer] = seg.Ack
	o.nxt[side] = seg.End()
	if fin != 0 {
		o.fins |= 1 << side
	}
	return true
}

// Closed reports that both ends have sent their FIN, and both were acknowledged.
func (o *Orderly) Closed() bool { return o.fins == 3 && o.una == o.nxt }

// Closing reports that a FIN is among them.
func (o *Orderly) Closing() bool { return o.fins != 0 }

// OrderlyReader is a place among the segments of an Orderly.
type OrderlyReader struct {
	i    uint8
	next [2]Seq
}

// Reader returns the place of the first.
func (o *Orderly) Reader() OrderlyReader { return OrderlyReader{next: o.first} }

// Next gives h the segment at r, as it was captured, and moves r behind it. At the
// end it returns false.
func (o *Orderly) Next(r *OrderlyReader, h *Held) bool {
	if r.i == o.n {
		return false
	}
	g := &o.segs[r.i]
	r.i++
	*h = Held{At: Moment{Packet: o.from.Packet + uint64(g.packet), Time: g.time}, Side: g.side()}
	s := &h.Segment
	s.Seq, s.Ack, s.Len, s.Flags = r.next[h.Side], g.ack, g.n, g.flags
	s.Window, s.IPID, s.HasIPID, s.Sum, s.TTL = g.window, g.ipid, g.bits&orderIPID != 0, g.sum, g.ttl
	if g.bits&orderTS != 0 {
		s.Options.Set, s.Options.TSVal, s.Options.TSEcr = OptTimestamp, g.tsval, g.tsecr
	}
	r.next[h.Side] = s.End()
	return true
}
