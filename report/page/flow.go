package page

import (
	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// flow follows one connection for its graphs: what each end has in flight, and
// the round trips from the capture point to the peer and back.
type flow struct {
	ends [2]stream
}

// stream is what one end has sent.
type stream struct {
	begun, answered bool
	sent            int64 // the number behind the last octet sent
	acked           int64 // the number up to which the peer has acknowledged
	out             []flight
}

// flight is a segment that is not acknowledged.
type flight struct {
	end    int64
	packet uint64
	at     statemachine.Time
	again  bool // sent more than once: its ACK measures nothing (RFC 6298 §3)
}

// Measure is what a segment adds to the graphs.
type Measure struct {
	InFlight [2]int64          // octets sent and not acknowledged, by statemachine.Side, as the capture point saw them
	RTT      statemachine.Time // round trip that the segment's ACK completes, 0 for none
	Of       uint64            // the packet whose round trip it is
}

// take follows one segment.
func (f *flow) take(o *analyzer.Observation) Measure {
	seg, r := &o.Packet.Segment, &o.Reading
	var m Measure
	if seg.Flags.Has(statemachine.ACK) {
		m.RTT, m.Of = f.ends[o.Side.Peer()].ack(r.RelAck, o.Packet.Time)
	}
	if n := seg.SeqLen(); n > 0 && !seg.Flags.Has(statemachine.RST) {
		f.ends[o.Side].send(r, int64(n), o.Packet)
	}
	for s := range f.ends {
		m.InFlight[s] = f.ends[s].inFlight()
	}
	return m
}

// send notes a segment of n numbers.
func (s *stream) send(r *statemachine.Reading, n int64, p *analyzer.Packet) {
	from, end := r.RelSeq, r.RelSeq+n
	switch {
	case !s.begun:
		s.begun, s.sent = true, end
		if !s.answered {
			s.acked = from
		}
	case end <= s.sent || from < s.sent:
		for i := range s.out {
			s.out[i].again = s.out[i].again || s.out[i].end > from
		}
		s.sent = max(s.sent, end)
		return
	}
	s.sent = max(s.sent, end)
	s.out = append(s.out, flight{end: end, packet: p.Number, at: p.Time})
}

// ack notes that all before upTo has arrived, and returns the round trip of
// the last segment that was sent once and is acknowledged now.
func (s *stream) ack(upTo int64, now statemachine.Time) (rtt statemachine.Time, of uint64) {
	if s.answered && upTo <= s.acked {
		return 0, 0
	}
	s.answered, s.acked = true, upTo
	n := 0
	for n < len(s.out) && s.out[n].end <= upTo {
		if o := &s.out[n]; !o.again {
			rtt, of = now-o.at, o.packet
		}
		n++
	}
	s.out = append(s.out[:0], s.out[n:]...)
	return rtt, of
}

func (s *stream) inFlight() int64 {
	if !s.begun {
		return 0
	}
	return max(s.sent-s.acked, 0)
}
