package analyzer

import "errors"

// recordSpool keeps the records of ended connections by their numbers and, for
// a second pass, where each of them begins.
type recordSpool struct {
	records, starts *spool
	packed          []byte                          // scratch
	pick            func(*Connection) (bool, error) // nil: all
	preparer        Preparer                        // nil: nobody prepares anything for the sink
	drops           uint64                          // lost by the capture, known once it was read
	chosen          *connSet                        // those that pick took, once it was asked
}

func (s *recordSpool) take(r *record) {
	if s.records != nil {
		s.packed = r.pack(s.packed[:0])
		s.records.add(uint64(r.id), s.packed)
	}
}

// deliver gives the records to the sink, ordered by number.
func (s *recordSpool) deliver(sink Sink) error { return s.each(sink.Connection, s.preparer) }

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
	}, nil)
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
// It is allowed on nil.
func (s *recordSpool) close() {
	if s == nil {
		return
	}
	s.records.close()
	s.starts.close()
}

// recordStream gives records to the sink as they come, behind the notes that
// come with them.
type recordStream struct {
	sink  Sink
	pick  func(*Connection) (bool, error) // nil: all
	c     Connection
	err   error
	queue []record
}

func (s *recordStream) take(r *record) { s.queue = append(s.queue, *r) }

func (s *recordStream) give(r *record) {
	if s.err != nil {
		return
	}
	r.fill(&s.c, nil)
	ok := true
	if s.pick != nil {
		ok, s.err = s.pick(&s.c)
	}
	if ok && s.err == nil {
		s.err = s.sink.Connection(&s.c)
	}
}

// release gives the records that wait, and returns what went wrong so
// far.
func (s *recordStream) release() error {
	for i := range s.queue {
		s.give(&s.queue[i])
	}
	s.queue = s.queue[:0]
	return s.err
}

// outlets builds what a run in one pass needs: where records go, the spool
// behind it (nil for a stream), and how to learn of failures once the notes are
// given.
func (o *Options) outlets(sink Sink) (recordTaker, *recordSpool, func() error) {
	spools := o.spools()
	switch {
	case spools != nil && spools.records != nil:
		return spools, spools, spools.failure
	case o.wants(WantConnections):
		s := &recordStream{sink: sink, pick: o.Choose}
		return s, nil, s.release
	}
	return nil, nil, func() error { return nil }
}

// spools returns the spools that a run needs for its records; nil when it needs
// none.
func (o *Options) spools() *recordSpool {
	replay := !o.OnePass && o.wants(WantPackets)
	// In two passes the notes wait until the connections are chosen.
	waits := o.Choose != nil && !o.OnePass && (replay || o.wants(WantNotes))
	s := &recordSpool{pick: o.Choose, preparer: o.Prepare}
	if waits || o.wants(WantConnections) && (replay || !o.AnyOrder) {
		s.records = newSpool(o.SpoolLimit, o.TempDir)
	}
	if replay {
		s.starts = newSpool(o.SpoolLimit, o.TempDir)
	}
	if s.records == nil && s.starts == nil {
		return nil
	}
	return s
}

func (s *recordSpool) failure() error { return errors.Join(s.records.failure(), s.starts.failure()) }

// conclude gives the sink what comes after the last packet.
func conclude(r *reader, connections uint32, evicted uint64, records *recordSpool, sink Sink, wants func(Wants) bool) error {
	if records != nil && records.records != nil && wants(WantConnections) {
		if err := records.choose(); err != nil {
			return err
		}
		if err := records.deliver(sink); err != nil {
			return err
		}
	}
	r.capture.Connections = uint64(connections)
	r.capture.Evicted = evicted
	if err := sink.Capture(&r.capture); err != nil {
		return err
	}
	return r.broken
}
