package analyzer

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// Runs are merged as a stable sort of all of them would, also where one is out
// of order.
func TestMerge(t *testing.T) {
	type pair struct{ key, id int }
	rank := func(p *pair) rankOf { return rankOf{uint64(p.key / 3), uint64(p.key % 3)} }
	byKey := func(a, b *pair) int { return cmp.Compare(a.key, b.key) }
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var runs [][]pair
		var want []*pair
		id, tidy := 0, r.IntN(4) > 0
		for range r.IntN(5) {
			run := make([]pair, r.IntN(9))
			for i := range run {
				run[i].key = r.IntN(12)
			}
			if tidy {
				slices.SortFunc(run, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
			}
			for i := range run {
				id++
				run[i].id = id
				want = append(want, &run[i])
			}
			runs = append(runs, run)
		}
		slices.SortStableFunc(want, byKey)
		if got := merge(nil, runs, rank); !slices.Equal(got, want) {
			t.Fatalf("%v: got %v", runs, got)
		}
	}
}
