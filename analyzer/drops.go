package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// This file tells which connections of a capture file lack packets that the
// capture itself lost. Files tell of losses late, often at their end only.

// lack notes a segment behind a hole, or one that acknowledges what was not
// captured.
func (t *tracker) lack(f *flow, at statemachine.Moment, side statemachine.Side) {
	f.facts.is |= lackedPackets
	if t.drops > 0 {
		t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.CaptureDrops, A: int64(t.drops)})
	}
}

// judgeDrops reports a connection with holes once it is over. What was over
// before the capture told of its losses is marked in its record alone, which
// waits for the end.
func (t *tracker) judgeDrops(f *flow) {
	if f.facts.is&lackedPackets != 0 && !t.live && t.drops > 0 {
		t.once(f, statemachine.Finding{At: f.last, Side: statemachine.Client, Code: statemachine.CaptureDrops, A: int64(t.drops)})
	}
}
