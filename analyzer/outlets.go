package analyzer

import "errors"

// recordSpool keeps the records of ended connections by their numbers and, for
// a second pass, where each of them begins.
type recordSpool struct {
	records, starts *spool
	c               coder
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
		r.fill(&c)
		if err := sink.Connection(&c); err != nil {
			return err
		}
	}
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
	if s.err == nil {
		r.fill(&s.c)
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
	if o.AnyOrder && !replay && o.wants(WantConnections) {
		s := &recordStream{sink: sink, delay: o.OnePass}
		return s, nil, s.release
	}
	s := &recordSpool{}
	if o.wants(WantConnections) {
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
func conclude(r *reader, t *tracker, records *recordSpool, sink Sink) error {
	if records != nil && records.records != nil {
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
