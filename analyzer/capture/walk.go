package capture

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// This file walks over the records of a pcap file, to find those with plain packets
// (plain.go) and whose they are. Of several readers of a block whoever comes first
// walks for all.

// stretch is how many records are walked over at a time.
const stretch = analyzer.BatchPackets

// mostRecords is how many records with plain packets a block can hold.
const mostRecords = blockSize/(pcapRecordHeader+leastPlain) + 1

// walked is what the readers of a block have found in it.
type walked struct {
	mu    sync.Mutex
	parts []*walkedPart
	spare []*walkedPart // of blocks before
	room  walkedRoom    // of what the parts have found
	used  int           // of room
}

// walkedPart is what was found from one octet of a block on: records that lie one
// behind the other.
type walkedPart struct {
	from    int
	found   []analyzer.RunRecord
	sums    []analyzer.FlowSum // of their flows
	dealt   analyzer.Dealt     // whose they are, with isDealt
	isDealt bool
	inOrder bool // of time
}

// walkedRoom is room for records, and for the sums of their flows.
type walkedRoom struct {
	records []analyzer.RunRecord
	sums    []analyzer.FlowSum
}

func newWalkedRoom(n int) walkedRoom {
	return walkedRoom{make([]analyzer.RunRecord, n), make([]analyzer.FlowSum, n)}
}

// from returns the room behind the first n records, for a stretch at most.
func (m walkedRoom) from(n int) walkedRoom {
	end := min(n+stretch, len(m.records))
	return walkedRoom{m.records[n:end], m.sums[n:end]}
}

// forget makes w that of a block with other octets.
func (w *walked) forget() {
	w.parts, w.spare, w.used = w.parts[:0], append(w.spare, w.parts...), 0
}

// part returns the records from an octet of the block on, at most a stretch; none
// when the first one is not plain or not whole. It deals them by the dealer of a,
// which may be nil. While another reader walks, it does not wait but walks for itself.
func (w *walked) part(from int, octets []byte, r *pcap, a *ahead) *walkedPart {
	if !w.mu.TryLock() {
		if a.room.records == nil {
			a.room = newWalkedRoom(stretch)
		}
		a.mine.walk(from, octets, r, a.room)
		a.mine.deal(a.dealer)
		return &a.mine
	}
	defer w.mu.Unlock()
	for i := a.next; i < len(w.parts); i++ {
		if p := w.parts[i]; p.from == from {
			a.next = i + 1
			p.deal(a.dealer)
			return p
		}
	}
	p := w.add(from, octets, r)
	a.next = len(w.parts)
	p.deal(a.dealer)
	// What follows is walked over too, as long as nothing else comes: so the octets of
	// a block mostly stay in the cache of one processor. It is dealt in its turn.
	for q := p; len(q.found) == stretch; {
		q = w.add(int(q.found[stretch-1].End), octets, r)
	}
	return p
}

// add walks over the records from an octet of the block on.
func (w *walked) add(from int, octets []byte, r *pcap) *walkedPart {
	var p *walkedPart
	if n := len(w.spare); n > 0 {
		p, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		p = new(walkedPart)
	}
	if w.room.records == nil {
		w.room = newWalkedRoom(mostRecords)
	}
	room := w.room.from(w.used)
	if len(room.records) == 0 { // parts overlap, where one was walked over twice
		room = newWalkedRoom(stretch)
	}
	p.walk(from, octets, r, room)
	w.used = min(w.used+len(p.found), mostRecords)
	w.parts = append(w.parts, p)
	return p
}

// walk makes p what lies from an octet of a block on, as far as there is room for it.
func (p *walkedPart) walk(from int, octets []byte, r *pcap, room walkedRoom) {
	var n int
	n, p.inOrder = r.walk(room, octets[from:], from)
	p.from, p.found, p.sums, p.isDealt = from, room.records[:n], room.sums[:n], false
}

