package statemachine

// Reset is what is known of one RST: whether its receiver had to take it and
// what the receiver did. Why it was sent is for the analyzer to say, which sees
// more of the packets.
type Reset struct {
	At      Moment
	Answer  uint64 // packet that shows the outcome: a challenge ACK, or the receiver going on; 0 for none
	Seq     Seq    // SEG.SEQ
	Next    Seq    // RCV.NXT of its receiver when it was captured, as far as is known; meaningful with FitExact to FitOutside
	Side    Side   // its sender
	State   State  // of its receiver before it; meaningful with ResetTaken
	Fit     ResetFit
	Outcome ResetOutcome
	Sure    Certainty // of ResetTaken, and of ResetDropped that the connection had ended; Uncertain where there was none
	Disowns bool      // its sender went on as if it had not sent it, or cannot have got that far
}

// ResetFit says what RFC 9293 and RFC 5961 make a receiver do with a RST.
type ResetFit uint8

// The fits.
const (
	FitUnknown   ResetFit = iota
	FitExact              // at RCV.NXT: must be taken (RFC 5961 §3.2)
	FitInexact            // in the window, but not at RCV.NXT: draws a challenge ACK (RFC 5961 §3.2)
	FitOutside            // outside the window: dropped (RFC 9293 §3.10.7.4 step 1)
	FitHandshake          // acknowledges the SYN: must be taken in SYN-SENT (RFC 9293 §3.10.7.3)
	FitWrongACK           // does not acknowledge the SYN: dropped in SYN-SENT (RFC 9293 §3.10.7.3)
	FitNobody             // its receiver has no connection: dropped (RFC 9293 §3.10.7.1)

	numFits = iota
)

var fitNames = [numFits]string{"unknown", "exact", "in-window", "outside", "acks-syn", "wrong-ack", "no-connection"}

// String returns the stable name.
func (f ResetFit) String() string { return fitNames[f] }

// ResetOutcome says what the receiver of a RST did.
type ResetOutcome uint8

// The outcomes.
const (
	ResetUnknown    ResetOutcome = iota
	ResetTaken                   // it gave the connection up
	ResetChallenged              // it answered with a challenge ACK
	ResetIgnored                 // it went on
	ResetDropped                 // it had nothing to reset
	ResetRetried                 // it was refused and asked again with the same SYN, as Windows does

	numOutcomes = iota
)

var outcomeNames = [numOutcomes]string{"unknown", "taken", "challenged", "ignored", "dropped", "retried"}

// String returns the stable name.
func (o ResetOutcome) String() string { return outcomeNames[o] }

// Resets returns what the last call settled of RSTs, valid until the next.
func (m *Machine) Resets() []Reset { return m.resets }

// noteRST judges a RST by its number against the receiver's window when it was
// captured (RFC 5961 §3.2) and by what the receiver did, and reports one that
// was not taken or that ended TIME-WAIT.
func (m *Machine) noteRST(r *resolution, i int) {
	e := &r.log[i]
	y := e.side().Peer()
	v := Reset{At: e.at, Seq: e.seq, Next: e.lo, Side: e.side(), Disowns: e.unsendable() || (r.gone|r.forged)&(1<<i) != 0}
	v.Fit = r.fit(i)
	r.outcome(i, &v)
	switch {
	case v.Outcome == ResetTaken:
		if v.Fit == FitInexact || v.Fit == FitOutside || v.Fit == FitNobody {
			v.Fit = FitUnknown // it was taken: the numbers that say otherwise are the tap's
		}
		if v.State == TimeWait {
			m.find(TimeWaitAssassination, e, int64(e.seq), int64(e.lo))
		}
	case v.Fit == FitUnknown, v.Fit == FitHandshake:
		if v.Outcome == ResetIgnored {
			m.find(RSTIgnored, e, 0, 0)
		}
	case v.Fit == FitOutside:
		m.find(RSTOutOfWindow, e, int64(e.seq), int64(e.lo))
	case v.Fit == FitInexact:
		m.find(RSTInexact, e, int64(e.seq), int64(e.lo))
	case v.Fit == FitExact && (v.Disowns || r.wentOn(y, i) >= 0):
		m.find(RSTIgnored, e, int64(e.seq), int64(e.lo))
	}
	m.resets = append(m.resets, v)
}

// outcome finds out what the receiver of the RST at i did.
func (r *resolution) outcome(i int, v *Reset) {
	e := &r.log[i]
	y := e.side().Peer()
	for k := range r.steps {
		s := &r.steps[k]
		if s.Cause.Packet == e.at.Packet && s.Event == RecvRST {
			v.Outcome, v.Sure, v.State = ResetTaken, s.Certainty, s.From
			if r.anotherRST(i, s.Proof) {
				v.Sure = min(v.Sure, Presumed) // one of them was taken
			}
			return
		}
	}
	if j := r.challenged(y, i); j >= 0 && v.Fit == FitInexact {
		v.Outcome, v.Answer = ResetChallenged, r.log[j].at.Packet
		return
	}
	if j := r.wentOn(y, i); j >= 0 && !r.refusesForeign(i) {
		v.Outcome, v.Answer = ResetIgnored, r.log[j].at.Packet
		if v.Fit == FitHandshake && r.log[j].isSYN() {
			v.Outcome = ResetRetried
		}
		return
	}
	if v.Fit == FitNobody {
		v.Outcome, v.Sure = ResetDropped, r.endedBefore(y, i)
	}
}

// anotherRST reports a further RST of the same sender between entry i and the
// packet.
func (r *resolution) anotherRST(i int, packet uint64) bool {
	for k := i + 1; k < len(r.log) && r.log[k].at.Packet < packet; k++ {
		if o := &r.log[k]; o.isRST() && o.live() && o.side() == r.log[i].side() {
			return true
		}
	}
	return false
}

// wentOn returns the first ordinary segment that y sent long after entry i, or
// that acknowledges what was sent after it; -1 when there is none.
func (r *resolution) wentOn(y Side, i int) int {
	e := &r.log[i]
	for j := i + 1; j < len(r.log); j++ {
		o := &r.log[j]
		if !r.from(y, j) || o.isRST() {
			continue
		}
		if r.wellBehind(y, i, j) || o.is(evidence) && e.maxEnd.Less(o.ack) {
			return j
		}
	}
	return -1
}

// stateAt returns the state of y when the packet was captured, by all that is
// known now: before the steps that it caused, if it did.
func (r *resolution) stateAt(y Side, packet uint64) State {
	for i := range r.steps {
		if s := &r.steps[i]; s.Side == y && (s.Place >= packet || s.Cause.Packet == packet) {
			return s.From
		}
	}
	return r.ends[y].state
}
