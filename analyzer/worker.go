package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// The first pass is shared out: one goroutine reads and decodes, workers follow
// the connections, each those of its share of the four-tuples. All see the time
// of every packet, so that timers fire at the same packet whoever watches them.
// What the workers say carries no connection numbers: these are given behind
// them, in the order of the packets (collect.go). So the result does not
// depend on how many workers there are.

// batchItems is how many packets a batch holds: enough to make the handing over
// cheap, few enough to stay in the cache.
const batchItems = 512

// restItems is how many connections the end of the input ends at a time: their
// records are large.
const restItems = 64

// batchesAhead is how many batches may be on their way.
const batchesAhead = 4

// maxWorkers bounds the workers of a run; beyond it the reader is what limits.
const maxWorkers = 8

// batch is a run of packets.
type batch struct {
	when  []statemachine.Moment
	shard []uint8  // whose share it is, and isICMP
	hash  []uint32 // of its key
	items []item
}

func newBatch() *batch {
	return &batch{
		when: make([]statemachine.Moment, 0, batchItems), shard: make([]uint8, 0, batchItems),
		hash: make([]uint32, 0, batchItems), items: make([]item, 0, batchItems),
	}
}

// add appends a packet, dealt to one of n workers, up to which the capture
// lost as many packets as drops says.
func (b *batch) add(p *Packet, seed hashSeed, n int, drops uint64) {
	b.items = b.items[:len(b.items)+1]
	it := &b.items[len(b.items)-1]
	it.set(p, seed)
	it.drops = drops
	b.when = append(b.when, it.at)
	shard := uint8(uint64(it.hash) * uint64(n) >> 32)
	if it.icmp.Quotes {
		shard |= isICMP
	}
	b.shard = append(b.shard, shard)
	b.hash = append(b.hash, it.hash)
}

// isICMP marks in batch.shard what is no segment but an ICMP error.
const isICMP = 0x80

func (b *batch) full() bool { return len(b.items) == batchItems }

func (b *batch) reset() {
	b.when, b.shard, b.hash, b.items = b.when[:0], b.shard[:0], b.hash[:0], b.items[:0]
}

// eventKind tells what an event of a worker is.
type eventKind uint8

const (
	openEvent   eventKind = iota // a connection was recognised: the next of opens
	noteEvent                    // a note, coded, its connection's number to be put before it
	recordEvent                  // a connection's record, coded likewise
	startEvent                   // where a connection begins, coded likewise
	crowdEvents                  // something for the crowd: the next of crowd
	filledEvent                  // a connection's record for a sink that takes them in any order: the next of filled
)

// event is something that a worker says, of the flow with the index ref.
type event struct {
	key  uint64 // of the item in its spool
	ref  uint32
	size uint32 // octets of the item
	kind eventKind
}

// saying is what a worker says of one batch.
type saying struct {
	shard  uint8
	events []event
	items  []byte // of the events, one behind the other
	opens  []opening
	crowd  []crowdEvent
	filled []Connection
	spare  []map[statemachine.Code]int // of filled, kept for reuse
}

func (s *saying) reset() {
	s.events, s.items, s.opens, s.crowd, s.filled = s.events[:0], s.items[:0], s.opens[:0], s.crowd[:0], s.filled[:0]
}

// worker follows the connections of one share.
type worker struct {
	shard   uint8
	wants   sayings
	tracker *tracker
	in      chan *batch
	out     chan *saying // one for each batch, then one for what the end recognises
	rest    chan *saying // the connections that the end of the input ends
	free    chan *saying
	now     *saying
	c       coder
}

// sayings is what the workers need to say.
type sayings struct{ records, starts, filled bool }

