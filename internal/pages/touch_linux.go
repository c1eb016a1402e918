package pages

import (
	"runtime"
	"time"
	"unsafe"
)

// samples is how many pages are touched to learn what it costs.
const samples = 32

// dearTouch is more than any machine needs for a page of its own, and less than half of
// what one needs that a hypervisor follows.
const dearTouch = 2 * time.Microsecond

// judge touches the samples pages at p, which are lent and which nobody has touched,
// to learn what that costs.
func judge(p unsafe.Pointer) {
	slow := 0
	for i := range samples {
		at := unsafe.Add(p, i*Size)
		if first := timeOf(at); first-timeOf(at) > dearTouch {
			slow++
		}
	}
	verdict := cheap
	if slow > samples/2 { // most: a few may be slow because something came in between
		verdict = dear
	}
	touching.CompareAndSwap(unknown, verdict)
}

// timeOf returns how long it takes to read an octet, and the clock.
func timeOf(p unsafe.Pointer) time.Duration {
	from := time.Now() //nolint:forbidigo // the machine is asked, not a capture
	octet := *(*byte)(p)
	took := time.Since(from) //nolint:forbidigo // as above
	runtime.KeepAlive(octet) // so that it is read
	return took
}
