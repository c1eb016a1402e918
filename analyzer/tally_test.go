package analyzer

import (
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// A tally counts right in place and in full, and a copy is its own.
func TestTally(t *testing.T) {
	var s tallies
	var f, g flow
	for code := statemachine.Code(1); code < statemachine.NumCodes; code++ {
		if s.counted(&f, code) {
			t.Errorf("%s is counted before it occurs", code)
		}
		for range code {
			s.count(&f, code)
		}
		if !s.counted(&f, code) {
			t.Errorf("%s is not counted", code)
		}
		if code == 2 || code == 9 {
			s.checksums(&f).bad[1] = uint32(code)
			s.copy(&g, &f)
			s.count(&g, code)
			s.checksums(&g).bad[1]++
			s.drop(&g)
			g.tally = 0
		}
	}
	var counts findingCounts
	s.counts(&f, &counts)
	for code, n := range counts {
		if int(n) != code {
			t.Errorf("%s: %d times, not %d", statemachine.Code(code), n, code)
		}
	}
	if n := s.checksums(&f).bad[1]; n != 9 {
		t.Errorf("%d bad checksums, not 9", n)
	}
	if s.drop(&f); s.used()+s.full.used()+s.sums.used() != 0 {
		t.Errorf("%d octets are still handed out", s.octets())
	}
}
