package analyzer

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/tcpstate/tcpstate/statemachine"
)

// endReason says why a connection's record is written.
type endReason uint8

const (
	endOver    endReason = iota // both ends are done with it
	endInput                    // the input has ended
	endReused                   // another connection took the four-tuple
	endEvicted                  // a limit was reached
	endIdle                     // it was silent for as long as Options.Idle
)

// file puts the flow on the list that fits, behind all that fell idle before.
// Among the open ones the order matters only to limits; without these, moving
// each at each packet would be for nothing.
func (t *tracker) file(i uint32, f *flow) {
	if f.alone() || !t.conns.at(f.conn).Closing() {
		if f.list != openList || t.limited {
			t.table.touch(i, f, openList, 0)
		}
		return
	}
	t.table.touch(i, f, timedList, t.now.Time+t.quiet)
}

// expire ends the connections whose time has come.
func (t *tracker) expire() {
	for l := &t.table.lists[timedList]; l.head != 0 && t.table.due <= t.now.Time; {
		t.expireTimed(l.head)
	}
	if t.idles {
		t.expireIdle(t.now.Time - statemachine.Time(t.opt.Idle))
	}
}

// expireIdle ends the connections that were last heard of before the given
// time.
func (t *tracker) expireIdle(before statemachine.Time) {
	l := &t.table.lists[openList]
	for i := l.head; i != 0 && t.table.flows.at(i).last.Time < before; i = l.head {
		t.end(i, endIdle)
	}
}

// expireTimed advances a closing connection that has been silent. It ends when
// both ends are done; until then it was there for stragglers.
func (t *tracker) expireTimed(i uint32) {
	f := t.table.flows.at(i)
	if t.expireOrderly(i, f) {
		return
	}
	t.wake(f)
	c := t.conns.at(f.conn)
	t.machine.Advance(c, t.now)
	t.drain(f)
	if c.Ended() {
		t.end(i, endOver)
		return
	}
	if _, due := c.Due(t.opt.Machine); due {
		t.table.touch(i, f, timedList, t.now.Time+t.quiet)
		return
	}
	t.table.touch(i, f, openList, 0)
}

// makeRoom keeps the live connections and their memory below the limits.
func (t *tracker) makeRoom() {
	if limit := t.opt.MaxConnections; limit > 0 {
		for t.table.live >= limit {
			t.end(t.table.longestIdle(), endEvicted)
		}
	}
	if limit := t.opt.MaxMemory; limit > 0 {
		for t.table.live > 0 && t.memory() >= limit {
			t.end(t.table.longestIdle(), endEvicted)
		}
	}
}

// saidOctets is what a connection's words in one pass take besides: four steps.
const saidOctets = 4 * int(unsafe.Sizeof(statemachine.Step{}))

// memory returns the octets that live connections take.
func (t *tracker) memory() int64 {
	n := t.table.flows.octets() + len(t.table.slots)*int(unsafe.Sizeof(slot{}))
	n += t.conns.octets() + t.accounts.octets() + t.helds.octets() + t.answers.octets() + t.copies.octets() + t.orderlies.octets() + t.shelf.octets() + t.tallies.octets()
	n += t.troubles.octets() + t.lives.octets() + t.lives.used()*saidOctets
	return int64(n + t.machine.Memory())
}

// never is the packet from which a connection has the four-tuple that got no
// more of it than its SYN.
const never = ^uint64(0)

// end finishes the flow's connection and frees the flow.
func (t *tracker) end(i uint32, why endReason) {
	f := t.table.flows.at(i)
	if f.held != 0 && !f.alone() {
		if h := *t.helds.at(f.held); t.machine.Claim(t.conns.at(f.conn), &h) {
			t.openHeld(f, h, statemachine.Moment{Packet: never, Time: t.now.Time})
		}
	}
	t.finish(f, why)
	t.free(f)
	t.table.remove(i)
}

// endAll finishes all connections at the end of the input. From time to time
// it calls flush.
func (t *tracker) endAll(flush func() error) error {
	t.endContested()
	for more := true; more; {
		if err := flush(); err != nil {
			return err
		}
		more = t.endSome(1)
	}
	return flush()
}

// endContested ends, once the input is over, the connections whose four-tuple
// another one may claim, in the order in which those began: they are the only
// ones whose end opens another.
func (t *tracker) endContested() {
	t.own = true // whoever had the last packet
	if t.contested == 0 {
		return
	}
	var contested []uint32
	for list := range t.table.lists {
		for i := t.table.lists[list].head; i != 0; i = t.table.flows.at(i).next {
			if f := t.table.flows.at(i); f.held != 0 && !f.alone() {
				contested = append(contested, i)
			}
		}
	}
	began := func(i uint32) uint64 { return t.helds.at(t.table.flows.at(i).held).At.Packet }
	slices.SortFunc(contested, func(a, b uint32) int { return cmp.Compare(began(a), began(b)) })
	for _, i := range contested {
		t.end(i, endInput)
	}
}

// endSome ends up to n connections, the longest idle of each list first, and
// reports whether there may be more. The table is not kept up: nothing comes
// after.
func (t *tracker) endSome(n int) bool {
	for list := range t.table.lists {
		l := &t.table.lists[list]
		for l.head != 0 {
			if n == 0 {
				return true
			}
			n--
			f := t.table.flows.at(l.head)
			l.head = f.next
			if f.alone() && (t.finishAlone(f) || t.finishOrderly(f, endInput)) {
				continue
			}
			t.finish(f, endInput)
			t.free(f)
		}
	}
	return false
}

// finish settles the connection and hands out its record.
func (t *tracker) finish(f *flow, why endReason) {
	if t.finishOrderly(f, why) {
		return
	}
	t.wake(f)
	c := t.conns.at(f.conn)
	if (why == endEvicted || why == endIdle) && c.Ended() {
		why = endOver
	}
	if why != endReused {
		t.machine.Advance(c, t.now)
		t.drain(f)
	}
	t.machine.Finish(c, t.now)
	t.drain(f)
	t.judgeEnd(f)
	t.judgeSums(f)
	t.judgeDrops(f)
	t.endMarks(f, t.detailsOf(f))
	if why == endEvicted || why == endIdle {
		t.evicted++
	}
	if t.records != nil && !t.sifting.holdsBack(&t.tallies, f) {
		t.fillRecord(f, why)
		t.records.take(&t.record)
	}
}

// free gives back what the flow's connection holds.
func (t *tracker) free(f *flow) {
	if !f.alone() {
		if tr := t.detailsOf(f).trouble; tr != 0 {
			t.troubles.release(tr)
		}
		t.conns.release(f.conn)
		t.accounts.release(f.analysis)
	}
	t.releaseKept(f)
	if f.live != 0 {
		t.lives.release(f.live)
	}
	t.tallies.drop(f)
}
