package report

// seqTable turns sequence numbers into relative ones by tcpdump's rules: the
// first segment with ACK between two endpoints, and each SYN with ACK, set the
// bases and are printed as they are; later segments with ACK are printed from
// the bases; a segment without ACK is printed as it is and changes nothing.
type seqTable struct {
	v4 map[pair4]bases
	v6 map[pair6]bases
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
	// attempt is the number that acknowledges the newest SYN (without ACK)
	// that came after the bases were set; attempted tells that there is one.
	attempt   uint32
	attempted bool
}

// relative looks up or sets the bases for one segment. fromHi tells which end
// sent it. own and peer are what to subtract from the sequence and the
// acknowledgement number; sackBase is what to subtract from SACK edges, which
// tcpdump does even for the segment that sets the bases.
func (e bases) relative(found, fromHi bool, s *segmentNumbers) (after bases, own, peer, sackBase uint32) {
	switch {
	case s.ack && (!found || s.syn):
		e = bases{lo: s.seq, hi: s.ackNo - 1}
		if fromHi {
			e = bases{lo: s.ackNo - 1, hi: s.seq}
		}
	case s.ack && s.rst && e.attempted && s.ackNo == e.attempt:
		// Departure from tcpdump: see refused in docs/differences.md.
		return e, 0, 0, 0
	case s.ack:
		own, peer = e.lo, e.hi
		if fromHi {
			own, peer = e.hi, e.lo
		}
	}
	sackBase = e.hi
	if fromHi {
		sackBase = e.lo
	}
	return e, own, peer, sackBase
}

// segmentNumbers is what the table needs to know of a segment.
type segmentNumbers struct {
	seq, ackNo    uint32
	payload       uint32
	syn, ack, rst bool
}

// attempt notes a SYN without ACK on endpoints that have bases already.
func (e bases) attempt1(fromHi bool, s *segmentNumbers) bases {
	base := e.lo
	if fromHi {
		base = e.hi
	}
	e.attempted = s.seq != base
	e.attempt = s.seq + 1 + s.payload
	return e
}

func (q *seqTable) find4(k pair4, fromHi bool, s *segmentNumbers) (own, peer, sackBase uint32) {
	e, found := q.v4[k]
	if !s.ack {
		if found {
			q.v4[k] = e.attempt1(fromHi, s)
		}
		return 0, 0, 0
	}
	after, own, peer, sackBase := e.relative(found, fromHi, s)
	if after != e || !found {
		if q.v4 == nil {
			q.v4 = make(map[pair4]bases)
		}
		q.v4[k] = after
	}
	return own, peer, sackBase
}

func (q *seqTable) find6(k pair6, fromHi bool, s *segmentNumbers) (own, peer, sackBase uint32) {
	e, found := q.v6[k]
	if !s.ack {
		if found {
			q.v6[k] = e.attempt1(fromHi, s)
		}
		return 0, 0, 0
	}
	after, own, peer, sackBase := e.relative(found, fromHi, s)
	if after != e || !found {
		if q.v6 == nil {
			q.v6 = make(map[pair6]bases)
		}
		q.v6[k] = after
	}
	return own, peer, sackBase
}
