package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// BatchPackets is how many packets a worker reads before it follows them: the
// flows of all are looked up together (table.warm).
const BatchPackets = 192

// Batch is the packets with a segment, and the ICMP errors that quote one, that a
// worker has read and not followed yet: some that Next read, then perhaps a run.
type Batch struct {
	seed    hashSeed
	n, own  int                               // packets, and those of the worker's own among them
	when    [BatchPackets]statemachine.Moment // of each
	kinds   [BatchPackets]packetKind          // likewise
	items   [BatchPackets]item                // of the worker's own
	packets [BatchPackets]Packet              // those of items that Next read, and behind the last item's the place for the next
	calm    calm                              // when nothing falls due
	skipped bool                              // the packets of other workers were left out: all that is there is a calm run
	first   statemachine.Moment               // of the run
	last    statemachine.Moment               // likewise
	link    LinkType                          // of the run
	decode  func(*Packet)                     // decodes a packet of the run, but for Src and Dst
	plain   Packet                            // the packet of the run that is followed: one place, so that it stays in the nearest cache
	short   func([]byte, *Brief) bool         // decodes the segment of a packet of the run, where it can be a Brief
	brief   Brief                             // likewise
}

// Brief is a segment of a run that has nothing but what most have.
type Brief struct {
	statemachine.Brief
	End int // of the segment in the frame, in octets, captured or not
}

// BatchSource is a source that can read the packets that captures mostly consist
// of without a call for each.
type BatchSource interface {
	// NextRun reads packets into b, those that come next, and returns how many. It
	// stops after most packets, and before the first one of which it cannot tell
	// all that Next would: that may be the very first, and is for Next to read. So
	// each packet of a run has a segment, and neither comment nor tunnel. It tells
	// what all have in common (BeginRun), the moments of those that other workers
	// follow (Foreign), unless the run is calm (Calm), and moment and octets of the
	// worker's own (Own, OwnIPv4). The octets last until the next call of NextRun or
	// Next. It ends with EndRun. Next must not be called where NextRun has more.
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

// calm is a time in which no timer of a worker fires whatever its packets are: from a
// moment to before another one, where the packets are in order and not longer apart
// than for.
type calm struct{ from, before, long statemachine.Time }

// NewBatch returns an empty batch.
func NewBatch() *Batch { return newBatch(hashSeed{}) }

func newBatch(seed hashSeed) *Batch { return &Batch{seed: seed} }

// SlotForNext returns the place for a packet that Next reads. One that the batch
// does not take stays there till that is filled again.
func (b *Batch) SlotForNext() *Packet { return &b.packets[b.own] }

// BeginRun tells the link type and the file of the packets that follow, and how
// they are decoded: all but their ends, from Frame, into a Packet that is zero or
// was that of another one. Of one whose segment can be a Brief brief sets all, and
// reports that it is one; the payload need not be summed.
func (b *Batch) BeginRun(link LinkType, file uint16, decode func(*Packet), brief func(frame []byte, to *Brief) bool) {
	b.link, b.decode, b.short = link, decode, brief
	b.plain.Link, b.plain.File = link, file
}

// Calm reports that what other workers follow can be left out of a run whose packets
// are in order and were captured from first to last: no timer fires meanwhile.
func (b *Batch) Calm(first, last statemachine.Time) bool {
	b.skipped = b.n == 0 && first >= b.calm.from && last < b.calm.before && last-first < b.calm.long
	return b.skipped
}

// Foreign takes the moment of a segment that another worker follows.
func (b *Batch) Foreign(at statemachine.Moment) { b.note(at, foreignSegment) }

// Own takes a segment of the worker's own, between the given ends. It had wire
// octets.
func (b *Batch) Own(at statemachine.Moment, frame []byte, wire uint32, e *Ends) {
	it := b.ownItem(at, frame, wire)
	it.fromLow = it.key.between(e, 0)
	it.hash = it.key.hash(b.seed)
}

// OwnIPv4 is Own for IPv4 addresses; ports are the first four octets of the TCP
// header as a number.
func (b *Batch) OwnIPv4(at statemachine.Moment, frame []byte, wire, src, dst, ports uint32) {
	it := b.ownItem(at, frame, wire)
	it.fromLow, it.hash = it.key.betweenIPv4(src, dst, ports, &b.seed)
}

// ownItem returns the item for a segment of the worker's own.
func (b *Batch) ownItem(at statemachine.Moment, frame []byte, wire uint32) *item {
	if !b.skipped {
		b.note(at, ownSegment)
	}
	it := &b.items[b.own]
	b.own++
	it.when, it.frame, it.wire = at, frame, wire
	return it
}

// EndRun tells the moments of the first packet of the run and of its last.
func (b *Batch) EndRun(first, last statemachine.Moment) { b.first, b.last = first, last }

// item returns an item of the batch, which is valid until the next call.
func (b *Batch) item(own int) *item {
	it := &b.items[own]
	if it.frame != nil {
		p := &b.plain
		p.Number, p.Time = it.when.Packet, it.when.Time
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
	kind := ownSegment
	if p.ICMP.Quotes {
		kind = ownICMP
	}
	if p.Foreign {
		kind += foreignSegment
	} else {
		it := &b.items[b.own]
		it.packet, it.when, it.frame = p, p.at(), nil
		it.set(b.seed)
		b.own++
	}
	b.note(p.at(), kind)
}

func (b *Batch) note(at statemachine.Moment, kind packetKind) {
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
// worker. Src and Dst are set. It is for batches that nothing was left out of.
func (b *Batch) Each(fn func(at statemachine.Moment, p *Packet)) {
	own := 0
	for i, kind := range b.kinds[:b.n] {
		var p *Packet
		if kind < foreignSegment {
			it := b.item(own)
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
func (b *Batch) Reset() { b.n, b.own, b.skipped = 0, 0, false }

// room returns how many more packets there is room for.
func (b *Batch) room() int { return BatchPackets - b.n }
