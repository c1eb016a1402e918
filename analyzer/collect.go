package analyzer

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// collector gives the connections of the workers their numbers and puts what
// is said of them where it belongs.
type collector struct {
	workers []*worker
	rounds  *rounds
	stop    chan struct{}
	done    sync.WaitGroup
	rest    chan *saying

	notes   *spool
	records *spool
	starts  *spool
	sink    Sink                            // for records in any order, else nil
	pick    func(*Connection) (bool, error) // which of those are wanted; nil: all
	err     error

	crowd   crowd
	ids     uint32
	numbers [][]uint32 // by worker: the number of the connection that a flow has now
	item    []byte     // scratch
}

// newCollector starts the workers of a run, which read src.
func newCollector(ctx context.Context, opt *Options, src Source, sink Sink, notes *spool, spools *recordSpool) *collector {
	sources := []Source{src}
	if n := opt.workers(); n > 1 {
		if s, ok := src.(SplitSource); ok {
			sources = s.Split(n)
		}
	}
	n := len(sources)
	c := &collector{
		stop: make(chan struct{}), rest: make(chan *saying, n), notes: notes, numbers: make([][]uint32, n),
	}
	c.rounds = newRounds(n, c.take)
	if notes != nil {
		c.crowd.say = c.note
	}
	var wants sayings
	if spools != nil {
		c.records, c.starts = spools.records, spools.starts
		wants.records, wants.starts = spools.records != nil, spools.starts != nil
	} else if opt.wants(WantConnections) {
		c.sink, c.pick, wants.filled = sink, opt.Choose, true
	}
	for i := range sources {
		w := newWorker(opt, i, sources[i], wants, c)
		c.workers = append(c.workers, w)
		c.done.Go(func() { w.work(ctx) })
	}
	return c
}

// workers returns how many workers a run has. Limits look at all connections,
// so they need a single one.
func (o *Options) workers() int {
	n := o.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if o.limited() {
		n = 1
	}
	return min(n, maxWorkers)
}

// limited reports that connections may be written out early.
func (o *Options) limited() bool { return o.MaxConnections > 0 || o.MaxMemory > 0 || o.Idle > 0 }

// run takes what the workers say until the input has ended.
func (c *collector) run() error {
	<-c.rounds.ended
	if c.rounds.err != nil {
		return c.rounds.err
	}
	go func() {
		c.done.Wait()
		close(c.rest)
	}()
	for s := range c.rest {
		c.deliver(s)
		c.join([]*saying{s})
		c.rounds.giveBack(s)
	}
	c.crowd.end()
	return c.failure()
}

// take takes what all workers say of the same packets.
func (c *collector) take(round []*saying) error {
	c.enumerate(round)
	for _, s := range round {
		c.deliver(s)
	}
	c.join(round)
	for _, s := range round {
		for k := range s.strays {
			c.crowd.stray(&s.strays[k])
		}
	}
	return c.failure()
}

// join gives the crowd what the workers said for it, in the order of the
// packets; each packet is one worker's.
func (c *collector) join(said []*saying) {
	m := merger{n: len(said)}
	var places [maxWorkers]int
	for i, s := range said {
		m.heads[i] = s.crowdRank(0)
	}
	for i, ok := m.next(); ok; i, ok = m.next() {
		c.crowd.take(&said[i].crowd[places[i]])
		places[i]++
		m.heads[i] = said[i].crowdRank(places[i])
	}
}

// crowdRank returns the rank of what was said for the crowd at a place.
func (s *saying) crowdRank(place int) rankOf {
	if place == len(s.crowd) {
		return lastRank
	}
	return rankOf{a: s.crowd[place].at.Packet}
}

// note puts a note of the crowd where it belongs.
func (c *collector) note(n *Note) {
	w := coder{b: binary.AppendUvarint(c.item[:0], uint64(n.Conn))}
	n.code(&w)
	c.item = w.b
	c.notes.add(n.Packet<<rankBits|noteRank(n), c.item)
}

