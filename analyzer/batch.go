package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// batchPackets is how many packets a worker reads before it follows them: the
// flows of all are looked up together (table.warm).
const batchPackets = 192

// Batch is a run of packets with a segment, and of ICMP errors that quote one,
// that a worker has read and not followed yet.
//
// Its slot is the place for the next packet of the worker's own. Who fills it asks
// for it each time, by SlotForNext or SlotInRun, so that it is known what the
// packet before has left there. A packet that the batch does not take stays in the
// slot till that is filled again.
type Batch struct {
	Link LinkType // of the last run; see BatchSource

	seed    hashSeed
	n, own  int                               // packets, and those of the worker's own among them
	when    [batchPackets]statemachine.Moment // of each
	kinds   [batchPackets]PacketKind          // likewise
	items   [batchPackets]item                // of the worker's own
	packets [batchPackets]Packet              // of items, and behind them the slot
	inRun   [batchPackets]bool                // what stands there was filled in a run
}

// BatchSource is a source that can read the packets that captures mostly consist
// of without a call for each.
type BatchSource interface {
	// NextRun reads packets into b, those that come next, and returns how many. It
	// stops after most packets, and before the first one of which it cannot tell
	// all that Next would: that may be the very first, and is for Next to read. So
	// each packet of a run has a segment, and neither comment nor tunnel. All are of
	// one link type, to which NextRun sets b.Link. It puts the moment and the kind of
	// each into b (Room), and those that are the worker's own (SlotInRun, then Own or
	// OwnIPv4), whose octets need not last.
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

func newBatch(seed hashSeed) *Batch {
	b := &Batch{seed: seed}
	for i := range b.items {
		b.items[i].packet = &b.packets[i]
	}
	return b
}

// SlotForNext returns the slot for a packet that Next reads.
func (b *Batch) SlotForNext() *Packet {
	b.inRun[b.own] = false
	return &b.packets[b.own]
}

// SlotInRun returns the slot for a packet of a run, with what an earlier one has
// left there; again tells that this was one of a run too.
func (b *Batch) SlotInRun() (p *Packet, again bool) {
	p, again = &b.packets[b.own], b.inRun[b.own]
	b.inRun[b.own] = true
	return p, again
}

// Room returns the places for the moments of the next packets, and for what they
// are, most of them at most. Took then tells how many were filled.
func (b *Batch) Room(most int) ([]statemachine.Moment, []PacketKind) {
	end := min(b.n+most, batchPackets)
	return b.when[b.n:end], b.kinds[b.n:end]
}

// Took tells that n places of Room are filled.
func (b *Batch) Took(n int) { b.n += n }

// Own takes the packet in the slot, a segment between the given ends. Its Src and
// Dst need not be set.
func (b *Batch) Own(e *Ends) {
	it := &b.items[b.own]
	it.fromLow = it.key.between(e, 0)
	it.hash = it.key.hash(b.seed)
	it.look()
	b.own++
}

// OwnIPv4 is Own for IPv4 addresses; ports are the first four octets of the TCP
// header as a number.
func (b *Batch) OwnIPv4(src, dst, ports uint32) {
	it := &b.items[b.own]
	it.fromLow, it.hash = it.key.betweenIPv4(src, dst, ports, b.seed)
	it.look()
	b.own++
}

// add takes a packet that has a segment or is an ICMP error; one of the worker's
// own lies in the slot.
func (b *Batch) add(p *Packet) {
	kind := OwnSegment
	if p.ICMP.Quotes {
		kind = ownICMP
	}
	if p.Foreign {
		kind += ForeignSegment
	} else {
		b.items[b.own].set(b.seed)
		b.own++
	}
	b.note(p.at(), kind)
}

func (b *Batch) note(at statemachine.Moment, kind PacketKind) {
	b.when[b.n], b.kinds[b.n] = at, kind
	b.n++
}

// move puts into the slot a packet that Next has read into the slot as it was
// before the batch was emptied.
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
			it := &b.items[own]
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

// Last returns the moments of the last n packets.
func (b *Batch) Last(n int) []statemachine.Moment { return b.when[b.n-n : b.n] }
