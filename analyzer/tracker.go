package analyzer

import (
	"cmp"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// noteTaker takes notes as they are made, and keeps none of its argument.
type noteTaker interface{ take(n *Note) }

// recordTaker takes the record of a connection that has ended.
type recordTaker interface{ take(r *record) }

// openTaker hears of each connection that was recognised, before anything else
// is said of it.
type openTaker interface{ opened(o opening) }

// opening is the recognition of a connection. Numbers go by when, then by
// first: connections recognised at one packet are counted in the order of
// their first packets.
type opening struct {
	when  uint64 // twice the packet at which it was recognised, and 1 when the packet is its own
	first uint64 // its first packet
	ref   uint32 // the index of its flow
	id    uint32 // its number, once it is given
	nth   uint32 // its place among those that were said with it, where that is another than in their order
}

// compare orders openings as their numbers do.
func (o opening) compare(p opening) int {
	return cmp.Or(cmp.Compare(o.when, p.when), cmp.Compare(o.first, p.first))
}

// item is a packet with a whole segment, or an ICMP error, and what a tracker
// needs to know of it besides.
type item struct {
	packet  *Packet
	key     flowKey
	hash    uint32 // of the key
	when    statemachine.Moment
	hint    uint32 // index of the flow that is likely the packet's, 0 for none; see table.warm
	flow    *flow  // that flow
	fromLow bool
	odd     bool // there is more to say of the packet than of its segment (judgePacket)
}

// set makes the item that of its packet, which must stay as it is until the item
// was taken, but for its octets.
func (it *item) set(seed hashSeed) {
	p := it.packet
	it.fromLow = it.key.set(p.Src, p.Dst, p.Tunnel)
	it.hash = it.key.hash(seed)
	it.look()
}

// look sets what the item tells of its packet.
func (it *item) look() {
	p := it.packet
	it.odd = it.isCut() || p.Overlap || p.Sums&SumChecked != 0
}

// isCut reports that the packet was captured without the segment's end.
func (it *item) isCut() bool { return it.packet.SegOff+it.packet.SegLen > len(it.packet.Frame) }

// at returns when the packet was captured.
func (it *item) at() statemachine.Moment { return it.when }

// tracker knows all live connections and feeds their segments to the state
// machine. It owns everything that it touches, so that a run may have several,
// each with its share of the four-tuples; opens is then who gives the numbers.
type tracker struct {
	opt       *Options
	machine   *statemachine.Machine
	table     *table
	conns     slab[statemachine.Conn]
	accounts  slab[account]
	helds     slab[statemachine.Held]
	answers   slab[answer]
	copies    slab[again]
	orderlies slab[statemachine.Orderly]
	shelf     shelf // of those that are over
	lives     slab[statemachine.Live]
	tallies   tallies
	troubles  slab[trouble]

	crowd     crowdTaker  // nil when there is none
	notes     noteTaker   // nil when nobody wants them
	records   recordTaker // nil when nobody wants them
	sifting   sifting
	opens     openTaker // nil where the tracker gives the numbers itself; else a flow's id is its index
	ids       uint32    // connections so far, where the tracker numbers them
	evicted   uint64
	now       statemachine.Moment  // the current packet; its time never runs backwards
	wentBack  bool                 // the capture's clock did
	drops     uint64               // lost by the capture, as far as it has told
	quiet     statemachine.Time    // how long a closing connection is silent before Advance is tried
	losing    losing               // of live captures
	live      bool                 // the source is one
	limited   bool                 // connections may be ended early
	idles     bool                 // by Options.Idle too
	keeps     bool                 // orderly connections are kept as their segments
	contested int                  // connections whose four-tuple a held SYN may take over
	own       bool                 // what is due before the packet was done: it is the packet's own turn
	said      uint32               // what a preview has said, of lives: scratch
	reading   statemachine.Reading // of the segment fed last
	item      item                 // scratch
	orderly   statemachine.Orderly // scratch
	synack    statemachine.Held    // scratch
	note      Note                 // scratch
	record    record               // scratch
}

func newTracker(opt *Options, notes noteTaker, records recordTaker) *tracker {
	t := &tracker{
		opt: opt, machine: statemachine.NewMachine(opt.Machine), table: newTable(), notes: notes, records: records,
		limited: opt.limited(), idles: opt.Idle > 0,
		quiet: statemachine.Time(min(max(opt.Machine.TimeWait, time.Millisecond), time.Minute)),
	}
	t.keeps = t.mayKeep()
	return t
}

// observe takes one packet with a whole segment. It returns the packet's flow,
// which is valid until the next call, and which side sent it. What the analysis
// says of the packet is in t.reading.
func (t *tracker) observe(p *Packet) (*flow, statemachine.Side) {
	return t.take(t.itemOf(p))
}

// itemOf returns the item of a packet, which is valid until the next call.
func (t *tracker) itemOf(p *Packet) *item {
	it := &t.item
	it.packet, it.when, it.hint = p, p.at(), 0
	it.set(t.table.seed)
	return it
}

// take is observe for an item.
func (t *tracker) take(it *item) (*flow, statemachine.Side) {
	backwards := t.tick(it.at())
	t.own = true
	return t.takeNow(it, backwards)
}

// takeNow is take once the clock was moved.
func (t *tracker) takeNow(it *item, backwards bool) (*flow, statemachine.Side) {
	i, f := t.table.seek(it)
	return t.takeFound(i, f, it, backwards)
}

// takeFound is takeNow for an item whose flow is f, with index i; nil when there is
// none.
func (t *tracker) takeFound(i uint32, f *flow, it *item, backwards bool) (*flow, statemachine.Side) {
	if f != nil && f.shelved != 0 {
		t.unshelve(f)
	}
	if f != nil && f.orderly != 0 && !backwards {
		if side := f.side(it.fromLow); t.keep(i, f, it, side) {
			if it.odd {
				t.judgePacket(f, it, side)
			}
			return f, side
		}
	}
	if f == nil {
		t.makeRoom()
		i = t.table.insert(&it.key, it.hash)
		f = t.table.flows.at(i)
	}
	return f, t.takeFor(i, f, it, backwards)
}

// takeFor is take for an item of the flow i.
func (t *tracker) takeFor(i uint32, f *flow, it *item, backwards bool) statemachine.Side {
	at, fromLow, seg := it.at(), it.fromLow, &it.packet.Segment
	since, flowed, kept := f.last.Time, false, false
	switch {
	case f.list == noList:
		f.id = i
		t.open(f, at, fromLow, seg)
	case f.held == 0 && t.machine.Flow(t.conns.at(f.conn), at, f.side(fromLow), seg):
		flowed = true
	case f.answer != 0 && t.keep(i, f, it, f.side(fromLow)):
		kept = true
	default:
		t.follow(f, at, fromLow, seg)
	}
	side := f.side(fromLow)
	if backwards {
		t.finding(f, statemachine.Finding{At: at, Side: side, Code: statemachine.ClockBackwards})
	}
	switch {
	case kept:
		t.judgeShape(f, it, side)
		return side
	case flowed:
		t.flowed(f, at, side, seg)
	case f.alone():
		f.last = at
		t.preview(f, at, side, seg)
	default:
		since = f.last.Time // of a connection that may be a new one
		t.feed(f, at, side, seg)
	}
	if t.reading.Marks&(statemachine.GapBefore|statemachine.ACKsUnseen) != 0 && !f.alone() {
		t.missing(i, f, since, at, side)
	}
	t.judgeShape(f, it, side)
	if !flowed || f.list != openList || t.limited {
		t.file(i, f)
	}
	return side
}

// missing notes that packets before this one were not captured.
func (t *tracker) missing(i uint32, f *flow, since statemachine.Time, at statemachine.Moment, side statemachine.Side) {
	if t.live {
		t.gap(i, f, since, at, side)
	} else {
		t.lack(f, at, side)
	}
}

// tick moves the tracker's clock to a packet, of whatever four-tuple, and ends
// what was due before. It reports whether the capture's clock ran backwards for
// the first time.
func (t *tracker) tick(at statemachine.Moment) (backwards bool) {
	if at.Time >= t.now.Time && at.Time < t.table.due && !t.idles {
		t.now, t.own = at, false // as nearly always, nothing is due
		return false
	}
	backwards = at.Time < t.now.Time && !t.wentBack && t.now.Packet != 0
	t.wentBack = t.wentBack || backwards
	t.moveTo(at)
	return backwards
}

// moveTo is tick for a packet whose time does not matter otherwise.
func (t *tracker) moveTo(at statemachine.Moment) {
	if t.now.Packet == 0 || at.Time > t.now.Time {
		t.now.Time = at.Time
	}
	t.now.Packet = at.Packet
	t.own = false
	t.expire()
}

// follow takes a segment on a known four-tuple to its place.
func (t *tracker) follow(f *flow, at statemachine.Moment, fromLow bool, seg *statemachine.Segment) {
	if side := f.side(fromLow); !t.answered(f, at, side, seg) && !t.repeated(f, at, side, seg) {
		t.place(f, at, fromLow, seg)
	}
}

// place decides whether a segment on a known four-tuple continues its
// connection, and opens the next one where it does not.
func (t *tracker) place(f *flow, at statemachine.Moment, fromLow bool, seg *statemachine.Segment) {
	t.wake(f)
	c := t.conns.at(f.conn)
	t.machine.Advance(c, at)
	t.drain(f)
	var held *statemachine.Held
	if f.held != 0 {
		held = t.helds.at(f.held)
	}
	switch t.machine.Judge(c, held, at, f.side(fromLow), seg) {
	case statemachine.SameConn:
	case statemachine.HoldSYN:
		if f.held == 0 {
			f.held = t.helds.alloc()
			t.contested++
		}
		*t.helds.at(f.held) = statemachine.Held{At: at, Side: f.side(fromLow), Segment: *seg}
	case statemachine.NewConn:
		t.finish(f, endReused)
		again := t.anotherISN(f, f.side(fromLow), seg)
		t.reopen(f, at, fromLow, seg)
		if again != 0 {
			t.finding(f, statemachine.Finding{
				At: at, By: again, Side: f.side(fromLow), Code: statemachine.SYNISNChanged, A: int64(seg.Seq),
			})
		}
	case statemachine.NewFromHeld:
		t.openHeld(f, *held, at)
	}
}

// anotherISN returns the first packet of the flow's connection when it was an
// attempt without an answer and seg is the next attempt of the same end; 0
// when it was not.
func (t *tracker) anotherISN(f *flow, side statemachine.Side, seg *statemachine.Segment) uint64 {
	x := &f.facts
	if seg.IsSYN() && x.syns[side] > 0 && f.packets[side.Peer()] == 0 && x.did[side]&acked == 0 {
		return f.first.Packet
	}
	return 0
}

// openHeld ends the connection and opens the one that the held SYN began. The
// SYN was fed to the old one too, which at that time was the likelier owner.
func (t *tracker) openHeld(f *flow, h statemachine.Held, at statemachine.Moment) {
	fromLow := (h.Side == statemachine.Client) == f.lowIsClient
	copies := t.machine.HeldCopies()
	f.packets[h.Side] -= 1 + uint64(len(copies))
	t.finish(f, endReused)
	t.reopen(f, h.At, fromLow, &h.Segment)
	f.from = at.Packet
	if !f.alone() {
		t.feed(f, h.At, f.side(fromLow), &h.Segment)
	}
	t.wake(f)
	side := f.side(fromLow)
	f.packets[side] += uint64(len(copies))
	for i := range copies {
		again := h.Segment
		again.Options.TSVal, again.IPID = copies[i].TSVal, copies[i].IPID
		t.analysis(f).Read(copies[i].At, side, &again)
		f.facts.sent(side, &again, f.first.Time, copies[i].At.Time)
	}
}

// reopen makes the flow, whose connection was finished, one of a new
// connection.
func (t *tracker) reopen(f *flow, at statemachine.Moment, fromLow bool, seg *statemachine.Segment) {
	t.free(f)
	*f = flow{key: f.key, prev: f.prev, next: f.next, list: f.list, due: f.due, id: f.id}
	t.open(f, at, fromLow, seg)
}

// open begins a connection with its first segment, without feeding it.
func (t *tracker) open(f *flow, at statemachine.Moment, fromLow bool, seg *statemachine.Segment) {
	src, dst := f.key.lowPort(), f.key.highPort()
	if !fromLow {
		src, dst = dst, src
	}
	client, why := roles(seg, src, dst)
	f.role = why
	f.lowIsClient = client == fromLow
	t.number(f, at)
	f.first, f.last, f.from = at, at, at.Packet
	side := f.side(fromLow)
	if t.mayWait(seg) {
		f.held = t.helds.alloc()
		*t.helds.at(f.held) = statemachine.Held{At: at, Side: side, Segment: *seg}
	} else {
		t.equip(f)
	}
	t.judgeOpening(f, seg, at, side)
	if seg.IsSYN() {
		t.join(f, at, side, crowdSYN, seg.Seq)
	} else if !isUsual(seg) {
		t.joinProbe(f, at, side, seg)
	}
}

// number gives the connection that f begins with the packet at its number, or
// tells who does.
func (t *tracker) number(f *flow, at statemachine.Moment) {
	t.ids++
	if t.opens == nil {
		f.id = t.ids
		return
	}
	o := opening{when: 2 * t.now.Packet, first: at.Packet, ref: f.id}
	if t.own {
		o.when++
	}
	t.opens.opened(o)
}

// feed gives the segment to the flow's connection and takes what it settles.
func (t *tracker) feed(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	t.count(f, at, side, seg)
	t.machine.Observe(t.conns.at(f.conn), at, side, seg)
	t.drain(f)
	t.read(f, at, side, seg)
}

// flowed is feed for a segment that the machine has already, and that settled
// nothing.
func (t *tracker) flowed(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	t.count(f, at, side, seg)
	t.read(f, at, side, seg)
}

// count notes a segment before the machine has it.
func (t *tracker) count(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	f.last = at
	f.packets[side]++
	if seg.Flags&(statemachine.SYN|statemachine.FIN|statemachine.RST|statemachine.ACK) != statemachine.ACK ||
		f.facts.did[side]&ackedOn == 0 || f.facts.is&seenOrdinary == 0 {
		t.feedFacts(f, at, side, seg)
	}
}

// read takes what the sequence analysis says of a segment.
func (t *tracker) read(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	r := &t.reading
	t.analysis(f).ReadInto(at, side, seg, r)
	if r.Class == statemachine.DuplicateFrame {
		t.once(f, statemachine.Finding{At: at, By: r.Repeats, Side: side, Code: statemachine.DuplicateCapture})
	} else {
		t.look(f, at, side, seg, r)
	}
}

// feedFacts notes a segment among the connection's facts before the machine
// has it.
func (t *tracker) feedFacts(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	d := t.detailsOf(f)
	if seg.Flags.Has(statemachine.RST) {
		if t.analysis(f).Lacks(side, seg.Seq) {
			t.conns.at(f.conn).Lacks()
		}
		t.noteReset(f, d, at, side, seg)
		t.join(f, at, side, crowdReset, seg.Seq)
	}
	before := f.facts.did[side] & acked
	f.facts.sent(side, seg, f.first.Time, at.Time)
	if before == 0 && f.facts.did[side]&acked != 0 && side == statemachine.Client && f.facts.syns[side] > 0 {
		d.watch |= thirdACK
		t.join(f, at, side, crowdDone, seg.Seq)
	}
}

// drain takes the steps and findings of the machine's last call.
func (t *tracker) drain(f *flow) {
	steps := t.machine.Steps()
	for i := range steps {
		f.facts.step(&steps[i], f.first.Time)
		t.detailsOf(f).step(&steps[i])
		if !t.opt.OnePass {
			t.say(f, StepNote, &steps[i])
		}
	}
	for _, fd := range t.machine.Findings() {
		if fd.Code == statemachine.DataAfterFIN {
			t.once(f, fd) // look may have seen it first
			continue
		}
		t.finding(f, fd)
	}
	resets := t.machine.Resets()
	for i := range resets {
		t.settleReset(f, &resets[i])
	}
	if t.opt.OnePass && t.notes != nil {
		words := t.machine.Words(t.conns.at(f.conn), t.lives.at(f.live))
		for i := range words {
			t.say(f, wordKinds[words[i].Kind], &words[i].Step)
		}
	}
}

// wordKinds gives the note for each kind of word.
var wordKinds = [...]NoteKind{
	statemachine.Said:      ProvisionalNote,
	statemachine.Final:     StepNote,
	statemachine.Confirmed: ConfirmedNote,
	statemachine.Withdrawn: WithdrawnNote,
}

// say notes a step. It stands under the packet behind which it took place; a
// clock's step, and what became of an earlier word, under the packet at which
// it is noticed.
func (t *tracker) say(f *flow, kind NoteKind, s *statemachine.Step) {
	if t.notes == nil {
		return
	}
	t.note = Note{Packet: s.Place, Conn: f.id, Ends: f.ends(), Kind: kind, Step: *s}
	if s.Cause.Packet == 0 || s.Place == 0 || kind == ConfirmedNote || kind == WithdrawnNote {
		t.note.Packet = t.now.Packet
	}
	t.notes.take(&t.note)
}

// finding counts and notes a finding, under the packet that shows it.
func (t *tracker) finding(f *flow, fd statemachine.Finding) {
	place := fd.At.Packet
	if place == 0 {
		place = t.now.Packet
	}
	t.findingAt(f, fd, place)
}

// findingAt counts and notes a finding under the packet place.
func (t *tracker) findingAt(f *flow, fd statemachine.Finding, place uint64) {
	t.tallies.count(f, fd.Code)
	if t.notes == nil {
		return
	}
	t.note = Note{Packet: place, Conn: f.id, Ends: f.ends(), Kind: FindingNote, Finding: fd}
	t.notes.take(&t.note)
}

// once notes a finding unless the connection has it already.
func (t *tracker) once(f *flow, fd statemachine.Finding) {
	if !t.tallies.counted(f, fd.Code) {
		t.finding(f, fd)
	}
}
