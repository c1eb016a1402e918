package figure

import (
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// MermaidHead begins a sequence diagram in Mermaid's notation
// (https://mermaid.js.org/syntax/sequenceDiagram.html). AppendMermaid appends
// connections to it.
const MermaidHead = "sequenceDiagram\n"

// AppendMermaid appends t to a sequence diagram. The ends of each connection
// are participants of their own, so that one diagram can hold several.
func AppendMermaid(b []byte, t *Talk, absolute bool) []byte {
	m := mermaid{b: b, talk: t, absolute: absolute}
	for s := statemachine.Client; s <= statemachine.Server; s++ {
		m.b = m.name(append(m.b, "    participant "...), s)
		m.b = append(append(m.b, " as "...), s.String()...)
		m.b = t.Ends[s].AppendTo(append(m.b, ' '))
		m.b = append(m.b, '\n')
	}
	for _, r := range t.Rows() {
		m.row(&r)
	}
	if t.Verdict != "" {
		m.note(append(m.name(nil, statemachine.Client), m.name([]byte{','}, statemachine.Server)...), plainMermaid(t.Verdict))
	}
	return m.b
}

// mermaid is a diagram in the making.
type mermaid struct {
	b        []byte
	talk     *Talk
	absolute bool
}

// name appends the participant's name within the diagram: C1, S1.
func (m *mermaid) name(b []byte, s statemachine.Side) []byte {
	return strconv.AppendUint(append(b, "CS"[s]), uint64(m.talk.Conn), 10)
}

// row draws r: the message where it leaves, and a note where an end's state
// changes.
func (m *mermaid) row(r *Row) {
	if r.Segment >= 0 && r.Departs {
		m.message(r)
	}
	for s := statemachine.Client; s <= statemachine.Server; s++ {
		if text := m.moved(r, s); text != "" {
			m.note(m.name(nil, s), text)
		}
	}
}

// moved returns what is noted over an end in row r, empty for nothing.
func (m *mermaid) moved(r *Row, s statemachine.Side) string {
	if r.Segment < 0 && len(r.Steps) == 0 {
		return r.After[s].String() // where the end begins
	}
	text := ""
	for _, step := range r.Steps {
		if step.Side == s {
			text = r.After[s].String()
		}
	}
	switch {
	case text == "":
	case r.Comments[s] != "":
		text += " (" + r.Comments[s] + ")"
	case r.Segment >= 0 && !r.Departs:
		text += " (packet " + strconv.FormatUint(m.talk.Segments[r.Segment].Packet, 10) + " arrives)"
	}
	return text
}

// message draws a segment: a cross ends the arrow of one that did not arrive,
// a point that of one that arrives later.
func (m *mermaid) message(r *Row) {
	s := &m.talk.Segments[r.Segment]
	arrow := "->>"
	switch {
	case r.Lost || s.Rejected():
		arrow = "-x"
	case !r.Arrives:
		arrow = "-)"
	}
	m.b = m.name(append(m.b, "    "...), s.Side)
	m.b = m.name(append(m.b, arrow...), s.Side.Peer())
	m.b = append(append(m.b, ": "...), control(s.Flags)...)
	seq, ack := s.numbers(m.absolute)
	m.b = append(append(m.b, " seq "...), seq...)
	if s.Flags.Has(statemachine.ACK) {
		m.b = append(append(m.b, " ack "...), ack...)
	}
	if s.Len > 0 {
		m.b = strconv.AppendUint(append(m.b, " len "...), uint64(s.Len), 10)
	}
	if s.Repeats != 0 {
		m.b = strconv.AppendUint(append(m.b, " (again, packet "...), s.Repeats, 10)
		m.b = append(m.b, ')')
	}
	m.b = append(m.b, '\n')
}

// note draws a note over the named participants.
func (m *mermaid) note(over []byte, text string) {
	m.b = append(append(m.b, "    Note over "...), over...)
	m.b = append(append(append(m.b, ": "...), text...), '\n')
}

// noteWidth is how many octets fit a line of a note.
const noteWidth = 40

// plainMermaid returns a sentence in lines for a note, without what Mermaid
// takes for its own: a number sign begins an entity, a semicolon ends a line.
func plainMermaid(s string) string {
	s = strings.NewReplacer("#", "packet ", ";", ",").Replace(s)
	return strings.Join(lines(s, noteWidth), "<br/>")
}