// deal deals the records by d, unless that is nil; d has dealt all packets before them.
func (p *walkedPart) deal(d *analyzer.Dealer) {
	switch {
	case d == nil:
	case p.isDealt:
		d.Adopt(&p.dealt)
	default:
		d.Deal(&p.dealt, p.sums)
		p.isDealt = true
	}
}

// ahead is what a reader has before it of a walkedPart. It says nothing of the part
// when all of it was taken, since the block may be gone.
type ahead struct {
	found   []analyzer.RunRecord
	own     []uint8 // which of the part's records are the reader's own
	passed  int     // of the part's records
	inOrder bool
	thin    thin

	dealer *analyzer.Dealer // nil for a single reader
	block  int              // number of the part's block
	next   int              // from which part of the block on that of the next records may be
	mine   walkedPart       // scratch
	room   walkedRoom       // of mine
}

// walkOn turns to the next records with plain packets that lie in the present block,
// and reports whether there are any. All readers of the file find the same. They are
// dealt by d then, once for all, and so must be taken.
func (r *pcap) walkOn(d *analyzer.Dealer) bool {
	b, a := r.whole, &r.ahead
	if b == nil {
		return false
	}
	if len(a.found) == 0 {
		if a.thin.pauses() {
			return false
		}
		if a.dealer = d; a.block != r.tap.at {
			a.block, a.next = r.tap.at, 0
		}
		p := b.walked.part(len(b.octets)-(r.end-r.start), b.octets, r, a)
		a.found, a.passed, a.inOrder = p.found, 0, p.inOrder
		a.thin.saw(len(p.found))
		if d != nil {
			a.own = d.Own(&p.dealt)
		}
	}
	return len(a.found) > 0
}

// pass takes the next n of the records that walkOn has found.
func (r *pcap) pass(n int) {
	a := &r.ahead
	from := len(r.whole.octets) - (r.end - r.start)
	r.take(int(a.found[n-1].End) - from)
	r.packets += uint64(n)
	a.found, a.passed = a.found[n:], a.passed+n
}

// walk fills room with the records with plain packets that octets begin with, which lie
// in a block from an octet on. It returns how many they are, and whether they are in
// the order of their times.
func (r *pcap) walk(room walkedRoom, octets []byte, from int) (n int, inOrder bool) {
	le := binary.LittleEndian
	found, sums := room.records, room.sums[:len(room.records)]
	last, spare, fraction := statemachine.Time(math.MinInt64), r.bound-leastPlain, r.fraction
	rest, at := octets, uint32(from+pcapRecordHeader)
	inOrder = true
	for n < len(found) && len(rest) >= pcapRecordHeader+leastPlain {
		head := (*[pcapRecordHeader + leastPlain]byte)(rest)
		captured := le.Uint32(head[8:])
		size := pcapRecordHeader + int(captured)
		if captured-leastPlain > spare || size > len(rest) {
			break
		}
		o, f := &found[n], (*plainFrame)(head[pcapRecordHeader:])
		if o.IPv4 = f.isFour(); o.IPv4 {
			o.Src, o.Dst, o.Ports = f.four()
			sums[n] = analyzer.SumIPv4(o.Src, o.Dst, o.Ports)
			f.brief(rest[pcapRecordHeader+leastPlain:size], o)
		} else if o.Short = false; !sumOther(rest[pcapRecordHeader:size], &sums[n]) {
			break
		}
		o.At, o.End = at, at+captured
		o.Time = recordTime(le.Uint32(head[0:]), le.Uint32(head[4:]), fraction)
		if o.Time < last {
			inOrder = false
		}
		last = o.Time
		rest, at = rest[size:], at+uint32(size)
		n++
	}
	return n, inOrder
}

// sumOther sets sum to that of the flow of a plain packet that is not the usual
// one, and reports whether it is plain.
func sumOther(frame []byte, sum *analyzer.FlowSum) bool {
	h, ok := plainHeadersOf(frame)
	if ok {
		var ends analyzer.Ends
		h.ends(frame, &ends)
		*sum = ends.Sum()
	}
	return ok
}
