package figure

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Notation explains the figures of AppendRFC, for the help of the command.
const Notation = `a figure of each connection, as RFC 9293 §3.5 draws them. A line shows a segment
between the states of both ends after it left or arrived:
  -->  <--  it leaves the end from which the arrow points, or arrives at the other
  ...       it is still under way, and arrives in a later line, or left in an earlier
  XXX       it was lost behind the capture point, or its receiver rejected it
  (Close)   the end's application closed; (2 MSL), (timeout) a clock of the end
  (Abort!!) the end takes a RST; (!!) it did not expect this; (??) nobody can tell
  (= 5)     the segment repeats that of line 5
SEQ and ACK are relative but in SYNs; -S makes them absolute.`

// AppendRFC appends t in the notation of RFC 9293's figures. With absolute
// the numbers are those of the wire, otherwise those of tcpdump.
func AppendRFC(b []byte, t *Talk, absolute bool) []byte {
	d := drawing{talk: t, absolute: absolute, shown: make(map[uint64]int)}
	for _, r := range t.Rows() {
		d.row(&r)
	}
	return d.append(b)
}

// drawing gathers the lines of a figure, whose columns are as wide as their
// widest line needs.
type drawing struct {
	talk     *Talk
	absolute bool
	lines    []rfcLine
	shown    map[uint64]int // the line of each packet
	number   int
}

// rfcLine is one line: number, left end, arrow, segment, arrow, right end.
type rfcLine struct {
	number      int // 0 for a line that goes on
	left, right string
	in, out     string // the arrows on the left and on the right
	segment     string
	remark      string
}

// row draws r, with a line above it for what a user or a clock did.
func (d *drawing) row(r *Row) {
	d.number++
	number := d.number
	if r.Comments != [2]string{} {
		d.lines = append(d.lines, rfcLine{number: number, left: aside(r.Comments[0]), right: aside(r.Comments[1])})
		number = 0
	}
	if r.Segment < 0 {
		d.states(r, number)
		return
	}
	d.lines = append(d.lines, d.exchange(r, number))
	if r.aborts() {
		d.number++
		d.states(r, d.number)
	}
}

