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
}

// NumberKind says what Step.Number is.
type NumberKind uint8

// The numbers that a step may bring.
const (
	NoNumber  NumberKind = iota
	ISNNumber            // the initial sequence number that the SYN takes
	FINNumber            // the number that the FIN takes
)
