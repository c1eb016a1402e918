package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/tcpstate/tcpstate/analyzer"
)

// NoOffset is the Offset of an Error that belongs to no place in its file.
const NoOffset int64 = -1

// Error is what went wrong with one input: it could not be opened, is no
// capture, or is damaged.
type Error struct {
	File string // as the user named it; "standard input" for "-"
	// Offset is the octet, from 0, of the record or header at fault, counted
	// in the uncompressed data; NoOffset when there is no such place.
	Offset int64
	Packet uint64 // packets of this file that were read before, 0 when none
	Reason string // one line without a final period
}

// Error returns one line: file, place, reason. A file name that would break the
// line or reach the terminal as a control sequence is quoted.
func (e *Error) Error() string {
	name := e.File
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) {
		name = strconv.Quote(name)
	}
	switch {
	case e.Offset == NoOffset:
		return fmt.Sprintf("%s: %s", name, e.Reason)
	case e.Packet == 0:
		return fmt.Sprintf("%s: byte %d: %s", name, e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s: byte %d, after packet %d: %s", name, e.Offset, e.Packet, e.Reason)
}

// openReason says in plain words why a file could not be opened or read.
func openReason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.Is(err, syscall.EISDIR):
		return "is a directory, not a capture file"
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error()
}

// octets spells a number of octets.
func octets(n int) string {
	if n == 1 {
		return "1 octet"
	}
	return fmt.Sprintf("%d octets", n)
}

// linkReason says that a link type is not decoded.
func linkReason(l analyzer.LinkType) string {
	return fmt.Sprintf("link type %d is not decoded; its packets are only counted", uint32(l))
}

// moreReason counts the errors that were not kept.
func moreReason(n int) string { return fmt.Sprintf("%d more errors", n) }
