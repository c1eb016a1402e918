package analyzer

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// populate has the system lend all pages of the n octets at p in one call, and
// reports whether it did. Page by page each would cost a fault of its own,
// which on virtual machines may take ten microseconds. It does not ask for large
// pages: on a virtual machine these are the memory that the machine below has taken
// back meanwhile, and lends again at eight microseconds for each small page. Linux
// before 5.14 does not know the request.
func populate(p unsafe.Pointer, n uintptr) bool {
	at := uintptr(p)
	first, end := (at+page-1)&^(page-1), (at+n)&^(page-1)
	if end <= first {
		return true
	}
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, first, end-first, unix.MADV_POPULATE_WRITE)
	return errno == 0
}
