//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/truth"
)

// Bounds of the time between an event and its packet. A retransmission's event
// fires when the packet has been handed to the interface's queue: nearly always
// the packet passed the tap just before, sometimes just after. Events are
// printed in whole microseconds.
const (
	eventEarly = 5 * time.Microsecond
	eventLate  = 2 * time.Millisecond
)

// sameBuffer is how far apart the packets leave that the stack cuts from one
// buffer, behind the event that stands for them all.
const sameBuffer = 50 * time.Microsecond

// repeats marks the packets that send numbers again which left before, and those
// cut from one buffer.
func (a *account) repeats() {
	var end uint32
	var last *captured // the one before, where it is marked
	began := false
	buffers := 0
	for i := range a.packets {
		p := &a.packets[i]
		if !p.out || p.Has(packet.RST) || p.SeqLen() == 0 {
			continue
		}
		if p.Has(packet.SYN) && p.Seq != end-1 && !(began && int32(p.End()-end) <= 0 && int32(end-p.End()) < 1<<16) {
			began = false // another incarnation
		}
		if began && int32(p.Seq-end) < 0 {
			p.repeat = true
			if last == nil || last.End() != p.Seq || last.Has(packet.SYN) || p.at.Sub(last.at) > sameBuffer {
				buffers++
			}
			p.buffer = buffers
			last = p
		} else {
			last = nil
		}
		if !began || int32(p.End()-end) > 0 {
			end, began = p.End(), true
		}
	}
}

// retransmits pairs each retransmission event with its packet. Several buffers
// may be sent again within the time between an event and its packet: each gets an
// event before any gets a second one.
func (a *account) retransmits(e *truth.Endpoint) {
	a.repeats()
	told := map[int]bool{} // buffers with an event
	for _, ev := range a.events {
		if ev.Name != "tcp_retransmit_skb" && ev.Name != "tcp_retransmit_synack" || ev.Err != 0 {
			continue // with an error it did not leave the host
		}
		r := truth.Retransmit{At: ev.At.UTC(), Event: ev.Name}
		synack := ev.Name == "tcp_retransmit_synack"
		want := func(p *captured) bool {
			return p.out && !p.matched && p.repeat && (!synack || p.Is(packet.SYN|packet.ACK))
		}
		p := a.near(ev.At, func(p *captured) bool { return want(p) && !told[p.buffer] })
		if p == nil || p.at.Sub(ev.At) > eventEarly {
			p = a.near(ev.At, want)
		}
		if p != nil {
			p.matched, told[p.buffer] = true, true
			r.Packet, r.Seq, r.Len, r.Flags = p.n, p.Seq, p.SeqLen(), p.Flags
		}
		e.Retransmits = append(e.Retransmits, r)
	}
}

// near finds the last wanted packet shortly before at, else the first shortly
// after.
func (a *account) near(at time.Time, want func(*captured) bool) *captured {
	var after *captured
	for i := len(a.packets) - 1; i >= 0; i-- {
		p := &a.packets[i]
		d := at.Sub(p.at)
		if d > eventLate {
			break
		}
		if d < -eventLate || !want(p) {
			continue
		}
		if d >= -eventEarly {
			return p
		}
		after = p
	}
	return after
}

// resets lists the resets that left and those that came, with the kernel's
// verdict.
func (a *account) resets(e *truth.Endpoint) {
	taken := map[int]bool{} // indices of the packets that the kernel took
	for _, ev := range a.events {
		switch ev.Name {
		case "tcp_send_reset":
			// Before the packet where no socket sends it, after it where
			// a socket does.
			r := truth.Reset{At: ev.At.UTC(), Reason: ev.Reason}
			if p := a.nearest(ev.At); p != nil {
				p.matched = true
				r.Packet, r.Seq = p.n, p.Seq
			}
			e.ResetsSent = append(e.ResetsSent, r)
		case "tcp_receive_reset":
			if i := a.cause(ev.At, taken); i >= 0 {
				taken[i] = true
			}
		}
	}
	for i := range a.packets {
		p := &a.packets[i]
		if !p.Has(packet.RST) {
			continue
		}
		if p.out {
			if !p.matched { // by a packet filter, or by the lab itself
				e.ResetsSent = append(e.ResetsSent, truth.Reset{At: p.at.UTC(), Packet: p.n, Seq: p.Seq, How: "captured"})
			}
			continue
		}
		r := truth.Reset{At: p.at.UTC(), Packet: p.n, Seq: p.Seq}
		r.Verdict, r.How = a.verdict(i, e.Steps, taken[i])
		e.ResetsReceived = append(e.ResetsReceived, r)
	}
}

// nearest returns the reset that left nearest to at, nil when none did.
func (a *account) nearest(at time.Time) *captured {
	var best *captured
	for i := range a.packets {
		p := &a.packets[i]
		if !p.out || p.matched || !p.Has(packet.RST) || p.at.Sub(at).Abs() > eventLate {
			continue
		}
		if best == nil || p.at.Sub(at).Abs() < best.at.Sub(at).Abs() {
			best = p
		}
	}
	return best
}

// cause returns the index of the last reset that came before the kernel said
// that it took one, -1 when there is none.
func (a *account) cause(at time.Time, used map[int]bool) int {
	for i := len(a.packets) - 1; i >= 0; i-- {
		p := &a.packets[i]
		if !p.out && p.Has(packet.RST) && !used[i] && !p.at.After(at.Add(eventEarly)) {
			return i
		}
	}
	return -1
}

// verdict says what the kernel did with the reset a.packets[i].
func (a *account) verdict(i int, steps []truth.Step, taken bool) (verdict, how string) {
	at := a.packets[i].at
	if taken {
		return "taken", "traced"
	}
	state := "CLOSED"
	for _, s := range steps {
		if s.How == "diag" && (s.To == "CLOSED" || s.To == "LISTEN") && !s.At.Before(at) && !s.Since.After(at.Add(time.Millisecond)) {
			return "taken", "diag"
		}
		if !s.At.After(at) {
			state = s.To
		}
	}
	if state == "CLOSED" || state == "LISTEN" {
		return "no-socket", "traced"
	}
	for _, p := range a.packets[i+1:] {
		if p.at.Sub(at) > time.Millisecond {
			break
		}
		if p.out && p.Is(packet.ACK) && p.Len == 0 {
			return "challenged", "captured"
		}
		if !p.out && p.Has(packet.RST) {
			break
		}
	}
	return "ignored", "captured"
}

// missed says whether a request socket lived and died between two dumps of
// inet_diag: each SYN-ACK with a number of its own needs a SYN-RECEIVED.
func (a *account) missed(steps []truth.Step) string {
	isns := map[uint32]bool{}
	for i := range a.packets {
		if p := &a.packets[i]; p.out && p.Is(packet.SYN|packet.ACK) {
			isns[p.Seq] = true
		}
	}
	n := 0
	for _, s := range steps {
		if s.To == "SYN-RECEIVED" {
			n++
		}
	}
	// A simultaneous open may establish at the peer's SYN-ACK and still
	// have sent none, or have sent one: never more.
	if len(isns) > n {
		return fmt.Sprintf("%d SYN-ACKs with numbers of their own, %d times in SYN-RECEIVED", len(isns), n)
	}
	return ""
}
