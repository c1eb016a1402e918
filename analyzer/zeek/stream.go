package zeek

import (
	"slices"
	"sort"
)

// Limits of Zeek's reassembler, in octets.
const (
	maxAboveHole = 16 << 10 // of data behind a hole while nothing was acknowledged
	maxInitial   = 16 << 10 // of data kept while nothing was acknowledged
	maxUnacked   = 10 << 20 // of data kept
)

// maxSpans bounds the pieces kept behind holes; a stream with more is given up
// as one beyond maxUnacked is.
const maxSpans = 4096

// span is a piece of a stream, in relative numbers.
type span struct{ from, to uint64 }

// stream is what Zeek's reassembler knows of the data of one end, without the
// data: it decides which gaps are counted and when a close is complete.
type stream struct {
	next  uint64 // behind what was delivered in order
	trim  uint64 // behind what was acknowledged
	kept  uint64 // delivered data is held from here to next
	above []span // behind holes, in order, none touching another
	skip  bool   // given up
	ended bool   // the end of the stream was told
}

func newStream() stream { return stream{next: 1, trim: 1, kept: 1} }

// holds reports whether data is kept.
func (s *stream) holds() bool { return s.next > s.kept || len(s.above) > 0 }

// amount returns the octets kept.
func (s *stream) amount() uint64 {
	n := s.next - min(s.kept, s.next)
	for _, p := range s.above {
		n += p.to - p.from
	}
	return n
}

// giveUp drops everything.
func (s *stream) giveUp() {
	s.skip, s.above, s.kept = true, nil, s.next
}

// add keeps a piece. It reports whether the data in order went on.
func (s *stream) add(from, to uint64) bool {
	from = max(from, s.trim)
	if to <= from || to <= s.next {
		return false
	}
	if from > s.next {
		s.insert(span{from, to})
		return false
	}
	s.next = to
	s.join()
	return true
}

// insert puts a piece among those behind holes.
func (s *stream) insert(p span) {
	i := sort.Search(len(s.above), func(i int) bool { return s.above[i].to >= p.from })
	j := i
	for j < len(s.above) && s.above[j].from <= p.to {
		p.from, p.to = min(p.from, s.above[j].from), max(p.to, s.above[j].to)
		j++
	}
	s.above = slices.Replace(s.above, i, j, p)
}

// join delivers the pieces that are in order now.
func (s *stream) join() {
	n := 0
	for n < len(s.above) && s.above[n].from <= s.next {
		s.next = max(s.next, s.above[n].to)
		n++
	}
	s.above = slices.Delete(s.above, 0, n)
}

// data takes the payload of a segment.
func (c *conn) data(e *endpoint, from uint64, length int) {
	s := &e.stream
	if s.skip {
		return
	}
	to := from + uint64(length)
	acked := full(e.ack, e.ackWraps) - uint64(e.start)
	if from < acked {
		if to <= acked {
			return
		}
		from = acked
	}
	if s.add(from, to) && e.nothingAcked() && e.size() > maxInitial {
		c.trimTo(e, s.next)
	}
	if n := len(s.above); n > 0 && e.nothingAcked() && s.above[n-1].to-s.next > maxAboveHole || n > maxSpans {
		s.giveUp()
	}
	if s.amount() > maxUnacked {
		s.giveUp()
	}
}

// ackData takes an ACK of the data of e.
func (c *conn) ackData(e *endpoint, ack uint64) {
	if e.finSeen && ack >= e.finEnd {
		ack = e.finEnd - 1
	}
	if ack <= e.stream.trim {
		return
	}
	c.trimTo(e, ack)
	c.checkEnd(e)
}

// trimTo forgets the data before ack; what of it was not seen is a gap.
func (c *conn) trimTo(e *endpoint, ack uint64) {
	s := &e.stream
	if ack > s.next {
		c.missing(e, ack)
	}
	n := 0
	for n < len(s.above) && s.above[n].to <= ack {
		n++
	}
	s.above = slices.Delete(s.above, 0, n)
	if len(s.above) > 0 && s.above[0].from == s.next {
		s.join()
	}
	s.trim = ack
	s.kept = max(s.kept, min(ack, s.next))
}

// missing passes over the holes before ack.
func (c *conn) missing(e *endpoint, ack uint64) {
	s := &e.stream
	if ack <= 2 && c.partial {
		return // the SYN that was made up, or a keep-alive before it
	}
	if !s.skip {
		for len(s.above) > 0 && s.above[0].from < ack {
			c.gap(e, s.above[0].from-s.next)
			s.next = s.above[0].from
			s.join()
		}
		if ack > s.next {
			c.gap(e, ack-s.next)
		}
	}
	s.next = max(s.next, ack)
}

// gap notes a hole of n octets in connections that are in order otherwise.
func (c *conn) gap(e *endpoint, n uint64) {
	if !e.clean() || !e.peer.clean() {
		return
	}
	c.missed += n
	if e.gaps.hit() {
		c.letter(e, 'G')
	}
}

// checkEnd tells once that all data of an end that closed was delivered.
func (c *conn) checkEnd(e *endpoint) {
	if e.stream.ended || !e.finSeen && e.state != closed && e.state != reset || e.pending() {
		return
	}
	e.stream.ended = true
	if c.closeDeferred {
		c.close(e)
		c.closeDeferred = false
	}
}

// pending reports whether data of the end, or of its peer, is still to be
// delivered or acknowledged.
func (e *endpoint) pending() bool {
	if e.stream.skip {
		return false
	}
	delivered, last := uint64(e.start)+e.stream.next, full(e.last, e.lastWraps)
	if last < delivered {
		return false
	}
	if delivered != last && delivered != last-1 {
		return true
	}
	return e.state != reset && e.peer.stream.holds()
}
