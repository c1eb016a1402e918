package capture

import (
	"net/netip"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

const icmpLen = 8

// icmp reads an ICMP error (RFC 792) or ICMPv6 error (RFC 4443 §3) and the TCP
// header that it quotes. The packet brings no segment either way.
func icmp(p *analyzer.Packet, off int, version6 bool) (step, int) {
	if cut(p, off, icmpLen) {
		return stepNotTCP, off
	}
	h := p.Frame[off:]
	e := analyzer.ICMPError{Quotes: true, Version6: version6, Type: h[0], Code: h[1]}
	inner := h[icmpLen:]
	var seg []byte
	if version6 {
		if h[0] < 1 || h[0] > 4 {
			return stepNotTCP, off
		}
		if e.MTU = 0; h[0] == 2 {
			e.MTU = be32(h[4:])
		}
		seg = quoted6(p, inner, &e)
	} else {
		switch h[0] {
		case 3, 4, 11, 12:
		default:
			return stepNotTCP, off
		}
		if h[0] == 3 && h[1] == 4 {
			e.MTU = uint32(be16(h[6:])) // RFC 1191 §4
		}
		seg = quoted4(p, inner, &e)
	}
	if len(seg) >= 8 { // what RFC 792 promises: ports and sequence number
		p.Src = netip.AddrPortFrom(p.Src.Addr(), be16(seg))
		p.Dst = netip.AddrPortFrom(p.Dst.Addr(), be16(seg[2:]))
		e.Seq = statemachine.Seq(be32(seg[4:]))
		p.ICMP = e
	}
	return stepNotTCP, off
}

// quoted4 reads the quoted IPv4 header and returns the TCP header behind it,
// nil when there is none.
func quoted4(p *analyzer.Packet, b []byte, e *analyzer.ICMPError) []byte {
	if len(b) < ipv4Len || b[0]>>4 != 4 {
		return nil
	}
	n := int(b[0]&0x0f) * 4
	if n < ipv4Len || len(b) < n || b[9] != protoTCP || be16(b[6:])&0x1fff != 0 {
		return nil
	}
	e.Len = uint32(be16(b[2:]))
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
	return b[n:]
}

// quoted6 is quoted4 for IPv6, through extension headers.
func quoted6(p *analyzer.Packet, b []byte, e *analyzer.ICMPError) []byte {
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return nil
	}
	e.Len = ipv6Len + uint32(be16(b[4:]))
	src, dst, next := b[8:24], b[24:40], b[6]
	b = b[ipv6Len:]
	for extends(next, 6) {
		if len(b) < 8 {
			return nil
		}
		n := 8
		switch next {
		case protoFragment:
			if be16(b[2:])>>3 != 0 {
				return nil
			}
		case protoAH:
			n = (int(b[1]) + 2) * 4
		default:
			n = (int(b[1]) + 1) * 8
		}
		if len(b) < n {
			return nil
		}
		next, b = b[0], b[n:]
	}
	if next != protoTCP {
		return nil
	}
	p.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(src)), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(dst)), 0)
	return b
}
