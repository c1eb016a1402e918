package analyzer

import (
	"math"

	"github.com/tcpstate/tcpstate/statemachine"
)

// slot is one place of the hash table: the flow's index, 0 for an empty place,
// and its whole hash, so that most misses and all growth need no flow.
type slot struct{ hash, flow uint32 }

// minSlots is the first size of the hash table, a power of two.
const minSlots = 1 << 10

// table finds flows by their key: open addressing with linear probing over
// flows that live in a slab. Its answers do not depend on the hash.
type table struct {
	seed  hashSeed
	slots []slot
	live  int
	flows slab[flow]
	lists [numLists]idleList
	due   statemachine.Time // of the first flow of timedList, neverDue when there is none

	recent [recentSlots]slot // copies of slots that were asked for lately, by hash
	warmed keyRest           // see warm
}

// recentSlots is few enough for them to stay in a processor's nearest cache.
const recentSlots = 1 << 10

// neverDue is later than all times.
const neverDue = statemachine.Time(math.MaxInt64)

func newTable() *table {
	return &table{seed: newHashSeed(), slots: make([]slot, minSlots), due: neverDue}
}

// find returns the index of the key's flow, 0 when there is none.
func (t *table) find(k *flowKey, hash uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s.flow == 0 {
			return 0
		}
		if s.hash == hash && t.flows.at(s.flow).key.is(k) {
			return s.flow
		}
	}
}

// warm looks up the flow of an item, for seek, and reads its beginning. Called for all
// items of a batch before they are followed, it spares each the wait for its own flow,
// which with many connections lies in main memory: loads that do not depend on each
// other go on side by side.
func (t *table) warm(it *item) {
	r := &t.recent[it.hash%recentSlots]
	if r.hash != it.hash || r.flow == 0 {
		*r = slot{it.hash, t.likely(it.hash)}
	}
	if it.hint = r.flow; it.hint != 0 {
		it.flow = t.flows.at(it.hint)
		t.warmed += it.flow.key.rest // somebody must want it, or nothing is read
	}
}

// likely returns the index of the first flow with a hash, 0 when there is none.
func (t *table) likely(hash uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i].hash != hash && t.slots[i].flow != 0 {
		i = (i + 1) & mask
	}
	return t.slots[i].flow
}

// seek is find for an item. What the item's hint names may be another flow by now, or
// a released one, which is zero: no key of a packet is (see realmOf and mapped).
func (t *table) seek(it *item) (i uint32, f *flow) {
	if it.hint != 0 {
		if it.flow.key.is(&it.key) {
			return it.hint, it.flow
		}
	}
	if i = t.find(&it.key, it.hash); i == 0 {
		return 0, nil
	}
	return i, t.flows.at(i)
}

// insert adds a flow for a key that find did not find.
func (t *table) insert(k *flowKey, hash uint32) uint32 {
	if (t.live+1)*4 > len(t.slots)*3 {
		t.grow()
	}
	i := t.flows.alloc()
	t.flows.at(i).key = *k
	t.place(slot{hash, i})
	t.live++
	return i
}

func (t *table) place(s slot) {
	mask := uint32(len(t.slots) - 1)
	i := s.hash & mask
	for t.slots[i].flow != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *table) grow() {
	old := t.slots
	t.slots = freshPages[slot](2 * len(old))
	for _, s := range old {
		if s.flow != 0 {
			t.place(s)
		}
	}
}

// remove takes the flow out of the table and its list and frees it.
func (t *table) remove(i uint32) {
	f := t.flows.at(i)
	t.unlink(f)
	t.unplace(i, f.key.hash(t.seed))
	t.flows.release(i)
	t.live--
}

// unplace empties the flow's slot and moves later slots of the same cluster
// into the hole, so that no tombstones are needed.
func (t *table) unplace(flow, hash uint32) {
	mask := uint32(len(t.slots) - 1)
	hole := hash & mask
	for t.slots[hole].flow != flow {
		hole = (hole + 1) & mask
	}
	for i := (hole + 1) & mask; t.slots[i].flow != 0; i = (i + 1) & mask {
		home := t.slots[i].hash & mask
		if (i-home)&mask >= (i-hole)&mask {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = slot{}
}

// listID names an idle list. Every flow is on one, behind all that fell idle
// before it; on timedList that is the order of due times too.
type listID uint8

// The lists.
const (
	noList    listID = iota
	openList         // nothing to wait for: only a limit ends these
	timedList        // closing: silence settles them, or a clock of an endpoint
	numLists  = iota
)

// idleList is a list of flows, the longest idle first.
type idleList struct{ head, tail uint32 }

// touch moves the flow to the end of the list, with the given due time.
func (t *table) touch(i uint32, f *flow, id listID, due statemachine.Time) {
	f.due = due
	l := &t.lists[id]
	if f.list != id || l.tail != i {
		t.unlink(f)
		f.list, f.prev, f.next = id, l.tail, 0
		if l.tail != 0 {
			t.flows.at(l.tail).next = i
		} else {
			l.head = i
		}
		l.tail = i
	}
	if id == timedList && l.head == i {
		t.due = due
	}
}

func (t *table) unlink(f *flow) {
	if f.list == noList {
		return
	}
	l := &t.lists[f.list]
	if f.next != 0 {
		t.flows.at(f.next).prev = f.prev
	} else {
		l.tail = f.prev
	}
	if f.prev != 0 {
		t.flows.at(f.prev).next = f.next
	} else if l.head = f.next; f.list == timedList {
		t.due = t.dueOf(f.next)
	}
	f.list, f.prev, f.next = noList, 0, 0
}

// dueOf returns when the flow i is due.
func (t *table) dueOf(i uint32) statemachine.Time {
	if i == 0 {
		return neverDue
	}
	return t.flows.at(i).due
}

// longestIdle returns the flow whose last packet is the oldest, 0 when there
// is none.
func (t *table) longestIdle() uint32 {
	best := uint32(0)
	for _, l := range t.lists {
		if l.head == 0 {
			continue
		}
		if best == 0 || t.flows.at(l.head).last.Packet < t.flows.at(best).last.Packet {
			best = l.head
		}
	}
	return best
}
