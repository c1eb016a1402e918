package capture

import "io"

// blocks shows parts of a stream without copying, but for those that lie in two
// of its blocks. Its errors are the stream's own; the end of the stream is
// io.EOF.
type blocks struct {
	tap        *tap
	buf        []byte // a block, or joint
	start, end int    // what is read and not yet taken: buf[start:end]
	whole      *block // the present block, when buf is all that is left of it; nil for joint
	ahead      []byte // what follows buf in the present block
	joint      []byte // parts of several blocks put together
	off        int64  // place of buf[start] in the stream
	err        error  // what ended the stream
}

// newBlocks returns a reader of all that a tap gives.
func newBlocks(t *tap) *blocks { return &blocks{tap: t} }

// blocksOf returns a reader of r that nobody shares.
func blocksOf(r io.Reader) *blocks {
	_, t := newShared(r, nil)
	return newBlocks(t)
}

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

// fill reads until n octets are there or the stream ends. What it puts together
// grows only as data come in, so a length field alone cannot make it large.
func (b *blocks) fill(n int) {
	if b.start == b.end && (len(b.ahead) > 0 || b.advance()) && len(b.ahead) >= n {
		b.buf, b.start, b.end, b.ahead = b.ahead, 0, len(b.ahead), nil
		b.whole = b.tap.held
		return
	}
	b.whole = nil
	b.joint = append(b.joint[:0], b.buf[b.start:b.end]...)
	for len(b.joint) < n && (len(b.ahead) > 0 || b.advance()) {
		k := min(n-len(b.joint), len(b.ahead))
		b.joint = append(b.joint, b.ahead[:k]...)
		b.ahead = b.ahead[k:]
	}
	b.buf, b.start, b.end = b.joint, 0, len(b.joint)
}

// advance takes the next block, and reports whether there was one.
func (b *blocks) advance() bool {
	if b.err == nil {
		b.ahead, b.err = b.tap.next()
	}
	return b.err == nil
}

// Read hands on what is there, then the rest of the stream, so that a
// decompressor can take over from the sniffing.
func (b *blocks) Read(p []byte) (int, error) {
	v := b.view(1)
	if len(v) == 0 {
		if err := b.cause(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	n := copy(p, b.buf[b.start:b.end])
	b.take(n)
	return n, nil
}

// cause returns the error of the stream, nil when it merely ended.
func (b *blocks) cause() error {
	if ended(b.err) {
		return nil
	}
	return b.err
}
