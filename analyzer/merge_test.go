package analyzer

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// Runs are merged as a stable sort of all of them would.
func TestMerger(t *testing.T) {
	type pair struct{ key, id int }
	rank := func(run []pair) rankOf {
		if len(run) == 0 {
			return lastRank
		}
		return rankOf{uint64(run[0].key / 3), uint64(run[0].key % 3)}
	}
	byKey := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var runs [][]pair
		var got, want []pair
		m := merger{n: r.IntN(5)}
		for i := range m.n {
			run := make([]pair, r.IntN(9))
			for k := range run {
				run[k].key = r.IntN(12)
			}
			slices.SortFunc(run, byKey)
			for k := range run {
				run[k].id = len(want) + k
			}
			want = append(want, run...)
			runs = append(runs, run)
			m.heads[i] = rank(run)
		}
		slices.SortStableFunc(want, byKey)
		for i, ok := m.next(); ok; i, ok = m.next() {
			got = append(got, runs[i][0])
			runs[i] = runs[i][1:]
			m.heads[i] = rank(runs[i])
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}
