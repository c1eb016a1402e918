package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// tally is what is counted of connections that have findings, or whose
// checksums are verified. Most of those have findings of one or two codes,
// so a few are counted in place and a full table is made when that is not
// enough.
type tally struct {
	code [fewCodes]statemachine.Code // NoFinding for a free place
	n    [fewCodes]uint32
	all  uint32 // index of the full table, which then has all counts; 0 for none
	sums uint32 // index of the checksums, 0 for none
}

// fewCodes is how many codes a tally counts in place.
const fewCodes = 4

// findingCounts counts findings by code.
type findingCounts [statemachine.NumCodes]uint32

// tallies keeps the tallies of one tracker's connections.
type tallies struct {
	slab[tally]
	full slab[findingCounts]
	sums slab[sums]
}

// octets returns the size of all that is handed out.
func (s *tallies) octets() int { return s.slab.octets() + s.full.octets() + s.sums.octets() }

// of returns the tally of the flow, making it when there was none.
func (s *tallies) of(f *flow) *tally {
	if f.tally == 0 {
		f.tally = s.alloc()
	}
	return s.at(f.tally)
}

// count counts a finding of the flow's connection.
func (s *tallies) count(f *flow, code statemachine.Code) {
	y := s.of(f)
	if y.all == 0 {
		for i := range y.code {
			if y.code[i] == statemachine.NoFinding {
				y.code[i] = code
			}
			if y.code[i] == code {
				y.n[i]++
				return
			}
		}
		y.all = s.full.alloc()
		y.spread(s.full.at(y.all))
	}
	s.full.at(y.all)[code]++
}

// spread puts the counts that are in place into a full table.
func (y *tally) spread(to *findingCounts) {
	for i, code := range y.code {
		to[code] += y.n[i]
	}
}

// counted reports that the flow's connection has a finding of the code.
func (s *tallies) counted(f *flow, code statemachine.Code) bool {
	if f.tally == 0 {
		return false
	}
	y := s.at(f.tally)
	if y.all != 0 {
		return s.full.at(y.all)[code] > 0
	}
	for i := range y.code {
		if y.code[i] == code {
			return true
		}
	}
	return false
}

// counts fills to, which is zero, with the counts of the flow's connection.
func (s *tallies) counts(f *flow, to *findingCounts) {
	if f.tally == 0 {
		return
	}
	if y := s.at(f.tally); y.all != 0 {
		*to = *s.full.at(y.all)
	} else {
		y.spread(to)
	}
}

// list appends the counts of the flow's connection, each code once.
func (s *tallies) list(f *flow, to []FindingCount) []FindingCount {
	if f.tally == 0 {
		return to
	}
	y := s.at(f.tally)
	if y.all != 0 {
		for code, n := range s.full.at(y.all) {
			if n > 0 {
				to = append(to, FindingCount{statemachine.Code(code), n})
			}
		}
		return to
	}
	for i, code := range y.code {
		if code != statemachine.NoFinding {
			to = append(to, FindingCount{code, y.n[i]})
		}
	}
	return to
}

// checksums returns the checksums of the flow's connection, making them when
// there were none.
func (s *tallies) checksums(f *flow) *sums {
	y := s.of(f)
	if y.sums == 0 {
		y.sums = s.sums.alloc()
	}
	return s.sums.at(y.sums)
}

// copy gives the flow to, which has no tally, one with the counts of the flow
// from, if that has any.
func (s *tallies) copy(to, from *flow) {
	if from.tally == 0 {
		return
	}
	to.tally = s.alloc()
	y := s.at(to.tally)
	*y = *s.at(from.tally)
	if y.all != 0 {
		all := s.full.alloc()
		*s.full.at(all) = *s.full.at(y.all)
		y.all = all
	}
	if y.sums != 0 {
		sums := s.sums.alloc()
		*s.sums.at(sums) = *s.sums.at(y.sums)
		y.sums = sums
	}
}

// drop gives the flow's tally back, if it has one.
func (s *tallies) drop(f *flow) {
	if f.tally == 0 {
		return
	}
	y := s.at(f.tally)
	if y.all != 0 {
		s.full.release(y.all)
	}
	if y.sums != 0 {
		s.sums.release(y.sums)
	}
	s.release(f.tally)
}
