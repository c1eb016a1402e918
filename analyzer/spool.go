package analyzer

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// spoolChunk is the size of the pieces in which a spool takes memory, in
// octets; no item may be larger.
const spoolChunk = 1 << 18

// spoolItem is the place of one item in memory.
type spoolItem struct {
	key uint64
	off uint32 // of its length prefix, counted over all chunks
}

// spool collects small items under a key and gives them back ordered by key,
// items of the same key in the order in which they came. It holds up to limit
// octets in memory; what is beyond goes, as sorted runs, to a temporary file.
type spool struct {
	limit  int
	dir    string
	chunks [][]byte
	used   int // chunks with content
	items  []spoolItem
	sorted bool // items came in order so far
	file   *os.File
	runs   []spoolRun
	size   int64 // of file
	err    error // the first failure; later items are dropped
}

// spoolRun is one sorted run in the temporary file.
type spoolRun struct{ off, len int64 }

// newSpool returns a spool that holds limit octets in memory and spills into
// the directory dir, the system's own when dir is empty.
func newSpool(limit int, dir string) *spool {
	return &spool{limit: limit, dir: dir, sorted: true}
}

// add stores a copy of item, which must be shorter than spoolChunk.
func (s *spool) add(key uint64, item []byte) {
	if s.err != nil {
		return
	}
	if s.memory()+len(item) > s.limit && len(s.items) > 0 {
		s.spill()
	}
	c := s.room(len(item) + binary.MaxVarintLen32)
	b := s.chunks[c]
	off := uint32(c*spoolChunk + len(b))
	b = binary.AppendUvarint(b, uint64(len(item)))
	s.chunks[c] = append(b, item...)
	if n := len(s.items); n > 0 && s.items[n-1].key > key {
		s.sorted = false
	}
	s.items = append(s.items, spoolItem{key, off})
}

// memory returns the octets in use, the index included.
func (s *spool) memory() int { return s.used*spoolChunk + 16*len(s.items) }

// room returns the index of a chunk with n octets to spare.
func (s *spool) room(n int) int {
	if s.used > 0 {
		if b := s.chunks[s.used-1]; len(b)+n <= cap(b) {
			return s.used - 1
		}
	}
	if s.used == len(s.chunks) {
		s.chunks = append(s.chunks, s.fresh()[:0])
	}
	s.used++
	return s.used - 1
}

// fresh returns the memory for another chunk. Of the first often only the
// beginning is needed.
func (s *spool) fresh() []byte {
	if len(s.chunks) == 0 {
		return make([]byte, spoolChunk)
	}
	return freshPages[byte](spoolChunk)
}

// item returns the octets of an item in memory.
func (s *spool) item(it spoolItem) []byte {
	b := s.chunks[it.off/spoolChunk][it.off%spoolChunk:]
	n, w := binary.Uvarint(b)
	return b[w : w+int(n)]
}

// sort orders the items in memory. Offsets grow with time, so they keep the
// order within a key.
func (s *spool) sort() {
	if s.sorted {
		return
	}
	slices.SortFunc(s.items, func(a, b spoolItem) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return cmp.Compare(a.off, b.off)
	})
	s.sorted = true
}

// spill writes the items in memory as one run and forgets them.
func (s *spool) spill() {
	s.sort()
	if s.file == nil {
		if s.file, s.err = os.CreateTemp(s.dir, "tcpstate-*"); s.err != nil {
			s.err = fmt.Errorf("temporary file: %w", s.err)
			return
		}
	}
	w := bufio.NewWriterSize(s.file, 1<<16)
	run := spoolRun{off: s.size}
	var head [2 * binary.MaxVarintLen64]byte
	for _, it := range s.items {
		b := s.item(it)
		h := binary.AppendUvarint(binary.AppendUvarint(head[:0], it.key), uint64(len(b)))
		// bufio keeps the first error for Flush.
		_, _ = w.Write(h)
		_, _ = w.Write(b)
		run.len += int64(len(h) + len(b))
	}
	if err := w.Flush(); err != nil {
		s.err = fmt.Errorf("temporary file: %w", err)
		return
	}
	s.size += run.len
	s.runs = append(s.runs, run)
	s.forget()
}

