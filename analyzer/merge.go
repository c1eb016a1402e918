package analyzer

import "math"

// rankOf orders what workers say: by a, then by b.
type rankOf struct{ a, b uint64 }

// lastRank is behind all others.
var lastRank = rankOf{math.MaxUint64, math.MaxUint64}

func (r rankOf) before(o rankOf) bool { return r.a < o.a || r.a == o.a && r.b < o.b }

// merger tells which of several runs, each in the order of its ranks, has the next
// element of all in their order; of those with the same rank the first run.
type merger struct {
	n     int
	heads [maxWorkers]rankOf // of the next of each run, lastRank at its end
}

// next returns the run; ok is false when all have ended.
func (m *merger) next() (run int, ok bool) {
	best := 0
	for i := 1; i < m.n; i++ {
		if m.heads[i].before(m.heads[best]) {
			best = i
		}
	}
	return best, m.n > 0 && m.heads[best] != lastRank
}
