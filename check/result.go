package check

import (
	"fmt"
	"strconv"
)

// Position is a place in a file of expectations, or the word for another
// origin (a policy, a flag) with Line 0.
type Position struct {
	File         string
	Line, Column int // from 1; 0 where there is none
}

// String returns FILE:LINE, or the origin alone.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Result is what became of one expectation.
type Result struct {
	At     Position
	Expect string // what was expected, a sentence without final period
	Met    bool
	Seen   string // what was seen instead, when not met
	Conn   uint32 // the connection's number, 0 for the capture as a whole
	Packet uint64 // the packet that shows it, 0 when none does
	// Code is the stable name of the kind of expectation: verdict, states,
	// finding:bare-fin, limit:retransmissions, …
	Code string
	// Context holds the timeline around Packet when not met; filled by
	// AddContext.
	Context []ContextLine

	repair func() // writes into the file's tree what was seen
}

// ContextLine is a line of the timeline.
type ContextLine struct {
	Packet uint64
	Text   string
	Marked bool // the packet of the result itself, or what stands under it
}

// FileError is a mistake in a file of expectations.
type FileError struct {
	At   Position
	Text string
	Hint string // advice, may be empty
}

// Error returns FILE:LINE:COLUMN, the mistake and the advice.
func (e *FileError) Error() string {
	s := e.At.File
	if e.At.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", s, e.At.Line, e.At.Column)
	}
	s += ": " + e.Text
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}
