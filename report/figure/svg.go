package figure

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// The measures of a ladder, in pixels.
const (
	svgWidth   = 1110
	svgLeft    = 300 // the client's lifeline
	svgRight   = 720 // the server's
	svgRow     = 28
	svgSlant   = 14 // how much lower a segment arrives than it leaves
	svgHead    = 64 // title and ends
	svgFoot    = 44 // the verdict, and room to the next ladder
	svgLife    = 10 // width of a lifeline
	svgMargin  = 12
	svgLostAt  = 0.82 // where on its way a lost segment ends
	svgCross   = 5
	svgCharPix = 6.7    // width of a character of the label's font
	svgVerdict = 160    // characters that fit a line of the verdict
	svgFound   = 110    // from the server's lifeline to findings, behind its state
	svgFinding = 40     // characters that fit a line of findings
	svgRows    = 50_000 // after which no further ladder is begun: no viewer shows a higher image
	svgLine    = 15     // from one such line to the next
)

// Ladders gathers ladder diagrams for one SVG file. The zero value is empty.
type Ladders struct {
	body   []byte
	height int
	left   int // connections that are not drawn
}

// Add draws t below what is drawn already: both ends' states as coloured
// lifelines, segments as arrows between them. Behind 50,000 rows it only counts
// what it is given.
func (l *Ladders) Add(t *Talk, absolute bool) {
	if l.height > svgRows*svgRow {
		l.left++
		return
	}
	d := ladder{b: l.body, talk: t, absolute: absolute, top: l.height}
	d.draw()
	l.body, l.height = d.b, d.bottom
}

// AppendTo appends the file.
func (l *Ladders) AppendTo(b []byte) []byte {
	if l.left > 0 {
		d := ladder{b: l.body}
		d.text(svgMargin, l.height+18, "title", fmt.Sprintf("%d more connections are not drawn: choose some with --where", l.left))
		l.body, l.height, l.left = d.b, l.height+svgFoot, 0
	}
	b = fmt.Appendf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="TCP ladder diagram">`+"\n",
		svgWidth, l.height, svgWidth, l.height)
	b = append(appendStyle(append(b, "<style>"...)), "</style>\n"...)
	b = append(b, `<rect class="ground" width="100%" height="100%"/>`+"\n"...)
	return append(append(b, l.body...), "</svg>\n"...)
}

// appendStyle appends the style sheet, with the colours of dark ground where the
// viewer asks for them.
func appendStyle(b []byte) []byte {
	b = append(b, `text{font:11px ui-monospace,monospace;fill:#1c2430}.title{font-weight:bold;font-size:13px}.faint{fill:#667080}.ground{fill:#fff}`+
		`.arrow{stroke:#1c2430;fill:none}.head{fill:#1c2430}.bad{stroke:#c62828;fill:none}.finding{fill:#c62828}.label{paint-order:stroke;stroke:#fff;stroke-width:4px}`...)
	var dark strings.Builder
	for _, s := range statemachine.States() {
		ink := Color(s)
		b = fmt.Appendf(b, ".s%d{fill:%s}", s, ink.Light)
		fmt.Fprintf(&dark, ".s%d{fill:%s}", s, ink.Dark)
	}
	return append(append(append(b, `@media(prefers-color-scheme:dark){text,.head{fill:#e4e8ee}.faint{fill:#98a2b0}.ground{fill:#161a20}.arrow{stroke:#e4e8ee}.bad{stroke:#ff8a80}.finding{fill:#ff8a80}.label{stroke:#161a20}`...),
		dark.String()...), '}')
}

// ladder is one diagram in the making.
type ladder struct {
	b           []byte
	talk        *Talk
	absolute    bool
	top, bottom int
	rows        []Row
	left        map[int]int // the height at which a segment under way left
	labels      []byte      // drawn over all arrows
}

func (d *ladder) draw() {
	d.rows, d.left = d.talk.Rows(), make(map[int]int)
	d.title()
	last := d.top + svgHead + len(d.rows)*svgRow
	for s := statemachine.Client; s <= statemachine.Server; s++ {
		d.lifeline(s, last)
	}
	for i := range d.rows {
		d.row(&d.rows[i], d.y(i))
	}
	d.b = append(d.b, d.labels...)
	d.bottom = last + svgFoot
	for i, line := range lines(d.talk.Verdict, svgVerdict) {
		d.text(svgMargin, last+18+i*svgLine, "faint", line)
		d.bottom += min(i, 1) * svgLine
	}
}

// y returns the height of row i.
func (d *ladder) y(i int) int { return d.top + svgHead + i*svgRow }

func (d *ladder) title() {
	d.text(svgMargin, d.top+22, "title", "connection "+strconv.FormatUint(uint64(d.talk.Conn), 10))
	for s, x := range [2]int{svgLeft, svgRight} {
		name := statemachine.Side(s).String() + " " + d.talk.Ends[s].String()
		d.text(x-int(float64(len(name))*svgCharPix/2), d.top+46, "", name)
	}
}

