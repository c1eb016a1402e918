package analyzer

import "context"

// In the second pass one goroutine reads and tells each packet's connection,
// the caller's gives the results to the sink: printing takes as long as all
// the rest.

// The size of a chunk: packets, and octets of frames unless one frame is
// larger.
const (
	chunkPackets = 256
	chunkOctets  = 128 << 10
)

// chunksAhead is how many chunks there are.
const chunksAhead = 8

// chunk is a run of packets on its way to the sink.
type chunk struct {
	seen   []seen
	notes  []Note
	octets []byte // the frames, which the source does not keep
}

// seen is an Observation whose parts lie in the chunk.
type seen struct {
	packet   Packet
	from, to int // in notes
	o        Observation
}

func newChunk() *chunk {
	return &chunk{seen: make([]seen, 0, chunkPackets), octets: make([]byte, 0, chunkOctets)}
}

func (c *chunk) reset() { c.seen, c.notes, c.octets = c.seen[:0], c.notes[:0], c.octets[:0] }

// size returns how many octets of p the source does not keep.
func size(p *Packet) int { return len(p.Frame) + len(p.Captured) + len(p.Comment) }

// fits reports whether the chunk has room for p.
func (c *chunk) fits(p *Packet) bool {
	return len(c.seen) == 0 || len(c.seen) < chunkPackets && len(c.octets)+size(p) <= cap(c.octets)
}

// add appends a copy of an observation; the packet fits.
func (c *chunk) add(o *Observation) {
	if n := size(o.Packet); len(c.seen) == 0 && n > cap(c.octets) {
		c.octets = make([]byte, 0, n)
	}
	c.seen = append(c.seen, seen{packet: *o.Packet, from: len(c.notes), o: *o})
	s := &c.seen[len(c.seen)-1]
	s.packet.Frame, s.packet.Captured = c.keep(o.Packet.Frame), c.keep(o.Packet.Captured)
	s.packet.Comment = c.keep(o.Packet.Comment)
	c.notes = append(c.notes, o.Notes...)
	s.to = len(c.notes)
}

// keep returns a copy of b in octets.
func (c *chunk) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	at := len(c.octets)
	c.octets = append(c.octets, b...)
	return c.octets[at:len(c.octets):len(c.octets)]
}

// give gives the observations to the sink.
func (c *chunk) give(only *connSet, sink Sink) error {
	for i := range c.seen {
		s := &c.seen[i]
		s.o.Packet, s.o.Notes = &s.packet, c.notes[s.from:s.to]
		if err := giveChosen(&s.o, only, sink); err != nil {
			return err
		}
	}
	return nil
}

// ahead hands chunks from a goroutine that fills them to the one that empties
// them.
type ahead struct {
	full, free chan *chunk
	now        *chunk
	err        error // of read, once full is closed
}

// startAhead runs read, which calls add for each observation, until it returns.
func startAhead(read func(a *ahead) error) *ahead {
	// One more finds room: a reading that is stopped takes a fresh chunk.
	a := &ahead{full: make(chan *chunk, chunksAhead+1), free: make(chan *chunk, chunksAhead+1), now: newChunk()}
	for range chunksAhead - 1 {
		a.free <- newChunk()
	}
	go func() {
		a.err = read(a)
		a.full <- a.now
		close(a.full)
	}()
	return a
}

// add hands on a copy of an observation.
func (a *ahead) add(ctx context.Context, o *Observation) error {
	if !a.now.fits(o.Packet) {
		a.full <- a.now
		select {
		case a.now = <-a.free:
			a.now.reset()
		case <-ctx.Done():
			a.now = newChunk()
			return context.Cause(ctx)
		}
	}
	a.now.add(o)
	return nil
}

// each calls give for every chunk, and returns its error or that of read.
func (a *ahead) each(stop func(), give func(*chunk) error) error {
	var err error
	for c := range a.full {
		if err == nil {
			if err = give(c); err != nil {
				stop()
			}
		}
		a.free <- c
	}
	if err != nil {
		return err
	}
	return a.err
}
