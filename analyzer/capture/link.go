package capture

import (
	"github.com/google/gopacket/layers"

	"github.com/tcpstate/tcpstate/analyzer"
)

// EtherTypes that gopacket has no name for or wires differently.
const (
	etherVLAN9100 = 0x9100 // stacked VLAN before IEEE 802.1ad
	etherVLAN9200 = 0x9200 // likewise
	etherTEB      = 0x6558 // transparent Ethernet bridging
	etherNSH      = 0x894f // RFC 8300
	etherTRILL    = 0x22f3 // RFC 6325
	etherMACsec   = 0x88e5 // IEEE 802.1AE
	etherPBB      = 0x88e7 // IEEE 802.1ah
	etherVNTag    = 0x8926 // Cisco VN-tag
	etherETag     = 0x893f // IEEE 802.1BR
	maxLength8023 = 1500   // up to here the type field is IEEE 802.3's length
)

// PPP protocol numbers (IANA, RFC 1661 §2).
const (
	pppIPv4      = 0x0021
	pppIPv6      = 0x0057 // RFC 5072
	pppMultilink = 0x003d // RFC 1990
	pppMPLS      = 0x0281 // RFC 3032
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
func decodes(l analyzer.LinkType) bool {
	switch l {
	case analyzer.LinkNull, analyzer.LinkEthernet, analyzer.LinkPPP, analyzer.LinkRawOld,
		analyzer.LinkRawBSD, analyzer.LinkPPPHDLC, analyzer.LinkRaw, analyzer.LinkCHDLC,
		analyzer.LinkLoop, analyzer.LinkSLL, analyzer.LinkIPv4, analyzer.LinkIPv6, analyzer.LinkSLL2:
		return true
	}
	return false
}

// link peels the link header of the frame.
func (d *Decoder) link(p *analyzer.Packet) {
	switch p.Link {
	case analyzer.LinkEthernet:
		d.ethernet(p, 0)
	case analyzer.LinkSLL:
		d.cooked(p, 14, sllLen)
	case analyzer.LinkSLL2:
		d.cooked(p, 0, sll2Len)
	case analyzer.LinkRaw, analyzer.LinkRawOld, analyzer.LinkRawBSD:
		d.raw(p, 0)
	case analyzer.LinkIPv4:
		d.ipv4(p, 0)
	case analyzer.LinkIPv6:
		d.ipv6(p, 0)
	case analyzer.LinkNull, analyzer.LinkLoop:
		d.loopback(p)
	case analyzer.LinkPPP:
		d.ppp(p)
	case analyzer.LinkPPPHDLC:
		d.pppHDLC(p)
	case analyzer.LinkCHDLC:
		d.ciscoHDLC(p)
	default:
		p.Skip = analyzer.SkipLink
	}
}

// ethernet peels an Ethernet II or IEEE 802.3 header at off.
func (d *Decoder) ethernet(p *analyzer.Packet, off int) {
	if len(p.Frame) < off+ethernetLen {
		p.Skip = analyzer.SkipTruncated
		return
	}
	// The header alone: with a payload gopacket would cut it by the 802.3 length.
	if err := d.eth.DecodeFromBytes(p.Frame[off:off+ethernetLen], d.mute); err != nil {
		p.Skip = analyzer.SkipMalformed
		return
	}
	t := d.eth.EthernetType
	if t == layers.EthernetTypeLLC {
		t = layers.EthernetType(be16(p.Frame[off+12:]))
	}
	d.etherType(p, t, off+ethernetLen)
}

// etherType goes on at off with what an EtherType announces, through any
// number of VLAN tags.
func (d *Decoder) etherType(p *analyzer.Packet, t layers.EthernetType, off int) {
	for {
		switch t { //nolint:exhaustive // the numbers of an open registry
		case layers.EthernetTypeIPv4:
			d.ipv4(p, off)
			return
		case layers.EthernetTypeIPv6:
			d.ipv6(p, off)
			return
		case layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ, etherVLAN9100, etherVLAN9200:
			if len(p.Frame) < off+vlanLen {
				p.Skip = analyzer.SkipTruncated
				return
			}
			if err := d.vlan.DecodeFromBytes(p.Frame[off:off+vlanLen], d.mute); err != nil {
				p.Skip = analyzer.SkipMalformed
				return
			}
			t, off = d.vlan.Type, off+vlanLen
		case layers.EthernetTypeMPLSUnicast, layers.EthernetTypeMPLSMulticast,
			layers.EthernetTypePPPoESession, layers.EthernetTypeERSPAN, etherTEB, etherNSH, etherTRILL, etherMACsec, etherPBB,
			etherVNTag, etherETag:
			p.Skip = analyzer.SkipTunnel
			return
		default:
			if t <= maxLength8023 {
				d.llc(p, off)
				return
			}
			p.Skip = analyzer.SkipNotIP
			return
		}
	}
}

// llc peels IEEE 802.2 LLC at off, with SNAP behind it (RFC 1042).
func (d *Decoder) llc(p *analyzer.Packet, off int) {
	const (
		llcLen, snapLen = 3, 5
		sapSNAP, sapIP  = 0xaa, 0x06
		unnumbered      = 0x03
	)
	f := p.Frame
	if len(f) < off+llcLen {
		p.Skip = analyzer.SkipTruncated
		return
	}
	dsap, ssap, control := f[off], f[off+1], f[off+2]
	switch {
	case dsap == sapIP && ssap == sapIP && control == unnumbered:
		d.ipv4(p, off+llcLen)
	case dsap == sapSNAP && ssap == sapSNAP && control == unnumbered:
		if len(f) < off+llcLen+snapLen {
			p.Skip = analyzer.SkipTruncated
			return
		}
		oui := uint32(f[off+3])<<16 | uint32(f[off+4])<<8 | uint32(f[off+5])
		t := be16(f[off+6:])
		// OUI 0 and 0000f8 announce an EtherType; a length in its place is none.
		if (oui != 0 && oui != 0x0000f8) || t <= maxLength8023 {
			p.Skip = analyzer.SkipNotIP
			return
		}
		d.etherType(p, layers.EthernetType(t), off+llcLen+snapLen)
	default:
		p.Skip = analyzer.SkipNotIP
	}
}

// cooked peels a Linux cooked header of n octets with its protocol at off.
// gopacket knows version 1 only, and panics at an address length that points
// beyond the frame; version 2 (LINKTYPE 276) does not fit its eight bits.
func (d *Decoder) cooked(p *analyzer.Packet, protocol, n int) {
	if len(p.Frame) < n {
		p.Skip = analyzer.SkipTruncated
		return
	}
	const (
		protoNovell = 1 // 802.3 frame without 802.2
		protoLLC    = 4 // 802.2 follows
	)
	switch t := be16(p.Frame[protocol:]); {
	case t == protoLLC:
		d.llc(p, n)
	case t <= maxLength8023:
		p.Skip = analyzer.SkipNotIP
	default:
		d.etherType(p, layers.EthernetType(t), n)
	}
}

// raw takes an IP header at off by its version nibble.
func (d *Decoder) raw(p *analyzer.Packet, off int) {
	if len(p.Frame) <= off {
		p.Skip = analyzer.SkipTruncated
		return
	}
	switch p.Frame[off] >> 4 {
	case 4:
		d.ipv4(p, off)
	case 6:
		d.ipv6(p, off)
	default:
		p.Skip = analyzer.SkipNotIP
	}
}

// loopback peels the address family of BSD loopback captures, which stands in
// the byte order of the machine that wrote it (LINKTYPE_NULL) or in network
// byte order (LINKTYPE_LOOP); families are small, so either is recognised.
func (d *Decoder) loopback(p *analyzer.Packet) {
	if len(p.Frame) < nullLen {
		p.Skip = analyzer.SkipTruncated
		return
	}
	family := be32(p.Frame)
	if family > 0xffff {
		family = family>>24 | family>>8&0xff00 | family<<8&0xff0000 | family<<24
	}
	switch family {
	case 2: // AF_INET everywhere
		d.ipv4(p, nullLen)
	case 10, 24, 28, 30: // AF_INET6 of Linux; NetBSD, OpenBSD; FreeBSD; macOS
		d.ipv6(p, nullLen)
	default:
		p.Skip = analyzer.SkipNotIP
	}
}

// ppp peels PPP with or without address and control fields (RFC 1662 §3.1),
// which some writers replace by the direction.
func (d *Decoder) ppp(p *analyzer.Packet) {
	off := 0
	if f := p.Frame; len(f) >= 2 && f[1] == 0x03 && (f[0] == 0xff || f[0] <= 1) {
		off = 2
	}
	d.pppProtocol(p, off)
}

// pppHDLC peels PPP in HDLC-like framing; Cisco HDLC under the same link type
// is told by its address field.
func (d *Decoder) pppHDLC(p *analyzer.Packet) {
	f := p.Frame
	switch {
	case len(f) >= 1 && (f[0] == 0x0f || f[0] == 0x8f):
		d.ciscoHDLC(p)
	case len(f) >= 2 && f[0] == 0xff:
		d.pppProtocol(p, 2)
	default:
		d.pppProtocol(p, 0)
	}
}

// pppProtocol goes on behind the PPP protocol field at off, which is one octet
// where its low bit is set (RFC 1661 §2).
func (d *Decoder) pppProtocol(p *analyzer.Packet, off int) {
	f := p.Frame
	if len(f) < off+1 {
		p.Skip = analyzer.SkipTruncated
		return
	}
	proto, n := uint16(f[off]), 1
	if f[off]&1 == 0 {
		if len(f) < off+2 {
			p.Skip = analyzer.SkipTruncated
			return
		}
		proto, n = be16(f[off:]), 2
	}
	switch proto {
	case pppIPv4:
		d.ipv4(p, off+n)
	case pppIPv6:
		d.ipv6(p, off+n)
	case pppMultilink, pppMPLS:
		p.Skip = analyzer.SkipTunnel
	default:
		p.Skip = analyzer.SkipNotIP
	}
}

// ciscoHDLC peels address, control and an EtherType.
func (d *Decoder) ciscoHDLC(p *analyzer.Packet) {
	if len(p.Frame) < chdlcLen {
		p.Skip = analyzer.SkipTruncated
		return
	}
	t := be16(p.Frame[2:])
	if t <= maxLength8023 {
		p.Skip = analyzer.SkipNotIP
		return
	}
	d.etherType(p, layers.EthernetType(t), chdlcLen)
}
