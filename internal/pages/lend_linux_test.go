package pages

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapped returns a mapping of n octets of which no page is lent, at a multiple of large.
func mapped(t *testing.T, n int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, n+large, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	skip := int(-uintptr(unsafe.Pointer(&b[0])) % large)
	return b[skip : skip+n]
}

// lentPages returns how many of the pages of b are there.
func lentPages(t *testing.T, b []byte) (n int) {
	t.Helper()
	is := make([]byte, (len(b)+Size-1)/Size)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&is[0]))); errno != 0 {
		t.Fatal(errno)
	}
	for _, there := range is {
		n += int(there & 1)
	}
	return n
}

// largeOctets returns how many octets of large pages the mapping at b has.
func largeOctets(t *testing.T, b []byte) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip("without /proc/self/smaps nobody tells of large pages")
	}
	at, inside := uint64(uintptr(unsafe.Pointer(&b[0]))), false
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if from, to, ok := strings.Cut(fields[0], "-"); ok {
			low, _ := strconv.ParseUint(from, 16, 64)
			high, _ := strconv.ParseUint(to, 16, 64)
			inside = low <= at && at < high
		} else if inside && fields[0] == "AnonHugePages:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the mapping is not in /proc/self/smaps")
	return 0
}

func TestLend(t *testing.T) {
	defer touching.Store(touching.Load())
	// The pages that lie in it as a whole are lent, whatever the price of a touch.
	for name, price := range map[string]int32{"unknown": unknown, "cheap": cheap, "dear": dear} {
		touching.Store(price)
		b := mapped(t, large)[:large/2]
		if !Lend(unsafe.Pointer(&b[100]), uintptr(len(b)-200)) {
			t.Skip("this system does not lend several pages in one call")
		}
		if got, want := lentPages(t, b), large/2/Size-2; price == cheap && got != want || got < want {
			t.Errorf("%s: %d pages are lent, want %d", name, got, want)
		}
		if touching.Load() == unknown {
			t.Errorf("%s: the price of a touch is still unknown", name)
		}
	}
}

func TestLendLarge(t *testing.T) {
	defer touching.Store(touching.Load())
	for name, tt := range map[string]struct {
		price int32
		lend  func(unsafe.Pointer, uintptr) bool
		from  int // octet
		want  int // octets of large pages
	}{
		"cheap":               {cheap, Lend, 0, 0},
		"dear":                {dear, Lend, 0, 2 * large},
		"dear, around":        {dear, Lend, Size, 2 * large},
		"dear, within":        {dear, LendWithin, 0, 2 * large},
		"dear, within a part": {dear, LendWithin, Size, large},
	} {
		touching.Store(tt.price)
		b := mapped(t, 2*large)
		if !tt.lend(unsafe.Pointer(&b[tt.from]), uintptr(2*large-tt.from)) {
			t.Skip("this system does not lend several pages in one call")
		}
		got := largeOctets(t, b)
		if got == 0 && tt.want > 0 {
			t.Skip("this system has no large pages to lend")
		}
		if got != tt.want {
			t.Errorf("%s: %d octets of large pages, want %d", name, got, tt.want)
		}
	}
}

// What a slow machine and a fast one tell is not in a test's hands; that one of both is
// told is.
func TestJudge(t *testing.T) {
	defer touching.Store(touching.Load())
	touching.Store(unknown)
	b := mapped(t, samples*Size)
	judge(unsafe.Pointer(&b[0]))
	if got := touching.Load(); got != cheap && got != dear {
		t.Errorf("judged as %d", got)
	}
}
