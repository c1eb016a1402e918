package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
)

// This file peels what carries packets over IP and UDP. The headers are a few
// octets each and are read here: gopacket's decoders of them allocate, panic
// when they are cut (GRE, ERSPAN), or misread them (Geneve, ERSPAN I and III).

// UDP ports whose payload is another packet (IANA, unless noted).
const (
	portL2TP     = 1701  // RFC 2661
	portGTPU     = 2152  // 3GPP TS 29.281
	portTeredo   = 3544  // RFC 4380
	portGRE      = 4754  // RFC 8086
	portVXLAN    = 4789  // RFC 7348
	portVXLANGPE = 4790  //
	portAYIYA    = 5072  // SixXS
	portGeneve   = 6081  // RFC 8926
	portMPLS     = 6635  // RFC 7510
	portVXLANOld = 8472  // Linux before the port was assigned
	portTZSP     = 37008 // what sniffers send, not assigned
)

// GRE protocol types that are no EtherTypes.
const (
	greERSPAN3 = 0x22eb
	greAruba   = 0x8200 // and 8210, 8220 …: 802.11 frames by the access point's number
	grePPP     = 0x880b // RFC 2637
	greWCCP    = 0x883e
	greERSPAN  = 0x88be
)

const udpLen = 8

// into notes that what follows is inside a tunnel of the IP packet reached
// last. Inner flows are kept apart by their tunnels, so id must be the same
// in both directions: network and session numbers are, numbers that each
// receiver chooses for itself (GTP-U's, L2TP's, PPTP's) are not and count 0.
func into(p *analyzer.Packet, kind string, id uint32) {
	a, b := p.Src.Addr().As16(), p.Dst.Addr().As16()
	if p.Dst.Addr().Less(p.Src.Addr()) {
		a, b = b, a
	}
	p.Tunnelled = true
	p.Tunnel = mix(mix(within(p.Tunnel, kind, id), a[:]), b[:])
}

// within mixes a network's or session's number into the tunnel's identity.
func within(tunnel uint64, kind string, id uint32) uint64 {
	const offset = 14695981039346656037 // FNV-1a's
	if tunnel == 0 {
		tunnel = offset
	}
	for i := range len(kind) {
		tunnel = mixOctet(tunnel, kind[i])
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], id)
	return mix(tunnel, b[:])
}

// mix is FNV-1a.
func mix(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = mixOctet(h, c)
	}
	return h
}

func mixOctet(h uint64, c byte) uint64 { return (h ^ uint64(c)) * 1099511628211 }

// udp tells UDP with another packet inside from other UDP, by its ports.
func udp(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, udpLen) {
		return stepNotTCP, off
	}
	s := udpStep(be16(p.Frame[off+2:]))
	if s == stepNotTCP {
		s = udpStep(be16(p.Frame[off:]))
	}
	return s, off + udpLen
}

// ipInIP takes an IP packet right behind another one's header (RFC 2003, RFC
// 4213). Routers of 6to4 (RFC 3056) answer from other addresses than were
// asked, so there the outer addresses do not tell flows apart.
func ipInIP(p *analyzer.Packet, off int) (step, int) {
	if !cut(p, off, ipv6Len) && p.Frame[off]>>4 == 6 && (is6to4(p.Frame[off+8:]) || is6to4(p.Frame[off+24:])) {
		p.Tunnelled = true
		p.Tunnel = within(p.Tunnel, "6to4", 0)
		return stepIPv6, off
	}
	into(p, "ip", 0)
	return stepIP, off
}

// is6to4 reports an address of 2002::/16.
func is6to4(b []byte) bool { return be16(b) == 0x2002 }

