package analyzer

import (
	"fmt"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Sentence says whether the receiver of the RST must take it, what it did, and
// why the RST was sent, in one line without final period.
func (v *ResetVerdict) Sentence() string {
	s := v.duty()
	if w := v.outcome(); w != "" {
		s += ", " + w
	}
	if w := v.Why(); w != "" {
		s += "; sent because " + w
	}
	return s
}

// duty says what RFC 9293 and RFC 5961 make the receiver do.
func (v *ResetVerdict) duty() string {
	y := v.Side.Peer().String()
	switch v.Fit {
	case statemachine.FitExact:
		return "at the number expected, the " + y + " must take it"
	case statemachine.FitInexact:
		return "in the window, but not at the number expected: the " + y + " must answer with a challenge ACK"
	case statemachine.FitOutside:
		return "outside the window: the " + y + " must drop it"
	case statemachine.FitHandshake:
		return "it acknowledges the SYN, the " + y + " must take it"
	case statemachine.FitWrongACK:
		return "it does not acknowledge the SYN: the " + y + " must drop it"
	case statemachine.FitNobody:
		if v.Sure == statemachine.Presumed {
			return "the " + y + " presumably had no connection any more that it could end"
		}
		return "the " + y + " has no connection that it could end"
	case statemachine.FitUnknown:
	}
	return "the capture does not tell whether the " + y + " must take it"
}

// outcome says what the receiver did, "" where that is not known or goes
// without saying.
func (v *ResetVerdict) outcome() string {
	switch v.Outcome {
	case statemachine.ResetTaken:
		if v.Sure <= statemachine.Presumed {
			return "and presumably did (in " + v.State.String() + ")"
		}
		return "and did (in " + v.State.String() + ")"
	case statemachine.ResetChallenged:
		return fmt.Sprintf("and did with #%d", v.Answer)
	case statemachine.ResetIgnored:
		if v.Fit == statemachine.FitExact || v.Fit == statemachine.FitHandshake {
			return fmt.Sprintf("but went on with #%d", v.Answer)
		}
		return fmt.Sprintf("and went on with #%d", v.Answer)
	case statemachine.ResetRetried:
		return fmt.Sprintf("and asked again with #%d", v.Answer)
	case statemachine.ResetDropped, statemachine.ResetUnknown:
	}
	return ""
}

// Why says why the RST was sent, with the evidence, to follow the word
// "because"; "" where nothing tells.
func (v *ResetVerdict) Why() string {
	x := v.Side.String()
	switch v.Reason {
	case ReasonRefused:
		return fmt.Sprintf("nobody listens at the port that the SYN #%d asks for, or a filter says so", v.By)
	case ReasonNoAttempt:
		return fmt.Sprintf("the %s never sent the SYN that #%d answers", x, v.By)
	case ReasonWrongSYNACK:
		return fmt.Sprintf("#%d acknowledges another SYN than the %s's", v.By, x)
	case ReasonAbandoned:
		return fmt.Sprintf("the %s did not want the connection any more when #%d came (a half-open scan does the same)", x, v.By)
	case ReasonNotTaken:
		return fmt.Sprintf("the %s would not take the connection that #%d completes (a full accept queue, or the listener is gone)", x, v.By)
	case ReasonOpeningAnew:
		return fmt.Sprintf("the %s is opening a new connection and #%d belongs to an old one", x, v.By)
	case ReasonNoConnection:
		if v.Seq == 0 {
			return fmt.Sprintf("the %s has no such connection (it answers #%d, which has no ACK, by RFC 9293 §3.10.7.1)", x, v.By)
		}
		return fmt.Sprintf("the %s has no such connection any more (no ACK on it, its number is what #%d acknowledges): a restart, or a lost entry on the path", x, v.By)
	case ReasonClosed:
		return fmt.Sprintf("the %s's application had closed for good when #%d came", x, v.By)
	case ReasonResetBefore:
		if v.By == 0 {
			return fmt.Sprintf("the %s had reset the connection before", x)
		}
		return fmt.Sprintf("the %s had reset the connection before when #%d came", x, v.By)
	case ReasonWasReset:
		return fmt.Sprintf("the %s had taken the reset #%d when something sent before it came", x, v.By)
	case ReasonUnread:
		return fmt.Sprintf("the %s's application closed with octets unread (perhaps #%d), or aborted (SO_LINGER 0 or the like)", x, v.By)
	case ReasonAbort:
		return fmt.Sprintf("the %s's application aborted with nothing left to read (SO_LINGER 0 or the like)", x)
	case ReasonGaveUp:
		if v.Probes {
			return fmt.Sprintf("nothing answered the %s's %s up to #%d: its keep-alive or user time-out was over", x, count(uint16(v.Tries), "probe"), v.By)
		}
		return fmt.Sprintf("nothing answered the %s any more: %s up to #%d", x, count(uint16(v.Tries), "repetition"), v.By)
	case ReasonInjected:
		return v.injected()
	case ReasonUnknown:
	}
	return ""
}

// injected says what speaks against the sender.
func (v *ResetVerdict) injected() string {
	x := v.Side.String()
	switch {
	case v.Shape:
		return "somebody else sent it: no TCP sets SYN and RST in one segment"
	case v.TTL != v.HostTTL:
		return fmt.Sprintf("somebody else sent it, probably: its TTL is %d, the %s's other packets have %d", v.TTL, x, v.HostTTL)
	case v.By != 0:
		return fmt.Sprintf("somebody else sent it, probably: the connection goes on in #%d", v.By)
	}
	return fmt.Sprintf("somebody else sent it, probably: the %s goes on as if it had not, or never got to this number", x)
}
