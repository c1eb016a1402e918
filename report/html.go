package report

import (
	"io"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/page"
)

// Planner is a Sink that wants to know the connections' records before their
// packets come. A run in two passes can tell it by analyzer.Options.Choose.
type Planner interface {
	Foresee(c *analyzer.Connection)
}

// pages writes one file of HTML: all connections, and the packets of as many as
// its plan allows.
type pages struct {
	w     io.Writer
	page  *page.Page
	plan  *page.Plan
	lines *timeline // prints what stands in a connection's timeline
	kept  *drawn    // notes what its figure needs
	talks map[uint32]*page.Talk
	b     []byte
}

func newPages(w io.Writer, o Options) *pages {
	o.Color = false
	p := &pages{
		w: w, plan: page.NewPlan(o.PageSegments), lines: newTimeline(io.Discard, o),
		kept: newDrawn(io.Discard, o, nil), talks: make(map[uint32]*page.Talk),
	}
	p.page = page.New(page.Options{Absolute: o.Tcpdump.Absolute, Zone: p.lines.zone})
	return p
}

// Foresee tells the plan of a connection before its packets come.
func (p *pages) Foresee(c *analyzer.Connection) { p.plan.Wish(c) }

// Packet keeps a segment and what stands under it, if its connection has a
// place in the plan.
func (p *pages) Packet(o *analyzer.Observation) error {
	b := p.b[:0]
	if o.Packet != nil {
		b = p.lines.packet(b, o.Packet) // even where it is not kept: the relative numbers of later lines depend on it
	}
	kept := o.Packet != nil && o.Conn != 0 && o.Packet.Skip == analyzer.NotSkipped && p.segment(o, b)
	for i := range o.Notes {
		if n := &o.Notes[i]; !ownMark(n, o) {
			b = p.note(b[:0], n, o)
		} else if t := p.talks[n.Conn]; t != nil {
			p.kept.note(&t.Talk, n)
		}
	}
	if kept {
		b = p.lines.reading(b[:0], o)
		p.talks[o.Conn].Say(o.Packet.Number, b)
	}
	p.b = b
	return nil
}

// segment keeps a segment with its line, if the plan says so.
func (p *pages) segment(o *analyzer.Observation, line []byte) bool {
	share := p.plan.Share(o.Conn)
	if share == nil {
		return false
	}
	t := p.talks[o.Conn]
	if t == nil {
		t = &page.Talk{}
		t.Conn = o.Conn
		p.talks[o.Conn] = t
	}
	measure := t.Follow(o)
	keep, before := share.Take(len(o.Notes) > 0)
	if keep {
		t.Keep(o, segmentOf(o), measure, before)
		t.Say(o.Packet.Number, line)
	}
	return keep
}

// note says a note in its own connection.
func (p *pages) note(b []byte, n *analyzer.Note, o *analyzer.Observation) []byte {
	t := p.talks[n.Conn]
	if t == nil {
		return b
	}
	b = p.lines.note(b, n, o)
	t.Say(n.Packet, b)
	p.kept.note(&t.Talk, n)
	return b
}

// Connection packs a connection.
func (p *pages) Connection(c *analyzer.Connection) error {
	t := p.talks[c.ID]
	delete(p.talks, c.ID)
	p.plan.Done(c.ID)
	return p.page.Add(c, t)
}

// Capture writes the file; nothing when there was no input to speak of.
func (p *pages) Capture(c *analyzer.Capture) error {
	if c.Packets == 0 && len(c.Errors) > 0 {
		return nil
	}
	return p.page.Write(p.w, c)
}
