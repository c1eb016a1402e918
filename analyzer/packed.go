package analyzer

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/tcpstate/tcpstate/statemachine"
)

// This file gives records a short form to be kept in: most of what could be told of a
// connection cannot of this one, and most numbers are small.

// recordWords is the length of a record in words of four octets.
const recordWords = int(unsafe.Sizeof(record{}) / 4)

// words returns the record as words. It has no pointers.
func (r *record) words() *[recordWords]uint32 {
	return (*[recordWords]uint32)(unsafe.Pointer(r))
}

// pack appends the record without its number.
func (r *record) pack(b []byte) []byte {
	id := r.id
	r.squeeze()
	b = packWords(b, r.words()[:])
	r.stretch()
	r.id = id
	return b
}

// unpack sets r to a record that was packed, with the number 0.
func (r *record) unpack(b []byte) {
	unpackWords(r.words()[:], b)
	r.stretch()
}

// squeeze makes words of the record zero: moments are counted from one another, and what
// only matters before a record is complete goes.
func (r *record) squeeze() {
	r.id = 0
	x := &r.extra
	x.since, x.state = [2]statemachine.Time{}, [2]statemachine.State{}
	r.key.low.lo ^= mapped
	r.key.high.lo ^= mapped
	r.until -= r.last.Time
	r.last.Packet -= r.first.Packet
	r.last.Time -= r.first.Time
}

// stretch takes back what squeeze did to the numbers.
func (r *record) stretch() {
	r.last.Packet += r.first.Packet
	r.last.Time += r.first.Time
	r.until += r.last.Time
	r.key.low.lo ^= mapped
	r.key.high.lo ^= mapped
}

// groupWords is how many words are packed under one mask.
const groupWords = 16

// packWords appends words: for each group of them a mask that tells which are not zero,
// and those.
func packWords(b []byte, words []uint32) []byte {
	n := len(b)
	to := slices.Grow(b, (len(words)/groupWords+1)*(2+4*groupWords))
	to = to[:cap(to)]
	for ; len(words) >= groupWords; words = words[groupWords:] {
		at, mask := n, uint16(0)
		n += 2
		for i, w := range (*[groupWords]uint32)(words) {
			if w != 0 {
				binary.NativeEndian.PutUint32(to[n:], w)
				n += 4
				mask |= 1 << i
			}
		}
		binary.NativeEndian.PutUint16(to[at:], mask)
	}
	if len(words) > 0 {
		var last [groupWords]uint32
		copy(last[:], words)
		return packWords(to[:n], last[:])
	}
	return to[:n]
}

// unpackWords sets words to what packWords packed. Where octets lack, as they may in a
// file that somebody else wrote to, words are zero.
func unpackWords(words []uint32, b []byte) {
	for ; len(words) >= groupWords; words = words[groupWords:] {
		group := (*[groupWords]uint32)(words)
		*group = [groupWords]uint32{}
		if len(b) < 2 {
			continue
		}
		mask := binary.NativeEndian.Uint16(b)
		if b = b[2:]; len(b) < 4*bits.OnesCount16(mask) {
			b = nil
			continue
		}
		for ; mask != 0; mask &= mask - 1 {
			group[bits.TrailingZeros16(mask)] = binary.NativeEndian.Uint32(b)
			b = b[4:]
		}
	}
	if len(words) > 0 {
		var last [groupWords]uint32
		unpackWords(last[:], b)
		copy(words, last[:])
	}
}
