// Package capture reads packets from capture files: pcap and pcapng, plain or
// packed by gzip or zstd, from files or a pipe. It decodes them down to the TCP
// segment. It is the only package of the program that imports gopacket.
//
// The record readers are this package's own, since pcapgo's lose data without a
// word (a cut last record, binary time resolutions, a second link type, lengths
// beyond the snaplen). The headers are decoded by gopacket's layers, each from
// one place here that mends what they refuse or misread.
package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// stdinName is how messages call standard input.
const stdinName = "standard input"

// maxErrors bounds the errors that are kept for one run, so that a hostile
// input cannot fill the memory; the rest are counted.
const maxErrors = 1000

// Source reads several captures as one, in the order given. Damage in one file
// does not keep the next from being read: it is collected, see Errors. A
// Source is not safe for use by two goroutines.
type Source struct {
	paths   []string
	follow  context.Context // not nil: wait for more at the end of the last file
	stdin   io.Reader
	decoder Decoder

	next    int // index of the file to open next
	file    uint16
	name    string
	closer  io.Closer // of the current file, nil for standard input
	release func()    // of the current file's decompressor
	records records   // of the current file, nil between files

	octets  counter // of the files, read so far
	filter  *Filter // nil takes every packet
	packets uint64
	dropped uint64  // by the files that are done
	links   linkSet // declared so far
	unknown linkSet // of the current file, told once each
	errs    []*Error
	more    int // errors beyond maxErrors
}

var _ analyzer.StatsSource = (*Source)(nil)

// Open returns a source of one file, or of standard input where path is "-".
// Unlike OpenAll it fails at once when the file cannot be opened or is no
// capture, by *Error.
func Open(path string) (*Source, error) {
	s := OpenAll([]string{path}, os.Stdin)
	if err := s.advance(); err != nil && s.records == nil {
		s.finish()
		if len(s.errs) > 0 {
			return nil, s.errs[0]
		}
		return nil, err
	}
	return s, nil
}

// OpenAll returns a source of the files named by paths, "-" standing for stdin.
// Files are opened one at a time, when reading reaches them; those that fail
// are left out and reported by Errors. Paths beyond the 65,536th cannot be
// numbered and are reported likewise.
func OpenAll(paths []string, stdin io.Reader) *Source {
	return &Source{paths: slices.Clone(paths), stdin: stdin, release: func() {}}
}

