//go:build linux

// Package canon derives the RFC 9293 state sequence of an endpoint from what
// the kernel's tracepoints and inet_diag show. docs/truth.md has the rules,
// each with the observation behind it; the names K1 … here are theirs.
package canon

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/diag"
	"github.com/tcpstate/tcpstate/lab/internal/ktrace"
	"github.com/tcpstate/tcpstate/lab/truth"
)

// Tuple names an endpoint and its peer.
type Tuple struct{ Local, Remote netip.AddrPort }

// Reverse returns the same connection seen from the peer.
func (t Tuple) Reverse() Tuple { return Tuple{t.Remote, t.Local} }

// rfcNames are the kernel's names of states and RFC 9293's.
var rfcNames = map[string]string{
	"CLOSE": "CLOSED", "LISTEN": "LISTEN", "SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECEIVED",
	"NEW_SYN_RECV": "SYN-RECEIVED", "ESTABLISHED": "ESTABLISHED", "FIN_WAIT1": "FIN-WAIT-1",
	"FIN_WAIT2": "FIN-WAIT-2", "CLOSE_WAIT": "CLOSE-WAIT", "CLOSING": "CLOSING",
	"LAST_ACK": "LAST-ACK", "TIME_WAIT": "TIME-WAIT",
}

// resetSlack is how far apart the events of one call of the kernel may lie:
// the end of a connection and the reset that caused it or follows from it.
const resetSlack = 500 * time.Microsecond

// builder walks over the events of one endpoint in order of time.
type builder struct {
	steps   []truth.Step
	doubt   string
	state   string // canonical
	socket  int
	passive bool
	mini    *diag.Sighting // the mini-socket that holds the state now
	seen    []diag.Sighting
	used    []bool
	ends    []time.Time // of resets and errors, and of the lab's own doing
}

// Endpoint returns the canonical steps of one endpoint from its own events and
// sightings, both in order of time, and the reason for doubt if the record
// leaves the sequence open. forgot are the times at which the lab made a
// socket forget its connection, so that no mini-socket follows.
func Endpoint(events []ktrace.Event, seen []diag.Sighting, forgot []time.Time) ([]truth.Step, string) {
	b := &builder{state: "CLOSED", seen: seen, used: make([]bool, len(seen)), ends: slices.Clone(forgot)}
	slices.SortStableFunc(b.seen, func(x, y diag.Sighting) int { return x.First.Compare(y.First) })
	for _, e := range events {
		switch e.Name {
		case "tcp_send_reset", "tcp_receive_reset", "inet_sk_error_report":
			b.ends = append(b.ends, e.At)
		}
	}
	for i, e := range events {
		if e.Name != "inet_sock_set_state" {
			continue
		}
		next := time.Time{}
		for _, n := range events[i+1:] {
			if n.Name == "inet_sock_set_state" && (n.Old == "CLOSE" || n.Old == "LISTEN") {
				next = n.At
				break
			}
		}
		b.traced(e, next)
	}
	b.requests(time.Time{})
	b.endMini(time.Time{})
	return b.steps, b.doubt
}

// step appends one canonical step.
func (b *builder) step(s truth.Step) {
	s.Socket = b.socket
	if s.From == "" {
		s.From = b.state
	}
	b.state = s.To
	b.steps = append(b.steps, s)
}

// traced takes one event of inet_sock_set_state. next is when the following
// socket of the same tuple began, zero when there is none.
func (b *builder) traced(e ktrace.Event, next time.Time) {
	from, to := rfcNames[e.Old], rfcNames[e.New]
	switch {
	case e.Old == e.New:
		// K7: close() in CLOSING and LAST-ACK sets the state that is set already.
	case from == "" || to == "":
		b.doubt = fmt.Sprintf("state %s → %s is not known", e.Old, e.New)
	case from == "CLOSED" && to == "SYN-SENT":
		b.requests(e.At)
		b.endMini(e.At)
		b.socket++
		b.passive = false
		b.state = "CLOSED"
		b.step(truth.Step{At: e.At, To: to, How: "traced"})
	case from == "LISTEN":
		b.child(e)
	case to == "CLOSED":
		b.closed(e, from, next)
	default:
		if b.state != from {
			b.doubt = fmt.Sprintf("traced %s → %s while the end was in %s", from, to, b.state)
		}
		b.step(truth.Step{At: e.At, From: from, To: to, How: "traced"})
	}
}

