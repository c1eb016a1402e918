package conform

import (
	"slices"
	"time"

	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// This file measures, packet by packet, what a tap cannot show of an end because
// segments died on either side of it. Random traffic cannot be listed by hand.
// Nothing is judged here: a step is passed over only where the packets of all
// three taps leave no other word for it, and never where the program was sure.

// causeSlack is how long before a step of the kernel the packet may have passed
// that caused it: long enough for a socket that its application held.
const causeSlack = 3 * time.Millisecond

// course is one end at one tap that is not its own: what it sent, what reached
// it, and what of both passed the tap.
type course struct {
	me       key
	tap, own *sight
	way      []passage   // of the tap's packets
	passed   map[int]int // index at the tap of what the end sent, by index at its own
	peers    map[int]int // index at the tap of what the peer sent, by index at the peer's own
	arrived  map[int]int // index at the end's own tap of the same
}

// newCourse follows the packets of one end and its peer. arrived leads from the
// packets of the end's own tap to those of their senders.
func newCourse(me key, tap, own *sight, way, arrived []passage) *course {
	c := &course{me: me, tap: tap, own: own, way: way, passed: map[int]int{}, peers: map[int]int{}, arrived: map[int]int{}}
	first := func(to map[int]int, origin, i int) {
		if _, ok := to[origin]; !ok && origin >= 0 {
			to[origin] = i
		}
	}
	for _, i := range tap.tuple[me] {
		if tap.packets[i].sender == me {
			first(c.passed, way[i].origin, i)
		} else {
			first(c.peers, way[i].origin, i)
		}
	}
	for _, i := range own.tuple[me] {
		if own.packets[i].sender != me {
			first(c.arrived, arrived[i].origin, i)
		}
	}
	return c
}

// moment is a time of the kernel's record on the clock of the captures.
func moment(t time.Time) statemachine.Time { return statemachine.Time(t.UnixNano()) }

// span is when the packet that belongs to a step may have passed the end's own
// tap.
func span(s *truth.Step) (from, to statemachine.Time) {
	at := s.At
	if s.How == "diag" && !s.Since.IsZero() {
		at = s.Since
	}
	return moment(at.Add(-causeSlack)), moment(s.At) + clockSlack
}

// sent returns the packets of a kind that the end sent from a time on, by their
// indices at its own tap.
func (c *course) sent(from statemachine.Time, kind func(*statemachine.Segment) bool) []int {
	var out []int
	for _, i := range c.own.tuple[c.me] {
		if p := &c.own.packets[i]; p.sender == c.me && p.at >= from && kind(&p.seg) {
			out = append(out, i)
		}
	}
	return out
}

// diedBefore tells which steps of the end were the departure of a SYN, a SYN-ACK,
// a FIN or a RST that died before the tap, in all its copies, and left no trace
// there.
func (c *course) diedBefore(e *truth.Endpoint) []bool {
	out := make([]bool, len(e.Steps))
	for i := range e.Steps {
		s := &e.Steps[i]
		if s.Socket != e.Steps[0].Socket {
			return make([]bool, len(e.Steps)) // whose segments are whose does not show
		}
		if s.Silent != "" {
			continue
		}
		switch s.To {
		case "SYN-SENT":
			out[i] = c.lostSYN(e.Steps[i:])
		case "SYN-RECEIVED":
			out[i] = c.lostSYNACK(s)
		case "FIN-WAIT-1", "LAST-ACK":
			out[i] = c.lostFIN(s)
		case "CLOSED", "LISTEN":
			out[i] = c.lostRST(e, s)
		}
	}
	return out
}

// diedOf reports that none of the packets passed the tap; false for none.
func (c *course) diedOf(packets []int) bool {
	return len(packets) > 0 && !slices.ContainsFunc(packets, func(i int) bool {
		_, ok := c.passed[i]
		return ok
	})
}

// lostFIN reports that the FIN of a step died before the tap, and that no segment
// there tells of it: none of the end that begins behind it, no ACK or SACK of the
// peer that covers it.
func (c *course) lostFIN(s *truth.Step) bool {
	from, _ := span(s)
	fins := c.sent(from, func(s *statemachine.Segment) bool {
		return s.Flags.Has(statemachine.FIN) && !s.Flags.Any(statemachine.RST|statemachine.SYN)
	})
	if !c.diedOf(fins) {
		return false
	}
	end := c.own.packets[fins[0]].seg.End()
	return !slices.ContainsFunc(c.tap.tuple[c.me], func(i int) bool {
		p := &c.tap.packets[i]
		if p.sender == c.me {
			return end.LessEq(p.seg.Seq)
		}
		return covers(&p.seg, end)
	})
}

// covers reports that the ACK or a SACK block of seg reaches end.
func covers(seg *statemachine.Segment, end statemachine.Seq) bool {
	if seg.Flags.Has(statemachine.ACK) && end.LessEq(seg.Ack) {
		return true
	}
	o := &seg.Options
	return slices.ContainsFunc(o.SACK[:o.NSACK], func(b statemachine.SACKBlock) bool { return end.LessEq(b.Right) })
}

// lostRST reports that an end left its connection by a RST which died before the
// tap, and that nothing of the end that left with it or after it passed.
func (c *course) lostRST(e *truth.Endpoint, s *truth.Step) bool {
	from, to := span(s)
	within := func(r *truth.Reset) bool { return moment(r.At) >= from && moment(r.At) <= to }
	if slices.ContainsFunc(e.ResetsReceived, func(r truth.Reset) bool { return within(&r) && r.Verdict == string(Taken) }) {
		return false // that is what ended it
	}
	first := -1
	for i := range e.ResetsSent {
		r := &e.ResetsSent[i]
		if n, ok := c.own.numbered[uint64(r.Packet)]; ok && first < 0 && within(r) && r.Reason != "NO_SOCKET" {
			first = n
		}
	}
	return first >= 0 && c.diedOf(c.sent(c.own.packets[first].at, func(*statemachine.Segment) bool { return true }))
}

// lostSYN reports that the first of steps was the departure of a SYN that died
// before the tap, and that the end's SYN-ACKs that passed could be a listener's.
func (c *course) lostSYN(steps []truth.Step) bool {
	from, _ := span(&steps[0])
	if len(steps) > 1 && steps[1].To != "SYN-RECEIVED" && steps[1].Silent == "" {
		return false
	}
	if !c.diedOf(c.sent(from, (*statemachine.Segment).IsSYN)) {
		return false
	}
	return !slices.ContainsFunc(c.tap.tuple[c.me], func(i int) bool {
		p := &c.tap.packets[i]
		return p.sender == c.me && p.seg.IsSYNACK() && !ofListener(&p.seg)
	})
}

// lostSYNACK reports that all SYN-ACKs of an end died before the tap. They are
// what shows SYN-RECEIVED: of a listener nothing else passed; one that had sent a
// SYN looks as if the peer's SYN-ACK had found it in SYN-SENT, where no IP IDs
// count the one that is missing and no DSACK tells of the peer's SYN.
func (c *course) lostSYNACK(s *truth.Step) bool {
	from, _ := span(s)
	if !c.diedOf(c.sent(from, (*statemachine.Segment).IsSYNACK)) {
		return false
	}
	if s.From == "LISTEN" {
		return len(c.passed) == 0
	}
	isn := map[statemachine.Seq]bool{}
	for _, i := range c.tap.tuple[c.me] {
		if p := &c.tap.packets[i]; p.sender != c.me && p.seg.Flags.Has(statemachine.SYN) {
			isn[p.seg.Seq] = true
		}
	}
	return !slices.ContainsFunc(c.tap.tuple[c.me], func(i int) bool {
		p, o := &c.tap.packets[i], &c.tap.packets[i].seg.Options
		return p.sender == c.me && (p.seg.HasIPID ||
			slices.ContainsFunc(o.SACK[:o.NSACK], func(b statemachine.SACKBlock) bool { return isn[b.Left] }))
	})
}

// ofListener reports a SYN-ACK that a listener of Linux could have sent: IP ID 0
// and a window of whole segments, as timestamps leave them room.
func ofListener(seg *statemachine.Segment) bool {
	room := int(seg.Options.MSS)
	if seg.Options.Has(statemachine.OptTimestamp) {
		room -= 12
	}
	return room > 0 && int(seg.Window)%room == 0 && (!seg.HasIPID || seg.IPID == 0)
}

// diedBehind reports that the two sequences differ only by what came of segments
// of the peer that passed the tap before the end fell silent there: those that
// the program presumes to have arrived died behind the tap, those that it does
// not did arrive, and nothing of the end passed the tap that had left after
// they did. kept are the kernel's steps that the tap can show.
func (c *course) diedBehind(r *Result, kept []truth.Step) bool {
	want := chain(kept)
	if len(want) != len(kept)+1 || len(r.Got) == 0 {
		return false
	}
	inWant, inGot := common(want, r.Got)
	if !inWant[0] || !inGot[0] {
		return false
	}
	for i := range r.Got {
		if g := &r.Got[i]; !inGot[i] && (g.Certainty != statemachine.Presumed || !c.diedBehindTap(g)) {
			return false
		}
	}
	for i := range kept {
		if !inWant[i+1] && !c.arrivedInSilence(r, &kept[i]) {
			return false
		}
	}
	return true
}

// diedBehindTap reports that a state which the program presumes rests on a packet
// of the peer that died behind the tap, and that the end is silent there from then on.
func (c *course) diedBehindTap(g *Got) bool {
	i, ok := c.tap.numbered[g.Cause]
	if !ok || c.tap.packets[i].sender == c.me || c.way[i].origin < 0 {
		return false
	}
	if _, arrived := c.arrived[c.way[i].origin]; arrived {
		return c.lackedBelow(&c.tap.packets[i].seg)
	}
	return c.silentFrom(c.tap.packets[i].at)
}

// lackedBelow reports that seg is a FIN of the peer that was never consumed for
// lack of a number before it: packets with that number passed the tap, the end
// being silent there from one of them on, and all died behind it.
func (c *course) lackedBelow(seg *statemachine.Segment) bool {
	next, known := statemachine.Seq(0), false
	var got []*statemachine.Segment
	for _, i := range c.own.tuple[c.me] {
		p := &c.own.packets[i]
		if p.sender == c.me || p.seg.Flags.Has(statemachine.RST) {
			continue
		}
		if p.seg.Flags.Has(statemachine.SYN) {
			next, known = p.seg.End(), true
		}
		got = append(got, &p.seg)
	}
	for again := known; again; {
		again = false
		for _, s := range got {
			if s.Seq.LessEq(next) && next.Less(s.End()) {
				next, again = s.End(), true
			}
		}
	}
	return known && seg.Flags.Has(statemachine.FIN) && next.Less(seg.End()) &&
		slices.ContainsFunc(c.tap.tuple[c.me], func(i int) bool {
			p := &c.tap.packets[i]
			return p.sender != c.me && p.seg.Seq.LessEq(next) && next.Less(p.seg.End()) && c.silentFrom(p.at)
		})
}

// silentFrom reports that nothing passed the tap which the end sent behind at.
func (c *course) silentFrom(at statemachine.Time) bool {
	return !slices.ContainsFunc(c.tap.tuple[c.me], func(i int) bool {
		if c.tap.packets[i].sender != c.me {
			return false
		}
		o := c.way[i].origin
		return o < 0 || c.own.packets[o].at > at
	})
}

// arrivedInSilence reports that a step of the kernel that the program lacks rests
// on a packet of the peer that passed the tap and arrived, and that nothing the
// end sent since passed the tap. Of a RST the program must leave open what came.
func (c *course) arrivedInSilence(r *Result, s *truth.Step) bool {
	from, to := span(s)
	for origin, i := range c.arrived {
		p := &c.own.packets[i]
		n, passed := c.peers[origin]
		if !passed || p.at < from || p.at > to || !bring(s, &p.seg) || !c.silentFrom(p.at) {
			continue
		}
		if !p.seg.Flags.Has(statemachine.RST) {
			return true
		}
		if word, _ := c.tap.wordOf(c.tap.packets[n].number, c.me); word == Unsaid {
			return true
		}
	}
	return false
}

// bring reports that a segment can be what makes its receiver take a step.
func bring(s *truth.Step, seg *statemachine.Segment) bool {
	if seg.Flags.Has(statemachine.RST) {
		return s.To == "CLOSED" || s.To == "LISTEN"
	}
	switch s.To {
	case "CLOSE-WAIT", "CLOSING":
		return seg.Flags.Has(statemachine.FIN)
	case "TIME-WAIT":
		return seg.Flags.Has(statemachine.FIN) || s.From == "CLOSING"
	case "FIN-WAIT-2", "ESTABLISHED":
		return seg.Flags.Has(statemachine.ACK)
	case "CLOSED":
		return s.From == "LAST-ACK" && seg.Flags.Has(statemachine.ACK)
	}
	return false
}
