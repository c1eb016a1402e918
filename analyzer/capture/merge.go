package capture

import (
	"context"
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
	file uint16 // its index
	name string
	*opened
	tap     *tap // in the opened file; nil when it could not be opened
	records records
	unknown linkSet // link types that are not decoded, told once each

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
// end are closed. The latest time of a file's first packet is kept: files that
// are not open yet have none before it.
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
		in := &input{file: uint16(s.next), name: s.paths[s.next], fresh: true}
		in.opened = s.files.open(s.next, in.name, s.following())
		s.next++
		if in.name == Stdin {
			in.name = stdinName
		}
		if err := s.start(in); err != nil {
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

// following returns the context to whose end the next file is followed, nil
// when it is not.
func (s *Source) following() context.Context {
	if s.next == len(s.paths)-1 {
		return s.follow
	}
	return nil
}

// start begins to read the records of a file that was opened.
func (s *Source) start(in *input) (err error) {
	if in.err != nil {
		return in.err
	}
	in.tap = in.stream.join()
	in.records, err = formatOf(stream{blocks: newBlocks(in.tap), name: in.name, declared: &s.declared}, in.format)
	if _, ok := in.records.(*pcapng); ok {
		s.tells = true
	}
	return err
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

// close ends this reading of the file.
func (in *input) close() {
	if in.tap != nil {
		in.tap.leave()
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
