package analyzer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// judge says how the connection ended and why we think so, in one sentence
// without a final period.
func judge(r *record) (Verdict, string) {
	x := &r.facts
	if x.probed() {
		return VerdictScan, r.scanned()
	}
	for side := range statemachine.Side(2) {
		if d := x.did[side]; r.ends[side.Peer()].packets == 0 && d&acked != 0 && d&(ackedOn|sentSYN) != 0 {
			return r.judgeOneWay(side)
		}
	}
	if v, detail := r.judgeTimeout(); v != VerdictNone {
		return v, detail
	}
	if x.did[statemachine.Client]&gotICMP != 0 {
		return VerdictRefusedByICMP, "refused: the client presumably gave up at ICMP " + ICMPName(int64(x.icmp))
	}
	by, reset := x.resetBy()
	// A reset that meets TIME-WAIT ends a connection that was closed before.
	if reset && x.rstState != statemachine.TimeWait {
		return r.judgeReset(by)
	}
	switch fins := [2]bool{x.did[0]&sentFIN != 0, x.did[1]&sentFIN != 0}; {
	case fins[0] && fins[1]:
		return r.judgeClose()
	case fins[0]:
		return r.judgeHalfClose(statemachine.Client)
	case fins[1]:
		return r.judgeHalfClose(statemachine.Server)
	}
	if v, detail := r.judgeOpening(); v != VerdictNone {
		return v, detail
	}
	return r.judgeOpen()
}

// judgeOneWay judges a connection of which only the segments of side were
// captured, with ACKs that answer the other's.
func (r *record) judgeOneWay(side statemachine.Side) (Verdict, string) {
	x := &r.facts
	s := fmt.Sprintf("one-way: only the %s's segments were captured; it ", side)
	switch {
	case x.did[side]&(sentRST|sentFIN) == sentRST:
		s += "reset the connection"
	case x.did[side]&sentFIN != 0:
		s += "sent FIN after " + seconds(x.finAt[side])
		if x.did[side]&sentRST != 0 {
			s += " and then RST"
		}
	default:
		s += "had not closed " + r.when()
	}
	return VerdictOneWay, s + fmt.Sprintf("; of the %s there are only its numbers as acknowledged", side.Peer())
}

// judgeReset tells a refusal (RFC 9293 §3.10.7.3: a RST in SYN-SENT) from a
// reset of something that existed.
func (r *record) judgeReset(by statemachine.Side) (Verdict, string) {
	x, victim := &r.facts, by.Peer()
	if r.ends[by].state == statemachine.SynSent {
		// RFC 9293 §3.5.1, figure 10: the RST clears the peer's old
		// connection, the attempt goes on.
		return VerdictHalfOpen, fmt.Sprintf("half-open: the %s held another connection on these ports, which the %s reset; its own attempt is open", victim, by)
	}
	hedge := ""
	if x.did[victim]&gotRST == 0 {
		hedge = fmt.Sprintf("; nothing shows that the %s took it", victim)
	} else if x.rstSure <= statemachine.Presumed {
		hedge = fmt.Sprintf("; the %s presumably took it", victim)
	}
	if x.rstState == statemachine.SynSent && x.did[victim]&gotRST != 0 {
		server := endsOf(&r.key, r.lowIsClient)[by]
		again := ""
		if n := r.ends[by].packets; n > 1 && x.synacks == 0 && x.did[by]&acked == 0 {
			again = fmt.Sprintf(" %d times", n) // all that it sent
		}
		return VerdictRefused, fmt.Sprintf("refused: %s answered the SYN with RST", server) + again + hedge
	}
	b := fmt.Sprintf("reset by the %s", by)
	if (x.did[0]|x.did[1])&established == 0 {
		b += " during the handshake"
	}
	b += " after " + seconds(x.rstAt)
	switch {
	case x.did[by]&sentFIN != 0 && x.did[victim]&sentFIN != 0:
		b += ", when both had sent FIN"
	case x.did[by]&sentFIN != 0:
		b += ", behind its own FIN"
	case x.did[victim]&sentFIN != 0:
		b += fmt.Sprintf(", in answer to a %s that had sent FIN", victim)
	}
	if why := r.extra.reset.Why(); why != "" {
		hedge += "; because " + why
	}
	return VerdictReset, b + hedge
}

// scanned tells what a probe shows of its target (RFC 9293 §3.10.7.1: a closed
// port answers, an open one drops).
func (r *record) scanned() string {
	s := "scan: only segments that no TCP sends"
	switch r.facts.probe { //nolint:exhaustive // the other kinds are no probes
	case crowdFIN:
		s = "scan by FIN"
	case crowdNull:
		s = "scan by segments without control bits"
	case crowdXmas:
		s = "scan by FIN, PSH and URG"
	default:
	}
	if r.ends[r.facts.probeBy.Peer()].packets > 0 {
		return s + ": answered, so the port is closed"
	}
	return s + ": no answer, so the port is open or filtered"
}

// judgeClose judges a connection on which both ends sent a FIN.
func (r *record) judgeClose() (Verdict, string) {
	x := &r.facts
	a, b := r.ends[statemachine.Client].state, r.ends[statemachine.Server].state
	switch {
	case !isDone(a) || !isDone(b):
		if a == statemachine.TimeWait || b == statemachine.TimeWait {
			return VerdictTimeWait, "closing, the last ACK still open: " + r.states()
		}
		return VerdictOpenAtEnd, "closing " + r.when() + ": " + r.states()
	case (x.did[0]|x.did[1])&closedTogether != 0:
		return r.closed(byBoth)
	case x.did[statemachine.Server]&closedFirst != 0:
		return r.closed(byServer)
	default:
		return r.closed(byClient)
	}
}

