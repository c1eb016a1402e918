package pages

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	adviseLarge   = syscall.MADV_HUGEPAGE
	adviseLendNow = 23 // MADV_POPULATE_WRITE, of Linux 5.14 and later: madvise(2)
)

// large is the size of the large pages that Linux lends, in octets.
const large = 2 << 20

// Lend has the system lend the pages that lie in n octets of Go's heap, from p on, in one
// call, and reports whether it did; Linux before 5.14 does not.
//
// It asks for large pages where touching a small one for the first time is dear even if
// the system has lent it, because a hypervisor follows each entry of the page tables:
// a large page is one entry instead of 512. Elsewhere it does not, for on a virtual
// machine large pages may be just the memory that the machine below has taken back
// meanwhile, and lends again at eight microseconds for each small page.
func Lend(p unsafe.Pointer, n uintptr) bool {
	first, end := inner(p, n)
	return lend(p, n, first&^(large-1), (end+large-1)&^(large-1)) // what is around is the heap's too
}

// LendWithin is Lend for memory around which nothing is known.
func LendWithin(p unsafe.Pointer, n uintptr) bool {
	first, end := inner(p, n)
	return lend(p, n, (first+large-1)&^(large-1), end&^(large-1))
}

// inner returns the addresses of the first page that lies in n octets as a whole, and of
// the octet behind the last one.
func inner(p unsafe.Pointer, n uintptr) (first, end uintptr) {
	at := uintptr(p)
	return (at + Size - 1) &^ (Size - 1), (at + n) &^ (Size - 1)
}

// lend is Lend, where large pages may be asked for between two addresses.
func lend(p unsafe.Pointer, n, largeFrom, largeTo uintptr) bool {
	first, end := inner(p, n)
	if end <= first {
		return true
	}
	if touching.Load() == unknown && end-first >= samples*Size {
		if !advise(first, first+samples*Size, adviseLendNow) {
			return false
		}
		judge(unsafe.Add(p, first-uintptr(p)))
	}
	if touching.Load() == dear && largeFrom < largeTo {
		advise(largeFrom, largeTo, adviseLarge) // where that cannot be, pages are small
	}
	return advise(first, end, adviseLendNow)
}

// advise calls madvise(2). It takes numbers, since what is around an object is no object.
func advise(first, end uintptr, advice int) bool {
	_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, first, end-first, uintptr(advice))
	return errno == 0
}

// touching is what it costs to touch a small page for the first time that is lent.
var touching atomic.Int32

const (
	unknown int32 = iota
	cheap
	dear
)
