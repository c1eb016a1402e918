// Package figure draws connections: as RFC 9293 draws its examples, as a
// sequence diagram, as a ladder in SVG. It is given what a connection's ends
// sent and did, lays that out in rows, and writes the rows in one notation or
// another. It analyses nothing.
package figure

import (
	"net/netip"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Talk is one connection as it is drawn.
type Talk struct {
	Conn     uint32            // the connection's number, from 1
	Ends     [2]netip.AddrPort // by statemachine.Side
	Segments []Segment         // in the order of the capture
	Steps    []statemachine.Step
	Verdict  string // one sentence for people, without final period; empty while not known
}

// Segment is one segment of a Talk.
type Segment struct {
	Packet   uint64
	Time     statemachine.Time // at the capture point
	Side     statemachine.Side // its sender
	Flags    statemachine.Flags
	Seq, Ack statemachine.Seq
	// RelSeq and RelAck count from the ISS of their side, or from the first
	// number seen of it.
	RelSeq, RelAck int64
	Len            statemachine.Size // octets of payload
	Class          statemachine.Class
	Marks          statemachine.Marks // those of hindsight too
	Repeats        uint64             // the packet that it repeats, 0 for none
	Findings       []statemachine.Code
}

// lost reports a segment that passed the capture point and did not arrive.
func (s *Segment) lost() bool { return s.Marks&statemachine.LostAfterTap != 0 }

// Row is one line of a drawing: a segment that leaves, arrives or does both,
// or, where Segment is negative, something that an end did by itself.
type Row struct {
	Segment  int  // index in Talk.Segments, negative for none
	Departs  bool // the segment leaves its sender in this row
	Arrives  bool // it arrives in this row
	Lost     bool // it leaves, and never arrives
	Before   [2]statemachine.State
	After    [2]statemachine.State
	Steps    []statemachine.Step // what the ends did in this row
	Comments [2]string           // what an end's user or clock did, as RFC 9293 says it: "Close", "2 MSL"
}

// Rows lays out t: each segment stands where it was captured, in one row
// with its arrival unless it was lost, or something that its receiver sent shows
// that it was still under way then. Such a segment arrives in a row of its own
// (RFC 9293 §3.5, figure 7).
func (t *Talk) Rows() []Row {
	l := layout{talk: t}
	l.begin()
	next := 0
	for i := range t.Segments {
		s := &t.Segments[i]
		for next < len(t.Steps) && t.place(next) < s.Packet {
			l.alone(t.Steps[next])
			next++
		}
		first := next
		for next < len(t.Steps) && t.place(next) == s.Packet {
			next++
		}
		l.segment(i, t.Steps[first:next])
	}
	for ; next < len(t.Steps); next++ {
		l.alone(t.Steps[next])
	}
	return l.rows
}

// place returns the packet behind which step i stands. A timer fires before
// the first segment that was captured later.
func (t *Talk) place(i int) uint64 { return t.Steps[i].Place }

// layout is a drawing in the making.
type layout struct {
	talk *Talk
	now  [2]statemachine.State
	rows []Row
}

// begin draws the row of what both ends were in before anything was captured.
func (l *layout) begin() {
	seen := [2]bool{}
	for _, s := range l.talk.Steps {
		if !seen[s.Side] {
			seen[s.Side] = true
			l.now[s.Side] = s.From
		}
	}
	l.add(Row{Segment: -1})
}

// add appends a row in which the ends do what its steps say.
func (l *layout) add(r Row) {
	r.Before = l.now
	for _, s := range r.Steps {
		l.now[s.Side] = s.To
		if c := comment(s.Event); c != "" {
			r.Comments[s.Side] = c
		}
	}
	r.After = l.now
	l.rows = append(l.rows, r)
}

// comment returns what the user or the clock of an end did to make it move,
// as the figures of RFC 9293 say it; empty where a segment made it.
func comment(e statemachine.Event) string {
	switch e { //nolint:exhaustive // all other events are segments
	case statemachine.SendFIN:
		return "Close"
	case statemachine.TimeWaitExpiry:
		return "2 MSL"
	case statemachine.FinWait2Timeout:
		return "timeout"
	case statemachine.StateLost:
		return "REBOOT"
	case statemachine.Reuse:
		return "new SYN"
	case statemachine.RecvICMP:
		return "ICMP error"
	}
	return ""
}

// segment draws segment i, behind which the given steps stand.
func (l *layout) segment(i int, steps []statemachine.Step) {
	s := &l.talk.Segments[i]
	row := Row{Segment: i, Departs: true, Lost: s.lost() || l.passedOver(i)}
	row.Arrives = !row.Lost && !l.late(i)
	var after []statemachine.Step
	for _, step := range steps {
		switch {
		case step.Cause.Packet == s.Packet:
			row.Steps = append(row.Steps, step)
		case step.Cause.Packet == 0:
			l.alone(step)
		default:
			after = append(after, step)
		}
	}
	l.add(row)
	for _, step := range after {
		l.alone(step)
	}
}

// late reports that segment i arrived only after its receiver had sent
// something that was captured behind it.
func (l *layout) late(i int) bool {
	s := &l.talk.Segments[i]
	for k := range l.talk.Steps {
		step := &l.talk.Steps[k]
		if step.Cause.Packet == s.Packet && step.Side != s.Side && step.Place > s.Packet {
			return true
		}
	}
	return false
}

// passedOver reports that segment i carried the ACK of its receiver's SYN or
// FIN, and that a later one had to bring it: the observer found that this one
// did not arrive.
func (l *layout) passedOver(i int) bool {
	s := &l.talk.Segments[i]
	if !s.Flags.Has(statemachine.ACK) || s.Flags.Any(statemachine.RST) {
		return false
	}
	for k := range l.talk.Steps {
		step := &l.talk.Steps[k]
		if step.Side == s.Side || step.Cause.Packet <= s.Packet {
			continue
		}
		if end, ok := l.sent(step, i); ok && end.LessEq(s.Ack) {
			return true
		}
	}
	return false
}

// sent returns the number behind the SYN or FIN whose ACK made the step, when
// it was captured before segment i.
func (l *layout) sent(step *statemachine.Step, i int) (end statemachine.Seq, ok bool) {
	var flag statemachine.Flags
	switch step.Event { //nolint:exhaustive // no other event is an ACK
	case statemachine.RecvACKOfFIN:
		flag = statemachine.FIN
	case statemachine.RecvACKOfSYN:
		flag = statemachine.SYN
	}
	for i--; i >= 0 && flag != 0; i-- {
		if s := &l.talk.Segments[i]; s.Side == step.Side && s.Flags.Has(flag) {
			return s.Seq.Add(s.Len + 1), true
		}
	}
	return 0, false
}

// alone draws a step that stands by itself: the arrival of a segment drawn
// before, or what an end's clock did.
func (l *layout) alone(step statemachine.Step) {
	if n := len(l.rows) - 1; l.rows[n].joins(step) {
		l.rows[n].Steps = append(l.rows[n].Steps, step)
		l.now[step.Side] = step.To
		l.rows[n].After = l.now
		return
	}
	row := Row{Segment: l.find(step.Cause.Packet), Steps: []statemachine.Step{step}}
	row.Arrives = row.Segment >= 0
	l.add(row)
}

// joins reports that step is a further effect of the arrival in r.
func (r *Row) joins(step statemachine.Step) bool {
	return len(r.Steps) > 0 && !r.Departs && step.Cause.Packet != 0 &&
		r.Steps[0].Cause.Packet == step.Cause.Packet && r.Steps[0].Side == step.Side
}

// find returns the index of a packet's segment, -1 when it is not of this
// connection.
func (l *layout) find(packet uint64) int {
	for i := len(l.talk.Segments) - 1; i >= 0 && packet != 0; i-- {
		if l.talk.Segments[i].Packet == packet {
			return i
		}
	}
	return -1
}
