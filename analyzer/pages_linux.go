package analyzer

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of the large pages that Linux lends, in octets.
const hugePage = 2 << 20

// populate has the system lend all pages of the n octets at p in one call, and
// reports whether it did. Page by page each would cost a fault of its own,
// which on virtual machines may take ten microseconds. Where it can, the system
// lends large pages, around what is asked for: slabs are walked at random, and
// of small pages there are more than a processor remembers the places of. Linux
// before 5.14 does not know the request.
func populate(p unsafe.Pointer, n uintptr) bool {
	at := uintptr(p)
	first, end := (at+page-1)&^(page-1), (at+n)&^(page-1)
	if end <= first {
		return true
	}
	around := at &^ (hugePage - 1)
	madvise(around, (end+hugePage-1)&^(hugePage-1), unix.MADV_HUGEPAGE) // advice: what cannot be is left
	return madvise(first, end, unix.MADV_POPULATE_WRITE)
}

// madvise asks something of the system for the memory from first to end. It takes
// numbers, since what is around an object is no object.
func madvise(first, end uintptr, advice int) bool {
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, first, end-first, uintptr(advice))
	return errno == 0
}
