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

// Protocol numbers (IANA) that gopacket has no name for.
const (
	protoMobility = 135 // RFC 6275
	protoHIP      = 139 // RFC 7401
	protoShim6    = 140 // RFC 5533
	protoL2TPv3   = 115 // RFC 3931
)

// UDP ports whose payload is another packet: VXLAN (RFC 7348, and Linux's old
// port), Geneve (RFC 8926), GTP-U.
const (
	portVXLAN    = 4789
	portVXLANOld = 8472
	portGeneve   = 6081
	portGTPU     = 2152
)

// ipv4 takes the IPv4 header at off (RFC 791 §3.1).
func (d *Decoder) ipv4(p *analyzer.Packet, off int) {
	f := p.Frame
	if len(f) < off+ipv4Len {
		p.Skip = analyzer.SkipTruncated
		return
	}
	h := f[off : off+ipv4Len : off+ipv4Len]
	n := int(h[0]&0x0f) * 4
	total := int(be16(h[2:]))
	if total == 0 {
		// Segmentation offload: the sender's stack left the length to the card.
		total = wireEnd(p) - off
	}
	if h[0]>>4 != 4 || n < ipv4Len || total < n {
		p.Skip = analyzer.SkipMalformed
		return
	}
	p.IPVersion, p.NetOff = 4, off
	if err := d.ip4.DecodeFromBytes(d.plainIPv4(h), d.mute); err != nil {
		p.Skip = analyzer.SkipMalformed
		return
	}
	p.Segment.IPID, p.Segment.HasIPID, p.Segment.TTL = d.ip4.Id, true, d.ip4.TTL
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(d.ip4.SrcIP)), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(d.ip4.DstIP)), 0)
	if len(f) < off+n {
		p.Skip = analyzer.SkipTruncated
		return
	}
	if d.ip4.FragOffset != 0 {
		p.Skip = laterFragment(d.ip4.Protocol)
		return
	}
	p.Fragment = d.ip4.Flags&layers.IPv4MoreFragments != 0
	d.transport(p, d.ip4.Protocol, off+n, off+total)
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
func (d *Decoder) ipv6(p *analyzer.Packet, off int) {
	f := p.Frame
	if len(f) < off+ipv6Len {
		p.Skip = analyzer.SkipTruncated
		return
	}
	h := f[off : off+ipv6Len : off+ipv6Len]
	if h[0]>>4 != 6 {
		p.Skip = analyzer.SkipMalformed
		return
	}
	p.IPVersion, p.NetOff = 6, off
	if err := d.ip6.DecodeFromBytes(d.plainIPv6(h), d.mute); err != nil {
		p.Skip = analyzer.SkipMalformed
		return
	}
	p.Segment.TTL = d.ip6.HopLimit
	p.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(d.ip6.SrcIP)), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(d.ip6.DstIP)), 0)
	next := layers.IPProtocol(h[6])
	end := off + ipv6Len + int(be16(h[4:]))
	if end == off+ipv6Len {
		end = d.jumboEnd(p, next, off)
	}
	d.transport(p, next, off+ipv6Len, end)
}

// plainIPv6 returns the fixed header h as one that gopacket takes: it refuses
// payload length 0, and walks a hop-by-hop header by itself.
func (d *Decoder) plainIPv6(h []byte) []byte {
	if h[6] != byte(layers.IPProtocolIPv6HopByHop) && be16(h[4:]) != 0 {
		return h
	}
	m := d.scratch[:ipv6Len]
	copy(m, h)
	m[4], m[5], m[6] = 0xff, 0xff, byte(layers.IPProtocolNoNextHeader)
	return m
}

