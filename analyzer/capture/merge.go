package capture

import (
	"errors"
	"io"
	"math"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
)

// maxOpen bounds the files that are read at once when they overlap in time.
// Each takes half a megabyte, and what its unpacker needs.
const maxOpen = 64

// input is a file that is being read.
type input struct {
	file    uint16 // its index
	name    string
	closer  io.Closer // nil for standard input
	release func()    // of its decompressor
	records records
	grows   *growing // not nil: it is followed
	unknown linkSet  // link types that are not decoded, told once each

	// Of a file that is merged with others: its next packet.
	fresh   bool // none of it was read yet
	head    analyzer.Packet
	waiting bool // head holds one
}

// Merge has Next give the packets of all files in the order of their times,
// those of each file in the file's own order. The paths must be in the order of
// the files' first packets, see ByTime. A file is opened when the packets reach
// its time, so that a rotated set is read one file after another; of files that
// overlap at most 64 are open at once, and what comes later waits until one of
// them ends. To be called before the first Next; it does nothing to a source
// that follows.
func (s *Source) Merge() {
	s.merge, s.newest = s.follow == nil && len(s.paths) > 1, math.MinInt64
}

// earliest takes the earliest of the packets that come next in the files; of
// equal times that of the file that stands first.
func (s *Source) earliest(p *analyzer.Packet) error {
	for {
		s.fillHeads()
		in := s.firstInTime()
		if in != nil && (in.head.Time <= s.newest || s.next == len(s.paths) || len(s.open) == maxOpen) {
			h := &in.head
			p.Time, p.CapLen, p.WireLen, p.Interface, p.Link = h.Time, h.CapLen, h.WireLen, h.Interface, h.Link
			p.Frame, p.Comment = h.Frame, h.Comment
			in.waiting, s.current = false, in
			return nil
		}
		if err := s.advance(); err != nil && in == nil {
			return err
		}
	}
}

// fillHeads reads the next packet of each open file that has none. Files that
// end are closed. The time of the first packet of the newest file is kept:
// files that are not open yet have none before it.
func (s *Source) fillHeads() {
	for i := 0; i < len(s.open); {
		in := s.open[i]
		if in.waiting {
			i++
			continue
		}
		if err := in.records.next(&in.head); err != nil {
			s.ended(in, err)
			continue
		}
		if in.waiting = true; in.fresh {
			in.fresh, s.newest = false, max(s.newest, in.head.Time)
		}
		i++
	}
}

// firstInTime returns the open file with the earliest packet, nil without any.
func (s *Source) firstInTime() *input {
	var first *input
	for _, in := range s.open {
		if first == nil || in.head.Time < first.head.Time {
			first = in
		}
	}
	return first
}

// advance opens the next file that can be opened; io.EOF when there is none.
func (s *Source) advance() error {
	for s.next < len(s.paths) {
		path := s.paths[s.next]
		s.next++
		in := &input{file: uint16(s.next - 1), name: path, release: func() {}, fresh: true}
		if err := s.openInput(in); err != nil {
			if !s.followed(in) {
				s.report(asError(err, in.name))
			}
			in.close()
			continue
		}
		s.open = append(s.open, in)
		return nil
	}
	return io.EOF
}

// openInput opens one file.
func (s *Source) openInput(in *input) (err error) {
	if s.next > 1<<16 {
		return &Error{File: in.name, Offset: NoOffset, Reason: "more than 65536 files in one run"}
	}
	if in.name == Stdin {
		in.name = stdinName
		in.records, in.release, err = newRecords(s.stdin, in.name, &s.declared)
		return err
	}
	f, err := openFile(in.name)
	if err != nil {
		return err
	}
	in.closer = f
	r := counter{f, &s.octets}
	if s.follow != nil && s.next == len(s.paths) {
		in.grows = &growing{ctx: s.follow, f: f}
		r.r = in.grows
	}
	in.records, in.release, err = newRecords(r, in.name, &s.declared)
	return err
}

// counter counts what it reads.
type counter struct {
	r io.Reader
	n *int64
}

// Read reads from the reader beneath.
func (c counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	*c.n += int64(n)
	return n, err
}

// ended closes a file at its end, which err tells. One that is followed is
// opened anew where another file took its place.
func (s *Source) ended(in *input, err error) {
	if !errors.Is(err, io.EOF) && !s.followed(in) {
		s.report(asError(err, in.name))
	}
	s.shut(in)
	if in.grows != nil && in.grows.replaced {
		s.next--
	}
}

// shut closes a file.
func (s *Source) shut(in *input) {
	s.dropped += in.records.drops()
	s.open = slices.DeleteFunc(s.open, func(o *input) bool { return o == in })
	if s.current == in {
		s.current = nil
	}
	in.close()
}

// close frees what the file holds.
func (in *input) close() {
	in.release()
	if in.closer != nil {
		_ = in.closer.Close() // opened for reading only: nothing can be lost
	}
}

// asError returns err as one of the file called name.
func asError(err error, name string) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{File: name, Offset: NoOffset, Reason: openReason(err)}
	}
	return e
}
