package capture

import (
	"io"
	"sync"
)

// Buffers of a behind: their size in octets, and how many there are at most.
// Larger ones have left the processor's cache by the time they are written,
// which doubles the cost of writing.
const (
	behindSize  = 64 << 10
	behindCount = 256
)

// behind writes buffers to a file in a goroutine of its own. When all its
// buffers wait to be written, whoever wants another waits too.
type behind struct {
	w     io.WriteCloser
	queue chan []byte
	done  chan struct{}

	mu    sync.Mutex
	freed sync.Cond
	free  [][]byte // the one that was used last at the end: it is in the cache
	made  int
	err   error // the first
}

func newBehind(w io.WriteCloser) *behind {
	b := &behind{w: w, queue: make(chan []byte, behindCount), done: make(chan struct{})}
	b.freed.L = &b.mu
	go b.run()
	return b
}

// buffer returns an empty buffer.
func (b *behind) buffer() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.free) == 0 && b.made == behindCount {
		b.freed.Wait()
	}
	last := len(b.free) - 1
	if last < 0 {
		b.made++
		return make([]byte, 0, behindSize+behindSize/4)
	}
	buf := b.free[last]
	b.free = b.free[:last]
	return buf[:0]
}

// release takes a buffer back.
func (b *behind) release(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, buf)
	b.freed.Signal()
}

// write takes a buffer over. It returns what went wrong with an earlier one.
func (b *behind) write(buf []byte) error {
	b.queue <- buf
	return b.failure()
}

func (b *behind) run() {
	defer close(b.done)
	for buf := range b.queue {
		if b.failure() == nil {
			if _, err := b.w.Write(buf); err != nil {
				b.fail(err)
			}
		}
		b.release(buf)
	}
}

// close waits until all is written, and closes the file.
func (b *behind) close() error {
	close(b.queue)
	<-b.done
	if err := b.w.Close(); err != nil {
		b.fail(err)
	}
	return b.failure()
}

func (b *behind) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

func (b *behind) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
