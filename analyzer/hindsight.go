package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// This file finds out what became of segments: lost behind the tap, lost before
// it, or missed by the capture. The answer comes with later packets and is a
// Mark of the packet concerned.

// Mark is what later packets showed of a packet.
type Mark struct {
	What statemachine.Marks // one mark
	By   uint64             // the packet that shows it
}

// trouble is what only connections with gaps, copies or resets need.
type trouble struct {
	gaps   [4]gap
	copies [12]copied
	resets [3]pendingReset
	stale  [3]stale
	late   lateData
	lost   uint64 // the packet that was last said to be lost behind the tap
	gap    uint8  // slot that is overwritten next
	copied uint8
	reset  uint8
	old    uint8
}

// gap is a stretch of numbers that was not captured so far.
type gap struct {
	packet   uint64 // where it showed; 0 for none
	at       statemachine.Time
	from, to statemachine.Seq
	side     statemachine.Side // whose numbers they are
	shown    statemachine.Side // who sent packet
	what     statemachine.Marks
	acked    bool // the peer has acknowledged it
	passed   bool // their sender has gone on behind it
}

// copied is a segment that was sent again.
type copied struct {
	packet, by uint64 // the earlier copy, 0 for none; the later one
	at         statemachine.Time
	end        statemachine.Seq // of the later one
	part       statemachine.Seq // of what the earlier one has of it
	tsval      uint32           // of the later copy
	stamped    bool
	asked      bool // the peer's duplicate ACKs or SACK asked for it
	arrived    bool // the earlier one had arrived, says an ACK of part
	early      bool // a FIN sooner than any timer: it went along with an ACK, and tells of no loss
	side       statemachine.Side
}

// lateData is the first payload behind a RST.
type lateData struct {
	packet uint64
	at     statemachine.Time
	side   statemachine.Side
}

// reorderTime is how long the capture may deliver a segment behind the ACK that
// covers it, where it has several queues.
const reorderTime statemachine.Time = 50e6

// soonestTimeout is a little below the shortest retransmission time-out of the
// common stacks, Linux's 200 ms (RFC 6298 §2.4 asks for 1 s).
const soonestTimeout statemachine.Time = 180e6

// troubled returns the trouble of d, making it when there was none.
func (t *tracker) troubled(d *details) *trouble {
	if d.trouble == 0 {
		d.trouble = t.troubles.alloc()
	}
	return t.troubles.at(d.trouble)
}

// hindsight takes a segment that opens, fills or settles a gap, or that repeats
// another one.
func (t *tracker) hindsight(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	if d.trouble != 0 && d.watch&unsettled != 0 {
		t.settleMarks(f, d, at, side, seg, r)
	}
	if r.Marks&(statemachine.GapBefore|statemachine.ACKsUnseen) != 0 && r.Gap > 0 {
		t.openGap(d, at, side, seg, r)
	}
	if r.Class == statemachine.Retransmission && r.Repeats != 0 && r.Marks&statemachine.Spurious == 0 && r.Hints&statemachine.DataRefused == 0 {
		tr := t.troubled(d)
		if old := &tr.copies[tr.copied]; old.packet != 0 && old.asked {
			t.lost(f, d, old) // the peer had asked for it
		}
		tr.copies[tr.copied] = copied{
			packet: r.Repeats, by: at.Packet, at: at.Time, end: seg.End(), part: r.To, side: side,
			tsval: seg.Options.TSVal, stamped: seg.Options.Has(statemachine.OptTimestamp),
			asked: r.Kind == statemachine.KindFast,
			early: r.Kind == statemachine.KindFIN && r.Since < soonestTimeout,
		}
		tr.copied = (tr.copied + 1) % uint8(len(tr.copies))
		d.watch |= unsettled
	}
}

// openGap remembers numbers that were not captured.
func (t *tracker) openGap(d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	g := gap{packet: at.Packet, at: at.Time, side: side, shown: side, what: statemachine.GapBefore, to: seg.Seq, passed: true}
	if r.Marks&statemachine.ACKsUnseen != 0 {
		g.side, g.what, g.to, g.acked, g.passed = side.Peer(), statemachine.ACKsUnseen, seg.Ack, true, false
	}
	g.from = g.to - statemachine.Seq(r.Gap)
	tr := t.troubled(d)
	tr.gaps[tr.gap] = g
	tr.gap = (tr.gap + 1) % uint8(len(tr.gaps))
	d.watch |= unsettled
}

// settleMarks settles what the segment decides.
func (t *tracker) settleMarks(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	tr := t.troubles.at(d.trouble)
	open := false
	for i := range tr.gaps {
		if g := &tr.gaps[i]; g.packet != 0 {
			t.settleGap(f, d, g, at, side, seg, r)
			open = open || g.packet != 0
		}
	}
	for i := range tr.copies {
		if c := &tr.copies[i]; c.packet != 0 {
			if c.side != side && seg.Flags.Has(statemachine.ACK) && !seg.Flags.Has(statemachine.RST) {
				t.settleCopy(f, d, c, at, seg, r.Class)
			}
			open = open || c.packet != 0
		}
	}
	for i := range tr.stale {
		if s := &tr.stale[i]; s.at.Packet != 0 {
			t.settleStale(f, s, side, seg, r)
			open = open || s.at.Packet != 0
		}
	}
	if !open {
		d.watch &^= unsettled
	}
}

