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
	fins  uint8    // of the sides, a bit each
	_     [22]byte // so that no segment lies in two lines of a processor's cache
	segs  [OrderlyMost]OrderlySegment
}

// OrderlyMost is how many segments an Orderly keeps: a request and its answer,
// with the handshake's third segment and the close.
const OrderlyMost = 12

// OrderlySegment is a segment of an Orderly, in half a line of a processor's cache.
// It means something only there, since its numbers follow from those before it.
type OrderlySegment struct {
	timeLow      uint32 // nanoseconds since the SYN-ACK
	packet       uint32 // counted from the SYN-ACK's
	ack          Seq
	tsval, tsecr uint32
	timeHigh     uint16
	n            uint16 // octets of payload
	window       uint16
	ipid         uint16
	sum          uint16
	ttl          uint8
	bits         BriefBits
}

// mostSince bounds the times of segments, in nanoseconds since the SYN-ACK: 78
// hours.
const mostSince = 1 << 48

// side returns who sent the segment.
func (g *OrderlySegment) side() Side { return Side(g.bits/briefServer) & 1 }

// flags returns the segment's control bits.
func (g *OrderlySegment) flags() Flags { return Flags(g.bits&BriefFlags) | ACK }

func (g *OrderlySegment) isFIN() bool { return g.bits&BriefBits(FIN) != 0 }

// since returns how long after the SYN-ACK the segment was captured.
func (g *OrderlySegment) since() Time { return Time(g.timeHigh)<<32 | Time(g.timeLow) }

// seqLen is that of a Segment (RFC 9293 §3.4).
func (g *OrderlySegment) seqLen() Size {
	if g.isFIN() {
		return Size(g.n) + 1
	}
	return Size(g.n)
}

// Begin makes o that of a client's SYN and the SYN-ACK that answers it, neither with
// payload: of the latter moment, SEG.SEQ and SEG.ACK are given.
func (o *Orderly) Begin(at Moment, seq, ack Seq) {
	o.from, o.n, o.fins = at, 0, 0 // what stands in segs does not count
	o.first = [2]Seq{ack, seq.Add(1)}
	o.nxt = o.first
	o.una = [2]Seq{ack, seq}
}

// Add keeps the next segment, unless it is not the one that comes next or there
// is no room for it: then it changes nothing and returns false.
func (o *Orderly) Add(at Moment, side Side, b *Brief) bool {
	side &= 1 // so that places of arrays need no check
	peer, fin := side^1, Flags(b.Bits)&FIN
	if b.Seq != o.nxt[side] || b.Ack.Sub(o.una[peer]) > o.nxt[peer].Sub(o.una[peer]) {
		return false
	}
	if o.fins>>side&1 != 0 && (fin != 0 || b.Len != 0) || o.n == 0 && (side != Client || b.Ack != o.nxt[Server] || fin != 0) {
		return false
	}
	packet, since := at.Packet-o.from.Packet, uint64(at.Time-o.from.Time)
	if int(o.n) >= len(o.segs) || packet >= 1<<32 || since >= mostSince {
		return false
	}
	g := &o.segs[o.n]
	o.n++
	g.timeLow, g.timeHigh, g.packet, g.ack, g.n = uint32(since), uint16(since>>32), uint32(packet), b.Ack, b.Len
	g.tsval, g.tsecr, g.window, g.ipid, g.sum, g.ttl = b.TSVal, b.TSEcr, b.Window, b.IPID, b.Sum, b.TTL
	g.bits = b.Bits | BriefBits(side)*briefServer
	o.una[peer] = b.Ack
	o.nxt[side] = b.Seq.Add(Size(b.Len) + Size(fin))
	o.fins |= uint8(fin) << side
	return true
}

// Segments returns the segments that are kept. They are valid as long as o is, and
// until the next Begin.
func (o *Orderly) Segments() []OrderlySegment { return o.segs[:o.n] }

// Restore keeps in o, which was begun as the Orderly that they are of, segments that
// Segments has given.
func (o *Orderly) Restore(segs []OrderlySegment) {
	o.n = uint8(copy(o.segs[:], segs))
	for i := range o.segs[:o.n] {
		g := &o.segs[i]
		side := g.side()
		o.una[side.Peer()] = g.ack
		o.nxt[side] = o.nxt[side].Add(g.seqLen())
		if g.isFIN() {
			o.fins |= 1 << side
		}
	}
}

// Closed reports that both ends have sent their FIN, and both were acknowledged.
func (o *Orderly) Closed() bool { return o.fins == 3 && o.una == o.nxt }

// Closing reports that a FIN is among them.
func (o *Orderly) Closing() bool { return o.fins != 0 }

// OrderlyReader is a place among the segments of an Orderly.
type OrderlyReader struct {
	i    uint8
	next [2]Seq
	base SumBase
}

// Reader returns the place of the first, in a connection whose checksums cover base.
func (o *Orderly) Reader(base SumBase) OrderlyReader {
	return OrderlyReader{next: o.first, base: base}
}

// Next gives h the segment at r, as it was captured, and moves r behind it. At the
// end it returns false.
func (o *Orderly) Next(r *OrderlyReader, h *Held) bool {
	if r.i == o.n {
		return false
	}
	g := &o.segs[r.i]
	r.i++
	*h = Held{At: Moment{Packet: o.from.Packet + uint64(g.packet), Time: o.from.Time + g.since()}, Side: g.side()}
	s := &h.Segment
	s.Seq, s.Ack, s.Len, s.Flags = r.next[h.Side], g.ack, Size(g.n), g.flags()
	s.Window, s.IPID, s.HasIPID, s.Sum, s.TTL = g.window, g.ipid, g.bits&BriefIPID != 0, g.sum, g.ttl
	if g.bits&BriefUnsummed != 0 {
		s.Sum = g.payloadSum(s.Seq, r.base)
	}
	if g.bits&BriefStamped != 0 {
		s.Options.Set, s.Options.TSVal, s.Options.TSEcr = OptTimestamp, g.tsval, g.tsecr
	}
	r.next[h.Side] = s.End()
	return true
}
