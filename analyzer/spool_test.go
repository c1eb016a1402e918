package analyzer

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

type keyed struct {
	key  uint64
	item []byte
}

func drainSpool(t *testing.T, s *spool) []keyed {
	t.Helper()
	var out []keyed
	c := s.cursor()
	for {
		k, b, ok := c.peek()
		if !ok {
			break
		}
		out = append(out, keyed{k, bytes.Clone(b)})
		c.advance()
	}
	if c.err != nil {
		t.Fatal(c.err)
	}
	return out
}

// Whatever the limit, the order is that of a stable sort.
func TestSpoolOrder(t *testing.T) {
	for _, limit := range []int{1, 2 * spoolChunk, 3 * spoolChunk, 1 << 30} {
		dir := t.TempDir()
		r := rand.New(rand.NewPCG(1, 2))
		s := newSpool(limit, dir)
		var want []keyed
		n := 40_000
		if limit == 1 {
			n = 300 // a run for each item
		}
		for i := range n {
			// Nearly sorted, with equal keys, as notes are.
			it := keyed{uint64(max(0, i/4-r.IntN(50))), make([]byte, r.IntN(40))}
			for j := range it.item {
				it.item[j] = byte(r.Uint32())
			}
			s.add(it.key, it.item)
			want = append(want, it)
		}
		slices.SortStableFunc(want, func(a, b keyed) int { return int(a.key) - int(b.key) })
		if spilled := len(s.runs) > 0; spilled != (limit < 1<<30) {
			t.Errorf("limit %d: %d runs in the temporary file", limit, len(s.runs))
		}
		for range 2 { // a spool can be read more than once
			got := drainSpool(t, s)
			if !slices.EqualFunc(got, want, func(a, b keyed) bool { return a.key == b.key && bytes.Equal(a.item, b.item) }) {
				t.Fatalf("limit %d: order differs from a stable sort", limit)
			}
		}
		s.close()
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("limit %d: temporary files left behind: %v", limit, left)
		}
	}
}

func TestSpoolBoundsMemory(t *testing.T) {
	s := newSpool(4*spoolChunk, t.TempDir())
	defer s.close()
	item := make([]byte, 50)
	for i := range uint64(200_000) {
		s.add(i, item)
		if m := s.memory(); m > 5*spoolChunk {
			t.Fatalf("%d octets in memory after %d items", m, i)
		}
	}
}

func TestSpoolTellsFailure(t *testing.T) {
	s := newSpool(1, "/nowhere/at/all")
	s.add(1, []byte("a"))
	s.add(2, []byte("b"))
	s.add(3, []byte("c"))
	if s.failure() == nil {
		t.Fatal("no error from a spool that cannot spill")
	}
	if _, _, ok := s.cursor().peek(); ok {
		t.Error("a failed spool yields items as if it were whole")
	}
}
