package analyzer

import (
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// This file keeps connections that go by the book as their segments alone
// (statemachine.Orderly), beyond their opening (alone.go). Most short ones are
// never observed: what they come to is added up when they are over.

// leastTimeWait is how long TIME-WAIT must last for that: no clock may move an
// end between the segments that are kept.
const leastTimeWait = time.Second

// mayKeep reports that orderly connections of a capture file are kept as their
// segments. Runs that want the steps or the findings one by one, or that say at
// once what a segment means, observe all; so do runs with limits, to which
// connections may have to give way.
func (t *tracker) mayKeep() bool {
	return t.notes == nil && t.opt.openings != openingsNone && !t.speaks() && !t.limited && t.opt.Machine.TimeWait >= leastTimeWait
}

// keep keeps a segment of a connection that is alone, and reports whether that was
// possible. What the segment means for others is said at once.
func (t *tracker) keep(i uint32, f *flow, it *item, side statemachine.Side) bool {
	var b statemachine.Brief
	return (f.orderly != 0 || t.mayBegin(f)) && b.Set(&it.packet.Segment) && t.keepBrief(i, f, it.at(), side, &b)
}

// mayBegin reports that of the flow's connection, which is alone, its opening is kept
// and nothing else, and that what comes next may be kept.
func (t *tracker) mayBegin(f *flow) bool {
	return f.answer != 0 && f.orderly == 0 && f.shelved == 0 && f.again == 0 && t.keeps && !t.live
}

// begin makes the orderly connection of the flow, which has nothing but its opening.
func (t *tracker) begin(f *flow) *statemachine.Orderly {
	f.orderly = t.orderlies.alloc()
	o := t.orderlies.at(f.orderly)
	t.beginAgain(f, o)
	return o
}

// beginAgain makes o that of the flow's opening.
func (t *tracker) beginAgain(f *flow, o *statemachine.Orderly) {
	a := t.answers.at(f.answer)
	o.Begin(a.at, a.seq, t.helds.at(f.held).Segment.Seq.Add(1))
}

// isSoon reports that a segment comes behind the flow's last, and before a closing
// connection counts as silent.
func (t *tracker) isSoon(f *flow, at statemachine.Moment) bool {
	return uint64(at.Time-f.last.Time) < uint64(t.quiet) // not negative, which would be huge
}

// keepBrief is keep for a Brief, of a connection of which a segment behind the opening is
// kept, or may be.
func (t *tracker) keepBrief(i uint32, f *flow, at statemachine.Moment, side statemachine.Side, b *statemachine.Brief) bool {
	if !t.isSoon(f, at) {
		return false
	}
	if f.orderly != 0 {
		o := t.orderlies.at(f.orderly)
		if !o.Add(at, side, b) {
			return false
		}
		t.kept(i, f, at, o)
		return true
	}
	if !t.begin(f).Add(at, side, b) {
		return false
	}
	t.join(f, at, side, crowdDone, b.Seq)
	f.last = at
	return true
}

// kept notes that a segment of the flow's connection was kept in o.
func (t *tracker) kept(i uint32, f *flow, at statemachine.Moment, o *statemachine.Orderly) {
	f.last = at
	if o.Closing() {
		t.table.touch(i, f, timedList, t.now.Time+t.quiet)
		f.kept &^= byTheBook
		if o.Closed() { // asked now, while its segments are at hand
			syn, synack := t.handshake(f)
			if o.ByTheBook(syn, synack) {
				f.kept |= byTheBook
				t.shelve(f, o)
			}
		}
	}
}

// shelve puts away the segments of the flow's connection, which is over.
func (t *tracker) shelve(f *flow, o *statemachine.Orderly) {
	if f.shelved = t.shelf.put(o.Segments()); f.shelved != 0 {
		t.orderlies.leave(f.orderly)
		f.orderly = 0
	}
}

// unshelve undoes shelve, where that was done.
func (t *tracker) unshelve(f *flow) {
	if f.shelved == 0 {
		return
	}
	f.orderly = t.orderlies.alloc()
	t.restore(f, t.orderlies.at(f.orderly))
	t.shelf.drop(f.shelved)
	f.shelved = 0
}

// restore makes o that of the flow's connection, which is on the shelf.
func (t *tracker) restore(f *flow, o *statemachine.Orderly) {
	t.beginAgain(f, o)
	o.Restore(t.shelf.at(f.shelved))
}

// handshake returns the SYN that is kept of the flow's connection and the SYN-ACK,
// which is valid until the next call.
func (t *tracker) handshake(f *flow) (syn, synack *statemachine.Held) {
	syn = t.helds.at(f.held)
	t.answers.at(f.answer).held(syn, &t.synack)
	return syn, &t.synack
}

// replayOrderly observes on f the segments that were kept of a connection behind
// its SYN-ACK.
func (t *tracker) replayOrderly(f, kept *flow) {
	if kept.orderly == 0 {
		return
	}
	crowd := t.crowd
	t.crowd = nil // it heard of them
	o := t.orderlies.at(kept.orderly)
	var h statemachine.Held
	for r := o.Reader(f.key.sumBase()); o.Next(&r, &h); {
		t.feed(f, h.At, h.Side, &h.Segment)
	}
	t.crowd = crowd
}

// finishOrderly is finish for a connection that was kept as its segments to the
// end, and closed by the book. It leaves all others to the machine.
func (t *tracker) finishOrderly(f *flow, why endReason) bool {
	if f.kept&byTheBook == 0 {
		return false
	}
	t.judgeSums(f)
	if t.records == nil || t.sifting.holdsBack(&t.tallies, f) {
		return true
	}
	o := &t.orderly
	if f.shelved != 0 {
		t.restore(f, o)
	} else {
		o = t.orderlies.at(f.orderly)
	}
	syn, synack := t.handshake(f)
	l := o.Life(syn, synack)
	r := &t.record
	t.beginRecord(f, why)
	r.live(&l, syn, synack, t.now.Time, statemachine.Time(t.opt.Machine.TimeWait))
	t.records.take(r)
	return true
}

// expireOrderly ends a flow whose time has come, when it was kept as its segments
// and both ends are done.
func (t *tracker) expireOrderly(i uint32, f *flow) bool {
	if f.orderly == 0 && f.shelved == 0 || t.now.Time-f.last.Time < statemachine.Time(t.opt.Machine.TimeWait) || !t.finishOrderly(f, endOver) {
		return false
	}
	t.free(f)
	t.table.remove(i)
	return true
}

// live fills the record with what l comes to at the time now.
func (r *record) live(l *statemachine.Life, syn, synack *statemachine.Held, now, timeWait statemachine.Time) {
	x := &r.extra
	first, second := l.First, l.First.Peer()
	const client, server = statemachine.Client, statemachine.Server
	x.enter(client, statemachine.SynSent, syn.At.Time)
	x.enter(server, statemachine.SynReceived, syn.At.Time)
	x.enter(client, statemachine.Established, synack.At.Time)
	x.enter(server, statemachine.Established, l.Opened)
	x.enter(first, statemachine.FinWait1, l.FIN)
	x.enter(second, statemachine.CloseWait, l.FIN)
	x.enter(first, statemachine.FinWait2, l.Acked)
	x.enter(second, statemachine.LastAck, l.PeerFIN)
	x.enter(first, statemachine.TimeWait, l.PeerFIN)
	x.enter(second, statemachine.Closed, l.Last)
	state, sure := statemachine.TimeWait, statemachine.Proven
	if now-l.Last >= timeWait {
		state, sure = statemachine.Closed, statemachine.ByTimer
		x.enter(first, state, l.Last+timeWait)
	}
	r.ends[first].state, r.ends[first].sure = state, sure
	r.ends[second].state, r.ends[second].sure = statemachine.Closed, statemachine.Presumed
	for side, h := range [...]*statemachine.Held{statemachine.Client: syn, statemachine.Server: synack} {
		from, o := &l.Ends[side], &h.Segment.Options
		e, n := &r.ends[side], &r.numbers[side]
		e.packets, e.bytes, e.iss, e.hasISS = from.Packets, from.Bytes, h.Segment.Seq, true
		n.rttLeast, n.rttMean, n.inFlight = from.MinRTT, from.SRTT, from.MaxInFlight
		n.leastWindow, n.most, n.hasWindow = from.MinWindow, from.MaxWindow, true
		n.scale, n.hasScale = from.Shift, true
		r.half[side] = from.Half
		x.syn[side] = synOptions{o.Set, o.MSS, o.WScale, true}
		x.leave(statemachine.Side(side), now)
	}
	r.facts.live(l, syn, synack)
}

// live notes what l comes to among the facts of a new connection.
func (x *facts) live(l *statemachine.Life, syn, synack *statemachine.Held) {
	const each = sentSYN | acked | ackedOn | established | sentFIN
	for side, h := range [...]*statemachine.Held{statemachine.Client: syn, statemachine.Server: synack} {
		x.did[side] = each
		if h.Segment.Options.Has(statemachine.OptWScale) {
			x.did[side] |= offeredScale
		}
	}
	x.did[l.First] |= closedFirst | timeWaited
	x.syns[statemachine.Client], x.synacks = 1, 1
	x.is |= seenOrdinary
	x.finAt[l.First] = since(syn.At.Time, l.FIN)
	x.finAt[l.First.Peer()] = since(syn.At.Time, l.PeerFIN)
}
