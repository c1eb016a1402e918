package analyzer

import (
	"slices"
	"testing"
)

// Words come out as they went in, however many there are.
func TestPackWords(t *testing.T) {
	for n := range 3*groupWords + 1 {
		for _, every := range []int{1, 2, 7} {
			words := make([]uint32, n)
			for i := 0; i < n; i += every {
				words[i] = uint32(i)<<20 | 1
			}
			b := packWords([]byte("before"), words)
			if string(b[:6]) != "before" {
				t.Fatalf("what stood before is %q now", b[:6])
			}
			got := slices.Repeat([]uint32{7}, n)
			if unpackWords(got, b[6:]); !slices.Equal(got, words) {
				t.Fatalf("%d words, one of %d not zero: %v, want %v", n, every, got, words)
			}
		}
	}
}

// A record takes few octets where there is little to tell, so that millions can wait.
func TestPackedSize(t *testing.T) {
	var r record
	r.key.low, r.key.high = address{0, mapped | 1}, address{0, mapped | 2}
	r.first.Packet, r.last.Packet = 1, 1
	if n := len(r.pack(nil)); n > 2*(recordWords/groupWords+1)+16 {
		t.Errorf("an empty record takes %d octets", n)
	}
}

// Whatever a temporary file holds, it is read as some words, and these as others.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add([]byte{1, 0, 7, 0, 0, 0}, uint8(groupWords))
	f.Add([]byte{255, 255, 7}, uint8(40))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		words, again := make([]uint32, n), make([]uint32, n)
		unpackWords(words, b)
		if unpackWords(again, packWords(nil, words)); !slices.Equal(words, again) {
			t.Fatalf("%v became %v", words, again)
		}
	})
}
