package statemachine

// Class is what a segment is in the sequence analysis: at most one for each
// segment.
type Class uint8

// The classes.
const (
	NoClass Class = iota // not judged: no place in a tracked sequence space
	New
	Retransmission
	OutOfOrder // the first captured copy, late
	DuplicateFrame
	NetworkDuplicate
	KeepAlive
	KeepAliveACK
	ZeroWindowProbe
	ZeroWindowProbeACK
	WindowUpdate
	DuplicateACK
	ChallengeACK
	TimeWaitACK

	numClasses = iota
)

var classNames = [numClasses]string{
	"", "new", "retransmission", "out-of-order", "duplicate-frame", "network-duplicate",
	"keep-alive", "keep-alive-ack", "zero-window-probe", "zero-window-probe-ack",
	"window-update", "duplicate-ack", "challenge-ack", "time-wait-ack",
}

// String returns the stable name, empty for NoClass.
func (c Class) String() string { return classNames[c] }

// Kind tells retransmissions apart.
type Kind uint8

// The kinds; NoKind for all that is no retransmission.
const (
	NoKind Kind = iota
	KindRTO
	KindFast
	KindTLP
	KindSYN
	KindSYNACK
	KindFIN
	KindUnknown

	NumKinds = iota
)

var kindNames = [NumKinds]string{"", "rto", "fast", "tlp", "syn", "syn-ack", "fin", "unknown"}

// String returns the stable name, empty for NoKind.
func (k Kind) String() string { return kindNames[k] }

// Marks are what else is true of a segment; any number of them.
type Marks uint16

// The marks.
const (
	Spurious        Marks = 1 << iota // sent again though it had arrived
	GapBefore                         // numbers before it were not captured
	ACKsUnseen                        // acknowledges numbers that were not captured
	WindowFull                        // fills the peer's window to its right edge
	ZeroWindow                        // offers no window
	PartialOverlap                    // part new, part sent before
	LostAfterTap                      // passed the tap, but had to be sent again
	LostBeforeTap                     // the gap was filled by a retransmission
	NotCaptured                       // the gap was acknowledged without ever being captured
	OverlapConflict                   // sent again with other octets
)

var markNames = [...]string{
	"spurious", "gap-before", "acks-unseen", "window-full", "zero-window", "partial-overlap",
	"lost-after-tap", "lost-before-tap", "not-captured", "overlap-conflict",
}

// Names appends the stable names of the set marks to b.
func (m Marks) Names(b []string) []string {
	for i, n := range markNames {
		if m&(1<<i) != 0 {
			b = append(b, n)
		}
	}
	return b
}

// Reading is what the sequence analysis says of one segment.
type Reading struct {
	RelSeq  int64  // octets from the sender's ISS, following the flow past 2^32; from its first segment in mid-stream
	RelAck  int64  // likewise from the peer's ISS
	Repeats uint64 // packet that a retransmission or duplicate repeats, 0 when it was not captured or is too long ago
	Since   Time   // nanoseconds since that packet
	To      Seq    // one past the last octet that Repeats has of a retransmission
	Window  uint32 // the receive window offered, scaled where both SYNs carried the option
	Dups    uint16 // how many duplicate ACKs in a row, counting this one
	Backoff uint8  // how often the same number was sent before
	Scaled  bool   // Window is exact: the scale is known or there is none
	RelOK   bool   // RelSeq and RelAck count from an ISS that was captured or inferred from the handshake
	Seen    bool   // of a retransmission: its octets were captured before, though Repeats may be forgotten
	Class   Class
	Kind    Kind
	Hints   Hints
	Marks   Marks
	Gap     Size // octets before it that were not captured, with GapBefore; behind it, with ACKsUnseen
}

// Hints are what else a segment shows, for the findings to speak of.
type Hints uint8

// The hints.
const (
	BeyondWindow   Hints = 1 << iota // payload wholly behind the right edge of all windows offered (RFC 9293 §3.10.7.4)
	OlderTimestamp                   // new numbers with an older timestamp (RFC 7323 §5.3)
	DataRefused                      // the payload of its SYN again: the peer took only the SYN (RFC 7413 §4.2.2)
	OlderACK                         // a pure ACK below one that its sender sent before
	EdgeMovedBack                    // the right edge of its window lies below one offered before (RFC 9293 §3.8.6)
)