// aside puts a comment in parentheses, as the figures do.
func aside(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// states draws what both ends are in, or, behind a comment, the end that
// moved.
func (d *drawing) states(r *Row, number int) {
	l := rfcLine{number: number, left: word(r.After[0]), right: word(r.After[1])}
	if number == 0 && r.Comments[0] == "" {
		l.left = ""
	}
	if number == 0 && r.Comments[1] == "" {
		l.right = ""
	}
	d.lines = append(d.lines, l)
}

// word returns a state as figures show it.
func word(s statemachine.State) string {
	if s == statemachine.Unknown {
		return "(??)"
	}
	return s.String()
}

// exchange draws a segment that leaves, arrives or does both.
func (d *drawing) exchange(r *Row, number int) rfcLine {
	s := &d.talk.Segments[r.Segment]
	l := rfcLine{number: number, segment: d.content(s)}
	arrow := "-->"
	if s.Side == statemachine.Server {
		arrow = "<--"
	}
	states, arrows := [2]string{}, [2]string{"...", "..."} // by side
	if r.Departs && !copied(s) {
		states[s.Side], arrows[s.Side] = word(r.After[s.Side]), arrow
	}
	if r.Departs && copied(s) {
		states[s.Side] = "(duplicate)"
	}
	peer := s.Side.Peer()
	switch {
	case r.Lost:
		arrows[peer] = "XXX"
	case r.Arrives && s.Rejected():
		states[peer], arrows[peer] = word(r.After[peer]), "XXX"
	case r.Arrives:
		states[peer], arrows[peer] = d.received(r, s), arrow
	}
	l.left, l.right, l.in, l.out = states[0], states[1], arrows[0], arrows[1]
	if r.Departs {
		if n := d.shown[s.Repeats]; n > 0 && s.Repeats > 0 {
			l.remark = "(= " + strconv.Itoa(n) + ")"
		}
		d.shown[s.Packet] = d.number
	}
	return l
}

// received returns what is shown of the end at which s arrives.
func (d *drawing) received(r *Row, s *Segment) string {
	peer := s.Side.Peer()
	switch {
	case r.aborts():
		return "(Abort!!)"
	case r.After[peer] == statemachine.SynSent && s.Flags.Has(statemachine.ACK) && !s.Flags.Any(statemachine.SYN|statemachine.RST):
		return "(!!)" // RFC 9293 §3.5.1: an answer out of another connection
	}
	return word(r.After[peer])
}

// aborts reports that a RST ends the connection of its receiver in r (RFC
// 9293 §3.5.3): the figures say so before they show CLOSED.
func (r *Row) aborts() bool {
	for _, s := range r.Steps {
		if s.Event == statemachine.RecvRST && s.From.Synchronized() && s.To == statemachine.Closed {
			return true
		}
	}
	return false
}

// copied reports a segment that its sender did not send when it was captured.
func copied(s *Segment) bool {
	if s.Class == statemachine.NetworkDuplicate || s.Class == statemachine.DuplicateFrame {
		return true
	}
	return s.has(statemachine.OldDuplicateSYN)
}

// Rejected reports a segment whose receiver threw it away (RFC 9293
// §3.10.7.4, first and second check).
func (s *Segment) Rejected() bool {
	return s.has(statemachine.RSTOutOfWindow) || s.has(statemachine.RSTIgnored) ||
		s.has(statemachine.DataOutOfWindow) || s.has(statemachine.PAWSReject)
}

func (s *Segment) has(c statemachine.Code) bool {
	for _, f := range s.Findings {
		if f == c {
			return true
		}
	}
	return false
}

// content returns a segment's content: <SEQ=100><ACK=300><DATA=10><CTL=ACK>.
func (d *drawing) content(s *Segment) string {
	seq, ack := s.numbers(d.absolute)
	b := append([]byte("<SEQ="), seq...)
	if s.Flags.Has(statemachine.ACK) {
		b = append(append(b, "><ACK="...), ack...)
	}
	if s.Len > 0 {
		b = strconv.AppendUint(append(b, "><DATA="...), uint64(s.Len), 10)
	}
	return string(append(append(append(b, "><CTL="...), control(s.Flags)...), '>'))
}

// numbers returns SEG.SEQ and SEG.ACK as text. Relative ones are those that
// tcpdump prints: absolute in a SYN, from the ISS of each side otherwise.
func (s *Segment) numbers(absolute bool) (seq, ack string) {
	if absolute || s.Flags.Has(statemachine.SYN) {
		return strconv.FormatUint(uint64(s.Seq), 10), strconv.FormatUint(uint64(s.Ack), 10)
	}
	return strconv.FormatInt(s.RelSeq, 10), strconv.FormatInt(s.RelAck, 10)
}

// controlNames are the names of the control bits in the order in which the
// figures list them.
var controlNames = [...]struct {
	flag statemachine.Flags
	name string
}{
	{statemachine.SYN, "SYN"}, {statemachine.FIN, "FIN"}, {statemachine.RST, "RST"}, {statemachine.PSH, "PSH"},
	{statemachine.ACK, "ACK"}, {statemachine.URG, "URG"}, {statemachine.ECE, "ECE"}, {statemachine.CWR, "CWR"},
	{statemachine.AE, "AE"},
}

// control returns the set control bits: "SYN,ACK".
func control(f statemachine.Flags) string {
	var names []string
	for _, c := range controlNames {
		if f.Has(c.flag) {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ",")
}

// append writes the lines in columns.
func (d *drawing) append(b []byte) []byte {
	var left, segment int
	for i := range d.lines {
		left = max(left, len(d.lines[i].left))
		segment = max(segment, len(d.lines[i].segment))
	}
	digits := len(strconv.Itoa(d.number)) + 1
	for i := range d.lines {
		l := &d.lines[i]
		number := ""
		if l.number > 0 {
			number = strconv.Itoa(l.number) + "."
		}
		text := fmt.Sprintf("%*s  %-*s %-3s %-*s %-3s %s %s",
			digits, number, left, l.left, l.in, segment, l.segment, l.out, l.right, l.remark)
		b = append(append(b, strings.TrimRight(text, " ")...), '\n')
	}
	return b
}
