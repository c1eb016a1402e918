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
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// stdinName is how messages call standard input.
const stdinName = "standard input"

// maxErrors bounds the errors that are kept for one run, so that a hostile
// input cannot fill the memory; the rest are counted.
const maxErrors = 1000

// Source reads several captures as one: one after another in the order given,
// or merged by time, see Merge. Damage in one file does not keep the next from
// being read: it is collected, see Errors. A Source is not safe for use by two
// goroutines.
type Source struct {
	paths   []string
	follow  context.Context // not nil: wait for more at the end of the last file
	merge   bool            // by the times of the packets
	files   *files
	decoder Decoder

	next    int               // index of the file to open next
	open    []*input          // the files that are being read, by index
	current *input            // the one that gave the last packet, nil when it has ended
	newest  statemachine.Time // the latest first packet of the files opened so far

	filter  *Filter // nil takes every packet
	packets uint64
	dropped uint64 // by the files that are done
	tells   bool   // one of the files so far may tell of drops
	closed  bool
	declared
	errs []*Error
	more int // errors beyond maxErrors
}

var _ analyzer.StatsSource = (*Source)(nil)

// Open returns a source of one file, or of standard input where path is "-".
// Unlike OpenAll it fails at once when the file cannot be opened or is no
// capture, by *Error.
func Open(path string) (*Source, error) {
	s := OpenAll([]string{path}, os.Stdin)
	if err := s.advance(); err != nil {
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
	return &Source{paths: slices.Clone(paths), files: newFiles(stdin)}
}

// Split returns n sources, s itself among them, that give the same packets side
// by side, each with its share of the connections; see analyzer.SplitSource. The
// files are read once for all. What is set up by other methods is to be set up
// before. It returns s alone after the first packet and for a source that
// follows.
func (s *Source) Split(n int) []analyzer.Source {
	if s.packets > 0 || s.follow != nil || n < 2 || !s.files.admit(n-1, s.open) {
		return []analyzer.Source{s}
	}
	parts := make([]analyzer.Source, n)
	for i := range parts {
		part := s
		if i > 0 {
			part = &Source{paths: s.paths, files: s.files, merge: s.merge, newest: s.newest, filter: s.filter.clone()}
			part.decoder.verify = s.decoder.verify
		}
		part.decoder.dealer = analyzer.NewDealer(i, n)
		parts[i] = part
	}
	return parts
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
		if err := s.read(p); err != nil {
			return err
		}
		s.packets++
		if s.filter == nil || s.takes(p) {
			break
		}
	}
	p.Number, p.File = s.packets, s.current.file
	if s.tells {
		p.Drops = s.drops()
	}
	if !decodes(p.Link) && s.current.unknown.add(p.Link) {
		s.report(&Error{File: s.current.name, Offset: NoOffset, Reason: linkReason(p.Link)})
	}
	s.decoder.Decode(p)
	return nil
}

// read reads the next record of the files.
func (s *Source) read(p *analyzer.Packet) error {
	if s.merge {
		return s.earliest(p)
	}
	for {
		if len(s.open) == 0 {
			if err := s.advance(); err != nil {
				return err
			}
		}
		s.current = s.open[0]
		err := s.current.records.next(p)
		if err == nil {
			return nil
		}
		s.ended(s.current, err)
	}
}

// SetFilter has Next leave out the packets that f does not take; they keep
// their numbers. Link types to which f cannot be applied are reported by
// Errors, and their packets left out. To be called before the first Next.
func (s *Source) SetFilter(f *Filter) { s.filter = f }

// takes reports whether the filter takes the packet.
func (s *Source) takes(p *analyzer.Packet) bool {
	ok, err := s.filter.Match(p)
	if err != nil && s.current.unknown.add(p.Link) {
		s.report(&Error{File: s.current.name, Offset: NoOffset, Reason: fmt.Sprintf("the filter does not fit link type %d: %v", uint32(p.Link), err)})
	}
	return ok
}

// Octets returns how much of the files was read, packed as they are; standard
// input does not count.
func (s *Source) Octets() int64 { return s.files.octets.Load() }

// report keeps an error.
func (s *Source) report(e *Error) {
	if len(s.errs) >= maxErrors {
		s.more++
		return
	}
	s.errs = append(s.errs, e)
}

// Close frees the files that are open. To call it again does nothing.
func (s *Source) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	for len(s.open) > 0 {
		s.shut(s.open[0])
	}
	s.files.leave(s.next)
	s.next = len(s.paths)
	return nil
}

// Errors returns what went wrong so far, in the order in which it was met.
func (s *Source) Errors() []*Error { return slices.Clone(s.errs) }

// drops returns how many packets the captures themselves report as lost.
func (s *Source) drops() uint64 {
	n := s.dropped
	for _, in := range s.open {
		n += in.records.drops()
	}
	return n
}

// InterfaceName returns the name that the capture gives to the interface of the
// packet that Next returned last, at most 256 octets of whatever the file holds;
// "" when it has none, as in all pcap files.
func (s *Source) InterfaceName(p *analyzer.Packet) string {
	if s.current == nil {
		return ""
	}
	return s.current.records.interfaceName(p.Interface)
}

// Stats returns what the source knows of its input so far.
func (s *Source) Stats() analyzer.SourceStats {
	st := analyzer.SourceStats{Files: slices.Clone(s.paths), LinkTypes: slices.Clone(s.links), Drops: s.drops(), Fragments: s.decoder.fragments.incomplete(), Comments: slices.Clone(s.comments), Aggregated: s.decoder.aggregated}
	for _, e := range s.errs {
		st.Errors = append(st.Errors, e.Error())
	}
	if s.more > 0 {
		st.Errors = append(st.Errors, moreReason(s.more))
	}
	return st
}
