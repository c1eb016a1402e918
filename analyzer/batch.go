package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// BatchPackets is how many packets a worker reads before it follows them: the
// flows of all are looked up together (table.warm).
const BatchPackets = 192

// Batch is the packets with a segment, and the ICMP errors that quote one, that a
// worker has read and not followed yet: some that Next read, then perhaps a run.
type Batch struct {
	seed    hashSeed
	n, own  int                               // packets that Next read, and those of the worker's own among them
	when    [BatchPackets]statemachine.Moment // of each
	kinds   [BatchPackets]packetKind          // likewise
	items   [BatchPackets]item                // of the worker's own: those that Next read, then those of the run
	packets [BatchPackets]Packet              // of items that Next read, and behind the last item's the place for the next
	run     PacketRun
	plain   Packet // the packet of the run that is followed: one place, so that it stays in the nearest cache
	ends    Ends   // scratch
}

// packetKind tells a worker what to do with a packet that Next has read.
type packetKind uint8

const (
	ownSegment packetKind = iota
	ownICMP               // an ICMP error that quotes a segment of its own
	foreignSegment
	foreignICMP
)

// NewBatch returns an empty batch.
func NewBatch() *Batch { return newBatch(hashSeed{}) }

func newBatch(seed hashSeed) *Batch { return &Batch{seed: seed} }

// SlotForNext returns the place for a packet that Next reads. One that the batch
// does not take stays there till that is filled again.
func (b *Batch) SlotForNext() *Packet { return &b.packets[b.own] }

// prepare makes the items of the run, looks up the flows of all items, and returns them.
func (b *Batch) prepare(t *table) []item {
	for i := range b.items[:b.own] {
		t.warm(&b.items[i])
	}
	records, own, passed, seed := b.run.Records, b.run.Own, b.run.Passed, b.seed
	items := b.items[b.own:][:len(own)]
	for k, place := range own {
		it, o := &items[k], &records[int(place)-passed]
		if o.IPv4 {
			it.fromLow = it.key.setIPv4(o.Src, o.Dst, o.Ports)
			it.hash = it.key.hashIPv4(&seed)
		} else {
			b.name(it, o)
		}
		t.warm(it)
	}
	return b.items[:b.own+len(items)]
}

// name sets the key of an item of the run without IPv4.
func (b *Batch) name(it *item, o *RunRecord) {
	b.run.Reader.Ends(b.run.Octets, o, &b.ends)
	it.fromLow = it.key.between(&b.ends, 0)
	it.hash = it.key.hash(b.seed)
}

// decode makes it an item with a packet, which is valid until the next call.
func (b *Batch) decode(it *item, at statemachine.Moment, o *RunRecord) {
	p := &b.plain
	p.Number, p.Time, p.Link, p.File = at.Packet, at.Time, b.run.Link, b.run.File
	b.run.Reader.Decode(b.run.Octets, o, p)
	it.packet, it.when = p, at
	it.look()
}

// add takes a packet that Next has read, which has a segment or is an ICMP error; one
// of the worker's own lies in the place for it.
func (b *Batch) add(p *Packet) {
	kind := ownSegment
	if p.ICMP.Quotes {
		kind = ownICMP
	}
	if p.Foreign {
		kind += foreignSegment
	} else {
		it := &b.items[b.own]
		it.packet, it.when = p, p.at()
		it.set(b.seed)
		b.own++
	}
	b.when[b.n], b.kinds[b.n] = p.at(), kind
	b.n++
}

// move puts a packet, which Next has read before the batch was emptied, into the
// place for the next.
func (b *Batch) move(p *Packet) *Packet {
	q := b.SlotForNext()
	*q = *p
	return q
}

// EachOfRun calls fn for the packets of the run in their order, with nil for one of
// another worker. Src and Dst are set.
func (b *Batch) EachOfRun(fn func(at statemachine.Moment, p *Packet)) {
	items, k := b.prepare(newTable())[b.own:], 0
	for i := range b.run.Records {
		var p *Packet
		if at := b.run.at(i); i == b.run.place(k) {
			it := &items[k]
			b.decode(it, at, &b.run.Records[i])
			p = it.packet
			if p.Src, p.Dst = it.key.ends(); !it.fromLow {
				p.Src, p.Dst = p.Dst, p.Src
			}
			k++
		}
		fn(b.run.at(i), p)
	}
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.n, b.own = 0, 0
	b.run.Records, b.run.Own = nil, nil
}

// room returns how many more packets there is room for.
func (b *Batch) room() int { return BatchPackets - b.n }
