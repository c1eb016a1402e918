package capture

import (
	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// LookBack keeps the latest packets of all connections in bounded memory, so
// that those of one connection can still be had when something turns out to be
// of interest. It is for one goroutine.
type LookBack struct {
	data    []byte
	entries []kept // a ring
	first   uint64 // number of the oldest entry; entries are counted from 1
	next    uint64 // number of the next entry
	at      int    // where the next frame goes in data
	last    map[uint32]uint64
}

// kept is one packet. Those of a connection form a chain.
type kept struct {
	before uint64 // entry of the same connection before this one, 0 for none
	time   statemachine.Time
	at     int
	size   int
	wire   uint32
	conn   uint32
	link   analyzer.LinkType
}

// bytesPerEntry is how small packets may be on average before the number of
// packets, rather than of octets, is the bound.
const bytesPerEntry = 128

// NewLookBack returns a buffer for so many octets of frames, at least one whole
// frame of 256 KiB.
func NewLookBack(size int) *LookBack {
	size = max(size, minRecordBound)
	return &LookBack{
		data: make([]byte, size), entries: make([]kept, size/bytesPerEntry),
		first: 1, next: 1, last: make(map[uint32]uint64),
	}
}

func (l *LookBack) entry(n uint64) *kept { return &l.entries[n%uint64(len(l.entries))] }

// Add keeps a packet of a connection. Frames larger than the buffer are left
// out.
func (l *LookBack) Add(conn uint32, p *analyzer.Packet) {
	frame := p.AsCaptured()
	n := len(frame)
	if n > len(l.data) {
		return
	}
	if l.at+n > len(l.data) {
		l.clear(l.at, len(l.data))
		l.at = 0
	}
	l.clear(l.at, l.at+n)
	if l.next-l.first == uint64(len(l.entries)) {
		l.drop()
	}
	copy(l.data[l.at:], frame)
	*l.entry(l.next) = kept{
		before: l.last[conn], time: p.Time, at: l.at, size: n, wire: p.WireLen, conn: conn, link: p.Link,
	}
	l.last[conn] = l.next
	l.at += n
	l.next++
}

// clear drops the oldest entries as long as they lie in data[from:to].
func (l *LookBack) clear(from, to int) {
	for l.first < l.next {
		e := l.entry(l.first)
		if e.at+e.size <= from || e.at >= to {
			return
		}
		l.drop()
	}
}

func (l *LookBack) drop() {
	if e := l.entry(l.first); l.last[e.conn] == l.first {
		delete(l.last, e.conn)
	}
	l.first++
}

// Take gives the packets of a connection to write, the oldest first, and
// forgets that they are its own.
func (l *LookBack) Take(conn uint32, write func(*analyzer.Packet) error) error {
	var chain []uint64
	for n := l.last[conn]; n >= l.first && n != 0; n = l.entry(n).before {
		chain = append(chain, n)
	}
	delete(l.last, conn)
	for i := len(chain) - 1; i >= 0; i-- {
		e := l.entry(chain[i])
		p := analyzer.Packet{
			Time: e.time, CapLen: uint32(e.size), WireLen: e.wire, Link: e.link, Frame: l.data[e.at : e.at+e.size],
		}
		if err := write(&p); err != nil {
			return err
		}
	}
	return nil
}
