package statemachine

// Code names a finding. The names are stable: users filter on them.
type Code uint8

// The findings.
const (
	NoFinding Code = iota
	BareFIN
	SYNFIN
	SYNRST
	NullFlags
	Xmas
	RSTOutOfWindow
	RSTInexact
	RSTIgnored
	SYNInSynchronized
	HalfOpen
	OldDuplicateSYN
	SYNACKWrongACK
	SYNACKISNChanged
	SYNISNChanged
	ACKOfUnsent
	DataAfterFIN
	FINMoved
	DataAfterReset
	TimeWaitReuse
	TimeWaitAssassination
	DataWithoutACK
	SYNWithData
	BadOption
	Land
	PortZero
	OneWayCapture
	MidStream
	DuplicateCapture
	SnaplenCut
	ClockBackwards
	WindowScaleOneSided
	CaptureDrops
	FragmentOverlap
	ICMPError
	ICMPTooBig
	BadChecksum
	ChecksumOffload

	NumCodes = iota
)

// Severity ranks a finding.
type Severity uint8

// The severities.
const (
	Note Severity = iota
	Warning
	Error
)

// String returns "note", "warning" or "error".
func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// CodeInfo is what the outputs and the documents say of a finding.
type CodeInfo struct {
	Name     string // stable, kebab-case
	Severity Severity
	Cite     string
	Title    string // one sentence without a final period
}

var codeInfos = [NumCodes]CodeInfo{
	NoFinding:             {"none", Note, "", "no finding"},
	BareFIN:               {"bare-fin", Warning, "RFC 9293 3.10.7.4", "a FIN without ACK: no TCP sends it, and a receiver drops it"},
	SYNFIN:                {"syn-fin", Warning, "RFC 9293 3.10.7.4", "SYN and FIN in one segment: no TCP sends it"},
	SYNRST:                {"syn-rst", Warning, "RFC 9293 3.10.7.4", "SYN and RST in one segment: no TCP sends it"},
	NullFlags:             {"null-flags", Warning, "RFC 9293 3.10.7.4", "no control bit at all: no TCP sends it, and a receiver drops it"},
	Xmas:                  {"xmas", Warning, "RFC 9293 3.10.7.4", "FIN, PSH and URG without ACK: a probe, not traffic"},
	RSTOutOfWindow:        {"rst-out-of-window", Warning, "RFC 5961 3.2", "a RST outside the receive window: the receiver drops it in silence"},
	RSTInexact:            {"rst-inexact", Warning, "RFC 5961 3.2", "a RST in the window but not at RCV.NXT: the receiver answers with a challenge ACK"},
	RSTIgnored:            {"rst-ignored", Warning, "RFC 5961 3.2", "the connection went on after this RST: its receiver did not take it"},
	SYNInSynchronized:     {"syn-in-synchronized", Warning, "RFC 5961 4.2", "a SYN on a live connection: the receiver answers with a challenge ACK"},
	HalfOpen:              {"half-open", Warning, "RFC 9293 3.5.1", "one end lost its state while the other kept it"},
	OldDuplicateSYN:       {"old-duplicate-syn", Note, "RFC 9293 3.5", "a SYN with another ISN than the connection's: of an earlier attempt, or forged"},
	SYNACKWrongACK:        {"syn-ack-wrong-ack", Warning, "RFC 9293 3.10.7.3", "a SYN-ACK that does not acknowledge the SYN: the client answers with a reset"},
	SYNACKISNChanged:      {"syn-ack-isn-changed", Warning, "RFC 9293 3.4.1", "a SYN-ACK again with another ISN: another host, or a server that forgot"},
	SYNISNChanged:         {"syn-isn-changed", Note, "RFC 9293 3.4.1", "a SYN again with another ISN: a new attempt on the same ports"},
	ACKOfUnsent:           {"ack-of-unsent", Warning, "RFC 9293 3.10.7.4", "acknowledges numbers beyond all that its peer was seen to send: dropped, unless the capture has a gap"},
	DataAfterFIN:          {"data-after-fin", Error, "RFC 9293 3.10.7.4", "payload behind the sender's own FIN"},
	FINMoved:              {"fin-moved", Error, "RFC 9293 3.10.4", "two FINs at different numbers: one of them is old or forged"},
	DataAfterReset:        {"data-after-reset", Note, "RFC 9293 3.10.7.1", "payload for a connection that was reset: still in flight, or the reset was not taken"},
	TimeWaitReuse:         {"time-wait-reuse", Note, "RFC 6191 2", "the four-tuple is used again out of TIME-WAIT"},
	TimeWaitAssassination: {"time-wait-assassination", Warning, "RFC 1337 3", "a reset ended TIME-WAIT early"},
	DataWithoutACK:        {"data-without-ack", Warning, "RFC 9293 3.10.7.4", "payload without ACK outside a SYN: a receiver drops it"},
	SYNWithData:           {"syn-with-data", Note, "RFC 7413 4.2", "payload on a SYN"},
	BadOption:             {"bad-option", Warning, "RFC 9293 3.1", "the option list is malformed"},
	Land:                  {"land", Error, "RFC 9293 3.10.7.2", "source and destination are the same"},
	PortZero:              {"port-zero", Warning, "RFC 6335 6", "port 0 is reserved"},
	OneWayCapture:         {"one-way-capture", Warning, "", "only one direction was captured"},
	MidStream:             {"mid-stream", Note, "", "the capture began after the handshake"},
	DuplicateCapture:      {"duplicate-capture", Note, "", "frames were captured twice"},
	SnaplenCut:            {"snaplen-cut", Note, "", "the snaplen cut segments; lengths come from the headers"},
	ClockBackwards:        {"clock-backwards", Note, "", "the capture's clock went backwards"},
	WindowScaleOneSided:   {"window-scale-one-sided", Note, "RFC 7323 2.2", "one SYN carried a window scale, the other did not: neither end scales"},
	CaptureDrops:          {"capture-drops", Note, "", "the capture dropped packets while these went missing: they were not captured, which says nothing of loss"},
	FragmentOverlap:       {"fragment-overlap", Warning, "RFC 5722 4", "IP fragments of the segment overlap: receivers differ in what they make of them, or drop them"},
	ICMPError:             {"icmp-error", Warning, "RFC 9293 3.9.2.2", "an ICMP error about a segment of this connection"},
	ICMPTooBig:            {"icmp-too-big", Note, "RFC 8201 4", "an ICMP error says that a segment is too big for the path"},
	BadChecksum:           {"bad-checksum", Warning, "RFC 9293 3.1", "a wrong checksum: the receiver drops the segment"},
	ChecksumOffload:       {"checksum-offload", Note, "", "every segment of this end has a wrong checksum: its host left them to the network card and was captured before it"},
}

// Info returns what is said of the finding.
func (c Code) Info() CodeInfo {
	if int(c) < len(codeInfos) {
		return codeInfos[c]
	}
	return CodeInfo{Name: "invalid"}
}

// String returns the stable name.
func (c Code) String() string { return c.Info().Name }

// Finding is a rule noticed in a connection, with the numbers involved.
type Finding struct {
	At   Moment // the packet that shows it
	By   uint64 // another packet involved (answer, original), 0 for none
	A, B int64  // numbers involved; their meaning is the code's own
	Side Side   // the endpoint whose doing it is
	Code Code
}
