package analyzer

import (
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// This file keeps connections of which only the opening was captured so far
// as that opening: the SYN, its SYN-ACK, and copies of both. A flood has millions of them, and
// what the machine would make of them it can make when more comes. In one pass
// they are observed in passing all the same, since their words are due at
// once; that costs time, so there it begins when there are many connections.

// manyLive is the number of live connections from which on one-pass runs keep
// openings only.
const manyLive = 1000

// lonelySYN are the flags that a SYN may have which is kept alone.
const lonelySYN = statemachine.SYN | statemachine.ECE | statemachine.CWR | statemachine.PSH

// speaks reports that the run says at once what a segment means.
func (t *tracker) speaks() bool {
	return t.opt.OnePass && (t.notes != nil || t.opt.wants(WantPackets))
}

// openings tells which connections are kept as their opening alone. What the
// run says does not depend on it.
type openings uint8

const (
	openingsUsual openings = iota // all, but in one pass only beside many others
	openingsAll
	openingsNone
)

// mayWait reports that a connection that seg opens need not be observed yet.
func (t *tracker) mayWait(seg *statemachine.Segment) bool {
	if o := t.opt.openings; o != openingsUsual {
		return o == openingsAll && seg.IsSYN()
	}
	return seg.IsSYN() && (!t.speaks() || t.table.live > manyLive)
}

// equip gives the flow what the observation of a connection needs.
func (t *tracker) equip(f *flow) {
	f.conn, f.analysis = t.conns.alloc(), t.accounts.alloc()
	if t.speaks() {
		f.live = t.lives.alloc()
	}
}

// answered keeps the SYN-ACK of a connection that is alone. It leaves to the
// machine what is unusual: another answer, one to another SYN, one with data
// or a window scale that only one of them has (RFC 7323 §2.2), and one that
// comes so late that the attempt may be over.
func (t *tracker) answered(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) bool {
	const late = statemachine.Time(time.Minute)
	if !f.alone() || f.answer != 0 || !seg.IsSYNACK() || seg.Len != 0 {
		return false
	}
	h := t.helds.at(f.held)
	syn := &h.Segment
	if side == h.Side || seg.Ack != syn.Seq.Add(1) || syn.Len != 0 || syn.Flags&^lonelySYN != 0 ||
		seg.Flags&^(lonelySYN|statemachine.ACK) != 0 || f.key.isLand() ||
		seg.Options.NSACK != 0 || seg.Options.Has(statemachine.OptWScale) != syn.Options.Has(statemachine.OptWScale) ||
		at.Time < h.At.Time || at.Time-h.At.Time > late {
		return false
	}
	f.answer = t.answers.alloc()
	*t.answers.at(f.answer) = answerOf(at, seg)
	return true
}

// answer is a SYN-ACK that answers the SYN before it and carries no data, in
// less room than a Held.
type answer struct {
	at                        statemachine.Moment
	seq                       statemachine.Seq
	tsVal, tsEcr              uint32
	flags                     statemachine.Flags
	set                       statemachine.OptionSet
	mss, window, urgent, ipid uint16
	wscale, fastOpen, ttl     uint8
	hasIPID                   bool
}

// answerOf returns seg, which has no SACK blocks, as an answer.
func answerOf(at statemachine.Moment, seg *statemachine.Segment) answer {
	o := &seg.Options
	return answer{
		at: at, seq: seg.Seq, tsVal: o.TSVal, tsEcr: o.TSEcr, flags: seg.Flags, set: o.Set,
		mss: o.MSS, window: seg.Window, urgent: seg.Urgent, ipid: seg.IPID,
		wscale: o.WScale, fastOpen: o.TFOLen, ttl: seg.TTL, hasIPID: seg.HasIPID,
	}
}

// held makes h the answer to the SYN as it was captured. Of h's options that a SYN-ACK
// kept so has not (SACK blocks) nothing must be set.
func (a *answer) held(syn, h *statemachine.Held) {
	h.At, h.Side = a.at, syn.Side.Peer()
	s := &h.Segment
	s.Seq, s.Ack, s.Len, s.Flags = a.seq, syn.Segment.Seq.Add(1), 0, a.flags
	s.Window, s.Urgent, s.IPID, s.HasIPID, s.TTL, s.Sum = a.window, a.urgent, a.ipid, a.hasIPID, a.ttl, 0
	o := &s.Options
	o.Set, o.MSS, o.WScale, o.TFOLen, o.TSVal, o.TSEcr = a.set, a.mss, a.wscale, a.fastOpen, a.tsVal, a.tsEcr
}

// again is a copy of the SYN or the SYN-ACK that is kept, sent once more.
type again struct {
	at     statemachine.Moment
	next   uint32 // the copy behind it, 0 for none
	tsVal  uint32
	ipid   uint16
	synack bool
}

// mostAgain is how many copies are kept: a host gives up soon after (Linux
// sends a SYN seven times, a SYN-ACK six times).
const mostAgain = 6

// repeated keeps a copy of the SYN or the SYN-ACK of a connection that is
// alone. Only its IP ID and its timestamp may be new.
func (t *tracker) repeated(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) bool {
	if !f.alone() || f.orderly != 0 || !seg.Flags.Has(statemachine.SYN) || at.Time < f.last.Time {
		return false
	}
	h := *t.helds.at(f.held)
	synack := side != h.Side
	if h.Segment.Len != 0 || h.Segment.Flags&^lonelySYN != 0 || f.key.isLand() || synack && f.answer == 0 {
		return false
	}
	if synack {
		var synack statemachine.Held
		t.answers.at(f.answer).held(&h, &synack)
		h = synack
	}
	h.Segment.IPID, h.Segment.Options.TSVal = seg.IPID, seg.Options.TSVal
	if h.Segment != *seg {
		return false
	}
	last := &f.again
	for n := 0; *last != 0; n++ {
		if n == mostAgain-1 {
			return false
		}
		last = &t.copies.at(*last).next
	}
	*last = t.copies.alloc()
	*t.copies.at(*last) = again{at: at, tsVal: seg.Options.TSVal, ipid: seg.IPID, synack: synack}
	return true
}

// wake begins to observe a connection of which so far only the opening was
// kept.
func (t *tracker) wake(f *flow) {
	if !f.alone() {
		return
	}
	t.unshelve(f)
	kept := *f
	f.held, f.answer, f.again, f.orderly, f.kept = 0, 0, 0, 0, 0
	t.equip(f)
	t.replayAll(f, &kept, never, kept.kept&previewed != 0)
	t.replayOrderly(f, &kept)
	t.releaseKept(&kept)
}

// replayAll observes on f, in order, the segments that are kept of a connection
// and were captured before a packet.
func (t *tracker) replayAll(f, kept *flow, until uint64, silent bool) {
	syn := *t.helds.at(kept.held)
	t.replay(f, &syn, silent)
	var synack statemachine.Held
	pending := kept.answer != 0
	if pending {
		t.answers.at(kept.answer).held(&syn, &synack)
	}
	for i := kept.again; ; {
		if pending && (i == 0 || synack.At.Packet < t.copies.at(i).at.Packet) {
			if pending = false; synack.At.Packet < until {
				t.replay(f, &synack, silent)
			}
		}
		if i == 0 || t.copies.at(i).at.Packet >= until {
			return
		}
		a := *t.copies.at(i)
		h := syn
		if a.synack {
			h = synack
		}
		h.At, h.Segment.IPID, h.Segment.Options.TSVal = a.at, a.ipid, a.tsVal
		t.replay(f, &h, silent)
		i = a.next
	}
}

// releaseKept gives back what is kept of a connection.
func (t *tracker) releaseKept(f *flow) {
	if f.held != 0 {
		t.helds.leave(f.held) // who takes one sets all of it; so with answers and copies
		if !f.alone() {
			t.contested--
		}
	}
	if f.answer != 0 {
		t.answers.leave(f.answer)
	}
	if f.orderly != 0 {
		t.orderlies.leave(f.orderly) // Begin sets what counts
	}
	if f.shelved != 0 {
		t.shelf.drop(f.shelved)
	}
	for i := f.again; i != 0; {
		next := t.copies.at(i).next
		t.copies.release(i)
		i = next
	}
}

// replay observes a segment that was kept. When it was said before what that
// means it is silent.
func (t *tracker) replay(f *flow, h *statemachine.Held, silent bool) {
	notes, crowd := t.notes, t.crowd
	if silent {
		if t.crowd = nil; notes != nil {
			t.notes = unheard{}
		}
	}
	t.feed(f, h.At, h.Side, &h.Segment)
	t.notes, t.crowd = notes, crowd
}

// unheard takes notes that were said before.
type unheard struct{}

func (unheard) take(*Note) {}

// preview says in one pass what the segment at hand, the last that is kept of a
// connection that is alone, means: it observes the opening in passing.
func (t *tracker) preview(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	if !t.speaks() {
		t.reading = statemachine.Reading{}
		return
	}
	if t.said == 0 {
		t.said = t.lives.alloc()
	}
	g := *f // a flow in passing
	g.held, g.answer, g.again, g.tally, g.live = 0, 0, 0, 0, t.said
	g.conn, g.analysis = t.conns.alloc(), t.accounts.alloc()
	t.tallies.copy(&g, f)
	if at.Packet != t.helds.at(f.held).At.Packet {
		t.replayAll(&g, f, at.Packet, true)
	}
	t.feed(&g, at, side, seg)
	t.machine.Finish(t.conns.at(g.conn), at) // which frees its log; nobody hears of it
	t.lives.at(t.said).Forget()
	g.live = 0
	t.free(&g)
	f.kept |= previewed
}

// finishAlone is finish at the end of the input, and of what the machine would
// say of a SYN that was all there was: its sender is in SYN-SENT, of its peer
// nothing is known. It leaves SYNs with anything unusual, and runs that want
// the steps, to the machine.
func (t *tracker) finishAlone(f *flow) bool {
	h := t.helds.at(f.held)
	if t.notes != nil || f.answer != 0 || f.again != 0 || f.key.isLand() || isOddSYN(&h.Segment) {
		return false
	}
	f.last = h.At
	f.packets[h.Side]++
	f.facts.sent(h.Side, &h.Segment, f.first.Time, h.At.Time)
	t.judgeSums(f)
	if t.records == nil || t.sifting.holdsBack(&t.tallies, f) {
		return true
	}
	r := &t.record
	t.beginRecord(f, endInput)
	r.ends[h.Side] = endRecord{
		packets: 1, iss: h.Segment.Seq, hasISS: true, state: statemachine.SynSent, sure: statemachine.Witnessed,
	}
	r.ends[h.Side.Peer()] = endRecord{state: statemachine.Unknown, sure: statemachine.Uncertain}
	r.aloneExtras(h)
	t.records.take(r)
	return true
}

// isOddSYN reports a SYN of which there is more to say than that it was sent:
// payload, control bits that it does not need, no window, padding in the place of
// an option.
func isOddSYN(seg *statemachine.Segment) bool {
	return seg.Len != 0 || seg.Flags&^lonelySYN != 0 || seg.Window == 0 || seg.Options.Has(statemachine.OptPadded)
}
