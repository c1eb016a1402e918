package statemachine

// Rule is a named law that a step obeys. Its name is stable: outputs print it
// and users filter on it.
type Rule uint8

// The rules behind the steps.
const (
	NoRule Rule = iota
	RuleActiveOpen
	RulePassiveOpenUnseen
	RuleListenSYN
	RuleSimultaneousOpen
	RuleSynSentSYNACK
	RuleSynReceivedACK
	RuleSynReceivedReset
	RuleSynReceivedResetActive
	RuleSynSentReset
	RuleFirstSeen
	RuleClose
	RuleCloseWaitClose
	RuleFIN
	RuleFINSimultaneous
	RuleFINLast
	RuleACKOfFIN
	RuleACKOfFINClosing
	RuleACKOfFINLast
	RuleAbort
	RuleEmbryoAbort
	RuleReset
	RuleTimeWaitReset
	RuleICMPRefused
	RuleTimeWaitExpiry
	RuleFinWait2Timeout
	RuleStateLost
	RuleReuse

	numRules = iota
)

// RuleInfo is what the documents and the outputs say of a rule.
type RuleInfo struct {
	Name  string // stable, kebab-case
	Cite  string // RFC and section, or the peer's own rule
	Title string // one sentence without a final period
}

var ruleInfos = [numRules]RuleInfo{
	NoRule:                     {"none", "", "no rule"},
	RuleActiveOpen:             {"active-open", "RFC 9293 3.10.1", "OPEN sends a SYN that takes the ISS"},
	RulePassiveOpenUnseen:      {"passive-open-unseen", "RFC 9293 3.10.7.2", "a SYN-ACK shows that a SYN arrived that the capture lacks"},
	RuleListenSYN:              {"listen-syn", "RFC 9293 3.10.7.2", "a SYN in LISTEN is answered with SYN-ACK"},
	RuleSimultaneousOpen:       {"simultaneous-open", "RFC 9293 3.10.7.3", "a SYN without ACK in SYN-SENT: both ends opened"},
	RuleSynSentSYNACK:          {"syn-sent-syn-ack", "RFC 9293 3.10.7.3", "a SYN that acknowledges our SYN establishes"},
	RuleSynReceivedACK:         {"syn-received-ack", "RFC 9293 3.10.7.4", "the ACK of our SYN establishes"},
	RuleSynReceivedReset:       {"syn-received-reset", "RFC 9293 3.10.7.4", "a reset returns a passive open to LISTEN"},
	RuleSynReceivedResetActive: {"syn-received-reset-active", "RFC 9293 3.10.7.4", "a reset refuses an active open"},
	RuleSynSentReset:           {"syn-sent-reset", "RFC 9293 3.10.7.3", "a reset with an acceptable ACK refuses the connection"},
	RuleFirstSeen:              {"first-seen", "RFC 9293 3.10.7.4", "a segment with ACK is sent by a synchronized end; the capture began later"},
	RuleClose:                  {"close", "RFC 9293 3.10.4", "CLOSE sends a FIN"},
	RuleCloseWaitClose:         {"close-wait-close", "RFC 9293 3.10.4", "CLOSE in CLOSE-WAIT sends the second FIN"},
	RuleFIN:                    {"fin", "RFC 9293 3.10.7.4", "the peer's FIN arrived: it will send no more"},
	RuleFINSimultaneous:        {"fin-simultaneous", "RFC 9293 3.10.7.4", "the peer's FIN arrived before the ACK of ours"},
	RuleFINLast:                {"fin-last", "RFC 9293 3.10.7.4", "the peer's FIN arrived after the ACK of ours"},
	RuleACKOfFIN:               {"ack-of-fin", "RFC 9293 3.10.7.4", "our FIN is acknowledged"},
	RuleACKOfFINClosing:        {"ack-of-fin-closing", "RFC 9293 3.10.7.4", "our FIN is acknowledged, the peer's came before"},
	RuleACKOfFINLast:           {"ack-of-fin-last", "RFC 9293 3.10.7.4", "the last ACK deletes the connection"},
	RuleAbort:                  {"abort", "RFC 9293 3.10.5", "a RST leaves: the sender has no such connection any more"},
	RuleEmbryoAbort:            {"embryo-abort", "RFC 9293 3.10.7.4", "a half-open passive connection is refused; the listener stays"},
	RuleReset:                  {"reset", "RFC 9293 3.10.7.4", "an acceptable reset ends the connection at once"},
	RuleTimeWaitReset:          {"time-wait-reset", "RFC 1337 3", "a reset ends TIME-WAIT early"},
	RuleICMPRefused:            {"icmp-refused", "RFC 9293 3.9.2.2", "an ICMP error about the SYN ends the attempt; Departure: soft errors too, as hosts do"},
	RuleTimeWaitExpiry:         {"time-wait-expiry", "RFC 9293 3.10.8", "the TIME-WAIT timer ran out"},
	RuleFinWait2Timeout:        {"fin-wait-2-timeout", "Linux tcp_fin_timeout", "the end gave up waiting for the peer's FIN"},
	RuleStateLost:              {"state-lost", "RFC 9293 3.5.1", "the end lost its state: it opens anew or answers as if closed"},
	RuleReuse:                  {"reuse", "RFC 9293 3.6.1", "a new SYN takes over the four-tuple"},
}

// Info returns the rule's name, citation and title.
func (r Rule) Info() RuleInfo {
	if int(r) < len(ruleInfos) {
		return ruleInfos[r]
	}
	return RuleInfo{Name: "invalid"}
}

// String returns the rule's stable name.
func (r Rule) String() string { return r.Info().Name }
