package capture

import (
	"errors"
	"io"
	"sync"
)

// blockSize is how much is read at once, in octets: little enough to be in the
// cache still when it is decoded.
const blockSize = 128 << 10

// spareBlocks is how many blocks there may be besides one for each reader: what is read
// ahead, and what waits for the slowest.
const spareBlocks = 2

// shared is a stream that several taps read, each all of it and at its own
// pace. Whichever comes to its end first reads on for all.
type shared struct {
	mu      sync.Mutex
	moved   sync.Cond // a block came or went
	r       io.Reader
	taps    int // that have not left
	blocks  []*block
	first   int // number of blocks[0] in the stream
	free    []*block
	reading bool
	early   bool  // the next block is read before somebody needs it
	err     error // what ended the stream, io.EOF at its end
	gone    func()
}

// block is a part of the stream that somebody has not done with yet.
type block struct {
	octets []byte
	taps   int    // that need it
	walked walked // what its octets hold
}

// newShared returns a stream of r with one tap. gone is called when the last
// tap has left.
func newShared(r io.Reader, gone func()) (*shared, *tap) {
	s := &shared{r: r, taps: 1, gone: gone}
	s.moved.L = &s.mu
	return s, &tap{s: s}
}

// admit makes room for n more taps, which join adds, unless the beginning of
// the stream is gone already.
func (s *shared) admit(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first > 0 {
		return false
	}
	s.taps += n
	for i := range s.blocks {
		s.blocks[i].taps += n
	}
	return true
}

// owns has the stream free something more when its last tap has left.
func (s *shared) owns(free func()) {
	if before := s.gone; before != nil {
		s.gone = func() { before(); free() }
		return
	}
	s.gone = free
}

// join returns one of the taps that were admitted.
func (s *shared) join() *tap { return &tap{s: s} }

// head returns the first magicLen octets, fewer only when the stream ends before
// them. To be called before any tap is used.
func (s *shared) head() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read(); len(s.blocks) == 0 {
		return nil
	}
	b := s.blocks[0].octets
	return b[:min(len(b), magicLen)]
}

// tap is the place of one reader in a shared stream.
type tap struct {
	s    *shared
	at   int    // number of the block that it needs next
	held *block // the one before that, nil when it does not have it
}

// next returns the next block, which is valid until the next call, and must not
// be written to. At the end it returns what ended the stream.
func (t *tap) next() ([]byte, error) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	t.release()
	for {
		if i := t.at - s.first; i < len(s.blocks) {
			t.at, t.held = t.at+1, s.blocks[i]
			if s.early && i == len(s.blocks)-1 && len(s.blocks) < s.room() && !s.reading && s.err == nil {
				s.read()
			}
			return t.held.octets, nil
		}
		if s.err != nil {
			return nil, s.err
		}
		if s.reading || len(s.blocks) >= s.room() {
			s.moved.Wait()
			continue
		}
		s.read()
	}
}

// room returns how many blocks there may be. It grows smaller as readers leave.
func (s *shared) room() int { return s.taps + spareBlocks }

// hurries has who comes first to a block read the one behind it, so that the others,
// who come a moment later, need not wait for it. It is for streams of which the next
// octets are always at hand: from others what came is to be seen at once.
func (s *shared) hurries() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.early = true
}

// read reads the next block. Others may go on with those that are there.
func (s *shared) read() {
	var b *block
	if n := len(s.free); n > 0 {
		b, s.free = s.free[n-1], s.free[:n-1]
	} else {
		b = &block{octets: make([]byte, blockSize)}
	}
	least := 1
	if s.first+len(s.blocks) == 0 {
		least = magicLen // see head
	}
	s.reading = true
	s.mu.Unlock()
	n, err := readAtLeast(s.r, b.octets, least)
	s.mu.Lock()
	s.reading = false
	if s.err = err; n > 0 {
		b.octets, b.taps = b.octets[:n], s.taps
		s.blocks = append(s.blocks, b)
	}
	s.moved.Broadcast()
}

// readAtLeast reads n octets or more, fewer only with an error, which is the
// reader's own.
func readAtLeast(r io.Reader, b []byte, n int) (got int, err error) {
	for idle := 0; got < n && err == nil; {
		var k int
		if k, err = r.Read(b[got:]); k > 0 {
			got, idle = got+k, 0
			continue
		}
		if idle++; idle == 100 && err == nil {
			return got, io.ErrNoProgress
		}
	}
	return got, err
}

// release gives back the block that the tap holds.
func (t *tap) release() {
	if t.held != nil {
		t.held = nil
		t.s.drop(t.at - 1)
	}
}

// drop notes that a tap has done with a block.
func (s *shared) drop(number int) {
	s.blocks[number-s.first].taps--
	n := 0
	for n < len(s.blocks) && s.blocks[n].taps == 0 {
		b := s.blocks[n]
		b.octets = b.octets[:blockSize]
		b.walked.forget()
		s.free = append(s.free, b)
		n++
	}
	if n > 0 {
		s.first += n
		s.blocks = append(s.blocks[:0], s.blocks[n:]...)
		s.moved.Broadcast()
	}
}

// leave ends the tap, so that nobody waits for it. What next returned last is
// not valid any more.
func (t *tap) leave() {
	s := t.s
	s.mu.Lock()
	t.release()
	for ; t.at < s.first+len(s.blocks); t.at++ {
		s.drop(t.at)
	}
	s.taps--
	last := s.taps == 0
	s.mu.Unlock()
	if last && s.gone != nil {
		s.gone()
	}
}

// ended reports whether err is the end of a stream, and no damage.
func ended(err error) bool { return err == nil || errors.Is(err, io.EOF) }
