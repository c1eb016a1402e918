package main

import (
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/truth"
)

// The tracepoints fire just after the packet was handed to the interface, and
// are printed in whole microseconds.
const (
	eventEarly = 5 * time.Microsecond
	eventLate  = 2 * time.Millisecond
)

// retransmits pairs each retransmission event with the packet that left just
// before it.
func (a *account) retransmits(e *truth.Endpoint) {
	for _, ev := range a.events {
		var want func(*captured) bool
		switch ev.Name {
		case "tcp_retransmit_skb":
			want = func(p *captured) bool { return p.SeqLen() > 0 && !p.Has(packet.RST) }
		case "tcp_retransmit_synack":
			want = func(p *captured) bool { return p.Is(packet.SYN | packet.ACK) }
		default:
			continue
		}
		r := truth.Retransmit{At: ev.At.UTC(), Event: ev.Name}
		if p := a.before(ev.At, want); p != nil && ev.Err == 0 {
			p.matched = true
			r.Packet, r.Seq, r.Len, r.Flags = p.n, p.Seq, p.SeqLen(), p.Flags
		}
		e.Retransmits = append(e.Retransmits, r)
	}
}

// before finds the last packet that left shortly before at and is still free.
func (a *account) before(at time.Time, want func(*captured) bool) *captured {
	for i := len(a.packets) - 1; i >= 0; i-- {
		p := &a.packets[i]
		if p.at.After(at.Add(eventEarly)) || !p.out || p.matched || !want(p) {
			continue
		}
		if at.Sub(p.at) > eventLate {
			return nil
		}
		return p
	}
	return nil
}

// resets lists the resets that left and those that came, with the kernel's
// verdict.
func (a *account) resets(e *truth.Endpoint) {
	taken := []time.Time{}
	for _, ev := range a.events {
		switch ev.Name {
		case "tcp_send_reset":
			// This event fires before the packet is sent.
			r := truth.Reset{At: ev.At.UTC(), Reason: ev.Reason}
			for i := range a.packets {
				p := &a.packets[i]
				if p.out && !p.matched && p.Has(packet.RST) && p.at.Sub(ev.At) > -50*time.Microsecond && p.at.Sub(ev.At) < eventLate {
					p.matched = true
					r.Packet, r.Seq = p.n, p.Seq
					break
				}
			}
			e.ResetsSent = append(e.ResetsSent, r)
		case "tcp_receive_reset":
			taken = append(taken, ev.At)
		}
	}
	for i := range a.packets {
		p := &a.packets[i]
		if p.out || !p.Has(packet.RST) {
			continue
		}
		r := truth.Reset{At: p.at.UTC(), Packet: p.n, Seq: p.Seq}
		r.Verdict, r.How, taken = a.verdict(i, e.Steps, taken)
		e.ResetsReceived = append(e.ResetsReceived, r)
	}
}

// verdict says what the kernel did with the reset a.packets[i].
func (a *account) verdict(i int, steps []truth.Step, taken []time.Time) (verdict, how string, rest []time.Time) {
	at := a.packets[i].at
	if len(taken) > 0 && taken[0].Sub(at) > -eventEarly && taken[0].Sub(at) < 20*time.Millisecond {
		return "taken", "traced", taken[1:]
	}
	state := "CLOSED"
	for _, s := range steps {
		if s.How == "diag" && (s.To == "CLOSED" || s.To == "LISTEN") && !s.At.Before(at) && !s.Since.After(at.Add(time.Millisecond)) {
			return "taken", "diag", taken
		}
		if !s.At.After(at) {
			state = s.To
		}
	}
	if state == "CLOSED" || state == "LISTEN" {
		return "no-socket", "traced", taken
	}
	for _, p := range a.packets[i+1:] {
		if p.at.Sub(at) > time.Millisecond {
			break
		}
		if p.out && p.Is(packet.ACK) && p.Len == 0 {
			return "challenged", "captured", taken
		}
		if !p.out && p.Has(packet.RST) {
			break
		}
	}
	return "ignored", "captured", taken
}
