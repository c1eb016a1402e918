package analyzer

import (
	"cmp"
	"math"
	"slices"
)

// rankOf orders what workers say: by a, then by b.
type rankOf struct{ a, b uint64 }

// lastRank is behind all others.
var lastRank = rankOf{math.MaxUint64, math.MaxUint64}

func (r rankOf) before(o rankOf) bool { return r.a < o.a || r.a == o.a && r.b < o.b }

// merge appends pointers to the elements of the runs to out, in the order of their
// ranks; those with the same in the order of the runs. What a worker says comes in
// the order of the packets but for rare exceptions, so there is little to sort.
func merge[T any](out []*T, runs [][]T, rank func(*T) rankOf) []*T {
	var heads [maxWorkers]rankOf // of the first of each run
	var rest [maxWorkers][]T
	n := copy(rest[:], runs)
	for i := range n {
		heads[i] = headOf(rest[i], rank)
	}
	from, sorted, last := len(out), true, rankOf{}
	for {
		best := 0
		for i := 1; i < n; i++ {
			if heads[i].before(heads[best]) {
				best = i
			}
		}
		if len(rest[best]) == 0 {
			break
		}
		sorted = sorted && !heads[best].before(last)
		last = heads[best]
		out = append(out, &rest[best][0])
		rest[best] = rest[best][1:]
		heads[best] = headOf(rest[best], rank)
	}
	if sorted {
		return out
	}
	out = out[:from]
	for _, run := range runs {
		for k := range run {
			out = append(out, &run[k])
		}
	}
	slices.SortStableFunc(out[from:], func(x, y *T) int {
		a, b := rank(x), rank(y)
		return cmp.Or(cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b))
	})
	return out
}

func headOf[T any](run []T, rank func(*T) rankOf) rankOf {
	if len(run) == 0 {
		return lastRank
	}
	return rank(&run[0])
}
