package analyzer

import "slices"

// merge appends pointers to the elements of the runs to out, in order; those
// that compare equal in the order of the runs. What a worker says comes in the
// order of the packets but for rare exceptions, so there is little to sort.
func merge[T any](out []*T, runs [][]T, compare func(a, b *T) int) []*T {
	var next [maxWorkers]int
	from, sorted := len(out), true
	for {
		best := -1
		for i, run := range runs {
			if next[i] < len(run) && (best < 0 || compare(&run[next[i]], &runs[best][next[best]]) < 0) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		e := &runs[best][next[best]]
		sorted = sorted && (len(out) == from || compare(out[len(out)-1], e) <= 0)
		out = append(out, e)
		next[best]++
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
	slices.SortStableFunc(out[from:], compare)
	return out
}
