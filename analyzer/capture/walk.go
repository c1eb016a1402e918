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

// walkedRecord is a record with a plain packet.
type walkedRecord struct {
	time    statemachine.Time
	at, end uint32 // of the frame in its block
	four    bool   // IPv4
}

// walked is what the readers of a block have found in it.
type walked struct {
	mu    sync.Mutex
	parts []*walkedPart
	spare []*walkedPart // of blocks before
}

// walkedPart is what was found from one octet of a block on: records that lie one
// behind the other.
type walkedPart struct {
	from    int
	found   []walkedRecord
	sums    []analyzer.FlowSum // of their flows
	dealt   analyzer.Dealt     // whose they are, when there are several readers
	inOrder bool               // of time
}

// forget makes w that of a block with other octets.
func (w *walked) forget() { w.parts, w.spare = w.parts[:0], append(w.spare, w.parts...) }

// part returns the records from an octet of the block on, at most a stretch; none
// when the first one is not plain or not whole. It deals them by d, which may be nil.
// While another reader walks, it does not wait but walks into mine.
func (w *walked) part(from int, octets []byte, r *pcap, d *analyzer.Dealer, mine *walkedPart) *walkedPart {
	if !w.mu.TryLock() {
		mine.walk(from, octets, r, d)
		return mine
	}
	defer w.mu.Unlock()
	for i := len(w.parts) - 1; i >= 0; i-- {
		if p := w.parts[i]; p.from == from {
			if d != nil {
				d.Adopt(&p.dealt)
			}
			return p
		}
	}
	var p *walkedPart
	if n := len(w.spare); n > 0 {
		p, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		p = new(walkedPart)
	}
	p.walk(from, octets, r, d)
	w.parts = append(w.parts, p)
	return p
}

// walk makes p what lies from an octet of a block on, dealt by d.
func (p *walkedPart) walk(from int, octets []byte, r *pcap, d *analyzer.Dealer) {
	p.from = from
	r.walk(p, octets)
	if d != nil {
		d.Deal(&p.dealt, p.sums)
	}
}

// ahead is what a reader has before it of a walkedPart. It says nothing of the part
// when all of it was taken, since the block may be gone.
type ahead struct {
	found   []walkedRecord
	own     []uint8 // which of the part's records are the reader's own
	passed  int     // of the part's records
	inOrder bool
	mine    walkedPart // scratch
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
		p := b.walked.part(len(b.octets)-(r.end-r.start), b.octets, r, d, &a.mine)
		a.found, a.passed, a.inOrder = p.found, 0, p.inOrder
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
	r.take(int(a.found[n-1].end) - from)
	r.packets += uint64(n)
	a.found, a.passed = a.found[n:], a.passed+n
}

// walk fills p with the records with plain packets that lie from its octet of a block
// on.
func (r *pcap) walk(p *walkedPart, octets []byte) {
	le := binary.LittleEndian
	if p.found == nil {
		p.found, p.sums = make([]walkedRecord, stretch), make([]analyzer.FlowSum, stretch)
	}
	found, sums := p.found[:stretch], p.sums[:stretch]
	rest := octets[p.from:]
	n, last := 0, statemachine.Time(math.MinInt64)
	p.inOrder = true
	for n < stretch && len(rest) >= pcapRecordHeader+leastPlain {
		head := (*[pcapRecordHeader + leastPlain]byte)(rest)
		captured := le.Uint32(head[8:])
		size := pcapRecordHeader + int(captured)
		if captured > r.bound || captured < leastPlain || size > len(rest) {
			break
		}
		f := (*plainFrame)(head[pcapRecordHeader:])
		four := f.isFour()
		if four {
			sums[n] = analyzer.SumIPv4(f.four())
		} else if !sumOther(rest[pcapRecordHeader:size], &sums[n]) {
			break
		}
		at := len(octets) - len(rest) + pcapRecordHeader
		time := r.time(le.Uint32(head[0:]), le.Uint32(head[4:]))
		if time < last {
			p.inOrder = false
		}
		last = time
		found[n] = walkedRecord{time: time, at: uint32(at), end: uint32(at) + captured, four: four}
		rest = rest[size:]
		n++
	}
	p.found, p.sums = found[:n], sums[:n]
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
