package capgen

import (
	"bufio"
	"fmt"
	"io"
)

// Scene is a kind of traffic.
type Scene uint8

// The scenes.
const (
	// Bulk is 64 transfers at once, every eighth over IPv6, with a lost and
	// repaired segment in each thousand or so.
	Bulk Scene = iota
	// Short is connections of ten packets each, handshake, request, answer
	// and close, 256 at a time.
	Short
	// Flood is SYNs without an answer, each from another source.
	Flood
	// Open is connections that stay open behind their handshake of three
	// packets.
	Open
	// Stream is one transfer, as those of Bulk.
	Stream
	// HalfOpen is SYNs with their SYN-ACK, and nothing more.
	HalfOpen

	numScenes = iota
)

var sceneNames = [numScenes]string{"bulk", "short", "flood", "open", "stream", "half-open"}

// String returns the scene's name.
func (s Scene) String() string { return sceneNames[s] }

// ParseScene returns the scene of a name.
func ParseScene(name string) (Scene, error) {
	for s, n := range sceneNames {
		if n == name {
			return Scene(s), nil
		}
	}
	return 0, fmt.Errorf("unknown scene %q", name)
}

// gap is the time between two packets of a scene, in nanoseconds.
var gap = [numScenes]int64{Bulk: 5_000, Short: 100_000, Flood: 10_000, Open: 10_000, Stream: 5_000, HalfOpen: 10_000}

// Connections returns how many connections a capture of the scene has.
func (s Scene) Connections(packets int) int {
	switch s {
	case Bulk:
		return min(bulkFlows, packets)
	case Short:
		return (packets + shortPackets - 1) / shortPackets
	case Open:
		return (packets + openPackets - 1) / openPackets
	case Stream:
		return min(1, packets)
	case HalfOpen:
		return (packets + halfOpenPackets - 1) / halfOpenPackets
	default:
		return packets
	}
}

// Write writes a capture of the scene with so many packets to w, as a pcap
// file with nanosecond times. Packets are cut off where the number is reached,
// so the last connections may be incomplete.
func (s Scene) Write(w io.Writer, packets int) error {
	b := bufio.NewWriterSize(w, 1<<20)
	p := &pen{w: b, gap: gap[s], left: packets}
	p.header()
	switch s {
	case Bulk:
		p.bulk(bulkFlows)
	case Stream:
		p.bulk(1)
	case HalfOpen:
		p.crowd(256, openStep, halfOpenPackets)
	case Short:
		p.crowd(256, shortStep, shortPackets)
	case Flood:
		p.flood()
	default:
		p.crowd(256, openStep, openPackets)
	}
	if p.err != nil {
		return fmt.Errorf("scene %s: %w", s, p.err)
	}
	return b.Flush()
}

// The lengths of the scenes' connections, in packets.
const (
	shortPackets    = 10
	openPackets     = 3
	halfOpenPackets = 2
)

// crowd plays connections of one form, some of them at a time: each packet is
// the next one of the connection whose turn it is.
func (p *pen) crowd(atOnce int, step func(*talk, int) segment, length int) {
	total := (p.left + length - 1) / length
	for base := 0; base < total; base += atOnce {
		talks := make([]talk, min(atOnce, total-base))
		for i := range talks {
			talks[i] = newTalk(base + i)
		}
		for n := range length {
			for i := range talks {
				p.send(&talks[i], step(&talks[i], n))
			}
		}
	}
}

// openStep is packet n of a connection that stays open.
func openStep(_ *talk, n int) segment {
	return [openPackets]segment{{flags: syn}, {server: true, flags: syn | ack}, {flags: ack}}[n]
}

// shortStep is packet n of a short connection: the client asks for something,
// gets it, and closes.
func shortStep(_ *talk, n int) segment {
	return [shortPackets]segment{
		{flags: syn},
		{server: true, flags: syn | ack},
		{flags: ack},
		{flags: psh | ack, length: 300},
		{server: true, flags: ack},
		{server: true, flags: psh | ack, length: 1200},
		{flags: ack},
		{flags: fin | ack},
		{server: true, flags: fin | ack},
		{flags: ack},
	}[n]
}

// flood plays SYNs, each from a source of its own.
func (p *pen) flood() {
	for i := 0; p.left > 0; i++ {
		t := newTalk(i)
		p.send(&t, segment{flags: syn})
	}
}
