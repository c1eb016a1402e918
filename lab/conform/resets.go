package conform

import (
	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// ResetWord is what is said of one RST that reached an end.
type ResetWord string

// The words: the connection ended by it; it drew a challenge ACK (RFC 5961
// §3.2); it was dropped, or there was no connection that it could end.
const (
	Taken      ResetWord = "taken"
	Challenged ResetWord = "challenged"
	Ignored    ResetWord = "ignored"
	// NotTaken: the connection went on; whether a challenge ACK left does not
	// show at the tap.
	NotTaken ResetWord = "not taken"
	// Unsaid: the program says that the capture does not tell.
	Unsaid ResetWord = "unknown"
)

// noSocket is the kernel's word for a RST that met no connection. A capture
// does not tell that from one that was dropped: neither does anything.
const noSocket = "no-socket"

// Reset compares the kernel's word for one RST with the program's.
type Reset struct {
	Scenario  string
	Tap       string
	View      View // of the receiver
	Side      string
	Packet    uint64 // at the tap
	Want, Got ResetWord
	// Verdict is all that the program says of it.
	Verdict analyzer.ResetVerdict
	// Addr is the receiver, Peer the sender.
	Addr, Peer string
	// Sure tells that the program's word is more than presumed.
	Sure bool
	// Listed tells that an Exception names the disagreement.
	Listed bool
}

// Open reports that the program leaves open what the kernel did, and says
// nothing false.
func (r *Reset) Open() bool {
	return r.Got == Unsaid || r.Got == NotTaken && r.Want != Taken
}

// resets compares the RSTs that reached the end and passed the tap. own is the
// receiver's tap and arrived leads from its packets to their senders' tap; way
// does the same for tap.
func resets(base Reset, e *truth.Endpoint, peer string, tap, own *sight, way, arrived []passage) []Reset {
	var out []Reset
	from := key{peer, e.Addr}
	at := map[int]uint64{} // packet at the tap by its index at the sender's
	for _, i := range tap.tuple[from] {
		if tap.packets[i].sender != from {
			continue
		}
		if o := way[i].origin; o >= 0 && !way[i].copy {
			at[o] = tap.packets[i].number
		}
	}
	for _, r := range e.ResetsReceived {
		i, ok := own.numbered[uint64(r.Packet)]
		if !ok {
			continue
		}
		w := base
		w.Addr, w.Peer = e.Addr, peer
		w.Want = ResetWord(r.Verdict)
		if r.Verdict == noSocket {
			w.Want = Ignored
		}
		switch {
		case tap == own:
			w.Packet = uint64(r.Packet)
		case arrived[i].origin >= 0 && !arrived[i].copy:
			w.Packet = at[arrived[i].origin]
		}
		if w.Packet == 0 {
			continue // forged behind this tap, or a copy made behind it
		}
		w.Verdict = tap.resets[w.Packet]
		w.Got, w.Sure = tap.wordOf(w.Packet, key{e.Addr, peer})
		out = append(out, w)
	}
	return out
}

// wordOf returns what the program says of a RST to me.
func (s *sight) wordOf(number uint64, me key) (ResetWord, bool) {
	for i := range s.steps[me] {
		if st := &s.steps[me][i]; st.Cause.Packet == number && st.Event == statemachine.RecvRST {
			return Taken, st.Certainty >= statemachine.Proven
		}
	}
	v, ok := s.resets[number]
	switch {
	case !ok:
		return Unsaid, false
	case v.Outcome == statemachine.ResetTaken:
		return Taken, v.Sure >= statemachine.Proven
	case v.Outcome == statemachine.ResetChallenged:
		return Challenged, true
	case v.Fit == statemachine.FitOutside, v.Fit == statemachine.FitWrongACK, v.Fit == statemachine.FitNobody:
		return Ignored, v.Fit != statemachine.FitNobody || v.Sure != statemachine.Presumed
	case v.Outcome == statemachine.ResetIgnored:
		return NotTaken, true
	}
	return Unsaid, false
}
