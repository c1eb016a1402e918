package statemachine

// Code names a finding. The names are stable: users filter on them.
type Code uint8

// The findings, by what they are about.
const (
	NoFinding Code = iota

	// Segments that no TCP sends, or that deserve a word by their form alone.
	BareFIN
	SYNFIN
	SYNRST
	NullFlags
	Xmas
	DataWithoutACK
	SYNWithData
	RSTWithData
	BadOption
	BadDataOffset
	BadChecksum
	ChecksumOffload
	ReservedBits
	UrgentData
	Land
	PortZero

	// Opening.
	SYNInSynchronized
	HalfOpen
	OldDuplicateSYN
	SYNISNChanged
	SYNACKWrongACK
	SYNACKISNChanged
	ISNReuse
	OptionStripped
	WindowScaleOneSided

	// Resets.
	RSTOutOfWindow
	RSTInexact
	RSTIgnored
	RSTSuspectInjection
	ChallengeACKSent
	DataAfterReset
	TimeWaitAssassination

	// Data, windows, timestamps.
	ACKOfUnsent
	DataOutOfWindow
	PAWSReject
	WindowShrunk
	Overlap
	TTLChange

	// Closing and what comes after.
	DataAfterFIN
	FINMoved
	DataAfterClose
	TimeWaitReuse

	// The capture itself.
	OneWayCapture
	MidStream
	DuplicateCapture
	MissingOctets
	CaptureDrops
	SnaplenCut
	ClockBackwards
	FragmentOverlap

	// ICMP errors about it.
	ICMPError
	ICMPTooBig

	// Across connections.
	SYNFlood
	SYNScan
	HalfOpenScan
	FINScan
	NullScan
	XmasScan
	AcceptQueueOverflow
	RSTStorm

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
	Cite     string // RFC and section, empty for what no RFC has
	Title    string // one sentence without a final period
	What     string // what it means, for people
	Causes   string // the usual causes, the commonest first
	Next     string // what to look at next
	// Sample is a conversation that shows it, in the notation of
	// internal/sample. A test holds that it does.
	Sample string
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

// ParseCode returns the finding that String prints as name, and whether there
// is one. NoFinding has no name that counts.
func ParseCode(name string) (Code, bool) {
	for c := NoFinding + 1; c < NumCodes; c++ {
		if codeInfos[c].Name == name {
			return c, true
		}
	}
	return NoFinding, false
}

// Codes returns all findings in the order of their declaration.
func Codes() []Code {
	out := make([]Code, 0, NumCodes-1)
	for c := NoFinding + 1; c < NumCodes; c++ {
		out = append(out, c)
	}
	return out
}