// enumerate gives numbers to the connections that were recognised, in order. A worker
// says of them in that order but for rare exceptions.
func (c *collector) enumerate(round []*saying) {
	m := merger{n: len(round)}
	var places [maxWorkers]int
	for i, s := range round {
		if s.mixed = !slices.IsSortedFunc(s.opens, opening.compare); s.mixed {
			for k := range s.opens {
				s.opens[k].nth = uint32(k)
			}
			slices.SortStableFunc(s.opens, opening.compare)
		}
		m.heads[i] = s.openRank(0)
	}
	for i, ok := m.next(); ok; i, ok = m.next() {
		c.ids++
		round[i].opens[places[i]].id = c.ids
		places[i]++
		m.heads[i] = round[i].openRank(places[i])
	}
	for _, s := range round {
		if s.mixed {
			slices.SortFunc(s.opens, func(a, b opening) int { return cmp.Compare(a.nth, b.nth) })
		}
	}
}

// openRank returns the rank of a connection at a place.
func (s *saying) openRank(place int) rankOf {
	if place == len(s.opens) {
		return lastRank
	}
	return rankOf{s.opens[place].when, s.opens[place].first}
}

// deliver puts the events of a worker where they belong, and tells the numbers of the
// connections in those for the crowd.
func (c *collector) deliver(s *saying) {
	at := placesOf{worker: s.worker}
	sorted, crowd := true, 0
	for n := range uint32(len(s.opens)) + 1 {
		for ; at.event < len(s.events) && s.events[at.event].opens == n; at.event++ {
			c.put(s, &at)
		}
		for ; crowd < len(s.crowd) && s.crowd[crowd].opens == n; crowd++ {
			e := &s.crowd[crowd]
			e.conn = c.numbers[s.worker][e.conn]
			sorted = sorted && (crowd == 0 || s.crowd[crowd-1].at.Packet <= e.at.Packet)
		}
		if n < uint32(len(s.opens)) {
			c.renumber(s.worker, s.opens[n].ref, s.opens[n].id)
		}
	}
	if !sorted {
		slices.SortStableFunc(s.crowd, func(a, b crowdEvent) int { return cmp.Compare(a.at.Packet, b.at.Packet) })
	}
}

// placesOf are places in what a worker says.
type placesOf struct {
	worker, event, filled int
	item                  uint32 // octet
}

// put puts the next event where it belongs.
func (c *collector) put(s *saying, at *placesOf) {
	e := &s.events[at.event]
	id := c.numbers[at.worker][e.ref]
	item := s.items[at.item : at.item+e.size]
	at.item += e.size
	switch e.kind {
	case noteEvent:
		c.item = append(binary.AppendUvarint(c.item[:0], uint64(id)), item...)
		c.notes.add(e.key, c.item)
	case recordEvent:
		c.records.add(uint64(id), item)
	case startEvent:
		c.item = append(binary.AppendUvarint(c.item[:0], uint64(id)), item...)
		c.starts.add(e.key, c.item)
	case filledEvent:
		s.filled[at.filled].ID = id
		c.give(&s.filled[at.filled])
		at.filled++
	}
}

// give gives a connection to the sink, if it is wanted.
func (c *collector) give(conn *Connection) {
	ok := c.err == nil
	if ok && c.pick != nil {
		ok, c.err = c.pick(conn)
	}
	if ok && c.err == nil {
		c.err = c.sink.Connection(conn)
	}
}

// renumber notes that the flow with index ref of worker i has another
// connection now.
func (c *collector) renumber(i int, ref, id uint32) {
	for uint32(len(c.numbers[i])) <= ref {
		c.numbers[i] = append(c.numbers[i], 0)
	}
	c.numbers[i][ref] = id
}

// close makes the workers leave, wherever they are.
func (c *collector) close() {
	c.rounds.stop()
	close(c.stop)
	c.done.Wait()
}

// failure returns what went wrong so far.
func (c *collector) failure() error {
	return errors.Join(c.err, c.notes.failure(), c.records.failure(), c.starts.failure())
}

// sifted tells s what the workers' sieves held back.
func (c *collector) sifted(s Sifter) {
	for _, w := range c.workers {
		if x := &w.tracker.sifting; x.rest > 0 {
			s.Rest(x.rest, &x.findings)
		}
	}
}

// evicted returns how many connections were written out early.
func (c *collector) evicted() (n uint64) {
	for _, w := range c.workers {
		n += w.tracker.evicted
	}
	return n
}
