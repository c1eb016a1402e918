package statemachine

// Ignored says why an event moves an end in none of some states. Together
// with the rows of the transition table these entries name every pair of
// state and event exactly once; a test holds that.
type Ignored struct {
	Event  Event
	States []State
	Reason string // one sentence without a final period
}

// IgnoredPairs returns the pairs of state and event that no row of the
// transition table has, each with the reason.
func IgnoredPairs() []Ignored {
	return []Ignored{
		// Departures.
		{SendSYN, []State{SynSent, SynReceived},
			"the SYN again: the same ISN is never a new attempt (RFC 9293 3.4.1)"},
		{SendSYN, []State{Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait},
			"a synchronized end sends no SYN: it is old or forged, or the end lost its state first, or the four-tuple is used again; the last two are events of their own"},
		{SendSYNACK, []State{SynReceived},
			"the SYN-ACK again: its ACK did not arrive, or the server waits for data before it accepts"},
		{SendSYNACK, []State{Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait},
			"a SYN-ACK captured late, or sent again before the ACK arrived: the evidence places that arrival behind it"},
		{SendSynchronized, []State{Closed},
			"a segment of the connection that is over, captured late"},
		{SendSynchronized, []State{Listen, SynSent},
			"the SYN or SYN-ACK that must have come before is an arrival of its own, placed by this segment"},
		{SendSynchronized, []State{SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait},
			"an ACK is what this state sends; in SYN-RECEIVED with Fast Open (RFC 7413 4.2) or as a challenge"},
		{SendFIN, []State{Closed, Listen, SynSent},
			"CLOSE sends no FIN here (RFC 9293 3.10.4): a copy captured late"},
		{SendFIN, []State{FinWait1, Closing, LastAck},
			"the FIN again"},
		{SendFIN, []State{FinWait2, TimeWait},
			"the FIN again, sent before its ACK arrived and captured late"},
		{SendRST, []State{Closed, Listen},
			"a host without the connection answers with RST and stays as it is (RFC 9293 3.10.7.1, 3.10.7.2)"},

		// Arrivals of SYN and of its ACK.
		{RecvSYN, []State{Unknown},
			"whether there is a listener shows only in the answer"},
		{RecvSYN, []State{Closed},
			"answered with RST (RFC 9293 3.10.7.1)"},
		{RecvSYN, []State{SynReceived},
			"answered with the SYN-ACK again; Departure: RFC 9293 3.10.7.4 step 4 would return a passive open to LISTEN, hosts do not, and a SYN with another ISN is a new incarnation"},
		{RecvSYN, []State{Established, FinWait1, FinWait2, CloseWait, Closing, LastAck},
			"answered with a challenge ACK (RFC 5961 4.2)"},
		{RecvSYN, []State{TimeWait},
			"answered with an ACK, or the four-tuple is used again (RFC 6191 2), which is an event of its own"},
		{RecvSYNACK, []State{Unknown},
			"shows only in what the end sends next"},
		{RecvSYNACK, []State{Closed, Listen},
			"answered with RST (RFC 9293 3.10.7.1, 3.10.7.2)"},
		{RecvSYNACK, []State{Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait},
			"a SYN-ACK again: answered with an ACK (RFC 9293 3.10.7.4 step 1, RFC 5961 4.2)"},
		{RecvACKOfSYN, []State{Unknown},
			"shows only in what the end sends next"},
		{RecvACKOfSYN, []State{Closed, Listen},
			"answered with RST (RFC 9293 3.10.7.1, 3.10.7.2)"},
		{RecvACKOfSYN, []State{SynSent},
			"an ACK without SYN establishes nothing (RFC 9293 3.10.7.3 step 5)"},
		{RecvACKOfSYN, []State{Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait},
			"the SYN was acknowledged before, or the end has closed out of SYN-RECEIVED"},

		// Arrivals of FIN and of its ACK.
		{RecvFIN, []State{Closed, Listen, SynSent},
			"a FIN is not processed here (RFC 9293 3.10.7.4 step 8)"},
		{RecvFIN, []State{CloseWait, Closing, LastAck},
			"the FIN again: the state remains (RFC 9293 3.10.7.4 step 8)"},
		{RecvFIN, []State{TimeWait},
			"the FIN again: the state remains and 2 MSL begin anew (RFC 9293 3.10.7.4 step 8)"},
		{RecvACKOfFIN, []State{Unknown, Closed, Listen, SynSent, SynReceived, Established, CloseWait},
			"the end has sent no FIN, or has no connection"},
		{RecvACKOfFIN, []State{FinWait2, TimeWait},
			"the FIN was acknowledged before"},

		// Resets, clocks, lost state, reuse.
		{RecvRST, []State{Closed, Listen},
			"a reset is dropped here (RFC 9293 3.10.7.1, 3.10.7.2)"},
		{RecvICMP, []State{Unknown, Closed, Listen},
			"there is no attempt to end"},
		{RecvICMP, []State{SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait},
			"a hint only, since anybody could have sent it: the end goes on and sends again (RFC 9293 3.9.2.2, RFC 5461 4.1, RFC 5927 5.2)"},
		{TimeWaitExpiry, []State{Unknown, Closed, Listen, SynSent, SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck},
			"the TIME-WAIT timer runs in TIME-WAIT only"},
		{FinWait2Timeout, []State{Unknown, Closed, Listen, SynSent, SynReceived, Established, FinWait1, CloseWait, Closing, LastAck, TimeWait},
			"the wait for the peer's FIN is limited in FIN-WAIT-2 only"},
		{StateLost, []State{Unknown, Closed, Listen},
			"there is nothing to lose"},
		{Reuse, []State{Unknown, Closed, Listen},
			"there is no old connection: the new one begins afresh"},
		{Reuse, []State{SynSent, SynReceived, Established, FinWait1, CloseWait, Closing},
			"a live connection cannot be taken over: the end lost its state first"},
	}
}