// child is rule K1: LISTEN → SYN_RECV fires when the child is made, at the
// third ACK (at the SYN with Fast Open). The request socket before it, where
// inet_diag saw one, tells since when the end was in SYN-RECEIVED.
func (b *builder) child(e ktrace.Event) {
	b.requests(e.At.Add(-2 * diag.Period))
	b.endMini(e.At)
	b.passive = true
	for i, s := range b.seen {
		if b.used[i] || s.Kind != "request" || s.First.After(e.At.Add(resetSlack)) {
			continue
		}
		// The request was there until now.
		b.used[i] = true
		if b.state == "SYN-RECEIVED" {
			return
		}
		b.socket++
		b.state = "LISTEN"
		b.step(truth.Step{At: earlier(s.First, e.At), Since: s.Before, To: "SYN-RECEIVED", How: "diag"})
		return
	}
	b.socket++
	b.state = "LISTEN"
	b.step(truth.Step{At: e.At, To: "SYN-RECEIVED", How: "traced"})
}

// requests is rule K2: a request socket that went before t without a child
// was an end in SYN-RECEIVED that returned to LISTEN. The zero t is the end of
// the recording.
func (b *builder) requests(t time.Time) {
	for i, s := range b.seen {
		if b.used[i] || s.Kind != "request" || !t.IsZero() && (s.Gone.IsZero() || s.Gone.After(t)) {
			continue
		}
		b.used[i] = true
		b.endMini(s.First)
		b.socket++
		b.passive = true
		b.state = "LISTEN"
		b.step(truth.Step{At: s.First, Since: s.Before, To: "SYN-RECEIVED", How: "diag"})
		if !s.Gone.IsZero() {
			b.step(truth.Step{At: s.Gone, Since: s.Last, To: "LISTEN", How: "diag", Note: "the request socket went without a child"})
		}
	}
}

// closed is a traced … → CLOSE: the end of the connection, or a mini-socket
// that takes over (rules K3 to K6).
func (b *builder) closed(e ktrace.Event, from string, next time.Time) {
	if b.state != from {
		b.doubt = fmt.Sprintf("traced %s → CLOSED while the end was in %s", from, b.state)
	}
	if from == "FIN-WAIT-2" || from == "CLOSING" {
		if b.takeMini(e, next) {
			return
		}
		if !b.endNear(e.At) {
			// A mini-socket may have lived between two dumps.
			b.doubt = fmt.Sprintf("traced %s → CLOSED, neither reset, error nor mini-socket seen", from)
		}
	}
	to := "CLOSED"
	if from == "SYN-RECEIVED" && b.passive {
		to = "LISTEN" // RFC 9293 §3.10.7.4, second step
	}
	b.step(truth.Step{At: e.At, From: from, To: to, How: "traced"})
}

// endNear reports whether something ended a connection for good at t.
func (b *builder) endNear(t time.Time) bool {
	return slices.ContainsFunc(b.ends, func(r time.Time) bool { return r.Sub(t).Abs() <= resetSlack })
}

// takeMini looks for the mini-sockets that follow a traced → CLOSE before the
// next socket of the tuple.
func (b *builder) takeMini(e ktrace.Event, next time.Time) bool {
	found := false
	for i := range b.seen {
		s := &b.seen[i]
		if b.used[i] || s.Kind != "mini" || s.First.Before(e.At) || !next.IsZero() && s.Before.After(next) {
			continue
		}
		b.used[i] = true
		found = true
		if s.State != b.state {
			at, how, since := e.At, "mini-socket", time.Time{}
			if b.mini != nil { // FIN-WAIT-2 became TIME-WAIT: only inet_diag knows
				at, how, since = s.First, "diag", s.Before
			}
			b.step(truth.Step{At: at, Since: since, To: s.State, How: how})
		}
		b.mini = s
	}
	return found
}

// endMini ends the state that a mini-socket holds, at the latest at t when t
// is not zero.
func (b *builder) endMini(t time.Time) {
	s := b.mini
	if s == nil || s.Gone.IsZero() && t.IsZero() {
		return
	}
	at, note := s.Gone, ""
	if !t.IsZero() && (at.IsZero() || !at.Before(t.Add(-2*diag.Period))) {
		at, note = t, "a new socket took the four-tuple"
	}
	if !t.IsZero() && at.After(t) {
		at = t
	}
	b.mini = nil
	b.step(truth.Step{At: at, Since: s.Last, To: "CLOSED", How: "diag", Note: note})
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
