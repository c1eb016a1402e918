package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// Bounds of what is kept to tell holes in the capture from loss.
const (
	maxHoles = 4096 // between two ticks
	maxSpans = 256  // of time in which packets were lost
)

// losing is what a live run knows of the packets that its capture did not get.
// The counts come at ticks only, so holes wait for the next one.
type losing struct {
	total uint64            // lost so far
	by    statemachine.Time // when that was asked
	spans []span            // in which packets were lost, the latest last
	holes []hole            // since the last tick
}

// span is a stretch of time.
type span struct {
	from, to statemachine.Time
	lost     uint64
}

// hole is a place where a connection lacks packets: some time after since and
// not after at.
type hole struct {
	flow, conn uint32
	since      statemachine.Time
	at         statemachine.Moment
	side       statemachine.Side
}

// pass moves the tracker's clock on while no packet comes: timers fire.
func (t *tracker) pass(now statemachine.Time) {
	if now > t.now.Time {
		t.now.Time = now
	}
	t.expire()
}

// gap remembers a segment behind a hole of its connection, or one that
// acknowledges what was not captured.
func (t *tracker) gap(i uint32, f *flow, since statemachine.Time, at statemachine.Moment, side statemachine.Side) {
	if len(t.losing.holes) < maxHoles {
		t.losing.holes = append(t.losing.holes, hole{flow: i, conn: f.id, since: since, at: at, side: side})
	}
}

// lose takes the number of packets lost by the given time, and reports the
// holes that fall into a time of losses: there the capture, not the network,
// explains what is missing.
func (t *tracker) lose(total uint64, by statemachine.Time) {
	l := &t.losing
	if total > l.total {
		l.spans = append(l.spans, span{from: l.by, to: by, lost: total - l.total})
		if len(l.spans) > maxSpans {
			l.spans = append(l.spans[:0], l.spans[1:]...)
		}
	}
	l.total, l.by = total, by
	for k := range l.holes {
		h := &l.holes[k]
		f := t.table.flows.at(h.flow)
		if f.id != h.conn {
			continue // it has ended since
		}
		if lost := l.within(h); lost > 0 {
			t.once(f, statemachine.Finding{At: h.at, Side: h.side, Code: statemachine.CaptureDrops, A: int64(lost)})
		}
	}
	l.holes = l.holes[:0]
}

// within returns how many packets were lost while the hole came about.
func (l *losing) within(h *hole) (lost uint64) {
	for i := range l.spans {
		if s := &l.spans[i]; h.since <= s.to && h.at.Time >= s.from {
			lost += s.lost
		}
	}
	return lost
}
