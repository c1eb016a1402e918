package capture

import (
	"bytes"
	"math/bits"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Bounds of what is held for datagrams that are not complete yet. What falls
// out is counted.
const (
	maxDatagrams  = 256
	maxHeld       = 4 << 20                             // octets, all datagrams together
	datagramLife  = statemachine.Time(30 * time.Second) // Linux's; RFC 8200 §4.5 has 60 s
	repeatedAfter = statemachine.Time(time.Second / 10) // within it a fragment again is the same frame captured twice
	maxDatagram   = 65535                               // of payload, in octets
	unit          = 8                                   // fragments begin at multiples of it (RFC 791 §3.1)
	allUnits      = (maxDatagram + unit) / unit / 64    // in words of a bit for each unit
)

// datagramKey names a datagram (RFC 791 §3.2, RFC 8200 §4.5).
type datagramKey struct {
	src, dst [16]byte
	tunnel   uint64
	id       uint32
	proto    uint8 // of what is fragmented; 0 in IPv6, where it does not count
	version  uint8
}

// piece is one fragment as it was captured.
type piece struct {
	key      datagramKey
	proto    uint8 // of what is fragmented
	from, to int   // its place in the datagram's payload
	last     bool
	head     []byte // the headers before the payload, the IP header first
	nextAt   int    // where in head the IPv6 field stands that announced the fragment header
	data     []byte // what was captured of its payload
}

// datagram is a datagram of which some fragments were captured.
type datagram struct {
	key     datagramKey
	at      statemachine.Time // of its first fragment captured, or of its completion
	proto   uint8
	head    []byte // of the fragment with offset 0
	nextAt  int
	payload []byte
	have    [allUnits]uint64 // a bit for each unit captured
	units   int              // bits in have
	end     int              // length of the payload, 0 until the last fragment was captured
	cut     bool             // the snaplen cut a fragment
	overlap bool
	unasked bool // not TCP, nor a tunnel
	done    bool
}

// fragments puts datagrams together (RFC 791 §3.2, RFC 8200 §4.5). Where
// fragments overlap the octets captured first stay: receivers differ in this,
// and RFC 5722 has them drop the datagram.
type fragments struct {
	byKey map[datagramKey]*datagram
	order []*datagram // by age
	spare []*datagram
	held  int
	frame []byte // the last datagram that was completed, as a frame
	lost  uint64 // datagrams that were given up
}

// add takes a fragment at the time now. It returns the datagram when that is
// complete: it is valid until the next call.
func (f *fragments) add(x *piece, now statemachine.Time) *datagram {
	g := f.find(x, now)
	if g.done || g.unasked {
		return nil
	}
	f.store(g, x)
	for f.held > maxHeld && f.order[0] != g {
		f.drop(f.order[0])
	}
	if g.end == 0 || len(g.head) == 0 || g.units != (g.end+unit-1)/unit {
		return nil
	}
	g.done, g.at = true, now
	f.held -= len(g.payload)
	return g
}

// find returns the fragment's datagram, a new one if need be.
func (f *fragments) find(x *piece, now statemachine.Time) *datagram {
	g := f.byKey[x.key]
	if g != nil {
		age := max(now-g.at, 0)
		if age < repeatedAfter || !g.done && age < datagramLife {
			return g
		}
		f.drop(g)
	}
	for len(f.order) > 0 && (len(f.order) >= maxDatagrams || now-f.order[0].at >= datagramLife) {
		f.drop(f.order[0])
	}
	if n := len(f.spare); n > 0 {
		g, f.spare = f.spare[n-1], f.spare[:n-1]
	} else {
		g = new(datagram)
	}
	*g = datagram{key: x.key, at: now, proto: x.proto, head: g.head[:0], payload: g.payload[:0]}
	if f.byKey == nil {
		f.byKey = make(map[datagramKey]*datagram)
	}
	f.byKey[x.key] = g
	f.order = append(f.order, g)
	return g
}

// drop forgets a datagram. Large buffers go too.
func (f *fragments) drop(g *datagram) {
	if !g.done {
		f.held -= len(g.payload)
		if !g.unasked {
			f.lost++
		}
	}
	delete(f.byKey, g.key)
	for i, o := range f.order {
		if o == g {
			f.order = append(f.order[:i], f.order[i+1:]...)
			break
		}
	}
	g.shrink()
	f.spare = append(f.spare, g)
}

// shrink empties the payload and gives a large buffer back.
func (g *datagram) shrink() {
	const keep = 4 << 10
	if g.payload = g.payload[:0]; cap(g.payload) > keep {
		g.payload = nil
	}
}

// store copies the fragment's octets to their place.
func (f *fragments) store(g *datagram, x *piece) {
	if x.last && g.end == 0 && x.to >= len(g.payload) {
		g.end = x.to
	} else if x.last && g.end != x.to || g.end != 0 && x.to > g.end {
		g.overlap = true // two ends: the one that came first stays
		return
	}
	if x.from == 0 && len(g.head) == 0 {
		g.head, g.nextAt, g.proto = append(g.head, x.head...), x.nextAt, x.proto
	}
	if n := x.to - len(g.payload); n > 0 {
		f.held += n
		g.payload = append(g.payload, make([]byte, n)...)
	}
	first, beyond := x.from/unit, (x.to+unit-1)/unit
	known := 0
	for u := first; u < beyond; u++ {
		if g.have[u/64]>>(u%64)&1 != 0 {
			known++
		}
	}
	if known == beyond-first && (g.cut || bytes.Equal(g.payload[x.from:x.from+len(x.data)], x.data)) {
		return // the same again
	}
	g.overlap = g.overlap || known > 0
	g.cut = g.cut || len(x.data) < x.to-x.from
	for u := first; u < beyond; u++ {
		if w, b := &g.have[u/64], uint64(1)<<(u%64); *w&b == 0 {
			*w |= b
			g.units++
			if at := (u - first) * unit; at < len(x.data) {
				copy(g.payload[u*unit:x.to], x.data[at:min(at+unit, len(x.data))])
			}
		}
	}
}

// incomplete returns how many datagrams were captured in part only.
func (f *fragments) incomplete() uint64 {
	n := f.lost
	for _, g := range f.order {
		if !g.done && !g.unasked {
			n++
		}
	}
	return n
}

// whole makes p's frame one of the datagram: the link header of the fragment
// that completed it, the IP header, and the payload.
func (f *fragments) whole(p *analyzer.Packet, off int, g *datagram) {
	if !p.Reassembled {
		p.Captured = p.Frame
	}
	f.frame = append(f.frame[:0], p.Frame[:off]...)
	f.frame = append(f.frame, g.head...)
	f.frame = append(f.frame, g.payload[:g.end]...)
	g.shrink()
	p.Frame, p.Reassembled, p.Fragment = f.frame, true, false
	h := f.frame[off:]
	if g.key.version == 6 {
		n := len(g.head) - ipv6Len + g.end
		h[4], h[5], h[g.nextAt] = byte(n>>8), byte(n), g.proto
		return
	}
	n := len(g.head) + g.end
	h[2], h[3], h[6], h[7], h[10], h[11] = byte(n>>8), byte(n), 0, 0, 0, 0
	sum := ^fold16(sumOf(h[:len(g.head)]))
	h[10], h[11] = byte(sum>>8), byte(sum)
}

// sumOf adds the 16-bit words of b (RFC 1071 §1).
func sumOf(b []byte) uint64 {
	var sum uint64
	for len(b) >= 8 {
		var carry uint64
		sum, carry = bits.Add64(sum, uint64(be32(b))<<32|uint64(be32(b[4:])), 0)
		sum += carry
		b = b[8:]
	}
	sum = sum>>32 + sum&0xffffffff
	for len(b) >= 2 {
		sum += uint64(be16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// fold16 folds a sum to 16 bits.
func fold16(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// fragment takes a fragment into its datagram, at off of the frame its IP
// header. When that completes the datagram, it says where the walk goes on, in
// p's frame made whole; body is where the payload begins there. Otherwise the
// fragment with offset 0 shows its own part of the segment, as a line.
func (d *Decoder) fragment(p *analyzer.Packet, off, body, until int, x *piece) (step, int) {
	s := protoStep(x.proto)
	if !leadsToTCP(s) && !extends(x.proto, x.key.version) {
		if x.from != 0 && (s == stepICMP4 || s == stepICMP6) {
			s = stepNotTCP // no header there
		}
		return s, body
	}
	p.Fragment = x.from == 0
	switch size := until - body; {
	case size <= 0 || !x.last && size%unit != 0 || x.from+size+len(x.head) > maxDatagram:
		// Receivers drop it (RFC 8200 §4.5; RFC 791 has no words for it).
		if x.from == 0 && s == stepTCP {
			d.segment(p, body, until)
		}
		return malformed(p)
	default:
		x.to = x.from + size
	}
	x.key.src, x.key.dst, x.key.tunnel = p.Src.Addr().As16(), p.Dst.Addr().As16(), p.Tunnel
	x.head = p.Frame[off : off+len(x.head)]
	x.data = p.Frame[min(body, len(p.Frame)):min(until, len(p.Frame))]
	g := d.fragments.add(x, p.Time)
	if x.from == 0 && s == stepUDP {
		if t, _ := udp(p, body); t == stepNotTCP && g == nil {
			d.fragments.forget(x)
			return end(p, analyzer.SkipNotTCP)
		}
	}
	d.end = until
	if x.from == 0 && s == stepTCP {
		d.segment(p, body, until)
		if g == nil {
			p.Skip = analyzer.SkipFragment
			return stop, body
		}
		if p.Skip == analyzer.NotSkipped { // it came last: its own line shows it, as tcpdump's does
			p.Segment.Len += statemachine.Size(g.end - x.to)
			p.Overlap = g.overlap
			return stop, body
		}
		p.HasTCP, p.Skip = false, analyzer.NotSkipped
	}
	if g == nil {
		return end(p, analyzer.SkipFragment)
	}
	d.fragments.whole(p, off, g)
	p.Overlap = p.Overlap || g.overlap
	at := off + len(g.head)
	return d.extensions(p, g.proto, off+g.nextAt, at, at+g.end, off)
}

// forget notes that nobody asks for the fragment's datagram.
func (f *fragments) forget(x *piece) {
	if g := f.byKey[x.key]; g != nil && !g.done {
		f.held -= len(g.payload)
		g.payload, g.unasked = g.payload[:0], true
	}
}

// leadsToTCP reports a step that may lead to a segment.
func leadsToTCP(s step) bool {
	switch s { //nolint:exhaustive // all others do not
	case stepTCP, stepUDP, stepIPInIP, stepGRE, stepEtherIP, stepMPLSInIP:
		return true
	}
	return false
}
