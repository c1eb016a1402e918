package capture

import "github.com/tcpstate/tcpstate/analyzer"

// This file peels what stands between a link layer's header and IP.

// mpls peels a label stack (RFC 3032 §2.1). What follows it is not said: IP by
// its version nibble; 0 is a pseudowire's control word (RFC 4385 §3) before an
// Ethernet frame, and all else such a frame without one. Labels differ between
// the directions, so they do not tell flows apart.
func mpls(p *analyzer.Packet, off int) (step, int) {
	const labelLen, bottom, controlLen, associated = 4, 1, 4, 1
	for {
		if cut(p, off, labelLen+1) {
			return truncated(p)
		}
		last := p.Frame[off+2]&bottom != 0
		if off += labelLen; last {
			break
		}
	}
	switch p.Frame[off] >> 4 {
	case 4, 6:
		return stepIP, off
	case 0:
		return stepEthernet, off + controlLen
	case associated: // RFC 4385 §5: not a packet of a customer
		return stepNotIP, off
	default:
		return stepEthernet, off
	}
}

// pppoe peels the header of a PPPoE session (RFC 2516 §4).
func pppoe(p *analyzer.Packet, off int) (step, int) {
	const headLen, session = 6, 0
	if cut(p, off, headLen) {
		return truncated(p)
	}
	h := p.Frame[off:]
	if h[0] != 0x11 {
		return malformed(p)
	}
	if h[1] != session {
		return stepNotIP, off
	}
	p.Tunnel = within(p.Tunnel, "pppoe", uint32(be16(h[2:])))
	return stepPPPProtocol, off + headLen
}

// pbb peels the I-tag of provider backbone bridging (IEEE 802.1ah §9.7), before
// the customer's frame.
func pbb(p *analyzer.Packet, off int) (step, int) {
	const itagLen, serviceMask = 4, 0xffffff
	if cut(p, off, itagLen) {
		return truncated(p)
	}
	p.Tunnel = within(p.Tunnel, "pbb", be32(p.Frame[off:])&serviceMask)
	return stepEthernet, off + itagLen
}

// tag peels a tag of n octets and the EtherType behind it: VN-tag, E-tag (IEEE
// 802.1BR §7.3).
func tag(p *analyzer.Packet, off, n int) (step, int) {
	if cut(p, off, n+2) {
		return truncated(p)
	}
	return etherOrLLC(be16(p.Frame[off+n:])), off + n + 2
}

// macsec peels the security tag where it protects but does not encrypt (IEEE
// 802.1AE §9.3).
func macsec(p *analyzer.Packet, off int) (step, int) {
	const channel, encrypted, changed = 0x20, 0x08, 0x04
	if cut(p, off, 1) {
		return truncated(p)
	}
	n, control := 6, p.Frame[off]
	if control&channel != 0 {
		n += 8
	}
	if control&(encrypted|changed) != 0 {
		return stepEncrypted, off
	}
	return tag(p, off, n)
}

// trill peels TRILL's header with its options (RFC 6325 §3).
func trill(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 6) {
		return truncated(p)
	}
	options := int(be16(p.Frame[off:])>>6&0x1f) * 4
	return stepEthernet, off + 6 + options
}

// nsh peels a network service header (RFC 8300 §2).
func nsh(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 8) {
		return truncated(p)
	}
	n := int(p.Frame[off+1]&0x3f) * 4
	if n < 8 {
		return malformed(p)
	}
	return genericStep(p.Frame[off+3]), off + n
}
