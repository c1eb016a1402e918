package check

import (
	"fmt"
	"strconv"
	"strings"
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

// What says what was seen, and at which packet.
func (r *Result) What() string {
	if r.Packet == 0 {
		return r.Seen
	}
	return fmt.Sprintf("%s, at packet #%d", r.Seen, r.Packet)
}

// ContextText returns the timeline around the packet, each line behind indent
// and the packet's own one marked; empty without a context.
func (r *Result) ContextText(indent string) string {
	var b strings.Builder
	for _, l := range r.Context {
		b.WriteString(indent)
		switch {
		case strings.HasPrefix(l.Text, " "):
			b.WriteString("  ")
		case l.Marked:
			fmt.Fprintf(&b, "> #%d ", l.Packet)
		default:
			fmt.Fprintf(&b, "  #%d ", l.Packet)
		}
		b.WriteString(l.Text + "\n")
	}
	return b.String()
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
