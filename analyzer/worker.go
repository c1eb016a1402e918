package analyzer

import (
	"context"
	"errors"

	"github.com/tcpstate/tcpstate/statemachine"
)

// The first pass is shared out: each worker reads the whole input, decodes the
// packets of its own share of the four-tuples, and follows their connections. Of
// the others it takes the time, so that timers fire at the same packet whoever
// watches them. What the workers say carries no connection numbers: these are
// given behind them, in the order of the packets (collect.go). So the result
// does not depend on how many workers there are.

// sayingPackets is how many packets of the input a saying is about: enough to
// make the handing over cheap, few enough for what is said to stay in the cache.
const sayingPackets = 8 * BatchPackets

// sayingsAhead is how many sayings may be on their way.
const sayingsAhead = 4

// restItems is how many connections the end of the input ends at a time: their
// records are large.
const restItems = 64

// maxWorkers bounds the workers of a run; beyond it the reading, which each
// does, is what limits.
const maxWorkers = 8

// eventKind tells what an event of a worker is.
type eventKind uint8

const (
	noteEvent   eventKind = iota // a note, coded, its connection's number to be put before it
	recordEvent                  // a connection's record, packed
	startEvent                   // where a connection begins, coded likewise
	filledEvent                  // a connection's record for a sink that takes them in any order: the next of filled
)

// event is something that a worker says, of the flow with the index ref.
type event struct {
	key   uint64 // of the item in its spool
	ref   uint32
	size  uint32 // octets of the item
	opens uint32 // connections that were recognised before, in the same saying: by now the flow may have another one
	kind  eventKind
}

// saying is what a worker says of sayingPackets packets.
type saying struct {
	worker int
	last   bool // tells what the end of the input makes known; the connections that it ends follow
	events []event
	items  []byte // of the events, one behind the other
	opens  []opening
	mixed  bool // scratch: opens are not in order
	crowd  []crowdEvent
	strays []crowdEvent // packets that belong to no connection
	filled []Connection
	spare  []map[statemachine.Code]int // of filled, kept for reuse
}

func (s *saying) reset() {
	s.events, s.items, s.opens, s.crowd = s.events[:0], s.items[:0], s.opens[:0], s.crowd[:0]
	s.strays, s.filled, s.last = s.strays[:0], s.filled[:0], false
}

// worker reads the input and follows the connections of one share.
type worker struct {
	index   int
	reader  reader
	tracker *tracker
	batch   *Batch
	seen    int // packets since the last saying
	wants   sayings
	rounds  *rounds       // takes what it says of every sayingPackets packets and of the rest, then the last
	rest    chan *saying  // takes the connections that the end of the input ends
	stop    chan struct{} // closed to make it leave
	now     *saying
	c       coder
}

// sayings is what the workers need to say.
type sayings struct{ records, starts, filled bool }

func newWorker(opt *Options, index int, src Source, wants sayings, c *collector) *worker {
	w := &worker{
		index: index, reader: reader{src: src}, wants: wants, rounds: c.rounds, rest: c.rest, stop: c.stop,
		now: &saying{worker: index},
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
	w.tracker.opens, w.tracker.crowd = w, w
	w.batch = newBatch(w.tracker.table.seed)
	if wants.filled && opt.Sift != nil && opt.Choose == nil {
		w.tracker.sifting.sieve = opt.Sift.Sieve()
	}
	return w
}

// errLeft says that a worker was made to leave.
var errLeft = errors.New("the run was stopped")

// work reads the input to its end, then ends all connections.
func (w *worker) work(ctx context.Context) {
	err := w.read(ctx)
	w.reader.close()
	if err != nil {
		w.rounds.leave(w.index, err)
		return
	}
	if !w.hand() {
		return
	}
	w.tracker.drops = w.reader.capture.Drops
	w.tracker.endContested()
	w.now.last = true
	if !w.hand() {
		return
	}
	for w.tracker.endSome(restItems) {
		if len(w.now.events) > 0 && !w.handRest() { // most records may be held back
			return
		}
	}
	w.handRest()
}

// read takes all packets.
func (w *worker) read(ctx context.Context) error {
	runs, _ := w.reader.src.(BatchSource)
	for {
		if runs == nil || !w.readRun(runs) {
			w.reader.into = w.batch.SlotForNext()
			p, err := w.reader.next(ctx)
			if p == nil {
				w.follow()
				return err
			}
			w.see(p)
		} else if ctx.Err() != nil {
			w.follow()
			return context.Cause(ctx)
		}
		if w.seen == sayingPackets {
			w.seen = 0
			w.follow()
			if !w.hand() {
				return errLeft
			}
		}
	}
}

// readRun reads packets that need no look of their own and follows them, and
// reports whether there were any.
func (w *worker) readRun(src BatchSource) bool {
	b := w.batch
	n := b.Fill(src, min(b.room(), sayingPackets-w.seen))
	if n == 0 {
		return false
	}
	if w.index == 0 {
		w.reader.countRun(b.run.Link, n, b.run.at(0), b.run.at(n-1))
	}
	w.seen += n
	w.follow()
	return true
}

// see takes a packet.
func (w *worker) see(p *Packet) {
	w.seen++
	if w.index == 0 {
		w.reader.count(p)
	}
	if p.Drops > w.tracker.drops { // told with any packet, so that all workers learn it at the same
		w.follow()
		w.tracker.drops = p.Drops
		p = w.batch.move(p)
	}
	if p.Skip == NotSkipped || p.ICMP.Quotes {
		if w.batch.add(p); w.batch.room() == 0 {
			w.follow()
		}
		return
	}
	if e, ok := strayOf(p); ok && w.index == 0 {
		w.now.strays = append(w.now.strays, e)
	}
}

// follow takes the packets of the batch to their connections.
func (w *worker) follow() {
	b, t := w.batch, w.tracker
	items := b.prepare(t.table)
	own := 0
	for i, kind := range b.kinds[:b.n] {
		switch kind {
		case ownSegment:
			t.take(&items[own])
			own++
		case ownICMP:
			t.icmp(&items[own])
			own++
		case foreignSegment:
			t.tick(b.when[i])
		case foreignICMP:
			t.moveTo(b.when[i])
		}
	}
	if len(b.run.Records) > 0 {
		t.takeRun(b, items[own:])
	}
	b.Reset()
}

// hand gives away what was said of some packets and takes an empty saying. It returns
// false when the worker is to leave.
func (w *worker) hand() bool {
	w.now = w.rounds.hand(w.now)
	return w.now != nil
}

// handRest is hand for the connections that the end of the input ends.
func (w *worker) handRest() bool {
	select {
	case w.rest <- w.now:
		w.now = w.rounds.empty(w.index)
		return true
	case <-w.stop:
		return false
	}
}

func (w *worker) opened(o opening) { w.now.opens = append(w.now.opens, o) }

func (w *worker) nextJoined() *crowdEvent {
	s, n := w.now, len(w.now.crowd)
	if n == cap(s.crowd) {
		s.crowd = append(s.crowd, crowdEvent{})
	}
	s.crowd = s.crowd[:n+1]
	return &s.crowd[n]
}

func (w *worker) joined(e *crowdEvent) { e.opens = uint32(len(w.now.opens)) }

// say notes an event whose item is what was appended to items since from.
func (w *worker) say(kind eventKind, key uint64, ref uint32, from int) {
	w.now.events = append(w.now.events, event{
		key: key, ref: ref, size: uint32(len(w.now.items) - from), opens: uint32(len(w.now.opens)), kind: kind,
	})
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
		s.items = r.pack(s.items)
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
