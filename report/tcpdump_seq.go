package report

// seqTable turns sequence numbers into relative ones by tcpdump's rules: the
// first segment with ACK between two endpoints, and each SYN with ACK, set the
// bases and are printed as they are; later segments with ACK are printed from
// the bases; a segment without ACK is printed as it is and sets nothing.
//
// Departure: after a new SYN with another number between endpoints that have
// bases, the first segment that belongs to it sets the bases anew even if it
// is no SYN, as it would between endpoints not seen before. tcpdump prints it
// from the bases of the connection before (docs/differences.md).
type seqTable struct {
	v4  map[pair4]uint32 // the place of a pair's bases in all, from 1
	v6  map[pair6]uint32
	all []bases
	// free are the places of pairs that were forgotten.
	free []uint32
}

// pair4 and pair6 name two endpoints; lo is the one with the smaller port, or
// with the smaller address where the ports are equal.
type pair4 struct {
	lo, hi         [4]byte
	loPort, hiPort uint16
}

type pair6 struct {
	lo, hi         [16]byte
	loPort, hiPort uint16
}

// bases are what counts as zero for each of the two endpoints.
type bases struct {
	lo, hi uint32
	// next is the number behind a new SYN without ACK that came after the
	// bases were set; attempt tells that there is one, attemptHi who sent it.
	next      uint32
	attempt   bool
	attemptHi bool
}

// segmentNumbers is what the table needs to know of a segment.
type segmentNumbers struct {
	seq, ackNo uint32
	payload    uint32 // octets
	syn, ack   bool
	fromHi     bool // its sender
}

// offsets are what to subtract from the numbers of a segment: from its
// sequence number, from its acknowledgement number, and from its SACK edges.
// tcpdump subtracts the last even where the segment sets the bases.
type offsets struct{ own, peer, sack uint32 }

// place gives the place of the bases of a pair, counted from 1; when it has
// none, 0, or with add a new one, which is fresh.
func place[K comparable](q *seqTable, m *map[K]uint32, k K, add bool) (n uint32, fresh bool) {
	n = (*m)[k]
	if n != 0 || !add {
		return n, false
	}
	if *m == nil {
		*m = make(map[K]uint32)
	}
	if last := len(q.free) - 1; last >= 0 {
		n, q.free = q.free[last], q.free[:last]
		q.all[n-1] = bases{}
	} else {
		q.all = append(q.all, bases{})
		n = uint32(len(q.all))
	}
	(*m)[k] = n
	return n, true
}

// forget removes a pair and returns the place that it had, 0 for none.
func forget[K comparable](q *seqTable, m map[K]uint32, k K) uint32 {
	n := m[k]
	if n != 0 {
		delete(m, k)
		q.free = append(q.free, n)
	}
	return n
}

// take gives what to subtract from the numbers of a segment and moves the
// bases; fresh tells that they are new.
func (e *bases) take(fresh bool, s *segmentNumbers) offsets {
	if !s.ack {
		e.note(s)
		return offsets{}
	}
	if fresh || s.syn || e.begins(s) {
		*e = bases{lo: s.seq, hi: s.ackNo - 1}
		if s.fromHi {
			*e = bases{lo: s.ackNo - 1, hi: s.seq}
		}
		_, peer := e.of(s.fromHi)
		return offsets{sack: peer}
	}
	own, peer := e.of(s.fromHi)
	return offsets{own, peer, peer}
}

// of gives the bases of a sender and its peer.
func (e *bases) of(hi bool) (own, peer uint32) {
	if hi {
		return e.hi, e.lo
	}
	return e.lo, e.hi
}

// note remembers a SYN without ACK, unless it is the one that led to the bases.
func (e *bases) note(s *segmentNumbers) {
	own, _ := e.of(s.fromHi)
	if s.syn && s.seq != own {
		e.next, e.attempt, e.attemptHi = s.seq+1+s.payload, true, s.fromHi
	}
}

// begins tells whether a segment belongs to the new SYN: it acknowledges it
// (RFC 9293 §3.5.2: so does the reset that refuses it), or is sent right
// behind it.
func (e *bases) begins(s *segmentNumbers) bool {
	if !e.attempt {
		return false
	}
	if s.fromHi == e.attemptHi {
		return s.seq == e.next
	}
	return s.ackNo == e.next
}