// jumboEnd returns where a packet of payload length 0 ends: by its jumbo
// payload option (RFC 2675 §2), or by the wire length, since Linux leaves the
// length out of large offloaded packets.
func (d *Decoder) jumboEnd(p *analyzer.Packet, next layers.IPProtocol, off int) int {
	const jumbo, jumboLen = 0xc2, 4
	start := off + ipv6Len
	if next == layers.IPProtocolNoNextHeader {
		return start
	}
	if next != layers.IPProtocolIPv6HopByHop || len(p.Frame) < start+2 {
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

// transport walks from off, where a header of protocol next stands, to the TCP
// header, through IPv6 extension headers (RFC 8200 §4) and AH (RFC 4302). The
// IP packet ends at end on the wire.
func (d *Decoder) transport(p *analyzer.Packet, next layers.IPProtocol, off, end int) {
	for extends(next, p.IPVersion) {
		n, ok := extensionLen(p, next, off, end)
		if !ok || next == layers.IPProtocolIPv6Fragment && !fragment(p, off) {
			return
		}
		next, off = layers.IPProtocol(p.Frame[off]), off+n
	}
	switch next { //nolint:exhaustive // the numbers of an open registry
	case layers.IPProtocolTCP:
		d.segment(p, off, end)
	case layers.IPProtocolIPv4, layers.IPProtocolIPv6, layers.IPProtocolGRE, layers.IPProtocolEtherIP,
		layers.IPProtocolIPIP, layers.IPProtocolMPLSInIP, protoL2TPv3:
		p.Skip = analyzer.SkipTunnel
	case layers.IPProtocolUDP:
		p.Skip = udpTunnel(p, off)
	default:
		p.Skip = analyzer.SkipNotTCP
	}
}

// extends reports whether proto is a header that another follows: AH in both IP
// versions, the extension headers in IPv6 only.
func extends(proto layers.IPProtocol, version uint8) bool {
	switch proto { //nolint:exhaustive // the numbers of an open registry
	case layers.IPProtocolTCP:
		return false
	case layers.IPProtocolAH:
		return true
	case layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Routing, layers.IPProtocolIPv6Destination,
		layers.IPProtocolIPv6Fragment, protoMobility, protoHIP, protoShim6:
		return version == 6
	default:
		return false
	}
}

// extensionLen returns the length of the extension header at off; ok is false,
// and the reason noted, when it is not whole.
func extensionLen(p *analyzer.Packet, next layers.IPProtocol, off, end int) (n int, ok bool) {
	if end-off < 8 {
		p.Skip = analyzer.SkipMalformed
		return 0, false
	}
	if len(p.Frame) < off+8 {
		p.Skip = analyzer.SkipTruncated
		return 0, false
	}
	switch next { //nolint:exhaustive // the numbers of an open registry
	case layers.IPProtocolIPv6Fragment:
		n = 8
	case layers.IPProtocolAH:
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

// fragment reads the fragment header at off (RFC 8200 §4.5) and reports whether
// the packet goes on with its transport header: in a first fragment, and in an
// atomic one (RFC 6946).
func fragment(p *analyzer.Packet, off int) bool {
	const more = 1
	field := be16(p.Frame[off+2:])
	if field>>3 != 0 {
		p.Skip = laterFragment(layers.IPProtocol(p.Frame[off]))
		return false
	}
	if field&more != 0 {
		p.Fragment = true
	}
	return true
}

// laterFragment returns the reason for skipping a fragment other than the
// first, whose protocol is proto: only of TCP is anything missed.
func laterFragment(proto layers.IPProtocol) analyzer.Skip {
	if proto == layers.IPProtocolUDP || proto == layers.IPProtocolICMPv4 || proto == layers.IPProtocolICMPv6 {
		return analyzer.SkipNotTCP
	}
	return analyzer.SkipFragment
}

// udpTunnel tells UDP with another packet inside from other UDP, by the
// destination port at off.
func udpTunnel(p *analyzer.Packet, off int) analyzer.Skip {
	if len(p.Frame) < off+4 {
		return analyzer.SkipNotTCP
	}
	switch be16(p.Frame[off+2:]) {
	case portVXLAN, portVXLANOld, portGeneve, portGTPU:
		return analyzer.SkipTunnel
	}
	return analyzer.SkipNotTCP
}