// judgeHalfClose judges a connection on which only side sent a FIN.
func (r *record) judgeHalfClose(side statemachine.Side) (Verdict, string) {
	x, peer := &r.facts, side.Peer()
	if x.did[side]&timedOut != 0 {
		return VerdictTimedOut, fmt.Sprintf("timed out: the %s gave up in FIN-WAIT-2, the %s never closed", side, peer)
	}
	left := since(r.first.Time, r.until) - min(x.finAt[side], since(r.first.Time, r.until))
	s := fmt.Sprintf("half-closed: the %s has not closed for %s after the %s's FIN", peer, seconds(left), side)
	if r.ends[side].state == statemachine.FinWait1 {
		s += ", which was not acknowledged"
	}
	return VerdictHalfClosed, s
}

// judgeOpening judges a connection that did not come about, or whose one end
// forgot it; VerdictNone for all others.
func (r *record) judgeOpening() (Verdict, string) {
	x := &r.facts
	for side := range statemachine.Side(2) {
		// An end that answers a new SYN with a SYN-ACK had lost its state too.
		if x.did[side]&lostState != 0 && x.did[side.Peer()]&lostState == 0 {
			return VerdictHalfOpen, fmt.Sprintf("half-open: the %s lost its state, the %s kept it", side, side.Peer())
		}
	}
	client, server := &r.ends[statemachine.Client], &r.ends[statemachine.Server]
	switch {
	case client.state == statemachine.SynReceived && server.state == statemachine.SynReceived:
		return VerdictHalfOpen, "half-open: both ends opened, neither acknowledged the other's SYN"
	case client.state.Synchronized() && server.state == statemachine.SynReceived:
		return VerdictHalfOpen, "half-open: the client is " + client.state.String() + ", nothing shows that the third ACK reached the server"
	case (x.did[0]|x.did[1])&established != 0:
		if client.state == statemachine.SynSent || server.state == statemachine.SynSent {
			return VerdictHalfOpen, "half-open: the handshake was not completed: " + r.states()
		}
		return VerdictNone, ""
	case x.syns[statemachine.Client] == 1 && server.packets == 0:
		return VerdictUnanswered, "unanswered: 1 SYN, no answer" // a flood has millions
	case x.syns[statemachine.Client] > 0 && server.packets == 0:
		return VerdictUnanswered, "unanswered: " + r.attempts() + ", no answer"
	case x.synacks > 0:
		return VerdictHalfOpen, "half-open: " + count(x.synacks, "SYN-ACK") + " from the server, the client did not complete the handshake"
	case x.syns[statemachine.Client] > 0:
		return VerdictHalfOpen, "half-open: " + r.attempts() + ", answered, but not by SYN-ACK"
	}
	return VerdictNone, ""
}

// judgeOpen judges a connection that was simply there to the end.
func (r *record) judgeOpen() (Verdict, string) {
	if (r.facts.did[0]|r.facts.did[1])&acked == 0 {
		return VerdictNone, "no connection: stray segments only"
	}
	if r.facts.is&begunInMiddle != 0 {
		return VerdictMidStreamOpen, "open " + r.when() + r.unheard() + "; the capture lacks the handshake"
	}
	return VerdictOpenAtEnd, "open " + r.when() + r.unheard()
}

// unheard tells of an end that repeats itself without an answer, though not so
// often or so long ago that it must have given up.
func (r *record) unheard() string {
	g := &r.extra.gaveUp
	if g.tries < 2 {
		return ""
	}
	return fmt.Sprintf("; nothing answered the last %s of the %s, the latest as #%d: it may have given up", count(g.tries, "repetition"), g.side, g.packet)
}

// when says at what point the record was made.
func (r *record) when() string {
	switch r.why {
	case endReused:
		return "when a new connection took its ports"
	case endEvicted:
		return "when it was written out early, by the limit on connections"
	case endIdle:
		return "when it was written out after a long silence"
	case endOver, endInput:
		return "at the end of the capture"
	}
	return ""
}

// states names the states of both ends.
func (r *record) states() string {
	return fmt.Sprintf("client %s, server %s", r.ends[statemachine.Client].state, r.ends[statemachine.Server].state)
}

// attempts counts the client's SYNs and says how long it tried.
func (r *record) attempts() string {
	n := r.facts.syns[statemachine.Client]
	s := count(n, "SYN")
	if n > 1 {
		s += " in " + seconds(r.facts.lastSYN)
	}
	return s
}

// isDone reports a state in which an end has nothing more to do than wait.
func isDone(s statemachine.State) bool {
	return s == statemachine.Closed || s == statemachine.Listen || s == statemachine.TimeWait
}

// count spells a number of things.
func count(n uint16, thing string) string {
	switch n {
	case 1:
		return "1 " + thing
	case math.MaxUint16:
		return "65535 or more " + thing + "s"
	}
	return strconv.Itoa(int(n)) + " " + thing + "s"
}

// seconds spells milliseconds: three decimals below 10 s, one below 100 s,
// none above, zeros at the end left out, and none of it below 1 ms.
func seconds(ms uint32) string {
	if ms == 0 {
		return "less than 1 ms"
	}
	s := (time.Duration(ms) * time.Millisecond).Seconds()
	digits := 3
	if s >= 100 {
		digits = 0
	} else if s >= 10 {
		digits = 1
	}
	b := strconv.FormatFloat(s, 'f', digits, 64)
	if digits > 0 {
		b = strings.TrimRight(strings.TrimRight(b, "0"), ".")
	}
	return b + " s"
}

// digits spells a packet's number.
func digits(n uint64) string { return strconv.FormatUint(n, 10) }
