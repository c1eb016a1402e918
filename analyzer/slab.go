package analyzer

import (
	"unsafe"

	"github.com/tcpstate/tcpstate/internal/pages"
)

// slabBits sets the size of a slab's chunks: 2^slabBits elements.
const slabBits = 9

// slab hands out elements of one type from chunks that never move, so that an
// index is enough to name an element and the collector has little to follow.
// Index 0 is never handed out: it means none.
type slab[T any] struct {
	chunks []*[1 << slabBits]T
	free   []uint32
	next   uint32
}

// alloc returns the index of a zeroed element.
func (s *slab[T]) alloc() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if s.next == 0 {
		s.next = 1
	}
	if int(s.next>>slabBits) == len(s.chunks) {
		s.grow()
	}
	s.next++
	return s.next - 1
}

// grow adds a chunk. Of the first often only the beginning is needed.
func (s *slab[T]) grow() {
	if len(s.chunks) == 0 {
		s.chunks = append(s.chunks, new([1 << slabBits]T))
		return
	}
	s.chunks = append(s.chunks, (*[1 << slabBits]T)(freshPages[T](1<<slabBits)))
}

// freshPages returns n zeroed elements whose pages the system has lent already.
// To read a fresh page first costs two faults: for the first the system lends
// its page of zeros, and for the second it has to stop all processors.
func freshPages[T any](n int) []T {
	var zero T
	s := make([]T, n)
	size := unsafe.Sizeof(zero)
	if pages.Lend(unsafe.Pointer(unsafe.SliceData(s)), uintptr(n)*size) {
		return s
	}
	for i := 0; i < n; i += max(1, pages.Size/max(1, int(size))) {
		s[i] = zero
	}
	return s
}

// used returns how many elements are handed out.
func (s *slab[T]) used() int { return max(int(s.next)-1, 0) - len(s.free) }

// octets returns the size of the elements that are handed out.
func (s *slab[T]) octets() int {
	var one T
	return s.used() * int(unsafe.Sizeof(one))
}

// at returns the element with index i, which alloc gave.
func (s *slab[T]) at(i uint32) *T {
	return &s.chunks[i>>slabBits][i&(1<<slabBits-1)]
}

// release zeroes the element and keeps it for the next alloc.
func (s *slab[T]) release(i uint32) {
	var zero T
	*s.at(i) = zero
	s.leave(i)
}

// leave keeps the element as it is for the next alloc, which then does not zero
// it.
func (s *slab[T]) leave(i uint32) { s.free = append(s.free, i) }