// Rereadable reports whether every path is a regular file, so that the same
// packets can be read twice by calling OpenAll twice. It is false for pipes,
// devices, "-", and what cannot be looked at.
func Rereadable(paths []string) bool {
	for _, p := range paths {
		if p == Stdin {
			return false
		}
		if info, err := os.Stat(p); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// Next fills p with the next packet of the files, decoded. It returns io.EOF
// after the last packet of the last file, also when some were damaged: Errors
// tells. The slices of p are valid until the next call.
func (s *Source) Next(p *analyzer.Packet) error {
	for {
		if s.records == nil {
			if err := s.advance(); err != nil {
				return err
			}
		}
		err := s.records.next(p)
		if err == nil {
			s.packets++
			if s.filter == nil || s.takes(p) {
				break
			}
			continue
		}
		if !errors.Is(err, io.EOF) && !s.followed() {
			s.report(err)
		}
		s.finish()
	}
	p.Number, p.File = s.packets, s.file
	if !decodes(p.Link) && s.unknown.add(p.Link) {
		s.report(&Error{File: s.name, Offset: NoOffset, Reason: linkReason(p.Link)})
	}
	s.decoder.Decode(p)
	return nil
}

// SetFilter has Next leave out the packets that f does not take; they keep
// their numbers. Link types to which f cannot be applied are reported by
// Errors, and their packets left out. To be called before the first Next.
func (s *Source) SetFilter(f *Filter) { s.filter = f }

// takes reports whether the filter takes the packet.
func (s *Source) takes(p *analyzer.Packet) bool {
	ok, err := s.filter.Match(p)
	if err != nil && s.unknown.add(p.Link) {
		s.report(&Error{File: s.name, Offset: NoOffset, Reason: fmt.Sprintf("the filter does not fit link type %d: %v", uint32(p.Link), err)})
	}
	return ok
}

// advance opens the next file that can be opened; io.EOF when there is none.
func (s *Source) advance() error {
	for s.next < len(s.paths) {
		path := s.paths[s.next]
		s.file = uint16(s.next)
		s.next++
		s.unknown = s.unknown[:0]
		if err := s.open(path); err != nil {
			s.report(err)
			s.finish()
			continue
		}
		return nil
	}
	return io.EOF
}

// open opens one file.
func (s *Source) open(path string) error {
	if s.next > 1<<16 {
		return &Error{File: path, Offset: NoOffset, Reason: "more than 65536 files in one run"}
	}
	var r io.Reader
	if path == Stdin {
		s.name, r = stdinName, s.stdin
	} else {
		f, err := openFile(path)
		if err != nil {
			return err
		}
		s.octets.r = f
		if s.follow != nil && s.next == len(s.paths) {
			s.octets.r = growing{s.follow, f}
		}
		s.name, r, s.closer = path, &s.octets, f
	}
	var err error
	s.records, s.release, err = newRecords(r, s.name, &s.links)
	if err != nil {
		s.records = nil
	}
	return err
}

// counter counts what it reads.
type counter struct {
	r io.Reader
	n int64
}

// Read reads from the reader beneath.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// Octets returns how much of the files was read, packed as they are; standard
// input does not count.
func (s *Source) Octets() int64 { return s.octets.n }

// Follow makes the source wait for more at the end of its last file, which
// somebody still writes, until ctx ends. A record that is not whole by then is
// no damage. It is to be called before the first packet is read, and does
// nothing to standard input, which waits by itself.
func (s *Source) Follow(ctx context.Context) { s.follow = ctx }

// followed reports that the last file was followed to the end of the context.
func (s *Source) followed() bool {
	return s.follow != nil && s.next == len(s.paths) && s.closer != nil && s.follow.Err() != nil
}

// finish closes the current file.
func (s *Source) finish() {
	if s.records != nil {
		s.dropped += s.records.drops()
		s.records = nil
	}
	s.release()
	s.release = func() {}
	if s.closer != nil {
		_ = s.closer.Close() // opened for reading only: nothing can be lost
		s.closer = nil
	}
}

// report keeps an error.
func (s *Source) report(err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{File: s.name, Offset: NoOffset, Reason: openReason(err)}
	}
	if len(s.errs) >= maxErrors {
		s.more++
		return
	}
	s.errs = append(s.errs, e)
}

// Close frees the file that is open.
func (s *Source) Close() error {
	s.finish()
	s.next = len(s.paths)
	return nil
}

// Errors returns what went wrong so far, in the order in which it was met.
func (s *Source) Errors() []*Error { return slices.Clone(s.errs) }

// drops returns how many packets the captures themselves report as lost.
func (s *Source) drops() uint64 {
	n := s.dropped
	if s.records != nil {
		n += s.records.drops()
	}
	return n
}

// Dropped returns how many packets the captures told so far that they lost.
func (s *Source) Dropped() uint64 { return s.drops() }

// InterfaceName returns the name that the capture gives to the interface of the
// packet that Next returned last, at most 256 octets of whatever the file holds;
// "" when it has none, as in all pcap files.
func (s *Source) InterfaceName(p *analyzer.Packet) string {
	if s.records == nil {
		return ""
	}
	return s.records.interfaceName(p.Interface)
}

// Stats returns what the source knows of its input so far.
func (s *Source) Stats() analyzer.SourceStats {
	st := analyzer.SourceStats{Files: slices.Clone(s.paths), LinkTypes: slices.Clone(s.links), Drops: s.drops(), Fragments: s.decoder.fragments.incomplete()}
	for _, e := range s.errs {
		st.Errors = append(st.Errors, e.Error())
	}
	if s.more > 0 {
		st.Errors = append(st.Errors, moreReason(s.more))
	}
	return st
}
