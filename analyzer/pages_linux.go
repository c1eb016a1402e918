package analyzer

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// populate has the system lend all pages of the n octets at p in one call, and
// reports whether it did. Page by page each would cost a fault of its own,
// which on virtual machines may take ten microseconds. Linux before 5.14 does
// not know the request.
func populate(p unsafe.Pointer, n uintptr) bool {
	first := (uintptr(p) + page - 1) &^ (page - 1)
	end := (uintptr(p) + n) &^ (page - 1)
	if end <= first {
		return true
	}
	whole := unsafe.Slice((*byte)(unsafe.Add(p, first-uintptr(p))), end-first)
	return unix.Madvise(whole, unix.MADV_POPULATE_WRITE) == nil
}
