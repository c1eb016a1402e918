package page

import (
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	sm "github.com/tcpstate/tcpstate/statemachine"
)

// TestFlow follows a transfer with a segment sent again: its ACK measures
// nothing (RFC 6298 §3).
func TestFlow(t *testing.T) {
	const ms = sm.Time(time.Millisecond)
	var f flow
	for i, c := range []struct {
		at       sm.Time
		side     sm.Side
		seq, ack int64
		size     sm.Size
		flags    sm.Flags
		want     Measure
	}{
		{0, sm.Client, 0, 0, 0, sm.SYN, Measure{InFlight: [2]int64{1, 0}}},
		{10, sm.Server, 0, 1, 0, sm.SYN | sm.ACK, Measure{InFlight: [2]int64{0, 1}, RTT: 10 * ms, Of: 1}},
		{12, sm.Client, 1, 1, 0, sm.ACK, Measure{RTT: 2 * ms, Of: 2}},
		{13, sm.Client, 1, 1, 100, sm.ACK, Measure{InFlight: [2]int64{100, 0}}},
		{14, sm.Client, 101, 1, 100, sm.ACK, Measure{InFlight: [2]int64{200, 0}}},
		{23, sm.Server, 1, 101, 0, sm.ACK, Measure{InFlight: [2]int64{100, 0}, RTT: 10 * ms, Of: 4}},
		{90, sm.Client, 101, 1, 100, sm.ACK, Measure{InFlight: [2]int64{100, 0}}},
		{99, sm.Server, 1, 201, 0, sm.ACK, Measure{}},
	} {
		o := &analyzer.Observation{Packet: &analyzer.Packet{Number: uint64(i + 1), Time: c.at * ms}, Side: c.side}
		o.Packet.Segment = sm.Segment{Flags: c.flags, Len: c.size}
		o.Reading.RelSeq, o.Reading.RelAck = c.seq, c.ack
		if got := f.take(o); got != c.want {
			t.Errorf("segment %d: %+v, want %+v", i+1, got, c.want)
		}
	}
}