// gre peels GRE (RFC 2784, with RFC 2890's key and sequence number, RFC 1701's
// routing, RFC 2637's version 1, RFC 7637's NVGRE).
func gre(p *analyzer.Packet, off int) (step, int) {
	const checksum, routing, key, sequence, ack, version = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080, 7
	if cut(p, off, 4) {
		return truncated(p)
	}
	flags, proto := be16(p.Frame[off:]), be16(p.Frame[off+2:])
	if flags&version > 1 {
		return malformed(p)
	}
	next, id := off+4, uint32(0)
	if flags&(checksum|routing) != 0 {
		next += 4
	}
	if flags&key != 0 {
		if cut(p, next, 4) {
			return truncated(p)
		}
		if id = be32(p.Frame[next:]); proto == etherTEB {
			id >>= 8 // NVGRE: the last octet is a flow's, the rest the network's
		}
		next += 4
	}
	if flags&sequence != 0 {
		next += 4
	}
	if flags&version == 1 {
		if flags&ack != 0 {
			next += 4
		}
		into(p, "pptp", 0)
		return stepPPPProtocol, next
	}
	if flags&routing != 0 {
		var ok bool
		if next, ok = greRouting(p, next); !ok {
			return truncated(p)
		}
	}
	into(p, "gre", id)
	return greStep(proto, flags&sequence != 0), next
}

// greRouting passes over source route entries up to the empty one (RFC 1701).
func greRouting(p *analyzer.Packet, off int) (next int, ok bool) {
	for !cut(p, off, 4) {
		n := int(p.Frame[off+3])
		empty := n == 0 && be16(p.Frame[off:]) == 0
		if off += 4 + n; empty {
			return off, true
		}
	}
	return off, false
}

// mplsInIP begins MPLS right behind an IP or UDP header (RFC 4023, RFC 7510).
func mplsInIP(p *analyzer.Packet, off int) (step, int) {
	into(p, "mpls", 0)
	return stepMPLS, off
}

// etherIP peels EtherIP's version (RFC 3378).
func etherIP(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 2) {
		return truncated(p)
	}
	if p.Frame[off]>>4 != 3 {
		return malformed(p)
	}
	into(p, "etherip", 0)
	return stepEthernet, off + 2
}

// erspan peels an ERSPAN header of n octets: type II has 8, type III 12 and
// perhaps 8 more.
func erspan(p *analyzer.Packet, off, n int) (step, int) {
	const sessionMask, platform = 0x3ff, 1
	if cut(p, off, n) {
		return truncated(p)
	}
	p.Tunnel = within(p.Tunnel, "erspan", uint32(be16(p.Frame[off+2:])&sessionMask))
	if n == 12 && p.Frame[off+11]&platform != 0 {
		n += 8
	}
	return stepEthernet, off + n
}

// wccp peels the redirect header that WCCPv2 puts before the IP packet.
func wccp(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 4) {
		return truncated(p)
	}
	if p.Frame[off]>>4 != 4 {
		off += 4
	}
	return stepIPv4, off
}

// vxlan peels VXLAN (RFC 7348 §5), whose reserved bits are not looked at, and
// its generic protocol extension.
func vxlan(p *analyzer.Packet, off int, generic bool) (step, int) {
	const valid, typed = 0x08, 0x04
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if h[0]&valid == 0 {
		return stepNotTCP, off
	}
	into(p, "vxlan", be32(h[4:])>>8)
	if !generic || h[0]&typed == 0 {
		return stepEthernet, off + 8
	}
	return genericStep(h[3]), off + 8
}

// genericStep returns the step of the next-protocol numbers that VXLAN-GPE and
// NSH share (RFC 8300 §2.2).
func genericStep(proto uint8) step {
	switch proto {
	case 1:
		return stepIPv4
	case 2:
		return stepIPv6
	case 3:
		return stepEthernet
	case 4:
		return stepNSH
	case 5:
		return stepMPLS
	}
	return stepTunnel
}

// geneve peels Geneve with its options (RFC 8926 §3.4).
func geneve(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if h[0]>>6 != 0 {
		return stepNotTCP, off
	}
	into(p, "geneve", be32(h[4:])>>8)
	return etherStep(be16(h[2:])), off + 8 + int(h[0]&0x3f)*4
}

