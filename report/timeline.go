package report

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Columns of a step's line, behind the indent: the side, the states with their
// arrow, the certainty. The widths hold the longest state names; a packet
// number of many digits pushes the rest to the right.
const (
	sideColumn      = len("client ")
	stateColumn     = 32
	certaintyColumn = 14
)

// Indents of the annotations. With -v tcpdump's own lines go on in a second
// line with four blanks before it, and with -# they begin with up to four, so
// ours then stand further in.
const (
	plainIndent = "    "
	deepIndent  = "        "
)

// timeline prints tcpdump's line of each packet with, under it, what changed.
// Without the indented lines the output is tcpdump's.
type timeline struct {
	out    output
	line   *TcpdumpPrinter
	opt    Options
	paint  painter
	indent string
	zone   *time.Location
	words  []byte // of the detail at hand, kept for its room
	// many tells that a second connection was seen: from its first packet on
	// annotations name their connection. Nothing named before belongs to
	// connection 1.
	many  bool
	table *summary
}

func newTimeline(w io.Writer, o Options) *timeline {
	t := &timeline{
		out: newOutput(w, o.Prompt), line: NewTcpdumpPrinter(o.Tcpdump), opt: o,
		paint: painter(o.Color), indent: plainIndent, table: newSummary(w, o),
	}
	if o.Tcpdump.Verbose > 0 || o.Tcpdump.Number {
		t.indent = deepIndent
	}
	if t.zone = o.Tcpdump.Location; t.zone == nil {
		t.zone = time.Local
	}
	return t
}

// Packet prints the line of a packet and its annotations. An observation
// without a packet has only annotations.
func (t *timeline) Packet(o *analyzer.Observation) error {
	b := t.out.b
	if o.Packet != nil {
		b = t.teach(t.packet(b, o.Packet), o)
	}
	t.many = t.many || o.Conn > 1
	for i := range o.Notes {
		t.many = t.many || o.Notes[i].Conn > 1
		if !ownMark(&o.Notes[i], o) {
			b = t.note(b, &o.Notes[i], o)
		}
	}
	return t.out.done(t.reading(b, o))
}

// ownMark reports a mark of the packet at hand: it stands with the others.
func ownMark(n *analyzer.Note, o *analyzer.Observation) bool {
	return n.Kind == analyzer.MarkNote && o.Packet != nil && n.Packet == o.Packet.Number
}

// packet prints tcpdump's line, what the capture's author wrote of the packet,
// and why a segment is not followed.
func (t *timeline) packet(b []byte, p *analyzer.Packet) []byte {
	b = append(t.line.Append(b, p), '\n')
	if p.Comment != nil {
		b = t.comment(b, string(p.Comment))
	}
	if p.Skip == analyzer.NotSkipped {
		return b
	}
	b = append(t.paint.start(t.start(b, 0), styleFaint), "not followed: "...)
	b = append(b, skipPhrases[p.Skip]...)
	return append(t.paint.end(b), '\n')
}

// comment prints each line of a comment.
func (t *timeline) comment(b []byte, text string) []byte {
	for line := range strings.Lines(text) {
		b = append(t.paint.start(t.start(b, 0), styleFaint), "comment: "...)
		b = append(b, clean(strings.TrimRight(line, "\r\n"))...)
		b = append(t.paint.end(b), '\n')
	}
	return b
}

// Tick writes out what was gathered: in a live run nobody waits for a full
// buffer.
func (t *timeline) Tick(statemachine.Time) error { return t.out.flush() }

// Connection keeps the record for the table at the end. Where records come
// before the last packet, as in a live run, nothing more belongs to it.
func (t *timeline) Connection(c *analyzer.Connection) error {
	t.line.Forget(c.Ends[statemachine.Client].Addr, c.Ends[statemachine.Server].Addr)
	return t.table.Connection(c)
}

// Capture prints the table.
func (t *timeline) Capture(c *analyzer.Capture) error {
	if len(t.out.b) > 0 || c.TCP > 0 {
		t.out.b = append(t.out.b, '\n')
	}
	if err := t.out.flush(); err != nil {
		return err
	}
	return t.table.Capture(c)
}

