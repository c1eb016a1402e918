package conform

import (
	"slices"

	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Again compares what one end sent again, by the kernel's own count, with what
// a reader of one capture says.
type Again struct {
	Scenario string
	Tap      string
	View     View
	Side     string
	// Passed are the retransmissions that passed the tap, each once.
	Passed int
	// Hidden are those among them that nothing betrays: nothing that they
	// repeat, or that was sent behind it, had passed the tap, and the peer
	// had not acknowledged it.
	Hidden int
	// Alike are those that were not named and are the same in every field as a
	// packet of the same sender at most a burst before: nobody can tell what was
	// sent again then from a frame that was captured twice.
	Alike int
	// Right are the retransmissions that were named, hidden ones included.
	Right int
	// Missed and Invented are packet numbers at the tap. Hidden and alike
	// ones that were not named are not among the missed.
	Missed, Invented []uint64
	// Listed tells that an Exception names them.
	Listed bool
}

// namer says whether a packet is a retransmission; known is false for one
// who does not judge it.
type namer func(p *packet) bool

// ours is the program's own judgement.
func ours(p *packet) bool { return p.reading.Class == statemachine.Retransmission }

// again compares one end at one tap. resized tells that packets change their
// size on the way, so that octets must be compared.
func again(a Again, e *truth.Endpoint, peer string, tap, own *sight, way []passage, resized bool, named namer) Again {
	me := key{e.Addr, peer}
	sent := own.resent(e, me)
	var seen seenOctets
	var last recent
	for _, i := range tap.tuple[me] {
		p := &tap.packets[i]
		if p.sender != me {
			seen.acked(p)
			continue
		}
		alike := last.has(p)
		was := way[i].origin >= 0 && sent[way[i].origin] && !way[i].copy
		if way[i].origin < 0 {
			if !resized {
				continue // no TCP sent it
			}
			was = slices.ContainsFunc(e.Retransmits, func(r truth.Retransmit) bool { return overlaps(p, &r) })
		}
		hidden := !seen.before(p)
		seen.sent(p)
		says := named(p)
		if was {
			a.Passed++
			if hidden {
				a.Hidden++
			}
		}
		switch {
		case was && says:
			a.Right++
		case was && hidden:
		case was && alike:
			a.Alike++
		case was:
			a.Missed = append(a.Missed, p.number)
		case says && !was:
			a.Invented = append(a.Invented, p.number)
		}
	}
	return a
}

// sameEvent is how far apart the packets of one traced retransmission leave:
// one event stands for a buffer of more than one MSS, which the stack cuts.
const sameEvent statemachine.Time = 250e3

// resent returns the indices of the packets that the kernel sent again, at the
// sender's own tap: those of the trace, and with each the packets that
// continue it, left at the same time and carry numbers that left before.
func (s *sight) resent(e *truth.Endpoint, me key) map[int]bool {
	out := map[int]bool{}
	for _, r := range e.Retransmits {
		if i, ok := s.numbered[uint64(r.Packet)]; ok {
			out[i] = true
		}
	}
	if len(out) == 0 {
		return out
	}
	var mine []int // data of this end
	again := map[int]bool{}
	var seen seenOctets
	for _, i := range s.tuple[me] {
		if p := &s.packets[i]; p.sender == me && p.seg.SeqLen() > 0 {
			again[i] = seen.any && p.seg.Seq.Less(seen.high)
			seen.sent(p)
			mine = append(mine, i)
		}
	}
	joined := func(i, k int) bool {
		a, b := &s.packets[i], &s.packets[k]
		return a.seg.End() == b.seg.Seq && b.at-a.at <= sameEvent && b.at >= a.at && again[i] && again[k] &&
			!a.seg.Flags.Has(statemachine.SYN)
	}
	for n := 1; n < len(mine); n++ {
		out[mine[n]] = out[mine[n]] || out[mine[n-1]] && joined(mine[n-1], mine[n])
	}
	for n := len(mine) - 1; n > 0; n-- {
		out[mine[n-1]] = out[mine[n-1]] || out[mine[n]] && joined(mine[n-1], mine[n])
	}
	return out
}

// resizedSlack is how long after a retransmission left its host a packet with
// its octets may be captured elsewhere.
const resizedSlack statemachine.Time = 60e6

// overlaps reports that p has octets of r, at about the time when r was sent.
func overlaps(p *packet, r *truth.Retransmit) bool {
	d := p.at - statemachine.Time(r.At.UnixNano())
	from, n := statemachine.Seq(r.Seq), statemachine.Size(r.Len)
	return d >= -clockSlack && d < resizedSlack && p.seg.Seq.Less(from.Add(n)) && from.Less(p.seg.End())
}

// recent are the packets of one end within a burst.
type recent []*packet

// has reports that one of them is the same as p in every field, and takes p.
func (r *recent) has(p *packet) bool {
	for len(*r) > 0 && p.at-(*r)[0].at > burst {
		*r = (*r)[1:]
	}
	same := slices.ContainsFunc(*r, func(o *packet) bool { return o.seg == p.seg })
	*r = append(*r, p)
	return same
}

// seenOctets is what a tap has seen of one direction.
type seenOctets struct {
	any, ack  bool
	high, una statemachine.Seq
}

// before reports that the first octet of p, or one behind it, passed before,
// or was acknowledged.
func (s *seenOctets) before(p *packet) bool {
	return s.any && p.seg.Seq.Less(s.high) || s.ack && p.seg.Seq.Less(s.una)
}

func (s *seenOctets) sent(p *packet) {
	if p.seg.Flags.Has(statemachine.RST) {
		return
	}
	end := p.seg.End()
	if p.seg.IsSYN() && s.any && end.Diff(s.high) < 0 && s.high.Sub(end) > 1<<24 {
		s.any = false // the four-tuple is used again
	}
	if !s.any || s.high.Less(end) {
		s.any, s.high = true, end
	}
}

func (s *seenOctets) acked(p *packet) {
	if !p.seg.Flags.Has(statemachine.ACK) || p.seg.Flags.Has(statemachine.RST) {
		return
	}
	if !s.ack || s.una.Less(p.seg.Ack) {
		s.ack, s.una = true, p.seg.Ack
	}
}
