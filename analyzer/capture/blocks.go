package capture

import (
	"errors"
	"io"
)

// blockSize is how much is read at once.
const blockSize = 128 << 10

// blocks reads a stream in large pieces and shows parts of it without copying.
// Its errors are the stream's own; the end of the stream is io.EOF.
type blocks struct {
	r          io.Reader
	buf        []byte
	start, end int   // what is read and not yet taken: buf[start:end]
	off        int64 // place of buf[start] in the stream
	err        error // what ended the stream
}

// newBlocks returns a reader of r with nothing read yet.
func newBlocks(r io.Reader) *blocks { return &blocks{r: r, buf: make([]byte, blockSize)} }

// view returns the next n octets, fewer only when the stream ends before them.
// They are not taken, and valid until the next call of view or skip.
func (b *blocks) view(n int) []byte {
	if b.end-b.start < n {
		b.fill(n)
	}
	return b.buf[b.start:min(b.start+n, b.end)]
}

// take drops n octets that view has shown.
func (b *blocks) take(n int) {
	b.start += n
	b.off += int64(n)
}

// skip drops n octets and returns how many there were.
func (b *blocks) skip(n int64) int64 {
	var done int64
	for done < n {
		if b.start == b.end {
			b.fill(1)
			if b.start == b.end {
				break
			}
		}
		k := min(n-done, int64(b.end-b.start))
		b.take(int(k))
		done += k
	}
	return done
}

// fill reads until n octets are there or the stream ends. The buffer grows only
// as data come in, so a length field alone cannot make it large.
func (b *blocks) fill(n int) {
	if b.start > 0 {
		copy(b.buf, b.buf[b.start:b.end])
		b.start, b.end = 0, b.end-b.start
	}
	for b.end < n && b.err == nil {
		if b.end == len(b.buf) {
			b.buf = append(b.buf, make([]byte, len(b.buf))...)
		}
		b.read()
	}
}

// read reads once into the free part of the buffer.
func (b *blocks) read() {
	for range 100 {
		n, err := b.r.Read(b.buf[b.end:])
		b.end += n
		if err != nil {
			b.err = err
			return
		}
		if n > 0 {
			return
		}
	}
	b.err = io.ErrNoProgress
}

// cause returns the error of the stream, nil when it merely ended.
func (b *blocks) cause() error {
	if errors.Is(b.err, io.EOF) {
		return nil
	}
	return b.err
}
