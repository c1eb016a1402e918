package analyzer

import (
	"unsafe"

	"github.com/tcpstate/tcpstate/statemachine"
)

// shelf keeps the segments of orderly connections that are over and wait for the end
// of TIME-WAIT. These are many, and hardly any of them is looked at again: one behind
// the other they take little room, and the places of those in use stay few and near.
type shelf struct {
	chunks []*shelfChunk
	free   []uint32 // chunks without a connection
	now    uint32   // the chunk that is filled, where there is one
	live   int      // segments
}

// shelfBits sets the size of a chunk: 2^shelfBits segments.
const shelfBits = 12

// shelfChunk is a part of a shelf. It is filled from its beginning, and empty again
// when the last of its connections has left.
type shelfChunk struct {
	segs        *[1 << shelfBits]statemachine.OrderlySegment
	used        uint32 // segments from the beginning on that are or were taken
	connections uint32
}

// shelfPlace names the segments of a connection on a shelf: the number of the first,
// and how many there are in the lowest bits. 0 is none.
type shelfPlace uint32

// shelfCount are the bits of a place that tell how many segments there are.
const shelfCount = 4

// mostChunks is how many chunks a place can tell apart: 8 GiB.
const mostChunks = 1 << (32 - shelfCount - shelfBits)

// put keeps segments, at least one and few enough for a place, and returns where; 0
// when the shelf is full.
func (s *shelf) put(segs []statemachine.OrderlySegment) shelfPlace {
	if len(s.chunks) == 0 || int(s.chunks[s.now].used)+len(segs) > 1<<shelfBits {
		if !s.next() {
			return 0
		}
	}
	c := s.chunks[s.now]
	from := c.used
	copy(c.segs[from:], segs)
	c.used += uint32(len(segs))
	c.connections++
	s.live += len(segs)
	return shelfPlace((s.now<<shelfBits|from)<<shelfCount | uint32(len(segs)))
}

// next turns to an empty chunk, and reports whether there can be one.
func (s *shelf) next() bool {
	if n := len(s.free); n > 0 {
		s.now, s.free = s.free[n-1], s.free[:n-1]
		return true
	}
	if len(s.chunks) == mostChunks {
		return false
	}
	s.now = uint32(len(s.chunks))
	fresh := freshPages[statemachine.OrderlySegment](1 << shelfBits)
	s.chunks = append(s.chunks, &shelfChunk{segs: (*[1 << shelfBits]statemachine.OrderlySegment)(fresh)})
	return true
}

// at returns the segments at a place.
func (s *shelf) at(p shelfPlace) []statemachine.OrderlySegment {
	first := uint32(p >> shelfCount)
	from := first & (1<<shelfBits - 1)
	return s.chunks[first>>shelfBits].segs[from : from+uint32(p&(1<<shelfCount-1))]
}

// drop gives a place back.
func (s *shelf) drop(p shelfPlace) {
	i := uint32(p >> shelfCount >> shelfBits)
	c := s.chunks[i]
	s.live -= int(p & (1<<shelfCount - 1))
	if c.connections--; c.connections > 0 {
		return
	}
	if c.used = 0; i != s.now {
		s.free = append(s.free, i)
	}
}

// octets returns the size of the segments that are kept.
func (s *shelf) octets() int {
	return s.live * int(unsafe.Sizeof(statemachine.OrderlySegment{}))
}