// settleGap settles a gap that the segment fills, or acknowledges.
func (t *tracker) settleGap(f *flow, d *details, g *gap, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	if side == g.side {
		if seg.SeqLen() == 0 || !g.from.Less(seg.End()) || !seg.Seq.Less(g.to) {
			g.passed = g.passed || seg.Seq == g.to
			if g.acked && g.passed && at.Time-g.at > reorderTime {
				t.missed(f, d, g)
			}
			return
		}
		if r.Class == statemachine.Retransmission && !g.acked {
			d.losses[side].BeforeTap++
			t.mark(f, g.packet, side, Mark{statemachine.LostBeforeTap, at.Packet})
		}
		if r.Class == statemachine.OutOfOrder {
			t.mark(f, g.packet, g.shown, Mark{g.what, at.Packet})
		}
		g.packet = 0
		return
	}
	if !g.acked && seg.Flags&(statemachine.ACK|statemachine.RST) == statemachine.ACK && g.to.LessEq(seg.Ack) {
		g.acked, g.at = true, at.Time
		return
	}
	if g.acked && g.passed && at.Time-g.at > reorderTime {
		t.missed(f, d, g)
	}
}

// missed settles a gap that the capture did not see, though the peer has it.
func (t *tracker) missed(f *flow, d *details, g *gap) {
	d.losses[g.side].NotCaptured++
	t.mark(f, g.packet, g.shown, Mark{statemachine.NotCaptured, 0})
	t.once(f, statemachine.Finding{
		At: statemachine.Moment{Packet: g.packet, Time: g.at}, Side: g.side, Code: statemachine.MissingOctets, A: int64(g.to.Sub(g.from)),
	})
	g.packet = 0
}

// settleCopy settles a copy that the peer acknowledges: whether the earlier one
// had arrived shows in a DSACK (RFC 2883 §4), in the timestamp that the ACK
// echoes (RFC 3522 §3.2), in an ACK too early for the later one, or, of a FIN,
// in an ACK for each of the two (RFC 9293 §3.10.7.4, TIME-WAIT).
func (t *tracker) settleCopy(f *flow, d *details, c *copied, at statemachine.Moment, seg *statemachine.Segment, class statemachine.Class) {
	o := &seg.Options
	twice := o.Has(statemachine.OptSACK) && o.NSACK > 0 && o.SACK[0].Left.Less(c.end) && c.end.LessEq(o.SACK[0].Right) && o.SACK[0].Right.LessEq(seg.Ack)
	if !twice && seg.Ack.Less(c.part) {
		return
	}
	switch trip := t.analysis(f).MinRTT(c.side); {
	case twice, class == statemachine.TimeWaitACK:
		c.arrived = true
	case c.stamped && o.Has(statemachine.OptTimestamp) && int32(o.TSEcr-c.tsval) < 0:
		c.arrived = true
	case trip > 0 && at.Time-c.at < trip/2:
		c.arrived = true
	}
	switch {
	case !twice && seg.Ack.Less(c.end):
		return // a DSACK may follow
	case twice || c.arrived && c.part == c.end && !c.asked:
		t.mark(f, c.by, c.side, Mark{statemachine.Spurious, at.Packet})
	case !c.arrived && c.early:
		return // the ACK of the other copy may follow
	case !c.arrived:
		t.lost(f, d, c)
	}
	c.packet = 0
}

// lost settles a segment that was lost behind the tap.
func (t *tracker) lost(f *flow, d *details, c *copied) {
	tr := t.troubles.at(d.trouble)
	if tr.lost == c.packet {
		return // what was in it came again in several
	}
	tr.lost = c.packet
	d.losses[c.side].AfterTap++
	t.mark(f, c.packet, c.side, Mark{statemachine.LostAfterTap, c.by})
}

// endMarks settles what is open when the connection ends.
func (t *tracker) endMarks(f *flow, d *details) {
	if d.trouble == 0 {
		return
	}
	tr := t.troubles.at(d.trouble)
	for i := range tr.gaps {
		if g := &tr.gaps[i]; g.packet != 0 && g.acked && g.passed {
			t.missed(f, d, g)
		}
	}
	for i := range tr.stale {
		t.sayStale(f, &tr.stale[i])
	}
}

// mark notes what became of a packet.
func (t *tracker) mark(f *flow, packet uint64, side statemachine.Side, m Mark) {
	if t.notes == nil {
		return
	}
	t.note = Note{Packet: packet, Conn: f.id, Ends: f.ends(), Kind: MarkNote, Mark: m, Side: side}
	t.notes.take(&t.note)
}
