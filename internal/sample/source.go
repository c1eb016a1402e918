package sample

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// source is the capture of a text with what it says of its losses.
type source struct {
	*capture.Source
	drops uint64
}

// Next reads the next packet, and tells the losses with it.
func (s *source) Next(p *analyzer.Packet) error {
	err := s.Source.Next(p)
	p.Drops = s.drops
	return err
}

// Split returns the source alone: the others would not tell of the losses.
func (s *source) Split(int) []analyzer.Source { return []analyzer.Source{s} }

// Opener builds the capture of the text and returns what analyzer.Run opens.
// Checksums are verified.
func Opener(text string) (func() (analyzer.Source, error), error) {
	file, err := Build(text)
	if err != nil {
		return nil, err
	}
	return func() (analyzer.Source, error) {
		s := capture.OpenAll([]string{"-"}, bytes.NewReader(file))
		s.VerifyChecksums(true)
		return &source{s, drops(text)}, nil
	}, nil
}

// drops returns how many packets the capture of the text says it lost. A pcap
// file has no place for it.
func drops(text string) uint64 {
	for line := range strings.Lines(text) {
		if words, ok := strings.CutPrefix(strings.TrimSpace(line), "// drops "); ok {
			n, _ := strconv.ParseUint(words, 10, 32) // 0 where it is no number
			return n
		}
	}
	return 0
}
