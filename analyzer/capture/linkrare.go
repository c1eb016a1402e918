package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
)

// This file peels link layers that are met seldom.

// tokenRing peels IEEE 802.5 with its route, which a source address with the
// group bit announces.
func tokenRing(p *analyzer.Packet, off int) (step, int) {
	const headLen, source, routed, lengthMask = 14, 8, 0x80, 0x1f
	if cut(p, off, headLen+1) {
		return truncated(p)
	}
	h := p.Frame[off:]
	n := headLen
	if h[source]&routed != 0 {
		n += int(h[headLen] & lengthMask)
	}
	return stepLLC, off + n
}

// fddi peels FDDI's frame control and addresses; only its LLC frames hold
// packets.
func fddi(p *analyzer.Packet, off int) (step, int) {
	const headLen, classMask, logicalLink = 13, 0xf0, 0x50
	if cut(p, off, headLen) {
		return truncated(p)
	}
	if p.Frame[off]&classMask != logicalLink {
		return stepNotIP, off
	}
	return stepLLC, off + headLen
}

// Network layer protocol identifiers (ISO 9577, RFC 2427 §4).
const (
	nlpidSNAP = 0x80
	nlpidIPv6 = 0x8e
	nlpidIPv4 = 0xcc
	nlpidPPP  = 0xcf
)

// frameRelay peels a Q.922 address of two to four octets, and behind it either
// RFC 2427's control field and protocol identifier or Cisco's EtherType.
func frameRelay(p *analyzer.Packet, off int) (step, int) {
	const last, maxAddress, unnumbered = 1, 4, 0x03
	n := 0
	for {
		if cut(p, off+n, 1) {
			return truncated(p)
		}
		if n++; p.Frame[off+n-1]&last != 0 {
			break
		}
		if n == maxAddress {
			return malformed(p)
		}
	}
	off += n
	if n < 2 {
		return malformed(p)
	}
	if cut(p, off, 3) {
		return truncated(p)
	}
	if p.Frame[off] != unnumbered {
		return etherStep(be16(p.Frame[off:])), off + 2
	}
	if off++; p.Frame[off] == 0 { // padding
		off++
	}
	switch p.Frame[off] {
	case nlpidIPv4:
		return stepIPv4, off + 1
	case nlpidIPv6:
		return stepIPv6, off + 1
	case nlpidPPP:
		return stepPPPProtocol, off + 1
	case nlpidSNAP:
		return snap(p, off+1)
	}
	return stepNotIP, off
}

// snap peels an organisation's number and a protocol of it (IEEE 802); for
// organisation 0 that is an EtherType, for RFC 2427's a bridged frame.
func snap(p *analyzer.Packet, off int) (step, int) {
	const bridging, withFCS, withoutFCS = 0x0080c2, 1, 7
	if cut(p, off, 5) {
		return truncated(p)
	}
	oui, proto := be32(p.Frame[off:])>>8, be16(p.Frame[off+3:])
	switch {
	case oui == 0:
		return etherStep(proto), off + 5
	case oui == bridging && (proto == withFCS || proto == withoutFCS):
		return stepEthernet, off + 5
	}
	return stepNotIP, off
}

// nflog finds the packet among the attributes of a netfilter log record, which
// are in the byte order of the machine that wrote them.
func nflog(p *analyzer.Packet, off int) (step, int) {
	const headLen, attributeLen, payload, typeMask = 4, 4, 9, 0x7fff
	if cut(p, off, headLen+attributeLen) {
		return truncated(p)
	}
	off += headLen
	var order binary.ByteOrder = binary.LittleEndian
	if n := int(order.Uint16(p.Frame[off:])); n < attributeLen || cut(p, off, n) {
		order = binary.BigEndian
	}
	for !cut(p, off, attributeLen) {
		n, kind := int(order.Uint16(p.Frame[off:])), order.Uint16(p.Frame[off+2:])&typeMask
		if n < attributeLen {
			return malformed(p)
		}
		if kind == payload {
			return stepIP, off + attributeLen
		}
		off += (n + 3) &^ 3
	}
	return stepNotIP, off
}

// juniper peels the header of captures taken on Juniper routers, before an
// Ethernet frame or, where it says that there is none, before IP.
func juniper(p *analyzer.Packet, off int) (step, int) {
	const magic, extended, noLink = 0x4d4743, 0x80, 0x02
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if be32(h)>>8 != magic {
		return malformed(p)
	}
	n := 4
	if h[3]&extended != 0 {
		n += 2 + int(be16(h[4:]))
	}
	if h[3]&noLink == 0 {
		return stepEthernet, off + n
	}
	return stepIP, off + n + 4
}

// pflog peels OpenBSD's packet filter log, whose first octet is its length and
// second the address family.
func pflog(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 2) {
		return truncated(p)
	}
	h := p.Frame[off:]
	return family(uint32(h[1])), off + (int(h[0])+3)&^3
}

// enc peels the header of OpenBSD's enc interface: family, SPI, flags.
func enc(p *analyzer.Packet, off int) (step, int) {
	const encLen = 12
	if cut(p, off, encLen) {
		return truncated(p)
	}
	return family(be32(p.Frame[off:])), off + encLen
}

// pktap peels the header of Apple's pktap interface: its own length, then what
// follows, then the link type of the packet.
func pktap(p *analyzer.Packet, off int) (step, int) {
	const minLen, packet = 12, 1
	if cut(p, off, minLen) {
		return truncated(p)
	}
	h := p.Frame[off:]
	n := binary.LittleEndian.Uint32(h)
	if n < minLen || n > 1<<16 {
		return malformed(p)
	}
	if binary.LittleEndian.Uint32(h[4:]) != packet {
		return stepNotIP, off
	}
	return linkStep(analyzer.LinkType(binary.LittleEndian.Uint32(h[8:]))), off + int(n)
}
