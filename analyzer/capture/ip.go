package capture

import (
	"net/netip"

	"github.com/google/gopacket/layers"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Lengths of fixed headers, in octets.
const (
	ipv4Len = 20
	ipv6Len = 40
)

// Protocol numbers (IANA).
const (
	protoHopByHop    = 0 // RFC 8200 §4.3
	protoICMP        = 1
	protoIPv4        = 4 // RFC 2003
	protoTCP         = 6
	protoUDP         = 17
	protoIPv6        = 41  // RFC 4213: 6in4
	protoRouting     = 43  // RFC 8200 §4.4
	protoFragment    = 44  // RFC 8200 §4.5
	protoGRE         = 47  // RFC 2784
	protoESP         = 50  // RFC 4303
	protoAH          = 51  // RFC 4302
	protoMobile      = 55  // RFC 2004: minimal encapsulation
	protoICMPv6      = 58  // RFC 4443
	protoNoNext      = 59  // RFC 8200 §4.7
	protoDestination = 60  // RFC 8200 §4.6
	protoIPIP        = 94  // KA9Q
	protoEtherIP     = 97  // RFC 3378
	protoEncap       = 98  // RFC 1241
	protoIPComp      = 108 // RFC 3173
	protoL2TPv3      = 115 // RFC 3931
	protoMobility    = 135 // RFC 6275
	protoMPLS        = 137 // RFC 4023
	protoHIP         = 139 // RFC 7401
	protoShim6       = 140 // RFC 5533
)

// ipv4 takes the IPv4 header at off (RFC 791 §3.1).
func (d *Decoder) ipv4(p *analyzer.Packet, off int) (step, int) {
	f := p.Frame
	if len(f) < off+ipv4Len {
		return truncated(p)
	}
	h := f[off : off+ipv4Len : off+ipv4Len]
	n := int(h[0]&0x0f) * 4
	total := int(be16(h[2:]))
	if total == 0 {
		// Segmentation offload: the sender's stack left the length to the card.
		total = wireEnd(p) - off
	}
	if h[0]>>4 != 4 || n < ipv4Len || total < n {
		return malformed(p)
	}
	p.IPVersion, p.NetOff, d.routed = 4, off, false
	if err := d.ip4.DecodeFromBytes(d.plainIPv4(h), d.mute); err != nil {
		return malformed(p)
	}
	p.Segment.IPID, p.Segment.HasIPID, p.Segment.TTL = d.ip4.Id, true, d.ip4.TTL
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(d.ip4.SrcIP)), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(d.ip4.DstIP)), 0)
	if len(f) < off+n {
		return truncated(p)
	}
	proto := uint8(d.ip4.Protocol)
	if last := d.ip4.Flags&layers.IPv4MoreFragments == 0; d.ip4.FragOffset != 0 || !last {
		return d.fragment(p, off, off+n, off+total, &piece{
			key:   datagramKey{id: uint32(d.ip4.Id), proto: proto, version: 4},
			proto: proto, from: int(d.ip4.FragOffset) * unit, last: last, head: f[off : off+n], nextAt: 9,
		})
	}
	return d.extensions(p, proto, off+9, off+n, off+total, off)
}

// plainIPv4 returns the fixed header h as one that gopacket takes whatever its
// options and length are.
func (d *Decoder) plainIPv4(h []byte) []byte {
	if h[0] == 0x45 && be16(h[2:]) >= ipv4Len {
		return h
	}
	m := d.scratch[:ipv4Len]
	copy(m, h)
	m[0], m[2], m[3] = 0x45, 0, ipv4Len
	return m
}

// ipv6 takes the IPv6 header at off (RFC 8200 §3).
func (d *Decoder) ipv6(p *analyzer.Packet, off int) (step, int) {
	f := p.Frame
	if len(f) < off+ipv6Len {
		return truncated(p)
	}
	h := f[off : off+ipv6Len : off+ipv6Len]
	if h[0]>>4 != 6 {
		return malformed(p)
	}
	p.IPVersion, p.NetOff, d.routed = 6, off, false
	if err := d.ip6.DecodeFromBytes(d.plainIPv6(h), d.mute); err != nil {
		return malformed(p)
	}
	p.Segment.IPID, p.Segment.HasIPID, p.Segment.TTL = 0, false, d.ip6.HopLimit
	p.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(d.ip6.SrcIP)), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(d.ip6.DstIP)), 0)
	next := h[6]
	until := off + ipv6Len + int(be16(h[4:]))
	if until == off+ipv6Len {
		until = jumboEnd(p, next, off)
	}
	return d.extensions(p, next, off+6, off+ipv6Len, until, off)
}

