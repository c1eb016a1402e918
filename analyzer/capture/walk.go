package capture

import (
	"encoding/binary"
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
	sum     analyzer.FlowSum
	time    statemachine.Time
	at, end uint32 // of the frame in its block
	four    bool   // IPv4
}

// walked is what the readers of a block have found in it.
type walked struct {
	mu    sync.Mutex
	parts []walkedPart
	found []walkedRecord // of all parts
}

// walkedPart is what was found from one octet of a block on: records that lie one
// behind the other.
type walkedPart struct {
	from    int
	found   []walkedRecord
	inOrder bool // of time
}

// forget makes w that of a block with other octets.
func (w *walked) forget() { w.parts, w.found = w.parts[:0], w.found[:0] }

// part returns the records from an octet of the block on, at most a stretch; none
// when the first one is not plain or not whole.
func (w *walked) part(from int, octets []byte, r *pcap) walkedPart {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.parts) - 1; i >= 0; i-- {
		if w.parts[i].from == from {
			return w.parts[i]
		}
	}
	n := len(w.found)
	w.found = r.walk(w.found, octets, from)
	found := w.found[n:len(w.found):len(w.found)]
	p := walkedPart{from, found, inOrder(found)}
	w.parts = append(w.parts, p)
	return p
}

// inOrder reports that the records are in the order of their times.
func inOrder(found []walkedRecord) bool {
	for i := 1; i < len(found); i++ {
		if found[i].time < found[i-1].time {
			return false
		}
	}
	return true
}

// ahead is where a reader is among the records that were found.
type ahead struct {
	walkedPart
	block int // number of its block
}

// walkOn returns the next records with plain packets that lie in the present block,
// which are the same for all readers of the file, and may be none, and whether they
// are in the order of their times.
func (r *pcap) walkOn() (found []walkedRecord, inOrder bool) {
	b := r.whole
	if b == nil {
		return nil, false
	}
	from := len(b.octets) - (r.end - r.start)
	a := &r.ahead
	if len(a.found) == 0 || a.block != r.tap.at || int(a.found[0].at) != from+pcapRecordHeader {
		*a = ahead{b.walked.part(from, b.octets, r), r.tap.at}
	}
	return a.found, a.inOrder
}

// pass takes the first n of the records that walkOn gave.
func (r *pcap) pass(n int) {
	found := r.ahead.found
	from := len(r.whole.octets) - (r.end - r.start)
	r.take(int(found[n-1].end) - from)
	r.packets += uint64(n)
	r.ahead.found = found[n:]
}

// walk appends to found the records with plain packets that lie from an octet of a
// block on.
func (r *pcap) walk(found []walkedRecord, octets []byte, from int) []walkedRecord {
	le := binary.LittleEndian
	rest := octets[from:]
	for range stretch {
		if len(rest) < pcapRecordHeader+leastPlain {
			break
		}
		head := (*[pcapRecordHeader + leastPlain]byte)(rest)
		captured := le.Uint32(head[8:])
		size := pcapRecordHeader + int(captured)
		if captured > r.bound || captured < leastPlain || size > len(rest) {
			break
		}
		f := (*plainFrame)(head[pcapRecordHeader:])
		four := f.isFour()
		var sum analyzer.FlowSum
		if four {
			sum = analyzer.SumIPv4(f.four())
		} else if !sumOther(rest[pcapRecordHeader:size], &sum) {
			break
		}
		end := len(octets) - len(rest) + size
		found = append(found, walkedRecord{
			sum: sum, time: r.time(le.Uint32(head[0:]), le.Uint32(head[4:])),
			at: uint32(end) - captured, end: uint32(end), four: four,
		})
		rest = rest[size:]
	}
	return found
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
