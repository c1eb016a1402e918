package zeek

import "github.com/tcpstate/tcpstate/statemachine"

// endState is Zeek's state of one end. CLOSED means that a FIN was seen, RESET
// a RST, whatever their numbers; ESTABLISHED needs no third ACK.
type endState uint8

const (
	inactive    endState = iota // nothing seen
	synSent                     // SYN
	synAckSent                  // SYN with ACK as the first packet, from the originator
	partial                     // something else than a SYN first
	established                 // the responder sent a SYN
	closed                      // FIN
	reset                       // RST
)

// opening reports a state from before the end of the handshake.
func (s endState) opening() bool { return s == inactive || s == synSent || s == synAckSent }

// absent reports a state that says nothing of the end's handshake.
func (s endState) absent() bool { return s == inactive || s == partial }

// largeJump is the distance beyond which the number of a SYN, a RST or an ACK
// of 0 is not believed.
const largeJump = 1 << 20

// endpoint is one end. Its numbers are 32 bits and a count of their wraps, the
// relative ones count from start, which is that of the SYN or one before the
// first number seen.
type endpoint struct {
	peer          *endpoint
	state, before endState
	orig          bool // the originator: its letters are capitals
	finSeen       bool
	didClose      bool

	start, last, ack    uint32 // first number, highest end sent, highest number acknowledged by the peer
	lastWraps, ackWraps uint32
	finEnd              uint64 // relative end of the last FIN

	synAt, finAt, rstAt  uint64 // relative numbers of the last control segments, for the history
	again, windows, gaps scaled
	damaged              scaled // packets with bad checksums
	stream               stream
	packets, octets      uint64 // of IP packets
}

// scaled counts what the history has at the 1st, 10th, 100th … time only.
type scaled struct{ n, next uint32 }

// hit counts and reports whether this time is one for the history.
func (s *scaled) hit() bool {
	if s.next == 0 {
		s.next = 1
	}
	if s.n++; s.n != s.next {
		return false
	}
	if s.next > 1<<32/20 {
		s.n = 0 // the next power does not fit
		return true
	}
	s.next *= 10
	return true
}

// ahead returns how far a lies ahead of b in sequence space (RFC 9293 §3.4).
func ahead(a, b uint32) int32 { return int32(a - b) }

// from sets the first number and all others to n.
func (e *endpoint) from(n uint32) { e.start, e.last, e.ack = n, n, n }

// begin takes the numbers of a segment that may be the first of its sender;
// end is the number behind it.
func (e *endpoint) begin(syn bool, seq, end uint32) {
	switch e.state {
	case inactive:
		if syn {
			e.start, e.ack, e.last = seq, seq, end
			return
		}
		// Numbered as if a SYN stood before it.
		e.start, e.ack, e.last = seq-1, seq-1, seq
	case synSent, synAckSent:
		if syn && seq != e.start {
			e.start, e.ack, e.last = seq, seq, end
		}
	case established, partial:
		if syn {
			e.start, e.ack, e.last = seq, seq, end
		}
	case reset:
		if syn && e.before == inactive {
			e.start, e.ack, e.last = seq, seq, end
		}
	case closed:
	}
}

// relative returns the number seq relative to the start, given the last number
// of its kind and its wraps. below tells that it lies before the start; the
// result is then meaningless but the same each time.
func (e *endpoint) relative(seq, last, wraps uint32) (rel uint64, below bool) {
	switch d := ahead(seq, last); {
	case d < 0 && wraps > 0 && seq > last:
		wraps--
	case d > 0 && seq < last:
		wraps++
	}
	if wraps == 0 {
		d := ahead(seq, e.start)
		return uint64(int64(d)), d < 0
	}
	return full(seq, wraps) - uint64(e.start), false
}

// full returns a number with its wraps.
func full(n, wraps uint32) uint64 { return uint64(wraps)<<32 | uint64(n) }

// acked takes an ACK of the end's numbers.
func (e *endpoint) acked(ack uint32) {
	d := ahead(ack, e.ack)
	if d <= 0 || ack == 0 && d > largeJump {
		return
	}
	if ack < e.ack {
		e.ackWraps++
	}
	e.ack = ack
}

// sent takes the number behind a segment. It reports whether the segment
// repeats payload.
func (e *endpoint) sent(end uint32, flags statemachine.Flags, length int) (repeats bool) {
	d := ahead(end, e.last)
	switch {
	case flags.Any(statemachine.SYN|statemachine.RST) && (d > largeJump || d < -largeJump):
	case flags.Has(statemachine.FIN) && e.last == e.start+1:
		e.moveLast(end) // the data between SYN and FIN may be anything
	case e.state == reset:
	case d > 0:
		e.moveLast(end)
	case length > 0:
		return true
	}
	return false
}

func (e *endpoint) moveLast(end uint32) {
	if end < e.last {
		e.lastWraps++
	}
	e.last = end
}

// nothingAcked reports that of the end's data none was acknowledged.
func (e *endpoint) nothingAcked() bool {
	a := full(e.ack, e.ackWraps)
	return a == uint64(e.start) || a == uint64(e.start)+1
}

// size returns the payload octets by the sequence numbers, without SYN and FIN.
func (e *endpoint) size() uint64 {
	if e.before == synSent && e.state == reset && e.peer.state == inactive && !e.nothingAcked() {
		return 0 // a half-open connection was found and aborted
	}
	n := max(full(e.last, e.lastWraps), full(e.ack, e.ackWraps)) - uint64(e.start)
	if n != 0 {
		n-- // the SYN
	}
	if e.finSeen && n != 0 {
		n--
	}
	return n
}

// clean reports an end that is established or left that state by a FIN.
func (e *endpoint) clean() bool {
	return e.state == established || e.state == closed && e.before == established
}