// plainIPv6 returns the fixed header h as one that gopacket takes: it refuses
// payload length 0, and walks a hop-by-hop header by itself.
func (d *Decoder) plainIPv6(h []byte) []byte {
	if h[6] != protoHopByHop && be16(h[4:]) != 0 {
		return h
	}
	m := d.scratch[:ipv6Len]
	copy(m, h)
	m[4], m[5], m[6] = 0xff, 0xff, protoNoNext
	return m
}

// jumboEnd returns where a packet of payload length 0 ends: by its jumbo
// payload option (RFC 2675 §2), or by the wire length, since Linux leaves the
// length out of large offloaded packets.
func jumboEnd(p *analyzer.Packet, next uint8, off int) int {
	const jumbo, jumboLen = 0xc2, 4
	start := off + ipv6Len
	if next == protoNoNext {
		return start
	}
	if next != protoHopByHop || len(p.Frame) < start+2 {
		return wireEnd(p)
	}
	options := p.Frame[start+2 : min(len(p.Frame), start+8+8*int(p.Frame[start+1]))]
	for len(options) >= 2 {
		if options[0] == 0 { // Pad1
			options = options[1:]
			continue
		}
		n := int(options[1])
		if options[0] == jumbo && n == jumboLen && len(options) >= 2+jumboLen {
			return start + int(be32(options[2:]))
		}
		options = options[min(len(options), 2+n):]
	}
	return wireEnd(p)
}

// extensions walks from off, where a header of protocol next stands, to the
// first that is none of IP's own, through IPv6 extension headers (RFC 8200 §4)
// and AH (RFC 4302). The field that announces it stands at field, the IP
// header at ip; the IP packet ends at until on the wire.
func (d *Decoder) extensions(p *analyzer.Packet, next uint8, field, off, until, ip int) (step, int) {
	d.end = until
	for extends(next, p.IPVersion) {
		n, ok := extensionLen(p, next, off, until)
		if !ok {
			return stop, off
		}
		if next == protoFragment {
			if x := fragment6(p, off); x.from != 0 || !x.last {
				x.head, x.nextAt = p.Frame[ip:off], field-ip
				return d.fragment(p, ip, off+n, until, &x)
			}
		}
		d.routed = d.routed || next == protoRouting && p.Frame[off+3] != 0
		next, field, off = p.Frame[off], off, off+n
	}
	return protoStep(next), off
}

// fragment6 reads the fragment header at off (RFC 8200 §4.5). With offset 0 and
// none to follow the datagram is whole (RFC 6946).
func fragment6(p *analyzer.Packet, off int) piece {
	const more = 1
	h := p.Frame[off:]
	place := be16(h[2:])
	return piece{
		key: datagramKey{id: be32(h[4:]), version: 6}, proto: h[0],
		from: int(place>>3) * unit, last: place&more == 0,
	}
}

// extends reports whether proto is a header that another follows: AH in both IP
// versions, the extension headers in IPv6 only.
func extends(proto uint8, version uint8) bool {
	switch proto {
	case protoTCP:
		return false
	case protoAH:
		return true
	case protoHopByHop, protoRouting, protoDestination,
		protoFragment, protoMobility, protoHIP, protoShim6:
		return version == 6
	default:
		return false
	}
}

// extensionLen returns the length of the extension header at off; ok is false,
// and the reason noted, when it is not whole.
func extensionLen(p *analyzer.Packet, next uint8, off, end int) (n int, ok bool) {
	if end-off < 8 {
		p.Skip = analyzer.SkipMalformed
		return 0, false
	}
	if len(p.Frame) < off+8 {
		p.Skip = analyzer.SkipTruncated
		return 0, false
	}
	switch next {
	case protoFragment:
		n = 8
	case protoAH:
		n = (int(p.Frame[off+1]) + 2) * 4 // RFC 4302 §2.2: in 4-octet units, minus 2
	default:
		n = (int(p.Frame[off+1]) + 1) * 8 // RFC 8200 §4.3: in 8-octet units, the first not counted
	}
	switch {
	case n > end-off:
		p.Skip = analyzer.SkipMalformed
		return 0, false
	case len(p.Frame) < off+n:
		p.Skip = analyzer.SkipTruncated
		return 0, false
	}
	return n, true
}
