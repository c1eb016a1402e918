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
	when    []statemachine.Moment // of all
	kinds   []packetKind          // likewise
	items   []item                // of the worker's own
	packets [batchPackets]Packet  // of items, and behind them the slot
	inRun   [batchPackets]bool    // what stands there was filled in a run
}

// BatchSource is a source that can read the packets that captures mostly consist
// of without a call for each.
type BatchSource interface {
	// NextRun reads packets into b, those that come next, and returns how many. It
	// stops after most packets, and before the first one of which it cannot tell
	// all that Next would: that may be the very first, and is for Next to read. So
	// each packet of a run has a segment, and neither comment nor tunnel. All are of
	// one link type, to which NextRun sets b.Link. Of another worker's it puts only
	// the moment into b (Foreign). The octets of its own (SlotInRun, Own) need not
	// last.
	NextRun(b *Batch, most int) (n int)
}

// packetKind tells a worker what to do with a packet.
type packetKind uint8

const (
	ownSegment packetKind = iota
	ownICMP               // an ICMP error that quotes a segment of its own
	foreignSegment
	foreignICMP
)

// NewBatch returns an empty batch.
func NewBatch() *Batch { return newBatch(hashSeed{}) }

func newBatch(seed hashSeed) *Batch {
	return &Batch{
		seed: seed,
		when: make([]statemachine.Moment, 0, batchPackets), kinds: make([]packetKind, 0, batchPackets),
		items: make([]item, 0, batchPackets),
	}
}

// SlotForNext returns the slot for a packet that Next reads.
func (b *Batch) SlotForNext() *Packet {
	n := len(b.items)
	b.inRun[n] = false
	return &b.packets[n]
}

// SlotInRun returns the slot for a packet of a run, with what an earlier one has
// left there; again tells that this was one of a run too.
func (b *Batch) SlotInRun() (p *Packet, again bool) {
	n := len(b.items)
	p, again = &b.packets[n], b.inRun[n]
	b.inRun[n] = true
	return p, again
}

// Own takes the packet in the slot, a segment of the worker's own between the
// given ends. Its Src and Dst need not be set.
func (b *Batch) Own(e *Ends) {
	p := &b.packets[len(b.items)]
	b.items = b.items[:len(b.items)+1]
	b.items[len(b.items)-1].between(e, p, b.seed)
	b.note(p.at(), ownSegment)
}

// Foreign takes the moment of a segment that another worker follows.
func (b *Batch) Foreign(at statemachine.Moment) { b.note(at, foreignSegment) }

// add takes a packet that has a segment or is an ICMP error; one of the worker's
// own lies in the slot.
func (b *Batch) add(p *Packet) {
	kind := ownSegment
	if p.ICMP.Quotes {
		kind = ownICMP
	}
	if p.Foreign {
		b.note(p.at(), kind+foreignSegment)
	} else {
		b.items = b.items[:len(b.items)+1]
		b.items[len(b.items)-1].set(p, b.seed)
		b.note(p.at(), kind)
	}
}

func (b *Batch) note(at statemachine.Moment, kind packetKind) {
	b.when = append(b.when, at)
	b.kinds = append(b.kinds, kind)
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
	for i, kind := range b.kinds {
		var p *Packet
		if kind < foreignSegment {
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
func (b *Batch) Reset() { b.when, b.kinds, b.items = b.when[:0], b.kinds[:0], b.items[:0] }

// room returns how many more packets there is room for.
func (b *Batch) room() int { return batchPackets - len(b.kinds) }
