package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
)

// This file peels IEEE 802.11 data frames and the headers that capturing
// programs put before them.

// radiotap passes over a radiotap header, of which only two flags count: a
// checksum behind the frame is harmless, padding behind its header is not.
func (d *Decoder) radiotap(p *analyzer.Packet, off int) (step, int) {
	const fixed, tsft, flags, again, padded = 8, 1, 2, 1 << 31, 0x20
	if cut(p, off, fixed) {
		return truncated(p)
	}
	h := p.Frame[off:]
	n := int(binary.LittleEndian.Uint16(h[2:]))
	if h[0] != 0 || n < fixed {
		return malformed(p)
	}
	if cut(p, off, n) {
		return truncated(p)
	}
	present := binary.LittleEndian.Uint32(h[4:])
	at := fixed
	for w := present; w&again != 0 && at+4 <= n; at += 4 {
		w = binary.LittleEndian.Uint32(h[at:])
	}
	if present&tsft != 0 {
		at = (at+7)&^7 + 8
	}
	d.padded = present&flags != 0 && at < n && h[at]&padded != 0
	return stepWLAN, off + n
}

// prism passes over a Prism or AVS header; the latter names itself by a magic
// number (and stands under either link type).
func prism(p *analyzer.Packet, off int) (step, int) {
	const avs, avsMask = 0x80211000, 0xfffff000
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	n := binary.LittleEndian.Uint32(h[4:])
	if be32(h)&avsMask == avs || n > 1<<16 {
		n = be32(h[4:])
	}
	if n < 8 || n > 1<<16 {
		return malformed(p)
	}
	return stepWLAN, off + int(n)
}

// ppi passes over a per-packet information header, which names the link type
// of what follows.
func ppi(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	n := int(binary.LittleEndian.Uint16(h[2:]))
	if h[0] != 0 || n < 8 {
		return malformed(p)
	}
	return linkStep(analyzer.LinkType(binary.LittleEndian.Uint32(h[4:]))), off + n
}

// wlan peels the header of an IEEE 802.11 data frame (§9.3.2.1). Of an
// aggregate (A-MSDU) the first frame is followed, as the packet, and the others
// are counted.
func (d *Decoder) wlan(p *analyzer.Packet, off int) (step, int) {
	const (
		addresses                        = 24
		typeMask, data, noData, qos      = 0x0c, 0x08, 0x40, 0x80
		toDS, fromDS, protected, control = 1, 2, 0x40, 0x80
		aggregate                        = 0x80
	)
	if cut(p, off, 2) {
		return truncated(p)
	}
	h := p.Frame[off:]
	kind, flags := h[0], h[1]
	if kind&typeMask != data || kind&noData != 0 {
		return stepNotIP, off
	}
	n := addresses
	if flags&(toDS|fromDS) == toDS|fromDS {
		n += 6
	}
	service := n
	if kind&qos != 0 {
		if n += 2; flags&control != 0 {
			n += 4
		}
	}
	if len(h) < n {
		return truncated(p)
	}
	switch {
	case flags&protected != 0:
		return stepEncrypted, off
	case h[22]&0x0f != 0: // fragment number
		return end(p, analyzer.SkipFragment)
	}
	body := n
	if d.padded {
		body = (n + 3) &^ 3
	}
	if kind&qos != 0 && h[service]&aggregate != 0 {
		d.aggregated += subframesBehind(p.Frame, off+body)
		body += subframe
	}
	return stepLLC, off + body
}

// subframe is the length of the header of a frame in an aggregate: two
// addresses and a length (IEEE 802.11 §9.3.2.2.2).
const subframe = 14

// subframesBehind returns how many frames stand behind the first one of the
// aggregate at off, as far as it was captured. All but the last are padded to a
// multiple of four octets.
func subframesBehind(b []byte, off int) (n uint64) {
	for off+subframe <= len(b) {
		size := subframe + int(be16(b[off+subframe-2:]))
		if off += (size + 3) &^ 3; off+subframe <= len(b) {
			n++
		}
	}
	return n
}
