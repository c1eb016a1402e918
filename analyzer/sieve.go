package analyzer

import (
	"cmp"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Sifter is asked, for a sink that shows only some of the connections, which of
// them need a record at all; the rest are counted. The answers must depend on
// nothing but what is asked, for several workers ask.
type Sifter interface {
	// Sieve returns the sieve of one worker.
	Sieve() Sieve
	// Rest takes what the sieves held back: how many connections, and their
	// findings by code. It is called before the sink is given the capture.
	Rest(connections uint64, findings *[statemachine.NumCodes]uint64)
}

// Sieve judges the connections of one worker.
type Sieve interface {
	// Keep reports whether the sink must be given the record of a connection
	// with these findings. Connections are numbered by their births.
	Keep(findings []FindingCount, born Birth) bool
}

// FindingCount is how many findings of a code a connection has.
type FindingCount struct {
	Code  statemachine.Code
	Count uint32
}

// Birth orders connections as their numbers do.
type Birth struct{ Recognised, First uint64 } // packets

// Compare returns -1 when b comes before c, 0 when they are the same, else 1.
func (b Birth) Compare(c Birth) int {
	if b.Recognised != c.Recognised {
		return cmp.Compare(b.Recognised, c.Recognised)
	}
	return cmp.Compare(b.First, c.First)
}

// sifting is the sieve of one tracker, with what it held back.
type sifting struct {
	sieve    Sieve // nil where nothing is held back
	rest     uint64
	findings [statemachine.NumCodes]uint64
	counts   []FindingCount // scratch
}

// holdsBack reports that the record of the flow's connection, whose findings are
// complete, is not wanted, and then counts it.
func (s *sifting) holdsBack(t *tallies, f *flow) bool {
	if s.sieve == nil || f.from == never {
		return false
	}
	s.counts = t.list(f, s.counts[:0])
	if s.sieve.Keep(s.counts, Birth{f.from, f.first.Packet}) {
		return false
	}
	s.rest++
	for _, c := range s.counts {
		s.findings[c.Code] += uint64(c.Count)
	}
	return true
}
