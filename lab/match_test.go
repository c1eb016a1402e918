//go:build linux

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/ktrace"
	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/truth"
)

// TestRetransmitsOfTwoBuffers: two buffers are cut into two packets each and sent
// again within ten microseconds, with one event for each buffer. Each must have
// its own event, though the second buffer's packets lie near to the first's.
func TestRetransmitsOfTwoBuffers(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	var a account
	send := func(at time.Duration, seq uint32, n int) {
		p := &packet.TCP{Seq: seq, Flags: packet.ACK, Len: n}
		a.packets = append(a.packets, captured{n: len(a.packets) + 1, at: start.Add(at), out: true, TCP: p})
	}
	send(0, 1000, 1460)
	send(0, 2460, 1460)
	send(0, 3920, 1460)
	const later = 50 * time.Millisecond
	send(later, 1000, 1448)
	send(later+3*time.Microsecond, 2448, 12)
	send(later+8*time.Microsecond, 3920, 1448)
	send(later+9*time.Microsecond, 5368, 12)
	for _, at := range []time.Duration{6, 10} {
		a.events = append(a.events, ktrace.Event{At: start.Add(later + at*time.Microsecond), Name: "tcp_retransmit_skb"})
	}
	var e truth.Endpoint
	a.retransmits(&e)
	var buffers []int
	for _, r := range e.Retransmits {
		if r.Packet == 0 {
			t.Fatal("an event without a packet")
		}
		buffers = append(buffers, a.packets[r.Packet-1].buffer)
	}
	slices.Sort(buffers)
	if got := fmt.Sprint(buffers); got != "[1 2]" {
		t.Errorf("events for the buffers %s, want one for each of two", got)
	}
}
