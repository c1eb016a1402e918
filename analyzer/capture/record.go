package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Bounds for lengths that a file claims, in octets.
const (
	// minRecordBound is what every writer may use: libpcap's largest snaplen.
	minRecordBound = 256 << 10
	// maxRecordBound is beyond any frame of a link layer decoded here.
	maxRecordBound = 16 << 20
)

// Bounds of the times that are believed, in nanoseconds since 1970: from 1896 to
// 2116, beyond what pcap files can have. What a damaged pcapng file tells
// beyond them is cut, so that clocks can add to times and subtract them.
const (
	minTime = -1 << 61
	maxTime = 1 << 62
)

// records reads the frames of one capture file. next fills Time, WireLen,
// CapLen, Interface, Link, Frame and Comment of p, and returns io.EOF at the file's
// proper end or *Error at damage.
type records interface {
	next(p *analyzer.Packet) error
	// drops returns how many packets the capture says that it lost.
	drops() uint64
	// interfaceName returns the name of an interface of the current section,
	// "" when it has none.
	interfaceName(i uint16) string
}

// stream is what the readers of both formats share.
type stream struct {
	*blocks
	name     string
	order    binary.ByteOrder
	packets  uint64    // read so far
	declared *declared // takes what the file says of itself
}

// declared is what files say of themselves, besides their packets.
type declared struct {
	links    linkSet
	comments []string // on sections and interfaces
}

// Bounds of the comments that are kept; what is longer is cut, and what comes
// beyond is passed over.
const (
	maxComments = 64
	maxComment  = 1024 // octets
)

// comment keeps a comment, once. A name says whose it is.
func (d *declared) comment(name string, text []byte) {
	s := string(text[:min(len(text), maxComment)])
	if name != "" {
		s = name + ": " + s
	}
	if len(d.comments) < maxComments && !slices.Contains(d.comments, s) {
		d.comments = append(d.comments, s)
	}
}

// maxLinks bounds the link types that are listed; fewer than 300 are assigned,
// and real files declare a handful.
const maxLinks = 64

// linkSet is a short list of different link types in order of appearance. Those
// beyond maxLinks are left out.
type linkSet []analyzer.LinkType

// add appends l and reports whether it was new.
func (s *linkSet) add(l analyzer.LinkType) bool {
	if len(*s) == maxLinks || slices.Contains(*s, l) {
		return false
	}
	*s = append(*s, l)
	return true
}

// damage returns the error for the record that starts at off.
func (s *stream) damage(off int64, format string, args ...any) *Error {
	return &Error{File: s.name, Offset: off, Packet: s.packets, Reason: fmt.Sprintf(format, args...)}
}

// short returns the error for what, of n octets, of which only have are there.
func (s *stream) short(what string, n, have int) error {
	if err := s.cause(); err != nil {
		return s.damage(s.off+int64(have), "reading failed: %s", openReason(err))
	}
	return s.damage(s.off, "%s is cut short (%s needed, %d left)", what, octets(n), have)
}

// header returns a view of the n octets of a record header. At the end of the
// stream it returns io.EOF, and *Error when the header is not whole.
func (s *stream) header(what string, n int) ([]byte, error) {
	b := s.view(n)
	switch {
	case len(b) == n:
		return b, nil
	case len(b) == 0 && s.cause() == nil:
		return nil, io.EOF
	}
	return nil, s.short(what, n, len(b))
}

// nanoseconds converts ticks of 1/perSecond s to nanoseconds, in 128 bits, and
// stops at the largest Time.
func nanoseconds(ticks, perSecond uint64) statemachine.Time {
	hi, lo := bits.Mul64(ticks, 1e9)
	if hi >= perSecond {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, perSecond)
	return statemachine.Time(min(q, math.MaxInt64))
}
