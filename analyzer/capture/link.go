package capture

import (
	"github.com/google/gopacket/layers"

	"github.com/tcpstate/tcpstate/analyzer"
)

// EtherTypes (IEEE registry).
const (
	etherIPv4      = 0x0800
	etherVLAN      = 0x8100 // IEEE 802.1Q
	etherIPv6      = 0x86dd
	etherMPLS      = 0x8847 // RFC 5332
	etherMPLSMulti = 0x8848
	etherPPPoE     = 0x8864 // RFC 2516
	etherQinQ      = 0x88a8 // IEEE 802.1ad
	etherVLAN9100  = 0x9100 // stacked VLAN before IEEE 802.1ad
	etherVLAN9200  = 0x9200 // likewise
	etherTEB       = 0x6558 // transparent Ethernet bridging
	etherNSH       = 0x894f // RFC 8300
	etherTRILL     = 0x22f3 // RFC 6325
	etherMACsec    = 0x88e5 // IEEE 802.1AE
	etherPBB       = 0x88e7 // IEEE 802.1ah
	etherVNTag     = 0x8926 // Cisco VN-tag
	etherETag      = 0x893f // IEEE 802.1BR
	maxLength8023  = 1500   // up to here the type field is IEEE 802.3's length
)

// PPP protocol numbers (IANA, RFC 1661 §2).
const (
	pppIPv4      = 0x0021
	pppIPv6      = 0x0057 // RFC 5072
	pppMultilink = 0x003d // RFC 1990
	pppMPLS      = 0x0281 // RFC 3032
	pppMPLSMulti = 0x0283
	pppBridging  = 0x0031 // RFC 3518
	pppEncrypted = 0x0053 // RFC 1968
	pppPacked    = 0x00fd // compressed datagram, RFC 1962; MPPE's too
)

// Lengths of link headers, in octets.
const (
	ethernetLen = 14
	vlanLen     = 4
	sllLen      = 16
	sll2Len     = 20
	nullLen     = 4
	chdlcLen    = 4
)

// decodes reports whether a link type is decoded at all.
func decodes(l analyzer.LinkType) bool { return linkStep(l) != stepLink }

// ethernet peels an Ethernet II or IEEE 802.3 header at off.
func (d *Decoder) ethernet(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, ethernetLen) {
		return truncated(p)
	}
	// The header alone: with a payload gopacket would cut it by the 802.3 length.
	if err := d.eth.DecodeFromBytes(p.Frame[off:off+ethernetLen], d.mute); err != nil {
		return malformed(p)
	}
	t := uint16(d.eth.EthernetType)
	if d.eth.EthernetType == layers.EthernetTypeLLC {
		t = be16(p.Frame[off+12:])
	}
	return etherOrLLC(t), off + ethernetLen
}

// vlanTag peels an IEEE 802.1Q tag.
func (d *Decoder) vlanTag(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, vlanLen) {
		return truncated(p)
	}
	if err := d.vlan.DecodeFromBytes(p.Frame[off:off+vlanLen], d.mute); err != nil {
		return malformed(p)
	}
	return etherOrLLC(uint16(d.vlan.Type)), off + vlanLen
}

// llc peels IEEE 802.2 LLC at off, with SNAP behind it (RFC 1042).
func llc(p *analyzer.Packet, off int) (step, int) {
	const (
		llcLen, snapLen = 3, 5
		sapSNAP, sapIP  = 0xaa, 0x06
		unnumbered      = 0x03
	)
	f := p.Frame
	if cut(p, off, llcLen) {
		return truncated(p)
	}
	dsap, ssap, control := f[off], f[off+1], f[off+2]
	switch {
	case dsap == sapIP && ssap == sapIP && control == unnumbered:
		return stepIPv4, off + llcLen
	case dsap == sapSNAP && ssap == sapSNAP && control == unnumbered:
		if cut(p, off, llcLen+snapLen) {
			return truncated(p)
		}
		oui := uint32(f[off+3])<<16 | uint32(f[off+4])<<8 | uint32(f[off+5])
		t := be16(f[off+6:])
		// OUI 0 and 0000f8 announce an EtherType; a length in its place is none.
		if (oui != 0 && oui != 0x0000f8) || t <= maxLength8023 {
			return stepNotIP, off
		}
		return etherStep(t), off + llcLen + snapLen
	default:
		return stepNotIP, off
	}
}