// lifeline draws what end s is in, from row to row, with the name where it
// changes.
func (d *ladder) lifeline(s statemachine.Side, last int) {
	x := [2]int{svgLeft, svgRight}[s]
	from, state := d.y(0), d.rows[0].After[s]
	name := func(y int) {
		if s == statemachine.Client {
			text := state.String()
			d.text(x-svgLife-int(float64(len(text))*svgCharPix), y+10, "", text)
			return
		}
		d.text(x+svgLife, y+10, "", state.String())
	}
	name(from)
	for i := range d.rows {
		if now := d.rows[i].After[s]; now != state {
			y := d.turn(&d.rows[i], s, d.y(i))
			d.life(x, from, y, state)
			from, state = y, now
			name(y)
		}
	}
	d.life(x, from, last, state)
}

// turn returns the height at which end s changes in row r: where the segment
// leaves it, or where it arrives.
func (d *ladder) turn(r *Row, s statemachine.Side, y int) int {
	if r.Segment >= 0 && d.talk.Segments[r.Segment].Side != s {
		return y + svgSlant
	}
	return y
}

func (d *ladder) life(x, from, to int, s statemachine.State) {
	d.b = fmt.Appendf(d.b, `<rect class="s%d" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`+"\n",
		s, x-svgLife/2, from, svgLife, to-from, s)
}

// row draws the segment of a row, or the comment of one without.
func (d *ladder) row(r *Row, y int) {
	for s, x := range [2]int{svgLeft + svgLife, svgRight - svgLife - 60} {
		if r.Comments[s] != "" && r.Segment < 0 {
			d.text(x, y+10, "faint", "("+r.Comments[s]+")")
		}
	}
	switch {
	case r.Segment < 0:
	case r.Departs && !r.Arrives && !r.Lost:
		d.left[r.Segment] = y
	case r.Departs:
		d.arrow(r, y, y+svgSlant)
	default:
		from, ok := d.left[r.Segment]
		if !ok {
			from = y
		}
		d.arrow(r, from, y+svgSlant)
	}
}

// arrow draws a segment that leaves at one height and arrives at another.
func (d *ladder) arrow(r *Row, from, to int) {
	s := &d.talk.Segments[r.Segment]
	x1, x2, tip := svgLeft+svgLife/2, svgRight-svgLife/2, -7
	if s.Side == statemachine.Server {
		x1, x2, tip = x2, x1, 7
	}
	class := "arrow"
	if r.Lost || s.Rejected() {
		class = "bad"
	}
	if r.Lost {
		x2, to = x1+int(float64(x2-x1)*svgLostAt), from+int(float64(to-from)*svgLostAt)
	}
	d.b = fmt.Appendf(d.b, `<path class="%s" d="M%d %dL%d %d"/>`, class, x1, from, x2, to)
	if r.Lost {
		d.b = fmt.Appendf(d.b, `<path class="bad" stroke-width="2" d="M%d %dl%d %dm0 %dl%d %d"/>`,
			x2-svgCross, to-svgCross, 2*svgCross, 2*svgCross, -2*svgCross, -2*svgCross, 2*svgCross)
	} else {
		d.b = fmt.Appendf(d.b, `<path class="head" d="M%d %dl%d -4v8z"/>`, x2, to, tip)
	}
	d.b = append(d.b, '\n')
	text := s.Label(d.absolute)
	d.labels = fmt.Appendf(d.labels, `<text class="label" x="%d" y="%d">%s</text>`+"\n",
		(svgLeft+svgRight)/2-int(float64(len(text))*svgCharPix/2), from-1, html.EscapeString(text))
	d.text(svgMargin, from+4, "faint", d.time(s))
	if r.Departs {
		for i, line := range lines(names(s.Findings), svgFinding) {
			d.text(svgRight+svgFound, from+10+i*(svgRow/2), "finding", line)
		}
	}
}

// Label returns what stands above a segment's arrow: its control bits, numbers
// and octets.
func (s *Segment) Label(absolute bool) string {
	seq, ack := s.numbers(absolute)
	text := control(s.Flags) + " seq " + seq
	if s.Flags.Has(statemachine.ACK) {
		text += " ack " + ack
	}
	if s.Len > 0 {
		text += " len " + strconv.FormatUint(uint64(s.Len), 10)
	}
	return text
}

// time returns a packet's number and its time since the first.
func (d *ladder) time(s *Segment) string {
	since := s.Time - d.talk.Segments[0].Time
	return fmt.Sprintf("#%d %d.%06d s", s.Packet, since/1e9, since%1e9/1e3)
}

// names returns the findings' codes.
func names(codes []statemachine.Code) string {
	text := make([]string, len(codes))
	for i, c := range codes {
		text[i] = c.String()
	}
	return strings.Join(text, ", ")
}

// text writes s with its first character at x and its base line at y.
func (d *ladder) text(x, y int, class, s string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	d.b = fmt.Appendf(d.b, `<text%s x="%d" y="%d">%s</text>`+"\n", class, x, y, html.EscapeString(s))
}
