package analyzer

import "errors"

// recordSpool keeps the records of ended connections by their numbers and, for
// a second pass, where each of them begins.
type recordSpool struct {
	records, starts *spool
	c               coder
	pick            func(*Connection) (bool, error) // nil: all
	chosen          *connSet                        // those that pick took, once it was asked
}

func (s *recordSpool) take(r *record) {
	if s.records != nil {
		s.c = coder{b: s.c.b[:0]}
		r.code(&s.c)
		s.records.add(uint64(r.id), s.c.b)
	}
	if s.starts != nil {
		st := start{id: r.id, lowIsClient: r.lowIsClient, from: r.from, last: r.last.Packet}
		s.c = coder{b: s.c.b[:0]}
		st.code(&s.c)
		s.starts.add(r.first.Packet, s.c.b)
	}
}

// deliver gives the records to the sink, ordered by number.
func (s *recordSpool) deliver(sink Sink) error {
	return s.each(sink.Connection)
}

// each calls fn for the chosen connections, ordered by number.
func (s *recordSpool) each(fn func(*Connection) error) error {
	cur := s.records.cursor()
	var r record
	var c Connection
	for {
		_, item, ok := cur.peek()
		if !ok {
			return cur.err
		}
		r.code(&coder{b: item, reading: true})
		cur.advance()
		if !s.chosen.has(r.id) {
			continue
		}
		r.fill(&c)
		if err := fn(&c); err != nil {
			return err
		}
	}
}

// choose asks once for each connection whether it is wanted. It is allowed on
// a nil spool.
func (s *recordSpool) choose() error {
	if s == nil || s.pick == nil || s.chosen != nil {
		return nil
	}
	var set connSet
	err := s.each(func(c *Connection) error {
		ok, err := s.pick(c)
		if ok {
			set.add(c.ID)
		}
		return err
	})
	s.chosen = &set
	return err
}

// picked returns the chosen connections, nil for all. It is allowed on a nil
// spool.
func (s *recordSpool) picked() *connSet {
	if s == nil {
		return nil
	}
	return s.chosen
}

// connSet is a set of connections by number, a bit for each.
type connSet struct{ bits []uint64 }

func (s *connSet) add(id uint32) {
	for int(id/64) >= len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	s.bits[id/64] |= 1 << (id % 64)
}

// has reports membership; nil is the set of everything.
func (s *connSet) has(id uint32) bool {
	return s == nil || int(id/64) < len(s.bits) && s.bits[id/64]&(1<<(id%64)) != 0
}

// close removes the temporary files.
func (s *recordSpool) close() {
	s.records.close()
	s.starts.close()
}

// recordStream gives records to the sink as they come, or, where notes are
// given as they come too, behind them.
type recordStream struct {
	sink  Sink
	pick  func(*Connection) (bool, error) // nil: all
	c     Connection
	err   error
	delay bool // until release
	queue []record
}

func (s *recordStream) take(r *record) {
	if s.delay {
		s.queue = append(s.queue, *r)
		return
	}
	s.give(r)
}

func (s *recordStream) give(r *record) {
	if s.err != nil {
		return
	}
	r.fill(&s.c)
	ok := true
	if s.pick != nil {
		ok, s.err = s.pick(&s.c)
	}
	if ok && s.err == nil {
		s.err = s.sink.Connection(&s.c)
	}
}

// release gives the records that were delayed, and returns what went wrong so
// far.
func (s *recordStream) release() error {
	for i := range s.queue {
		s.give(&s.queue[i])
	}
	s.queue = s.queue[:0]
	return s.err
}

// outlets builds what the options ask for: where records go, the spool behind
// it (nil for a stream), and how to learn of failures once the notes are given.
func (o *Options) outlets(sink Sink) (recordTaker, *recordSpool, func() error) {
	replay := !o.OnePass && o.wants(WantPackets)
	// In two passes the notes wait until the connections are chosen.
	waits := o.Choose != nil && !o.OnePass && o.wants(WantNotes)
	if o.AnyOrder && !replay && !waits && o.wants(WantConnections) {
		s := &recordStream{sink: sink, pick: o.Choose, delay: o.OnePass}
		return s, nil, s.release
	}
	s := &recordSpool{pick: o.Choose}
	if o.wants(WantConnections) || waits || replay && o.Choose != nil {
		s.records = newSpool(o.SpoolLimit, o.TempDir)
	}
	if replay {
		s.starts = newSpool(o.SpoolLimit, o.TempDir)
	}
	if s.records == nil && s.starts == nil {
		return nil, nil, func() error { return nil }
	}
	return s, s, func() error { return errors.Join(s.records.failure(), s.starts.failure()) }
}

// conclude gives the sink what comes after the last packet.
func conclude(r *reader, t *tracker, records *recordSpool, sink Sink, wants func(Wants) bool) error {
	if records != nil && records.records != nil && wants(WantConnections) {
		if err := records.choose(); err != nil {
			return err
		}
		if err := records.deliver(sink); err != nil {
			return err
		}
	}
	r.capture.Connections = uint64(t.ids)
	r.capture.Evicted = t.evicted
	if err := sink.Capture(&r.capture); err != nil {
		return err
	}
	return r.broken
}