func (s *spool) forget() {
	for i := range s.chunks[:s.used] {
		s.chunks[i] = s.chunks[i][:0]
	}
	s.used, s.items, s.sorted = 0, s.items[:0], true
}

// failure returns what went wrong first. It is allowed on a nil spool.
func (s *spool) failure() error {
	if s == nil {
		return nil
	}
	return s.err
}

// close removes the temporary file. It is allowed on a nil spool. By then all
// that the file held has been read, so a failure costs no result.
func (s *spool) close() {
	if s == nil || s.file == nil {
		return
	}
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
	s.file = nil
}

// runReader yields the items of one sorted run.
type runReader struct {
	r   *bufio.Reader
	buf []byte
	key uint64
	seq int // older runs first among equal keys
}

// next reads the next item into buf; io.EOF ends the run.
func (r *runReader) next() error {
	key, err := binary.ReadUvarint(r.r)
	if err != nil {
		return err
	}
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	r.key = key
	r.buf = slices.Grow(r.buf[:0], int(n))[:n]
	_, err = io.ReadFull(r.r, r.buf)
	return err
}

// cursor walks over a spool's items in order. Nothing may be added meanwhile.
type cursor struct {
	s    *spool
	mem  int          // next item in memory
	runs []*runReader // a heap, smallest key first
	err  error
}

// cursor returns a cursor at the first item. A nil spool is empty.
func (s *spool) cursor() *cursor {
	c := &cursor{s: s}
	if s == nil {
		c.s = &spool{}
		return c
	}
	if c.err = s.err; c.err != nil {
		return c
	}
	s.sort()
	for i, run := range s.runs {
		r := &runReader{r: bufio.NewReaderSize(io.NewSectionReader(s.file, run.off, run.len), 1<<15), seq: i}
		if err := r.next(); err != nil {
			c.err = err
			return c
		}
		c.runs = append(c.runs, r)
	}
	for i := len(c.runs)/2 - 1; i >= 0; i-- {
		c.down(i)
	}
	return c
}

// peek returns the next item and its key; ok is false at the end or after a
// failure, which is then in err. The octets are valid until advance.
func (c *cursor) peek() (key uint64, item []byte, ok bool) {
	if c.err != nil {
		return 0, nil, false
	}
	inMemory := c.mem < len(c.s.items)
	if len(c.runs) > 0 && (!inMemory || c.runs[0].key <= c.s.items[c.mem].key) {
		return c.runs[0].key, c.runs[0].buf, true
	}
	if !inMemory {
		return 0, nil, false
	}
	it := c.s.items[c.mem]
	return it.key, c.s.item(it), true
}

// advance moves behind the item that peek shows.
func (c *cursor) advance() {
	inMemory := c.mem < len(c.s.items)
	if len(c.runs) == 0 || inMemory && c.runs[0].key > c.s.items[c.mem].key {
		c.mem++
		return
	}
	err := c.runs[0].next()
	if errors.Is(err, io.EOF) {
		last := len(c.runs) - 1
		c.runs[0] = c.runs[last]
		c.runs = c.runs[:last]
	} else if err != nil {
		c.err = fmt.Errorf("temporary file: %w", err)
		return
	}
	c.down(0)
}

func (c *cursor) less(i, j int) bool {
	a, b := c.runs[i], c.runs[j]
	return a.key < b.key || a.key == b.key && a.seq < b.seq
}

// down restores the heap below i.
func (c *cursor) down(i int) {
	for {
		m := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < len(c.runs) && c.less(k, m) {
				m = k
			}
		}
		if m == i {
			return
		}
		c.runs[i], c.runs[m] = c.runs[m], c.runs[i]
		i = m
	}
}
