package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// batchPackets is how many packets a worker reads before it follows them: the
// flows of all are looked up together (table.warm).
const batchPackets = 192

// Batch is the packets with a segment, and the ICMP errors that quote one, that a
// worker has read and not followed yet: some that Next read, then perhaps a run.
type Batch struct {
	seed    hashSeed
	n, own  int                               // packets, and those of the worker's own among them
	when    [batchPackets]statemachine.Moment // of each
	kinds   [batchPackets]PacketKind          // likewise
	items   [batchPackets]item                // of the worker's own
	packets [batchPackets]Packet              // those of items that Next read, and behind the last item's the place for the next
	link    LinkType                          // of the run
	decode  func(*Packet)                     // decodes a packet of the run, but for Src and Dst
	plain   Packet                            // the packet of the run that is followed: one place, so that it stays in the nearest cache
}

// BatchSource is a source that can read the packets that captures mostly consist
// of without a call for each.
type BatchSource interface {
	// NextRun reads packets into b, those that come next, and returns how many. It
	// stops after most packets, and before the first one of which it cannot tell
	// all that Next would: that may be the very first, and is for Next to read. So
	// each packet of a run has a segment, and neither comment nor tunnel. It tells
	// what all have in common (BeginRun), the moment and the kind of each (Room), and
	// the octets of those that are the worker's own (Own, OwnIPv4), which last until
	// the next call of NextRun or Next.
	NextRun(b *Batch, most int) (n int)
}

// PacketKind tells a worker what to do with a packet.
type PacketKind uint8

// The kinds of packets.
const (
	OwnSegment     PacketKind = iota
	ownICMP                   // an ICMP error that quotes a segment of its own
	ForeignSegment            // another worker's
	foreignICMP
)

// NewBatch returns an empty batch.
func NewBatch() *Batch { return newBatch(hashSeed{}) }

func newBatch(seed hashSeed) *Batch { return &Batch{seed: seed} }

// SlotForNext returns the place for a packet that Next reads. One that the batch
// does not take stays there till that is filled again.
func (b *Batch) SlotForNext() *Packet { return &b.packets[b.own] }

// BeginRun tells the link type and the file of the packets that follow, and how
// they are decoded: all but their ends, from Frame, into a Packet that is zero or
// was that of another one.
func (b *Batch) BeginRun(link LinkType, file uint16, decode func(*Packet)) {
	b.link, b.decode = link, decode
	b.plain.Link, b.plain.File = link, file
}

// Room returns the places for the moments of the next packets, and for what they
// are, most of them at most. Took then tells how many were filled.
func (b *Batch) Room(most int) ([]statemachine.Moment, []PacketKind) {
	end := min(b.n+most, batchPackets)
	return b.when[b.n:end], b.kinds[b.n:end]
}

// Took tells that n places of Room are filled.
func (b *Batch) Took(n int) { b.n += n }

// Own takes a segment of the worker's own, between the given ends. It had wire
// octets.
func (b *Batch) Own(frame []byte, wire uint32, e *Ends) {
	it := &b.items[b.own]
	it.frame, it.wire = frame, wire
	it.fromLow = it.key.between(e, 0)
	it.hash = it.key.hash(b.seed)
	b.own++
}

// OwnIPv4 is Own for IPv4 addresses; ports are the first four octets of the TCP
// header as a number.
func (b *Batch) OwnIPv4(frame []byte, wire, src, dst, ports uint32) {
	it := &b.items[b.own]
	it.frame, it.wire = frame, wire
	it.fromLow, it.hash = it.key.betweenIPv4(src, dst, ports, b.seed)
	b.own++
}

// item returns an item of the batch, whose packet came at the given moment, and is
// valid until the next call.
func (b *Batch) item(own int, at *statemachine.Moment) *item {
	it := &b.items[own]
	if it.frame != nil {
		p := &b.plain
		p.Number, p.Time = at.Packet, at.Time
		p.Frame, p.CapLen, p.WireLen = it.frame, uint32(len(it.frame)), it.wire
		b.decode(p)
		it.packet = p
		it.look()
	}
	return it
}

// add takes a packet that has a segment or is an ICMP error; one of the worker's
// own lies in the place for it.
func (b *Batch) add(p *Packet) {
	kind := OwnSegment
	if p.ICMP.Quotes {
		kind = ownICMP
	}
	if p.Foreign {
		kind += ForeignSegment
	} else {
		it := &b.items[b.own]
		it.packet, it.frame = p, nil
		it.set(b.seed)
		b.own++
	}
	b.note(p.at(), kind)
}

func (b *Batch) note(at statemachine.Moment, kind PacketKind) {
	b.when[b.n], b.kinds[b.n] = at, kind
	b.n++
}

// move puts a packet, which Next has read before the batch was emptied, into the
// place for the next.
func (b *Batch) move(p *Packet) *Packet {
	q := b.SlotForNext()
	*q = *p
	return q
}

// Each calls fn for the packets in their order, with nil for one of another
// worker. Src and Dst are set.
func (b *Batch) Each(fn func(at statemachine.Moment, p *Packet)) {
	own := 0
	for i, kind := range b.kinds[:b.n] {
		var p *Packet
		if kind < ForeignSegment {
			it := b.item(own, &b.when[i])
			own++
			p = it.packet
			if p.Src, p.Dst = it.key.ends(); !it.fromLow {
				p.Src, p.Dst = p.Dst, p.Src
			}
		}
		fn(b.when[i], p)
	}
}

// Reset empties the batch.
func (b *Batch) Reset() { b.n, b.own = 0, 0 }

// room returns how many more packets there is room for.
func (b *Batch) room() int { return batchPackets - b.n }

// last returns the moments of the last n packets.
func (b *Batch) last(n int) []statemachine.Moment { return b.when[b.n-n : b.n] }
