//go:build linux

package main

import (
	"slices"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/truth"
)

// causeSlack is how long before a step the segment that caused it may have
// passed the end's own tap: long enough for a socket that its application held.
const causeSlack = 3 * time.Millisecond

// markSilent says of each step that no segment at the end's own tap shows why
// there is none: a FIN that never left, or a clock. icmp are the times at which ICMP errors reached the host.
func (a *account) markSilent(e *truth.Endpoint, icmp []time.Time) {
	for i := range e.Steps {
		s := &e.Steps[i]
		switch s.To {
		case "FIN-WAIT-1", "LAST-ACK":
			if !a.sentFIN(s.At, socketEnd(e.Steps, i)) {
				s.Silent = "the FIN never left"
			}
		case "CLOSING", "FIN-WAIT-2", "TIME-WAIT":
			if i > 0 && e.Steps[i-1].Socket == s.Socket && e.Steps[i-1].Silent != "" {
				s.Silent = e.Steps[i-1].Silent
			}
		case "CLOSED", "LISTEN":
			from := s.At.Add(-causeSlack)
			if s.How == "diag" {
				from = s.Since.Add(-causeSlack)
			}
			if !a.moved(from, s.At.Add(causeSlack)) && !within(icmp, from, s.At) {
				s.Silent = "a clock, or an application that said nothing"
			}
		}
	}
}

// socketEnd returns when the socket of step i made its last step, or a time
// far away when it made none after i.
func socketEnd(steps []truth.Step, i int) time.Time {
	end := time.Unix(1<<40, 0)
	for _, s := range steps[i+1:] {
		if s.Socket != steps[i].Socket {
			return s.At
		}
		if s.To == "CLOSED" || s.To == "LISTEN" {
			return s.At
		}
	}
	return end
}

// sentFIN reports whether a FIN left between from and to.
func (a *account) sentFIN(from, to time.Time) bool {
	return slices.ContainsFunc(a.packets, func(p captured) bool {
		return p.out && p.Has(packet.FIN) && !p.at.Before(from.Add(-causeSlack)) && !p.at.After(to.Add(causeSlack))
	})
}

// moved reports whether a segment arrived, or a RST or SYN left, between from
// and to.
func (a *account) moved(from, to time.Time) bool {
	return slices.ContainsFunc(a.packets, func(p captured) bool {
		return (!p.out || p.Flags&(packet.RST|packet.SYN) != 0) && !p.at.Before(from) && !p.at.After(to)
	})
}

func within(times []time.Time, from, to time.Time) bool {
	return slices.ContainsFunc(times, func(t time.Time) bool { return !t.Before(from) && !t.After(to) })
}
