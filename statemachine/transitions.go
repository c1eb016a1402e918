package statemachine

// Event is what makes an endpoint move, seen from that endpoint: what it sends
// (a departure), what reaches it (an arrival), or a clock of its own.
type Event uint8

// The events. An arrival event is given to the table only after the segment
// was found acceptable and delivered (see arrival.go).
const (
	NoEvent Event = iota

	SendSYN          // departure of a SYN without ACK
	SendSYNACK       // departure of a SYN with ACK
	SendSynchronized // departure of a segment with ACK, neither SYN, FIN nor RST, by an end never seen before
	SendFIN          // departure of a FIN
	SendRST          // departure of a RST that ends the sender's connection

	RecvSYN      // arrival of a SYN without ACK
	RecvSYNACK   // arrival of a SYN that acknowledges the end's SYN
	RecvACKOfSYN // arrival of an ACK that covers the end's SYN
	RecvFIN      // the peer's FIN consumed: all before it has arrived
	RecvACKOfFIN // arrival of an ACK that covers the end's FIN
	RecvRST      // arrival of a RST that the end must accept
	RecvICMP     // arrival of an ICMP error that quotes the end's SYN

	TimeWaitExpiry  // 2MSL are over
	FinWait2Timeout // the wait for the peer's FIN is over
	StateLost       // the end forgot the connection: restart, or an answer as if CLOSED
	Reuse           // a new incarnation takes the four-tuple

	numEvents = iota
)

var eventNames = [numEvents]string{
	NoEvent:          "none",
	SendSYN:          "send-syn",
	SendSYNACK:       "send-syn-ack",
	SendSynchronized: "send-synchronized",
	SendFIN:          "send-fin",
	SendRST:          "send-rst",
	RecvSYN:          "recv-syn",
	RecvSYNACK:       "recv-syn-ack",
	RecvACKOfSYN:     "recv-ack-of-syn",
	RecvFIN:          "recv-fin",
	RecvACKOfFIN:     "recv-ack-of-fin",
	RecvRST:          "recv-rst",
	RecvICMP:         "recv-icmp",
	TimeWaitExpiry:   "time-wait-expiry",
	FinWait2Timeout:  "fin-wait-2-timeout",
	StateLost:        "state-lost",
	Reuse:            "reuse",
}

// String returns the event's stable name.
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "invalid"
}

// Guard narrows a row of the table to some endpoints.
type Guard uint8

// The guards.
const (
	Always  Guard = iota
	Passive       // the end opened passively (came through LISTEN)
	Active        // the end opened actively (sent a SYN of its own accord)
)

var guardNames = [...]string{"", "passive open", "active open"}

// String returns the words of the rule list; empty for Always.
func (g Guard) String() string { return guardNames[g] }

// Transition is one row of the table: the only place where a state changes.
type Transition struct {
	From  State
	Event Event
	Guard Guard
	To    State
	Rule  Rule
}