// start begins an annotation, with the number of its connection where there
// are several.
func (t *timeline) start(b []byte, conn uint32) []byte {
	b = append(b, t.indent...)
	if !t.many || conn == 0 {
		return b
	}
	b = t.paint.start(b, styleFaint)
	b = append(strconv.AppendUint(append(b, '['), uint64(conn), 10), ']')
	return append(t.paint.end(b), ' ')
}

// reading prints the class and the marks of a segment that is not plainly new,
// those of hindsight too.
func (t *timeline) reading(b []byte, o *analyzer.Observation) []byte {
	r := &o.Reading
	if o.Packet == nil || o.Conn == 0 || (r.Class <= statemachine.New && r.Marks == 0 && len(o.Notes) == 0) {
		return b
	}
	marks := r.Marks
	if o.Packet.Segment.Flags.Has(statemachine.RST) {
		marks &^= statemachine.ZeroWindow // the window of a RST means nothing (RFC 9293 §3.10.7.1)
	}
	for i := range o.Notes {
		if n := &o.Notes[i]; ownMark(n, o) && n.Mark.What&(statemachine.GapBefore|statemachine.LostBeforeTap|statemachine.NotCaptured) != 0 {
			marks &^= statemachine.GapBefore | statemachine.ACKsUnseen // what became of it says more
		}
	}
	before := len(b)
	b = t.paint.start(t.start(b, o.Conn), styleClass)
	words := len(b)
	b = appendMarks(t.appendClassRule(appendClass(b, r), r), words, marks)
	for i := range o.Notes {
		if n := &o.Notes[i]; ownMark(n, o) {
			b = appendMark(separate(b, words), &n.Mark)
		}
	}
	if len(b) == words {
		return b[:before]
	}
	return append(t.paint.end(b), '\n')
}

// note prints one step or finding. A step of the connection at hand has the
// numbers that the line above shows.
func (t *timeline) note(b []byte, n *analyzer.Note, o *analyzer.Observation) []byte {
	b = t.start(b, n.Conn)
	var k numbers
	if o.Packet != nil && n.Conn == o.Conn {
		k = numbers{o.Packet, &o.Reading, o.Side, t.line.own, t.line.peer}
	}
	switch n.Kind { //nolint:exhaustive // the others are steps
	case analyzer.FindingNote:
		return append(t.finding(b, &n.Finding, k), '\n')
	case analyzer.MarkNote:
		b = appendPacket(t.paint.start(b, styleClass), n.Packet)
		b = appendMark(append(b, ": "...), &n.Mark)
		return append(t.paint.end(b), '\n')
	case analyzer.ResetNote:
		b = append(t.paint.start(b, styleClass), "RST"...)
		if o.Packet == nil || o.Packet.Number != n.Packet { // said later than it came
			b = appendPacket(append(b, ' '), n.Packet)
		}
		b = append(append(b, ": "...), n.Reset.Sentence()...)
		return append(t.paint.end(b), '\n')
	}
	s := &n.Step
	b = t.side(b, s.Side)
	b = t.states(b, s)
	b = t.certainty(b, n)
	t.words = t.detail(t.words[:0], n, k)
	if len(t.words) == 0 {
		return append(trimBlanks(b), '\n')
	}
	b = append(t.paint.start(b, styleFaint), t.words...)
	return append(t.paint.end(b), '\n')
}

func (t *timeline) side(b []byte, side statemachine.Side) []byte {
	start := len(b)
	b = t.paint.text(b, styleSide, side.String())
	return t.padStyled(b, start, sideColumn)
}

func (t *timeline) states(b []byte, s *statemachine.Step) []byte {
	start := len(b)
	b = append(append(b, s.From.String()...), " → "...)
	b = t.paint.text(b, styleState, s.To.String())
	return t.padStyled(b, start, stateColumn)
}

func (t *timeline) certainty(b []byte, n *analyzer.Note) []byte {
	start := len(b)
	b = t.paint.start(b, certaintyStyle(n))
	switch {
	case n.Kind == analyzer.ConfirmedNote:
		b = append(b, "confirmed"...)
	case n.Kind == analyzer.WithdrawnNote:
		b = append(b, "withdrawn"...)
	default:
		b = appendCertainty(b, &n.Step)
	}
	return t.padStyled(t.paint.end(b), start, certaintyColumn)
}