// gtpu peels GTP version 1 with its extension headers (3GPP TS 29.281 §5). The
// tunnel endpoint identifiers differ between the directions.
func gtpu(p *analyzer.Packet, off int) (step, int) {
	const user, extended, more = 255, 0x04, 0x07
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if h[0]>>4 != 3 || h[1] != user { // version 1, GTP; not its own messages
		return stepNotTCP, off
	}
	next := off + 8
	if h[0]&more != 0 {
		next += 4
	}
	for more := h[0]&extended != 0; more; {
		if cut(p, next-1, 2) {
			return truncated(p)
		}
		if p.Frame[next-1] == 0 {
			break
		}
		n := int(p.Frame[next]) * 4
		if n == 0 {
			return malformed(p)
		}
		next += n
	}
	into(p, "gtp", 0)
	return stepIP, next
}

// teredo peels Teredo's indications (RFC 4380 §5.1.1). Its relays are chosen
// by each side, so outer addresses do not tell flows apart.
func teredo(p *analyzer.Packet, off int) (step, int) {
	const authentication, origin, originLen = 1, 0, 8
	if !cut(p, off, 4) && be16(p.Frame[off:]) == authentication {
		off += 13 + int(p.Frame[off+2]) + int(p.Frame[off+3])
	}
	if !cut(p, off, 2) && be16(p.Frame[off:]) == origin {
		off += originLen
	}
	if cut(p, off, 1) || p.Frame[off]>>4 != 6 {
		return stepNotTCP, off
	}
	p.Tunnelled = true
	p.Tunnel = within(p.Tunnel, "teredo", 0)
	return stepIPv6, off
}

// l2tp peels L2TP version 2 (RFC 2661 §3.1); its control messages hold no
// packet.
func l2tp(p *analyzer.Packet, off int) (step, int) {
	const control, length, sequence, offset, version = 0x8000, 0x4000, 0x0800, 0x0200, 0x0f
	if cut(p, off, 6) {
		return truncated(p)
	}
	flags := be16(p.Frame[off:])
	if flags&version != 2 || flags&control != 0 {
		return stepNotTCP, off
	}
	next := off + 6
	if flags&length != 0 {
		next += 2
	}
	if flags&sequence != 0 {
		next += 4
	}
	if flags&offset != 0 {
		if cut(p, next, 2) {
			return truncated(p)
		}
		next += 2 + int(be16(p.Frame[next:]))
	}
	if cut(p, next, 1) {
		return truncated(p)
	}
	into(p, "l2tp", 0)
	return stepPPP, next
}

// ayiya peels Anything In Anything with its identity and signature.
func ayiya(p *analyzer.Packet, off int) (step, int) {
	const forward = 1
	if cut(p, off, 8) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if h[2]&0x0f != forward || h[3] != protoIPv6 && h[3] != protoIPv4 {
		return stepNotTCP, off
	}
	into(p, "ayiya", 0)
	return stepIP, off + 8 + 1<<(h[0]>>4) + int(h[1]>>4)*4
}

// tzsp peels the TaZmen sniffer protocol with its tagged fields.
func tzsp(p *analyzer.Packet, off int) (step, int) {
	const version, received, padding, last = 1, 0, 0, 1
	if cut(p, off, 4) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if h[0] != version || h[1] != received {
		return stepNotTCP, off
	}
	into(p, "tzsp", 0)
	next := off + 4
	for !cut(p, next, 1) {
		switch t := p.Frame[next]; {
		case t == last:
			return tzspStep(be16(h[2:])), next + 1
		case t == padding:
			next++
		case cut(p, next, 2):
			return truncated(p)
		default:
			next += 2 + int(p.Frame[next+1])
		}
	}
	return truncated(p)
}

// tzspStep returns the step of TZSP's numbers for what it carries.
func tzspStep(proto uint16) step {
	switch proto {
	case 1:
		return stepEthernet
	case 18:
		return stepWLAN
	case 119, 127:
		return linkStep(analyzer.LinkType(proto))
	}
	return stepTunnel
}
