package statemachine

import "testing"

// corners are the positions and distances where modular arithmetic goes wrong.
var corners = []uint32{
	0, 1, 2, 100, 1<<31 - 2, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<31 + 2, 1<<32 - 100, 1<<32 - 2, 1<<32 - 1,
}

// The model: positions on a line of 64 bits. distance is how far s lies ahead
// of t on the circle, 0 to 2^32-1, found without modular subtraction.
func distance(s, t Seq) uint64 {
	a, b := uint64(s), uint64(t)
	if a < b {
		a += 1 << 32
	}
	return a - b
}

// checkPair holds every method of two positions and a distance against the
// model.
func checkPair(t *testing.T, s, u Seq, n Size) {
	t.Helper()
	d := distance(s, u)
	back := distance(u, s)
	if got, want := s.Add(n), Seq((uint64(s)+uint64(n))%(1<<32)); got != want {
		t.Errorf("%d.Add(%d) = %d, want %d", s, n, got, want)
	}
	if got := s.Sub(u); uint64(got) != d {
		t.Errorf("%d.Sub(%d) = %d, want %d", s, u, got, d)
	}
	diff := int64(d)
	if d >= 1<<31 {
		diff -= 1 << 32
	}
	if got := s.Diff(u); int64(got) != diff {
		t.Errorf("%d.Diff(%d) = %d, want %d", s, u, got, diff)
	}
	less := back > 0 && back < 1<<31
	if got := s.Less(u); got != less {
		t.Errorf("%d.Less(%d) = %v, want %v", s, u, got, less)
	}
	if got := s.LessEq(u); got != (less || d == 0) {
		t.Errorf("%d.LessEq(%d) = %v, want %v", s, u, got, less || d == 0)
	}
	if got := s.In(u, n); got != (d < uint64(n)) {
		t.Errorf("%d.In(%d, %d) = %v, want %v", s, u, n, got, d < uint64(n))
	}
	later := s
	if less {
		later = u
	}
	if got := s.Max(u); got != later {
		t.Errorf("%d.Max(%d) = %d, want %d", s, u, got, later)
	}
	checkLaws(t, s, u, n)
}

// checkLaws holds what must be true of any two positions.
func checkLaws(t *testing.T, s, u Seq, n Size) {
	t.Helper()
	if s.Less(u) && u.Less(s) {
		t.Errorf("%d and %d lie before each other", s, u)
	}
	opposite := s.Sub(u) == halfSpace
	if !s.Less(u) && !u.Less(s) && s != u && !opposite {
		t.Errorf("%d and %d have no order", s, u)
	}
	if opposite && (s.Less(u) || u.Less(s) || s.LessEq(u)) {
		t.Errorf("%d and %d are opposite and have an order", s, u)
	}
	if u.Add(s.Sub(u)) != s {
		t.Errorf("%d + (%d - %d) is not %d", u, s, u, s)
	}
	if s.Add(n).Sub(s) != n {
		t.Errorf("(%d + %d) - %d is not %d", s, n, s, n)
	}
	if s.In(u, 0) {
		t.Errorf("%d lies in an empty window", s)
	}
	if !s.In(s, 1) || s.In(s.Add(1), 1<<32-1) {
		t.Errorf("%d is not the first of its own window, or lies in the window of all others", s)
	}
	if shifted := s.Add(n).Less(u.Add(n)); shifted != s.Less(u) {
		t.Errorf("the order of %d and %d depends on the origin", s, u)
	}
}

func TestSeqAgainstModel(t *testing.T) {
	for _, s := range corners {
		for _, u := range corners {
			for _, n := range corners {
				checkPair(t, Seq(s), Seq(u), Size(n))
			}
		}
	}
}

// TestSeqWindows walks the edges of a receive window that wraps around, with
// RFC 9293 §3.4's test RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND.
func TestSeqWindows(t *testing.T) {
	const left, size = Seq(1<<32 - 10), Size(20)
	for _, tt := range []struct {
		s    Seq
		want bool
	}{
		{1<<32 - 11, false}, {1<<32 - 10, true}, {1<<32 - 1, true}, {0, true}, {9, true}, {10, false}, {1 << 31, false},
	} {
		if got := tt.s.In(left, size); got != tt.want {
			t.Errorf("%d in the window: %v", tt.s, got)
		}
	}
}

func FuzzSeq(f *testing.F) {
	for i, s := range corners {
		f.Add(s, corners[len(corners)-1-i], corners[(i+5)%len(corners)])
	}
	f.Fuzz(func(t *testing.T, s, u, n uint32) {
		checkPair(t, Seq(s), Seq(u), Size(n))
	})
}
