package board

import (
	"bytes"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report"
)

// maxLines is how many packets' lines are kept, of all connections together.
const maxLines = 1 << 15

// lines keeps the latest lines of the timeline.
type lines struct {
	timeline analyzer.Sink
	buffer   bytes.Buffer
	ring     []line
	next     int
}

// line is what the timeline has of one packet.
type line struct {
	conn uint32
	text []byte
}

// KeepLines makes the board keep the latest lines of the timeline in the given
// form, without colour, 32,768 packets of them. To be called before the run begins.
func (b *Board) KeepLines(o report.Options) {
	b.lines = &lines{ring: make([]line, maxLines)}
	o.Prompt, o.Color = true, false
	b.lines.timeline = report.New(&b.lines.buffer, report.Timeline, o)
}

// take keeps the lines of one observation.
func (l *lines) take(o *analyzer.Observation) error {
	l.buffer.Reset()
	if err := l.timeline.Packet(o); err != nil {
		return err
	}
	conn := o.Conn
	if conn == 0 && len(o.Notes) > 0 {
		conn = o.Notes[0].Conn
	}
	if conn == 0 || l.buffer.Len() == 0 {
		return nil
	}
	e := &l.ring[l.next]
	e.conn, e.text = conn, append(e.text[:0], l.buffer.Bytes()...)
	l.next = (l.next + 1) % maxLines
	return nil
}

// Lines returns the latest lines of a connection, the oldest first.
func (b *Board) Lines(conn uint32) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines == nil {
		return nil
	}
	var out []string
	for i := range maxLines {
		e := &b.lines.ring[(b.lines.next+i)%maxLines]
		if e.conn != conn {
			continue
		}
		for _, text := range bytes.Split(bytes.TrimSuffix(e.text, []byte("\n")), []byte("\n")) {
			out = append(out, string(text))
		}
	}
	return out
}
