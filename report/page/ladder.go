package page

import (
	"github.com/tcpstate/tcpstate/report/figure"
	"github.com/tcpstate/tcpstate/statemachine"
)

// delays are the ways from the capture point to the ends, by statemachine.Side:
// half of the shortest round trip that was seen, 0 where there was none.
type delays [2]statemachine.Time

// rung is a row of a figure with its place in time: when the segment leaves
// its sender and when it arrives, in nanoseconds since the first segment. Such
// times are estimates, except where an end is at the capture point; the order
// of what an end does is that of the rows.
type rung struct {
	Segment int      `json:"s"` // index of the segment, -1 for none
	Shape   uint8    `json:"k"` // 1 leaves, 2 arrives, 4 is lost, 8 is thrown away by its receiver
	Leaves  int64    `json:"l"`
	Arrives int64    `json:"a"`
	Turns   int64    `json:"t"` // when the states change in a row without segment
	After   [2]uint8 `json:"z"` // the states behind it
	Says    string   `json:"c,omitempty"`
}

// The bits of a rung's shape.
const (
	leaves = 1 << iota
	arrives
	lost
	rejected
)

// climb places the rows of t in time.
func climb(t *figure.Talk, way delays) []rung {
	rows := t.Rows()
	out := make([]rung, len(rows))
	c := climber{talk: t, way: way, left: make(map[int]int64), at: make(map[int]int64)}
	for i := range rows {
		out[i] = c.rung(&rows[i])
	}
	return out
}

// climber keeps what the places of later rows depend on.
type climber struct {
	talk *figure.Talk
	way  delays
	left map[int]int64 // when a segment under way left
	at   map[int]int64 // when it passed the capture point
	last [2]int64      // when the states of an end changed last
	sent [2]int64      // when an end sent last
	now  int64         // the capture point's time of the row before
}

func (c *climber) rung(r *figure.Row) rung {
	out := rung{Segment: r.Segment, After: [2]uint8{uint8(r.After[0]), uint8(r.After[1])}}
	for _, text := range r.Comments {
		if text != "" {
			out.Says = text
		}
	}
	if r.Segment < 0 {
		out.Turns = c.turn(r)
		return out
	}
	s := &c.talk.Segments[r.Segment]
	from, to := s.Side, s.Side.Peer()
	if r.Departs {
		out.Shape |= leaves
		c.now = max(c.now, int64(s.Time-c.talk.Segments[0].Time)) // the capture's clock may go backwards
		c.at[r.Segment] = c.now
		c.left[r.Segment] = max(c.now-int64(c.way[from]), c.last[from])
		c.sent[from] = c.left[r.Segment]
		if moved(r, from) {
			c.last[from] = c.left[r.Segment]
		}
	}
	out.Leaves = c.left[r.Segment]
	out.Arrives = max(c.at[r.Segment]+int64(c.way[to]), c.last[to], out.Leaves)
	if !r.Departs {
		out.Arrives = max(out.Arrives, c.sent[to]) // it was under way when its receiver sent
	}
	if r.Arrives {
		out.Shape |= arrives
		if moved(r, to) {
			c.last[to] = out.Arrives
		}
	}
	if r.Lost {
		out.Shape |= lost
	}
	if s.Rejected() {
		out.Shape |= rejected
	}
	return out
}

// turn returns when the states change in a row without segment: by the clock
// of the step, or behind what came last.
func (c *climber) turn(r *figure.Row) int64 {
	at := c.now
	for _, s := range r.Steps {
		if s.Cause.Time != 0 && len(c.talk.Segments) > 0 {
			at = int64(s.Cause.Time - c.talk.Segments[0].Time)
		}
		at = max(at, c.last[s.Side])
		c.last[s.Side] = at
	}
	return at
}

// moved reports that end s is in another state behind the row.
func moved(r *figure.Row, s statemachine.Side) bool { return r.Before[s] != r.After[s] }
