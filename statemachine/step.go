package statemachine

// Time is an instant of the capture's clock: nanoseconds since the Unix epoch.
// The machine never reads a clock of its own.
type Time int64

// Moment is a place in the capture: a packet and its time.
type Moment struct {
	Packet uint64 // counted from 1 in file order, all packets counted; 0 means none
	Time   Time
}

// Certainty is how sure a step is.
type Certainty uint8

// The degrees of certainty, none first.
const (
	// Uncertain marks what the capture cannot tell.
	Uncertain Certainty = iota
	// Presumed: nothing contradicts the step and nothing proves it.
	Presumed
	// ByTimer: a clock of the endpoint made the step (2MSL, FIN-WAIT-2).
	ByTimer
	// Proven: a later segment could not have been sent without it.
	Proven
	// Witnessed: the capture shows the segment whose sending is the step.
	Witnessed
)

var certaintyNames = [...]string{"unknown", "presumed", "timer", "proven", "witnessed"}

// String returns the word that the outputs use.
func (c Certainty) String() string {
	if int(c) < len(certaintyNames) {
		return certaintyNames[c]
	}
	return "invalid"
}

// Step is one change of state of one endpoint.
type Step struct {
	// Cause is the segment that made the endpoint move; for a timer Packet is
	// 0 and Time is when it fired.
	Cause Moment
	// Place is the packet behind which the step stands in the order of its
	// endpoint's doings: the cause, or a later segment that the endpoint sent
	// before the cause reached it.
	Place uint64
	// Proof is the packet that proves a Proven step, else 0.
	Proof      uint64
	Number     Seq // what it is, NumberKind says
	NumberKind NumberKind
	Side       Side
	From, To   State
	Event      Event
	Rule       Rule
	Certainty  Certainty
	Doubt      Doubt // of a Presumed step: what speaks against it
}

// Doubt says what keeps a step that looks proven or witnessed presumed.
type Doubt uint8

// The doubts.
const (
	// NoDoubt: nothing speaks against the step; the proof is missing.
	NoDoubt Doubt = iota
	// DoubtHeld: the end's own FIN may have been waiting already, behind a
	// closed window or numbers not acknowledged till then (RFC 9293 §3.10.4).
	DoubtHeld
	// DoubtResent: the end's own FIN, which answers the peer's, may have left
	// before and died.
	DoubtResent
	// DoubtCopy: another copy of the peer's FIN may have come before the ACK of
	// the end's own.
	DoubtCopy
	// DoubtOvertaken: an ACK of the end's own FIN may have overtaken the peer's
	// FIN.
	DoubtOvertaken
	// DoubtOrder: the end's own FIN was not captured when it left, so which of
	// the two came first does not show.
	DoubtOrder
	// DoubtAtOnce: the end's own FIN was not captured; that it acknowledged the
	// peer's at once says that it was waiting.
	DoubtAtOnce
	// DoubtUnsent: the end's own FIN was not captured; that payload drew a RST
	// says that its application had closed (RFC 1122 §4.2.2.13).
	DoubtUnsent
	// DoubtSYN: the end's own SYN was not captured; the form of its SYN-ACK says
	// that there was one.
	DoubtSYN
	// DoubtNoSocket: an ACK of the end's own FIN, sent behind the peer's, presumably
	// overtook it: the end answered as if it had no socket any more.
	DoubtNoSocket
	// DoubtUnseen: the end's FIN acknowledges numbers that the capture lacks, the
	// peer's FIN perhaps among them.
	DoubtUnseen
	// DoubtForged: another host has probably sent the RST in the end's name.
	DoubtForged

	numDoubts = iota
)

var doubtTexts = [numDoubts]string{
	"",
	"unless its own FIN was waiting already",
	"unless its own FIN had left before and died",
	"unless another copy of the FIN came first",
	"unless an ACK of its own FIN came first",
	"which FIN came first does not show",
	"it acknowledges the peer's FIN at once, so its own was waiting",
	"payload draws a RST, so its application had closed",
	"its own SYN is missing: the SYN-ACK has the form of a connecting socket's",
	"its answer has IP ID 0, so the ACK of its own FIN came first",
	"unless the peer's FIN is among what it acknowledges and the capture lacks",
	"unless somebody else sent the RST",
}

// String returns the doubt as the end of a line, empty for NoDoubt.
func (d Doubt) String() string { return doubtTexts[d] }

// NumberKind says what Step.Number is.
type NumberKind uint8

// The numbers that a step may bring.
const (
	NoNumber  NumberKind = iota
	ISNNumber            // the initial sequence number that the SYN takes
	FINNumber            // the number that the FIN takes
)