// transitions is RFC 9293 figure 5 with the text of §3.10, as a passive
// observer meets it. The diagram and the rule list of docs/states.md are
// printed from it.
//
// Observer: rows out of Unknown are not in the RFC. They are what an end's own
// segments show of an end whose past the capture lacks.
var transitions = []Transition{
	// Opening, §3.10.1, §3.10.7.2, §3.10.7.3.
	{Unknown, SendSYN, Always, SynSent, RuleActiveOpen},
	{Closed, SendSYN, Always, SynSent, RuleActiveOpen},
	{Listen, SendSYN, Always, SynSent, RuleActiveOpen},
	{Unknown, SendSYNACK, Always, SynReceived, RulePassiveOpenUnseen},
	{Closed, SendSYNACK, Always, SynReceived, RulePassiveOpenUnseen},
	{Listen, SendSYNACK, Always, SynReceived, RulePassiveOpenUnseen},
	{SynSent, SendSYNACK, Always, SynReceived, RuleSimultaneousOpen},
	{Listen, RecvSYN, Always, SynReceived, RuleListenSYN},
	{SynSent, RecvSYN, Always, SynReceived, RuleSimultaneousOpen},
	{SynSent, RecvSYNACK, Always, Established, RuleSynSentSYNACK},
	{SynReceived, RecvSYNACK, Always, Established, RuleSynReceivedACK},
	{SynReceived, RecvACKOfSYN, Always, Established, RuleSynReceivedACK},

	// First sight of an end in mid-stream.
	{Unknown, SendSynchronized, Always, Established, RuleFirstSeen},
	{Unknown, SendFIN, Always, FinWait1, RuleClose},
	{Unknown, RecvFIN, Always, CloseWait, RuleFIN},

	// Closing, §3.10.4, §3.10.7.4 steps 5 and 8.
	{SynReceived, SendFIN, Always, FinWait1, RuleClose},
	{Established, SendFIN, Always, FinWait1, RuleClose},
	{CloseWait, SendFIN, Always, LastAck, RuleCloseWaitClose},
	{SynReceived, RecvFIN, Always, CloseWait, RuleFIN},
	{Established, RecvFIN, Always, CloseWait, RuleFIN},
	{FinWait1, RecvFIN, Always, Closing, RuleFINSimultaneous},
	{FinWait2, RecvFIN, Always, TimeWait, RuleFINLast},
	{FinWait1, RecvACKOfFIN, Always, FinWait2, RuleACKOfFIN},
	{Closing, RecvACKOfFIN, Always, TimeWait, RuleACKOfFINClosing},
	{LastAck, RecvACKOfFIN, Always, Closed, RuleACKOfFINLast},

	// Resets that leave, §3.10.5, and hosts without the connection, §3.10.7.1.
	{Unknown, SendRST, Always, Closed, RuleAbort},
	{SynSent, SendRST, Always, Closed, RuleAbort},
	// Departure: §3.10.5 deletes the TCB; on real hosts a half-open passive
	// connection is a thing of its own, and the listener behind it stays.
	{SynReceived, SendRST, Passive, Listen, RuleEmbryoAbort},
	{SynReceived, SendRST, Active, Closed, RuleAbort},
	{Established, SendRST, Always, Closed, RuleAbort},
	{FinWait1, SendRST, Always, Closed, RuleAbort},
	{FinWait2, SendRST, Always, Closed, RuleAbort},
	{CloseWait, SendRST, Always, Closed, RuleAbort},
	{Closing, SendRST, Always, Closed, RuleAbort},
	{LastAck, SendRST, Always, Closed, RuleAbort},
	{TimeWait, SendRST, Always, Closed, RuleAbort},

	// Resets that arrive, §3.10.7.3 step 2, §3.10.7.4 step 2.
	{Unknown, RecvRST, Always, Closed, RuleReset},
	{SynSent, RecvRST, Always, Closed, RuleSynSentReset},
	{SynReceived, RecvRST, Passive, Listen, RuleSynReceivedReset},
	{SynReceived, RecvRST, Active, Closed, RuleSynReceivedResetActive},
	{Established, RecvRST, Always, Closed, RuleReset},
	{FinWait1, RecvRST, Always, Closed, RuleReset},
	{FinWait2, RecvRST, Always, Closed, RuleReset},
	{CloseWait, RecvRST, Always, Closed, RuleReset},
	{Closing, RecvRST, Always, Closed, RuleReset},
	{LastAck, RecvRST, Always, Closed, RuleReset},
	{TimeWait, RecvRST, Always, Closed, RuleTimeWaitReset},

	// ICMP errors, §3.9.2.2.
	{SynSent, RecvICMP, Always, Closed, RuleICMPRefused},

	// Clocks, §3.10.8, and an end that forgot, §3.5.1.
	{TimeWait, TimeWaitExpiry, Always, Closed, RuleTimeWaitExpiry},
	{FinWait2, FinWait2Timeout, Always, Closed, RuleFinWait2Timeout},
	{TimeWait, Reuse, Always, Closed, RuleReuse},
	{LastAck, Reuse, Always, Closed, RuleReuse},
	{FinWait2, Reuse, Always, Closed, RuleReuse},
	{SynSent, StateLost, Always, Closed, RuleStateLost},
	{SynReceived, StateLost, Always, Closed, RuleStateLost},
	{Established, StateLost, Always, Closed, RuleStateLost},
	{FinWait1, StateLost, Always, Closed, RuleStateLost},
	{FinWait2, StateLost, Always, Closed, RuleStateLost},
	{CloseWait, StateLost, Always, Closed, RuleStateLost},
	{Closing, StateLost, Always, Closed, RuleStateLost},
	{LastAck, StateLost, Always, Closed, RuleStateLost},
	{TimeWait, StateLost, Always, Closed, RuleStateLost},
}
