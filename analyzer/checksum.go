package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// sums count the checksums of one connection, by side.
type sums struct {
	seen, bad, partial [2]uint32
	first              [2]statemachine.Moment // bad one
}

// sum counts the segment's checksum.
func (t *tracker) sum(f *flow, it *item, side statemachine.Side) {
	s := t.tallies.checksums(f)
	s.seen[side]++
	if it.packet.Sums&SumBad == 0 {
		return
	}
	if s.bad[side]++; s.bad[side] == 1 {
		s.first[side] = it.at()
	}
	if it.packet.Sums&SumPartial != 0 {
		s.partial[side]++
	}
}

// judgeSums reports wrong checksums once the connection is over. A host that
// leaves them to its network card is captured before they are made: then those
// of all its segments are wrong, its peer's are right, and what stands there
// is often the pseudo-header's sum.
func (t *tracker) judgeSums(f *flow) {
	if f.tally == 0 || t.tallies.at(f.tally).sums == 0 {
		return
	}
	s := t.tallies.checksums(f)
	for side := range statemachine.Side(2) {
		bad, peer := s.bad[side], s.bad[side.Peer()]
		if bad == 0 {
			continue
		}
		fd := statemachine.Finding{
			At: s.first[side], Side: side, Code: statemachine.BadChecksum, A: int64(bad), B: int64(s.seen[side]),
		}
		if s.partial[side] == bad || bad == s.seen[side] && bad > 1 && peer == 0 {
			fd.Code = statemachine.ChecksumOffload
		}
		t.finding(f, fd)
	}
}