// padStyled pads like pad, not counting the styles that were opened and
// closed since start.
func (t *timeline) padStyled(b []byte, start, width int) []byte {
	if t.paint {
		for i := start; i < len(b); i++ {
			if b[i] == '\x1b' {
				for ; b[i] != 'm'; i++ {
					width++
				}
				width++
			}
		}
	}
	return pad(b, start, width)
}

func appendCertainty(b []byte, s *statemachine.Step) []byte {
	b = append(b, s.Certainty.String()...)
	if s.Certainty == statemachine.Proven && s.Proof != 0 {
		b = appendPacket(append(b, " by "...), s.Proof)
	}
	return b
}

func certaintyStyle(n *analyzer.Note) style {
	if n.Kind == analyzer.WithdrawnNote {
		return styleUnknown
	}
	switch n.Step.Certainty {
	case statemachine.Witnessed, statemachine.Proven:
		return styleSure
	case statemachine.Presumed, statemachine.ByTimer:
		return stylePresumed
	case statemachine.Uncertain:
	}
	return styleUnknown
}

// detail prints what stands behind a step's certainty.
func (t *timeline) detail(b []byte, n *analyzer.Note, k numbers) []byte {
	s := &n.Step
	switch n.Kind {
	case analyzer.ConfirmedNote:
		b = appendCertainty(append(appendCause(b, s), ": "...), s)
	case analyzer.WithdrawnNote:
		b = append(appendCause(b, s), " did not happen"...)
	case analyzer.StepNote, analyzer.ProvisionalNote, analyzer.FindingNote, analyzer.MarkNote, analyzer.ResetNote:
		b = t.stepDetail(b, n, k)
	}
	if t.opt.Tcpdump.Verbose > 0 {
		b = appendRule(b, s.Rule)
	}
	return b
}

func (t *timeline) stepDetail(b []byte, n *analyzer.Note, k numbers) []byte {
	s := &n.Step
	start := len(b)
	if s.Certainty == statemachine.ByTimer && s.Cause.Time != 0 {
		b = time.Unix(0, int64(s.Cause.Time)).In(t.zone).AppendFormat(append(b, "at "...), "15:04:05.000000, ")
	}
	b = appendStepDetail(b, s, k)
	if k.packet != nil && s.Cause.Packet != 0 && s.Cause.Packet != k.packet.Number {
		b = appendPacket(append(separate(b, start), "sent as "...), s.Cause.Packet)
	}
	switch {
	case s.Certainty != statemachine.Presumed || s.Event == statemachine.SendSynchronized:
	case n.Kind == analyzer.ProvisionalNote:
		b = append(separate(b, start), "so far"...)
	case s.Doubt != statemachine.NoDoubt:
		b = append(separate(b, start), s.Doubt.String()...)
	case s.Event == statemachine.SendSYN:
		b = append(separate(b, start), "though its sender refused the answer"...)
	case s.Event == statemachine.SendRST:
		b = append(separate(b, start), "though its number or options are unlike its sender's"...)
	default:
		b = append(separate(b, start), "nothing speaks against it"...)
	}
	return b
}

func appendCause(b []byte, s *statemachine.Step) []byte {
	if s.Cause.Packet == 0 {
		return append(b, "a timer's step"...)
	}
	return appendPacket(append(b, "step of "...), s.Cause.Packet)
}

func appendRule(b []byte, r statemachine.Rule) []byte {
	if r == statemachine.NoRule {
		return b
	}
	info := r.Info()
	b = append(b, " ["...)
	b = append(append(b, info.Name...), ", "...)
	b = append(append(b, info.Cite...), ": "...)
	return append(append(b, info.Title...), ']')
}

// separate appends ", " unless nothing was written since start.
func separate(b []byte, start int) []byte {
	if len(b) == start {
		return b
	}
	return append(b, ", "...)
}

func trimBlanks(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

func (t *timeline) finding(b []byte, f *statemachine.Finding, k numbers) []byte {
	st := styleFaint
	switch f.Code.Info().Severity {
	case statemachine.Warning:
		st = styleWarning
	case statemachine.Error:
		st = styleError
	case statemachine.Note:
	}
	b = t.paint.start(b, st)
	b = append(append(b, "! "...), f.Code.String()...)
	b = appendFindingDetail(append(b, ": "...), f, k)
	return t.paint.end(b)
}
