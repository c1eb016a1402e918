package analyzer

import (
	"net/netip"

	"github.com/tcpstate/tcpstate/statemachine"
)

// NoteKind tells what a Note carries.
type NoteKind uint8

// The kinds of notes.
const (
	// StepNote: an endpoint moved; the word is final.
	StepNote NoteKind = iota
	// ProvisionalNote: an endpoint moved as far as is known now (live and pipes only).
	ProvisionalNote
	// ConfirmedNote: an earlier provisional step is now final; Step holds it with its final certainty.
	ConfirmedNote
	// WithdrawnNote: an earlier provisional step did not happen; Step holds it as it was said.
	WithdrawnNote
	// FindingNote: a rule was noticed.
	FindingNote
	// MarkNote: later packets showed what became of this one.
	MarkNote
	// ResetNote: what is to be said of a RST.
	ResetNote
)

// Note is something to say under a packet: a step or a finding.
type Note struct {
	Packet  uint64            // the packet under which it belongs; in one pass it may be shown later
	Conn    uint32            // the connection's number, from 1
	Ends    [2]netip.AddrPort // the connection's endpoints, by statemachine.Side
	Kind    NoteKind
	Step    statemachine.Step    // for the step kinds
	Finding statemachine.Finding // for FindingNote
	Mark    Mark                 // for MarkNote
	Reset   ResetVerdict         // for ResetNote
	Side    statemachine.Side    // for MarkNote and ResetNote: the packet's sender
}

// RoleReason says why an endpoint counts as the client.
type RoleReason uint8

// The reasons, the strongest first.
const (
	RoleSYN       RoleReason = iota // it sent the first SYN
	RoleSYNACK                      // its peer sent a SYN-ACK
	RolePort                        // its peer's port is a well-known service or much lower
	RoleFirstSeen                   // it was seen first
)

// Verdict is how a connection ended (design: one for each connection).
type Verdict uint8

// The verdicts.
const (
	VerdictNone Verdict = iota
	VerdictRefused
	VerdictUnanswered
	VerdictHalfOpen
	VerdictClosed
	VerdictClosedSimultaneously
	VerdictReset
	VerdictHalfClosed
	VerdictTimedOut
	VerdictOpenAtEnd
	VerdictTimeWait
	VerdictMidStreamOpen
	VerdictMidStreamClosed
	VerdictScan
	VerdictRefusedByICMP
	VerdictOneWay // the capture has only one direction
	NumVerdicts   = iota
)

var verdictNames = [NumVerdicts]string{
	"none", "refused", "unanswered", "half-open", "closed", "closed-simultaneously", "reset", "half-closed",
	"timed-out", "open-at-end", "time-wait", "mid-stream-open", "mid-stream-closed", "scan", "refused-by-icmp", "one-way",
}

// String returns the stable name.
func (v Verdict) String() string { return verdictNames[v] }

// EndpointRecord is one side of a Connection.
type EndpointRecord struct {
	Addr            netip.AddrPort
	ISS             statemachine.Seq
	HasISS          bool // ISS was captured, or follows from the handshake
	State           statemachine.State
	Certainty       statemachine.Certainty // of the last step, Witnessed when there was none
	Packets         uint64                 // segments that it sent
	Bytes           uint64                 // payload octets sent, retransmitted ones not counted
	Retransmissions [statemachine.NumKinds]uint32
	Losses          Losses
	Options         SYNOptions // of its SYN or SYN-ACK
	Windows         Windows    // that it offered, and Full that it filled
	// RTTMin and RTTMean are the shortest and the smoothed round trip from the
	// tap to the peer and back, by the ACKs of what it sent once (RFC 6298 §3);
	// 0 when there was none.
	RTTMin, RTTMean statemachine.Time
	InFlight        statemachine.Size // the most octets that it had in flight at the tap
	// Spent is the time in each state, by the tap's clock, up to the
	// connection's record.
	Spent [statemachine.TimeWait + 1]statemachine.Time
}

// SYNOptions are the options of a SYN or SYN-ACK.
type SYNOptions struct {
	Seen   bool // it was captured
	Set    statemachine.OptionSet
	MSS    uint16 // octets
	WScale uint8
}

// Windows are what is known of the receive windows of an end, in octets.
type Windows struct {
	Known       bool // Least and Most count
	Least, Most uint32
	HasScale    bool // Scale counts
	Scale       uint8
	Zero        uint32 // segments that offered no window
	Full        uint32 // segments that filled the peer's window
}

// Connection is the record of one TCP connection, written when it has ended
// or the input has.
type Connection struct {
	ID      uint32 // from 1, in the order in which the connections were recognised
	Role    RoleReason
	First   statemachine.Moment
	Last    statemachine.Moment
	Ends    [2]EndpointRecord // by statemachine.Side
	Verdict Verdict
	Detail  string // one sentence for people, without final period
	// RTTClient and RTTServer are the halves of the handshake's round trip:
	// tap to client and back, tap to server and back; 0 when not seen.
	RTTClient, RTTServer statemachine.Time
	Tap                  Tap                       // where the halves place the tap
	Reset                ResetVerdict              // the RST that ended it or the last that tried; At.Packet 0 for none
	Findings             map[statemachine.Code]int // nil when there are none
	Evicted              bool                      // written out early because of a limit or a long silence
	Prepared             []byte                    // by Options.Prepare, else nil
}

// Capture is the record of the whole input.
type Capture struct {
	Files       []string
	LinkTypes   []LinkType // in order of first appearance
	Packets     uint64
	TCP         uint64 // segments given to the observer
	Skipped     [NumSkips]uint64
	Drops       uint64   // reported by the capture's own statistics
	Fragments   uint64   // IP datagrams of which some fragments are missing, so that they were never put together
	Aggregated  uint64   // frames behind the first one of 802.11 aggregates, not among Packets and not followed
	Comments    []string // of the capture's author on its sections and interfaces, in whatever octets
	Commented   uint64   // packets with a comment
	Connections uint64
	Evicted     uint64 // connections written out early because of a limit or a long silence
	First, Last statemachine.Moment
	Findings    map[statemachine.Code]int // of segments that belong to no connection; nil when there are none
	Errors      []string                  // damage that ended a file early, one line each
}

// Observation is one TCP packet with all that is said of it. When the run does
// not ask for packets, or for what is settled only when the input ends, Packet
// is nil and only Notes counts.
type Observation struct {
	Packet  *Packet
	Conn    uint32            // the connection's number; 0 when the packet was skipped
	Side    statemachine.Side // its sender
	Reading statemachine.Reading
	Notes   []Note // what is shown under it, in order
}

// Sink takes the results of a run in their final order: each TCP packet that
// has a line (only where the run asks for packets), notes of no packet's
// own (timers) with the packet that follows them, then the connections by
// their numbers, then the capture. Options.Wants says what it is given.
type Sink interface {
	// Packet takes one TCP packet, or the notes of one packet without the
	// packet. The observation is valid during the call.
	Packet(o *Observation) error
	// Connection takes a connection's record, which is valid during the call.
	Connection(c *Connection) error
	// Capture takes the capture's record; it is the last call.
	Capture(c *Capture) error
}