func newWorker(opt *Options, shard uint8, seed hashSeed, wants sayings, rest chan *saying) *worker {
	w := &worker{
		shard: shard, wants: wants, in: make(chan *batch, batchesAhead), out: make(chan *saying, batchesAhead),
		rest: rest, free: make(chan *saying, batchesAhead+2), now: &saying{shard: shard},
	}
	for range cap(w.free) - 1 {
		w.free <- &saying{shard: shard}
	}
	var notes noteTaker
	if opt.wants(WantNotes) {
		notes = w
	}
	var records recordTaker
	if wants != (sayings{}) {
		records = recordsOf{w}
	}
	w.tracker = newTracker(opt, notes, records)
	w.tracker.table.seed = seed
	w.tracker.opens, w.tracker.crowd = w, w
	return w
}

// work takes batches until there are no more, then ends all connections.
// Closing stop makes it leave.
func (w *worker) work(stop <-chan struct{}) {
	for b := range w.in {
		w.follow(b)
		if !w.hand(w.out, stop) {
			return
		}
	}
	w.tracker.endContested()
	if !w.hand(w.out, stop) {
		return
	}
	for w.tracker.endSome(restItems) {
		if !w.hand(w.rest, stop) {
			return
		}
	}
	w.hand(w.rest, stop)
}

// follow takes the packets of a batch.
func (w *worker) follow(b *batch) {
	w.tracker.table.warm(b, w.shard)
	for i, shard := range b.shard {
		switch shard {
		case w.shard:
			w.tracker.take(&b.items[i])
		case w.shard | isICMP:
			w.tracker.icmp(&b.items[i])
		default:
			if shard&isICMP != 0 {
				w.tracker.moveTo(b.when[i])
			} else {
				w.tracker.tick(b.when[i])
			}
		}
	}
}

// hand gives away what was said and takes an empty one.
func (w *worker) hand(to chan<- *saying, stop <-chan struct{}) bool {
	select {
	case to <- w.now:
	case <-stop:
		return false
	}
	select {
	case w.now = <-w.free:
		w.now.reset()
		return true
	case <-stop:
		return false
	}
}

func (w *worker) opened(o opening) {
	w.now.opens = append(w.now.opens, o)
	w.say(openEvent, 0, o.ref, len(w.now.items))
}

func (w *worker) joined(e *crowdEvent) {
	w.now.crowd = append(w.now.crowd, *e)
	w.say(crowdEvents, 0, e.conn, len(w.now.items))
}

// say notes an event whose item is what was appended to items since from.
func (w *worker) say(kind eventKind, key uint64, ref uint32, from int) {
	w.now.events = append(w.now.events, event{key: key, ref: ref, size: uint32(len(w.now.items) - from), kind: kind})
}

func (w *worker) take(n *Note) {
	from := len(w.now.items)
	w.c = coder{b: w.now.items}
	n.code(&w.c)
	w.now.items = w.c.b
	w.say(noteEvent, n.Packet<<rankBits|noteRank(n), n.Conn, from)
}

// recordsOf is a worker as the taker of records.
type recordsOf struct{ *worker }

func (w recordsOf) take(r *record) {
	s := w.now
	if w.wants.records {
		from := len(s.items)
		w.c = coder{b: s.items}
		r.code(&w.c)
		s.items = w.c.b
		w.say(recordEvent, 0, r.id, from)
	}
	if w.wants.filled {
		k := len(s.filled)
		if k == cap(s.filled) {
			s.filled = append(s.filled, Connection{})
		}
		s.filled = s.filled[:k+1]
		if k == len(s.spare) {
			s.spare = append(s.spare, nil)
		}
		s.spare[k] = r.fill(&s.filled[k], s.spare[k])
		w.say(filledEvent, 0, r.id, len(s.items))
	}
	if w.wants.starts {
		from := len(s.items)
		st := start{lowIsClient: r.lowIsClient, from: r.from, last: r.last.Packet}
		w.c = coder{b: s.items}
		st.code(&w.c)
		s.items = w.c.b
		w.say(startEvent, r.first.Packet, r.id, from)
	}
}
