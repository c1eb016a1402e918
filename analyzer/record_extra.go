package analyzer

import (
	"math"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Tap says where the capture was made, by the halves of the handshake's round
// trip.
type Tap uint8

// The places.
const (
	TapUnknown Tap = iota
	TapClient      // at the client, or near it
	TapBetween
	TapServer // at the server, or near it
)

// String returns the stable name.
func (t Tap) String() string {
	return [...]string{"unknown", "near-client", "between", "near-server"}[t]
}

// tapShare is the share of the round trip below which the tap counts as near.
const tapShare = 10

// tap places the tap.
func (r *record) tap() Tap {
	client, server := r.half[statemachine.Client], r.half[statemachine.Server]
	switch {
	case client == 0 || server == 0:
		return TapUnknown
	case client*tapShare < server:
		return TapClient
	case server*tapShare < client:
		return TapServer
	}
	return TapBetween
}

// fillExtras fills what the details and the sequence analysis know.
func (r *record) fillExtras(c *Connection) {
	x := &r.extra
	c.Tap = r.tap()
	c.Reset = x.reset
	for side := range r.ends {
		e, n := &c.Ends[side], &r.numbers[side]
		o := &x.syn[side]
		e.Options.Seen, e.Options.Set, e.Options.MSS, e.Options.WScale = o.seen, o.set, o.mss, o.wscale
		e.RTTMin, e.RTTMean, e.InFlight = n.rttLeast, n.rttMean, n.inFlight
		e.Windows = Windows{Known: n.hasWindow, Least: n.leastWindow, Most: n.most, Scale: n.scale, HasScale: n.hasScale, Zero: x.zero[side], Full: x.full[side]}
		e.Losses = x.losses[side]
		for state, s := range &x.spent[side] {
			if s != 0 { // few are
				e.Spent[state] = statemachine.Time(float64(s) * 1e9)
			}
		}
	}
}

// aloneExtras fills what fillRecord would for a connection of nothing but the
// SYN h.
func (r *record) aloneExtras(h *statemachine.Held) {
	o := &h.Segment.Options
	r.extra.syn[h.Side] = synOptions{o.Set, o.MSS, o.WScale, true}
	r.extra.enter(h.Side, statemachine.SynSent, h.At.Time)
	r.extra.leave(h.Side, r.until)
	switch {
	case o.Has(statemachine.OptWScale):
		r.numbers[h.Side].scale = min(o.WScale, maxScale)
	case o.Set&(statemachine.OptCut|statemachine.OptBad) == 0: // neither end will scale (RFC 7323 §2.2)
		r.numbers[0].hasScale, r.numbers[1].hasScale = true, true
	}
}

// maxScale is the largest window scale that counts (RFC 7323 §2.3).
const maxScale = 14

// patience is how long an end that repeats itself must have been silent, in
// units of its last wait, to have given up: its next try was due after two.
const patience = 3

// judgeTimeout tells an end that repeated itself without an answer and then
// fell silent; VerdictNone for all others.
func (r *record) judgeTimeout() (Verdict, string) {
	g := &r.extra.gaveUp
	v := &r.extra.reset
	if v.Reason == ReasonGaveUp && v.At.Packet != 0 {
		return VerdictTimedOut, "timed out: " + v.Why() + ", and it sent a RST"
	}
	if g.tries < gaveUpTries {
		return VerdictNone, ""
	}
	took := g.last - g.first
	wait := took / statemachine.Time(g.tries)
	if r.until-g.last < patience*wait && r.why == endInput {
		return VerdictNone, ""
	}
	what := [...]string{repeatData: "payload", repeatFIN: "its FIN", repeatProbe: "probes"}[g.shape]
	return VerdictTimedOut, "timed out: the " + g.side.String() + " sent " + what + " " + count(g.tries, "more time") + " in " +
		seconds(uint32(min(took/statemachine.Time(time.Millisecond), math.MaxUint32))) + " without an answer, the last as #" + digits(g.packet) + ", and fell silent"
}

// gaveUpTries is how many repetitions without an answer it takes to say that an
// end gave up.
const gaveUpTries = 3