// cooked peels a Linux cooked header of n octets, which tells its version: in
// the first the protocol stands at the end, in the second at the beginning.
// gopacket knows version 1 only, and panics at an address length that points
// beyond the frame; version 2 (LINKTYPE 276) does not fit its eight bits.
func cooked(p *analyzer.Packet, off, n int) (step, int) {
	if cut(p, off, n) {
		return truncated(p)
	}
	next := off + n
	if n == sllLen {
		off = next - 2
	}
	const protoLLC = 4 // 802.2 follows
	switch t := be16(p.Frame[off:]); {
	case t == protoLLC:
		return stepLLC, next
	case t <= maxLength8023:
		return stepNotIP, next
	default:
		return etherStep(t), next
	}
}

// raw takes an IP header at off by its version nibble.
func raw(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 1) {
		return truncated(p)
	}
	switch p.Frame[off] >> 4 {
	case 4:
		return stepIPv4, off
	case 6:
		return stepIPv6, off
	default:
		return stepNotIP, off
	}
}

// loopback peels the address family of BSD loopback captures, which stands in
// the byte order of the machine that wrote it (LINKTYPE_NULL) or in network
// byte order (LINKTYPE_LOOP); families are small, so either is recognised.
func loopback(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, nullLen) {
		return truncated(p)
	}
	return family(be32(p.Frame[off:])), off + nullLen
}

// family returns the step of an address family in either byte order.
func family(f uint32) step {
	if f > 0xffff {
		f = f>>24 | f>>8&0xff00 | f<<8&0xff0000 | f<<24
	}
	switch f {
	case 2: // AF_INET everywhere
		return stepIPv4
	case 10, 24, 28, 30: // AF_INET6 of Linux; NetBSD, OpenBSD; FreeBSD; macOS
		return stepIPv6
	default:
		return stepNotIP
	}
}

// ppp peels PPP with or without address and control fields (RFC 1662 §3.1),
// which some writers replace by the direction.
func ppp(p *analyzer.Packet, off int) (step, int) {
	if f := p.Frame; !cut(p, off, 2) && f[off+1] == 0x03 && (f[off] == 0xff || f[off] <= 1) {
		off += 2
	}
	return stepPPPProtocol, off
}

// pppHDLC peels PPP in HDLC-like framing; Cisco HDLC under the same link type
// is told by its address field.
func pppHDLC(p *analyzer.Packet, off int) (step, int) {
	f := p.Frame[min(off, len(p.Frame)):]
	switch {
	case len(f) >= 1 && (f[0] == 0x0f || f[0] == 0x8f):
		return stepCiscoHDLC, off
	case len(f) >= 2 && f[0] == 0xff:
		return stepPPPProtocol, off + 2
	default:
		return stepPPPProtocol, off
	}
}

// pppProtocol goes on behind the PPP protocol field at off, which is one octet
// where its low bit is set (RFC 1661 §2).
func pppProtocol(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, 1) {
		return truncated(p)
	}
	f := p.Frame[off:]
	if f[0] == 0xff && len(f) > 1 && f[1] == 3 { // RFC 1661 §2: never a protocol; the fields of HDLC
		off, f = off+2, f[2:]
		if len(f) == 0 {
			return truncated(p)
		}
	}
	proto, n := uint16(f[0]), 1
	if f[0]&1 == 0 {
		if len(f) < 2 {
			return truncated(p)
		}
		proto, n = be16(f), 2
	}
	switch proto {
	case pppIPv4:
		return stepIPv4, off + n
	case pppIPv6:
		return stepIPv6, off + n
	case pppMPLS, pppMPLSMulti:
		return stepMPLS, off + n
	case pppMultilink, pppBridging:
		return stepTunnel, off
	case pppEncrypted, pppPacked:
		return stepEncrypted, off
	default:
		return stepNotIP, off
	}
}

// ciscoHDLC peels address, control and an EtherType.
func ciscoHDLC(p *analyzer.Packet, off int) (step, int) {
	if cut(p, off, chdlcLen) {
		return truncated(p)
	}
	return etherStep(be16(p.Frame[off+2:])), off + chdlcLen
}
