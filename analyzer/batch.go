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

// BatchSource is a source that can read the packets that captures mostly consist
// of without a call for each.
type BatchSource interface {
	// NextRun sets run to packets that come next and returns how many they are. It
	// stops after most packets, and before the first one of which it cannot tell
	// all that Next would: that may be the very first, and is for Next to read. So
	// each packet of a run has a segment, and neither comment nor tunnel. What it
	// tells lasts until the next call of NextRun or Next. Next must not be called
	// where NextRun has more.
	NextRun(run *PacketRun, most int) (n int)
}

// PacketRun is packets that lie one behind the other, as a BatchSource reads them.
type PacketRun struct {
	Records []RunRecord
	Own     []uint8 // which of Records the worker follows, each as its place plus Passed
	Passed  int
	All     bool   // it follows all; Own does not count
	First   uint64 // packet number of the first
	InOrder bool   // none is older than the one before it
	Octets  []byte // that the packets lie in
	Reader  PacketReader
	Link    LinkType
	File    uint16
}

// RunRecord is a packet of a run. It has all that is asked of most, so that who did not
// read the packet need not fetch its octets: a processor's cache line from another one,
// instead of three.
type RunRecord struct {
	Time            statemachine.Time
	At, End         uint32             // of the frame, in the run's octets
	Src, Dst, Ports uint32             // with IPv4: its addresses, and the first four octets of the TCP header, as numbers
	Brief           statemachine.Brief // with Short
	IPv4            bool
	Short           bool // the segment is Brief; its payload need not be summed there
	Cut             bool // with Short: the segment's end was not captured
}

// PacketReader reads the packets of a run. It has no state.
type PacketReader interface {
	// Ends sets e to the ends of a packet without IPv4.
	Ends(octets []byte, r *RunRecord, e *Ends)
	// Decode sets all of p that a capture tells but Number, Time, Link, File, Src and
	// Dst. p is zero or was that of another packet of a run.
	Decode(octets []byte, r *RunRecord, p *Packet)
	// Sent returns how many octets the frame of a packet with IPv4 had when it was
	// sent, by its record or by its IP header, whichever has more.
	Sent(octets []byte, r *RunRecord) int64
}

// packetKind tells a worker what to do with a packet that Next has read.
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

// holds reports that no timer fires during the run.
func (c *calm) holds(r *PacketRun) bool {
	first, last := r.Records[0].Time, r.Records[len(r.Records)-1].Time
	return r.InOrder && first >= c.from && last < c.before && last-first < c.long
}

// NewBatch returns an empty batch.
func NewBatch() *Batch { return newBatch(hashSeed{}) }

func newBatch(seed hashSeed) *Batch { return &Batch{seed: seed} }

// SlotForNext returns the place for a packet that Next reads. One that the batch
// does not take stays there till that is filled again.
func (b *Batch) SlotForNext() *Packet { return &b.packets[b.own] }

// Fill has src read a run of at most so many packets, behind those that Next read,
// and returns how many they are.
func (b *Batch) Fill(src BatchSource, most int) (n int) {
	n = src.NextRun(&b.run, most)
	if n > 0 && b.run.All {
		b.run.Own, b.run.Passed = everyPlace[:n], 0
	}
	return n
}

// everyPlace are the places of a run's packets.
var everyPlace = func() (all [BatchPackets]uint8) {
	for i := range all {
		all[i] = uint8(i)
	}
	return all
}()

// prepare makes the items of the run and returns those of the whole batch.
func (b *Batch) prepare() []item {
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
	}
	return b.items[:b.own+len(items)]
}

// name sets the key of an item of the run without IPv4.
func (b *Batch) name(it *item, o *RunRecord) {
	b.run.Reader.Ends(b.run.Octets, o, &b.ends)
	it.fromLow = it.key.between(&b.ends, 0)
	it.hash = it.key.hash(b.seed)
}

// at returns when a packet of the run was captured.
func (r *PacketRun) at(place int) statemachine.Moment {
	return statemachine.Moment{Packet: r.First + uint64(place), Time: r.Records[place].Time}
}

// place returns where the k-th of the worker's own packets stands in the run, beyond
// its end when there are fewer.
func (r *PacketRun) place(k int) int {
	if k < len(r.Own) {
		return int(r.Own[k]) - r.Passed
	}
	return len(r.Records)
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
	items, k := b.prepare()[b.own:], 0
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
