package board

import (
	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Handshake is how an attempt to connect came out.
type Handshake uint8

// The outcomes.
const (
	HandshakeCompleted  Handshake = iota // the server took the ACK of its SYN
	HandshakeRefused                     // by a reset in SYN-SENT
	HandshakeUnanswered                  // no answer by the end
	HandshakeHalfOpen                    // answered, but not completed by the end

	NumHandshakes = iota
)

var handshakeNames = [NumHandshakes]string{"completed", "refused", "unanswered", "half-open"}

// String returns the stable name.
func (h Handshake) String() string { return handshakeNames[h] }

// Reset is in what situation a reset was taken, by the state of its receiver.
type Reset uint8

// The situations.
const (
	ResetRefused     Reset = iota // SYN-SENT: nobody listens there
	ResetHandshake                // SYN-RECEIVED: the opener went back on it
	ResetEstablished              // ESTABLISHED: an abort
	ResetClosing                  // after a FIN of either end
	ResetTimeWait                 // TIME-WAIT: RFC 1337
	ResetOther                    // no such connection, or its state is not known

	NumResets = iota
)

var resetNames = [NumResets]string{"refused", "handshake", "established", "closing", "time-wait", "other"}

// String returns the stable name.
func (r Reset) String() string { return resetNames[r] }

func resetIn(s statemachine.State) Reset {
	switch s {
	case statemachine.SynSent:
		return ResetRefused
	case statemachine.SynReceived:
		return ResetHandshake
	case statemachine.Established:
		return ResetEstablished
	case statemachine.FinWait1, statemachine.FinWait2, statemachine.CloseWait, statemachine.Closing, statemachine.LastAck:
		return ResetClosing
	case statemachine.TimeWait:
		return ResetTimeWait
	case statemachine.Unknown, statemachine.Closed, statemachine.Listen:
	}
	return ResetOther
}

// step counts what a step means when it is said for the first time.
func (c *Counts) step(s *statemachine.Step) {
	switch s.Event { //nolint:exhaustive // the other events count nothing
	case statemachine.RecvACKOfSYN:
		if s.From == statemachine.SynReceived {
			c.Handshakes[HandshakeCompleted]++
		}
	case statemachine.RecvRST:
		r := resetIn(s.From)
		c.Resets[r]++
		if r == ResetRefused {
			c.Handshakes[HandshakeRefused]++
		}
	}
}

// ended counts what only the end of a connection tells.
func (c *Counts) ended(r *analyzer.Connection) {
	switch r.Verdict { //nolint:exhaustive // the others were counted by their steps
	case analyzer.VerdictUnanswered:
		c.Handshakes[HandshakeUnanswered]++
	case analyzer.VerdictHalfOpen:
		c.Handshakes[HandshakeHalfOpen]++
	}
}

// RTTBounds are the upper bounds of the histogram's buckets, in nanoseconds:
// 0.1 ms to 10 s.
var RTTBounds = [...]statemachine.Time{
	1e5, 25e4, 5e5, 1e6, 25e5, 5e6, 1e7, 25e6, 5e7, 1e8, 25e7, 5e8, 1e9, 25e8, 5e9, 1e10,
}

// Histogram counts times by size.
type Histogram struct {
	Buckets [len(RTTBounds)]uint64 // each without those below it
	Count   uint64                 // all, those beyond the last bound too
	Sum     statemachine.Time
}

func (h *Histogram) add(t statemachine.Time) {
	h.Count++
	h.Sum += t
	for i, bound := range RTTBounds {
		if t <= bound {
			h.Buckets[i]++
			return
		}
	}
}
