package capture

import (
	"io"
	"sync"
)

// Buffers of a behind: their size in octets, and how many there are at most.
const (
	behindSize  = 1 << 20
	behindCount = 32
)

// behind writes buffers to a file in a goroutine of its own. When all its
// buffers wait to be written, write waits too.
type behind struct {
	w     io.WriteCloser
	queue chan []byte
	free  chan []byte
	made  int
	done  chan struct{}
	mu    sync.Mutex
	err   error // the first
}

func newBehind(w io.WriteCloser) *behind {
	b := &behind{
		w: w, queue: make(chan []byte, behindCount), free: make(chan []byte, behindCount), done: make(chan struct{}),
	}
	go b.run()
	return b
}

// buffer returns an empty buffer.
func (b *behind) buffer() []byte {
	select {
	case buf := <-b.free:
		return buf[:0]
	default:
	}
	if b.made < behindCount {
		b.made++
		return make([]byte, 0, behindSize+minRecordBound+1024)
	}
	return (<-b.free)[:0]
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
		b.free <- buf
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
