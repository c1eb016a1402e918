package main

import (
	"context"
	"io"
)

// interruptible reads from another reader until its context ends, which it
// reports as the end of the input. A read from a silent pipe cannot be broken
// off, so it happens in a goroutine, which ends with the process.
type interruptible struct {
	ctx    context.Context
	r      io.Reader
	chunks chan chunk
	free   chan []byte
	rest   []byte // of the chunk at hand
	whole  []byte // the buffer that rest lies in
	err    error
}

// chunk is what one read brought.
type chunk struct {
	buffer []byte
	n      int
	err    error
}

// pumpSize is the size of each of the two buffers, that of a Linux pipe.
const pumpSize = 64 << 10

// untilDone returns a reader of r that ends when ctx does.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	return &interruptible{ctx: ctx, r: r}
}

// Read passes on what was read; io.EOF when the context has ended.
func (i *interruptible) Read(p []byte) (int, error) {
	if i.chunks == nil {
		i.start()
	}
	if len(i.rest) == 0 && i.err == nil {
		i.receive()
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	if n == 0 && len(p) > 0 {
		return 0, i.err
	}
	return n, nil
}

// start begins to read ahead by at most two chunks.
func (i *interruptible) start() {
	i.chunks, i.free = make(chan chunk), make(chan []byte, 2)
	i.free <- make([]byte, pumpSize)
	i.free <- make([]byte, pumpSize)
	go func() {
		for buffer := range i.free {
			n, err := i.r.Read(buffer)
			select {
			case i.chunks <- chunk{buffer, n, err}:
			case <-i.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
}

// receive waits for octets, an error or the end of the context.
func (i *interruptible) receive() {
	if i.whole != nil {
		i.free <- i.whole
		i.whole = nil
	}
	for len(i.rest) == 0 && i.err == nil {
		select {
		case c := <-i.chunks:
			i.whole, i.rest, i.err = c.buffer, c.buffer[:c.n], c.err
			if c.n == 0 && c.err == nil {
				i.free <- c.buffer
				i.whole = nil
			}
		case <-i.ctx.Done():
			i.err = io.EOF
		}
	}
}
