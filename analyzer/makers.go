package analyzer

import (
	"cmp"
	"runtime"
	"sync"

	"github.com/tcpstate/tcpstate/statemachine"
)

// This file makes connections of their records, behind the last packet of the input:
// several goroutines make runs of them, and what the sink writes of each as far as it can
// be prepared, while the sink is given those before, in order.

// Preparer is a sink of which several goroutines can prepare what its method Connection
// writes.
type Preparer interface {
	// Preparation returns a function for one goroutine, which appends to b what the
	// sink's Connection would write of c. That finds it in c.Prepared then.
	Preparation() func(b []byte, c *Connection) []byte
}

// madeRun is how many connections are made at a time.
const madeRun = 64

// made is a run of connections.
type made struct {
	conns [madeRun]Connection
	spare [madeRun]map[statemachine.Code]int // their findings, kept for reuse
	n     int
	items []byte       // their records, packed, one behind the other
	ends  [madeRun]int // of each in items
	text  []byte       // what was prepared
	ready chan struct{}
}

// makers make the chosen connections of a spool.
type makers struct {
	spool *recordSpool
	mu    sync.Mutex // of what follows
	cur   *cursor
	over  bool // nothing is left, or nobody wants more

	order chan *made // runs, in order; each may be in the making
	free  chan *made
}

// each calls fn for the chosen connections, ordered by number, once p has prepared them
// where it is not nil.
func (s *recordSpool) each(fn func(*Connection) error, p Preparer) error {
	n := min(runtime.GOMAXPROCS(0), maxWorkers)
	runs := n + 2 // one is given to fn, one waits for it
	m := makers{spool: s, cur: s.records.cursor(), order: make(chan *made, runs), free: make(chan *made, runs)}
	for range runs {
		m.free <- &made{ready: make(chan struct{}, 1)}
	}
	var all sync.WaitGroup
	for range n {
		all.Go(func() { m.work(p) })
	}
	go func() {
		all.Wait()
		close(m.order)
	}()
	var err error
	for run := range m.order {
		<-run.ready
		for i := range run.conns[:run.n] {
			if err == nil {
				err = fn(&run.conns[i])
			}
		}
		if err != nil {
			m.end()
		}
		m.free <- run
	}
	return cmp.Or(err, m.cur.err)
}

// end makes that no other run is begun.
func (m *makers) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
}

// work makes runs until none is left.
func (m *makers) work(p Preparer) {
	var prepare func(b []byte, c *Connection) []byte
	if p != nil {
		prepare = p.Preparation()
	}
	for {
		run := <-m.free
		if !m.take(run) {
			return
		}
		m.spool.make(run)
		if prepare != nil {
			run.prepare(prepare)
		}
		run.ready <- struct{}{}
	}
}

// take gives run the records of the next connections, and reports whether there are
// any. It then has its place in the order.
func (m *makers) take(run *made) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for run.n, run.items = 0, run.items[:0]; run.n < madeRun && !m.over; {
		id, item, ok := m.cur.peek()
		if m.over = !ok; !ok {
			break
		}
		if m.spool.chosen.has(uint32(id)) {
			run.items = append(run.items, item...)
			run.conns[run.n].ID, run.ends[run.n] = uint32(id), len(run.items)
			run.n++
		}
		m.cur.advance()
	}
	if run.n == 0 {
		return false
	}
	m.order <- run
	return true
}

// make makes the connections of their records.
func (s *recordSpool) make(run *made) {
	var r record
	from := 0
	for i, end := range run.ends[:run.n] {
		c := &run.conns[i]
		r.unpack(run.items[from:end])
		r.id, from = c.ID, end
		if s.drops > 0 && r.facts.is&lackedPackets != 0 && r.counts[statemachine.CaptureDrops] == 0 {
			r.counts[statemachine.CaptureDrops] = 1 // it was over before the capture told
		}
		run.spare[i] = r.fill(c, run.spare[i])
	}
}

// prepare prepares what is to be written of the connections.
func (run *made) prepare(one func(b []byte, c *Connection) []byte) {
	run.text = run.text[:0]
	for i := range run.conns[:run.n] {
		run.text = one(run.text, &run.conns[i])
		run.ends[i] = len(run.text)
	}
	from := 0
	for i, end := range run.ends[:run.n] {
		run.conns[i].Prepared, from = run.text[from:end:end], end
	}
}
