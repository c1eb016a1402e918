package report

import (
	"io"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/figure"
	"github.com/tcpstate/tcpstate/statemachine"
)

// drawn gathers what is to be drawn of each connection, and draws it when its
// record comes, at the end of the capture. It keeps some hundred octets for
// each segment until then.
type drawn struct {
	out   output
	opt   Options
	draw  func(b []byte, t *figure.Talk) []byte
	end   func(b []byte, c *analyzer.Capture) []byte // draws what comes last; nil for nothing
	talks map[uint32]*figure.Talk
}

func newDrawn(w io.Writer, o Options, draw func(b []byte, t *figure.Talk) []byte) *drawn {
	return &drawn{out: newOutput(w, o.Prompt), opt: o, draw: draw, talks: make(map[uint32]*figure.Talk)}
}

// newFigures draws as RFC 9293 does, a figure for each connection.
func newFigures(w io.Writer, o Options) *drawn {
	first := true
	return newDrawn(w, o, func(b []byte, t *figure.Talk) []byte {
		if !first {
			b = append(b, '\n')
		}
		first = false
		b = strconv.AppendUint(append(b, "connection "...), uint64(t.Conn), 10)
		b = appendEndpoint(append(b, ": client "...), t.Ends[statemachine.Client])
		b = appendEndpoint(append(b, " on the left, server "...), t.Ends[statemachine.Server])
		b = append(b, " on the right\n\n"...)
		b = figure.AppendRFC(b, t, o.Tcpdump.Absolute)
		return append(append(append(b, "\n    "...), t.Verdict...), '\n')
	})
}

// newMermaid draws one sequence diagram of all connections.
func newMermaid(w io.Writer, o Options) *drawn {
	first := true
	return newDrawn(w, o, func(b []byte, t *figure.Talk) []byte {
		if first {
			b = append(b, figure.MermaidHead...)
		}
		first = false
		return figure.AppendMermaid(b, t, o.Tcpdump.Absolute)
	})
}

// newLadders draws the ladders of all connections into one image.
func newLadders(w io.Writer, o Options) *drawn {
	var all figure.Ladders
	d := newDrawn(w, o, func(b []byte, t *figure.Talk) []byte {
		all.Add(t, o.Tcpdump.Absolute)
		return b
	})
	d.end = func(b []byte, _ *analyzer.Capture) []byte { return all.AppendTo(b) }
	return d
}

// talk returns what is kept of connection conn.
func (d *drawn) talk(conn uint32) *figure.Talk {
	t := d.talks[conn]
	if t == nil {
		t = &figure.Talk{Conn: conn}
		d.talks[conn] = t
	}
	return t
}

// Packet keeps a segment and what its notes say.
func (d *drawn) Packet(o *analyzer.Observation) error {
	if p := o.Packet; p != nil && p.Skip == analyzer.NotSkipped && o.Conn != 0 {
		t := d.talk(o.Conn)
		t.Segments = append(t.Segments, segmentOf(o))
	}
	for i := range o.Notes {
		if n := &o.Notes[i]; n.Conn != 0 {
			d.note(d.talk(n.Conn), n)
		}
	}
	return nil
}

func segmentOf(o *analyzer.Observation) figure.Segment {
	p, r := o.Packet, &o.Reading
	return figure.Segment{
		Packet: p.Number, Time: p.Time, Side: o.Side, Flags: p.Segment.Flags,
		Seq: p.Segment.Seq, Ack: p.Segment.Ack, RelSeq: r.RelSeq, RelAck: r.RelAck, Len: p.Segment.Len,
		Class: r.Class, Marks: r.Marks, Repeats: r.Repeats,
	}
}

// note keeps what is said under a packet. A step said before it was settled is
// replaced by its last word.
func (d *drawn) note(t *figure.Talk, n *analyzer.Note) {
	switch n.Kind {
	case analyzer.StepNote, analyzer.ProvisionalNote:
		s := n.Step
		if s.Cause.Packet == 0 {
			s.Place = n.Packet
		}
		t.Steps = append(t.Steps, s)
	case analyzer.ConfirmedNote:
		if i := findStep(t.Steps, &n.Step); i >= 0 {
			t.Steps[i] = n.Step
		}
	case analyzer.WithdrawnNote:
		if i := findStep(t.Steps, &n.Step); i >= 0 {
			t.Steps = slices.Delete(t.Steps, i, i+1)
		}
	case analyzer.FindingNote:
		if s := findSegment(t.Segments, n.Finding.At.Packet); s != nil {
			s.Findings = append(s.Findings, n.Finding.Code)
		}
	case analyzer.MarkNote:
		if s := findSegment(t.Segments, n.Packet); s != nil {
			s.Marks |= n.Mark.What
		}
	case analyzer.ResetNote:
	}
}

// findStep returns the index of the step of which s is a later word, -1 when
// there is none.
func findStep(steps []statemachine.Step, s *statemachine.Step) int {
	for i := len(steps) - 1; i >= 0; i-- {
		k := &steps[i]
		if k.Side == s.Side && k.Event == s.Event && k.Cause == s.Cause && k.From == s.From && k.To == s.To {
			return i
		}
	}
	return -1
}

// findSegment returns the segment of a packet, nil when it is not here. Notes
// speak of packets that came last, or a little before.
func findSegment(segments []figure.Segment, packet uint64) *figure.Segment {
	for i := len(segments) - 1; i >= 0; i-- {
		if segments[i].Packet <= packet {
			if segments[i].Packet == packet {
				return &segments[i]
			}
			return nil
		}
	}
	return nil
}

// Connection draws the connection.
func (d *drawn) Connection(c *analyzer.Connection) error {
	t := d.talk(c.ID)
	delete(d.talks, c.ID)
	t.Ends = [2]netip.AddrPort{c.Ends[0].Addr, c.Ends[1].Addr}
	t.Verdict = c.Verdict.String()
	if c.Detail != "" {
		t.Verdict = c.Detail
	}
	return d.out.done(d.draw(d.out.b, t))
}

// Capture draws what comes last.
func (d *drawn) Capture(c *analyzer.Capture) error {
	if d.end != nil {
		d.out.b = d.end(d.out.b, c)
	}
	return d.out.flush()
}
