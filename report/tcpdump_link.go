package report

import "github.com/tcpstate/tcpstate/analyzer"

// Types of the network layer (EtherTypes).
const (
	typeIPv4     = 0x0800
	typeVLAN     = 0x8100
	typeVLAN9100 = 0x9100
	typeQinQ     = 0x88a8
	typeVLAN9200 = 0x9200
	typeIPv6     = 0x86dd
	max8023      = 1500 // up to here the field is IEEE 802.3's length
)

// typeName gives tcpdump's name of an EtherType that leads to a segment.
func typeName(v uint16) string {
	switch v {
	case typeIPv4:
		return "IPv4"
	case typeIPv6:
		return "IPv6"
	case typeVLAN:
		return "802.1Q"
	case typeVLAN9100:
		return "802.1Q-9100"
	case typeQinQ:
		return "802.1Q-QinQ"
	case typeVLAN9200:
		return "802.1Q-9200"
	}
	return "Unknown"
}

func isVLAN(v uint16) bool {
	return v == typeVLAN || v == typeVLAN9100 || v == typeQinQ || v == typeVLAN9200
}

// link prints the link header, which shows with -e only (or not at all), and
// goes on with what it carries. Where it meets something that leads to no
// segment it stops.
func (t *TcpdumpPrinter) link() {
	wire := int(t.p.WireLen)
	switch t.p.Link {
	case analyzer.LinkEthernet:
		t.ethernet(wire)
	case analyzer.LinkSLL:
		t.cooked1(wire)
	case analyzer.LinkSLL2:
		t.cooked2(wire)
	case analyzer.LinkNull, analyzer.LinkLoop:
		t.loopback(wire)
	case analyzer.LinkRaw, analyzer.LinkRawOld, analyzer.LinkRawBSD, analyzer.LinkIPv4, analyzer.LinkIPv6:
		if t.opt.Link {
			t.str("ip: ")
		}
		t.ip(0, wire)
	case analyzer.LinkPPP:
		t.ppp(wire)
	case analyzer.LinkPPPHDLC:
		t.pppHDLC(wire)
	case analyzer.LinkCHDLC:
		t.ciscoHDLC(wire)
	default:
		// tcpdump prints further headers before such a packet; the inner one
		// has a line of its own here.
	}
}

// network goes on with an IP packet of the given EtherType.
func (t *TcpdumpPrinter) network(kind uint16, off, length int) {
	switch kind {
	case typeIPv4:
		t.ip4(off, length)
	case typeIPv6:
		t.ip6(off, length)
	}
}

// ethertype writes "ethertype NAME (0xhhhh)".
func (t *TcpdumpPrinter) ethertype(kind uint16) {
	t.str("ethertype ")
	t.str(typeName(kind))
	t.str(" (0x")
	t.hex(uint64(kind), 4)
	t.str(")")
}

// mac writes the address at off.
func (t *TcpdumpPrinter) mac(off int) {
	for i := range 6 {
		if i > 0 {
			t.str(":")
		}
		t.bytes(t.frame[off+i : off+i+1])
	}
}

// tag writes the VLAN tag at off.
func (t *TcpdumpPrinter) tag(off int) {
	v := t.u16(off)
	t.num("vlan ", uint32(v&0xfff))
	t.num(", p ", uint32(v>>13))
	if v&0x1000 != 0 {
		t.str(", DEI")
	}
	t.str(", ")
}

// ethernet prints an Ethernet frame (IEEE 802.3, 802.1Q).
func (t *TcpdumpPrinter) ethernet(wire int) {
	if !t.has(0, 14) {
		t.cut("ether")
		return
	}
	show := t.opt.Link
	if show {
		t.mac(6)
		t.str(" > ")
		t.mac(0)
		t.str(", ")
	}
	kind, off, tagged := t.u16(12), 14, false
	for isVLAN(kind) {
		if !t.has(off, 4) {
			t.cut("vlan")
			return
		}
		if show {
			t.ethertype(kind)
			t.lengthOnce(&tagged, wire)
			t.tag(off)
		}
		kind, off = t.u16(off+2), off+4
	}
	if kind <= max8023 {
		t.ieee8023(int(kind), off, wire-off, tagged)
		return
	}
	if show {
		t.ethertype(kind)
		t.lengthOnce(&tagged, wire)
	}
	t.network(kind, off, wire-off)
}

// lengthOnce writes the frame's length behind the first type of the header and
// a comma behind the others.
func (t *TcpdumpPrinter) lengthOnce(written *bool, wire int) {
	if *written {
		t.str(", ")
		return
	}
	*written = true
	t.num(", length ", uint32(wire))
	t.str(": ")
}

// ieee8023 prints what follows a length field: LLC (IEEE 802.2) with an IP
// packet in it, by the way of SNAP (RFC 1042) or without.
func (t *TcpdumpPrinter) ieee8023(declared, off, length int, tagged bool) {
	length = min(length, declared)
	t.end = min(t.end, off+length)
	if t.opt.Link {
		t.str("802.3")
		if !tagged {
			t.num(", length ", uint32(length))
			t.str(": ")
		}
	}
	t.llc(off, length)
}

// llc prints an IEEE 802.2 header that leads to IP.
func (t *TcpdumpPrinter) llc(off, length int) {
	if !t.has(off, 3) || t.frame[off+2] != 3 || t.frame[off] != t.frame[off+1] {
		return
	}
	switch {
	case t.frame[off] == 0x06:
		if t.opt.Link {
			t.str("LLC, dsap IP (0x06) Individual, ssap IP (0x06) Command, ctrl 0x03: ")
		}
		t.ip4(off+3, length-3)
	case t.frame[off] == 0xaa && t.has(off, 8):
		t.snap(off, length)
	}
}

func (t *TcpdumpPrinter) snap(off, length int) {
	oui, kind := t.u32(off+3)>>8, t.u16(off+6)
	name := "Ethernet"
	switch oui {
	case 0:
	case 0x0000f8:
		name = "Cisco bridged"
	default:
		return
	}
	if t.opt.Link {
		t.str("LLC, dsap SNAP (0xaa) Individual, ssap SNAP (0xaa) Command, ctrl 0x03: oui ")
		t.str(name)
		t.str(" (0x")
		t.hex(uint64(oui), 6)
		t.str("), ")
		t.ethertype(kind)
		t.num(", length ", uint32(length-8))
		t.str(": ")
	}
	t.network(kind, off+8, length-8)
}

// loopback prints a frame that begins with a BSD address family.
func (t *TcpdumpPrinter) loopback(wire int) {
	if !t.has(0, 4) {
		t.cut("null")
		return
	}
	family := t.u32(0)
	if family&0xffff0000 != 0 {
		family = family>>24 | family>>8&0xff00 | family<<8&0xff0000 | family<<24
	}
	v6 := family == 24 || family == 28 || family == 30 // the BSDs differ
	if family != 2 && !v6 {
		return
	}
	if t.opt.Link {
		t.str("AF IPv4 (")
		if v6 {
			t.b[len(t.b)-3] = '6'
		}
		t.dec(family)
		t.num("), length ", uint32(wire))
		t.str(": ")
	}
	if v6 {
		t.ip6(4, wire-4)
	} else {
		t.ip4(4, wire-4)
	}
}

// packetType names the direction of a Linux cooked frame.
func packetType(v uint16) string {
	if v < 5 {
		return [...]string{"In", "B", "M", "P", "Out"}[v]
	}
	return "?"
}

// cooked1 prints a Linux cooked frame, version 1.
func (t *TcpdumpPrinter) cooked1(wire int) {
	if !t.has(0, 16) {
		t.cut("sll")
		return
	}
	kind := t.u16(14)
	if t.opt.Link {
		name := packetType(t.u16(0))
		for range 3 - len(name) {
			t.str(" ")
		}
		t.str(name)
		t.str(" ")
		t.cookedRest(t.u16(4) == 6, 6, kind, wire)
	}
	t.cookedPayload(kind, 16, wire-16)
}

// cooked2 prints a Linux cooked frame, version 2. Its interface and direction
// show without -e too.
func (t *TcpdumpPrinter) cooked2(wire int) {
	if !t.has(0, 20) {
		t.cut("sll2")
		return
	}
	name := ""
	if t.opt.InterfaceName != nil {
		name = clean(t.opt.InterfaceName(t.u32(4)))
	}
	if name == "" {
		name = "?"
	}
	t.leftAligned(name, 5)
	t.leftAligned(packetType(uint16(t.frame[10])), 3)
	kind := t.u16(0)
	if t.opt.Link {
		t.num("ifindex ", t.u32(4))
		t.str(" ")
		t.cookedRest(t.frame[11] == 6, 12, kind, wire)
	}
	t.cookedPayload(kind, 20, wire-20)
}

// leftAligned writes s in at least width columns and a blank.
func (t *TcpdumpPrinter) leftAligned(s string, width int) {
	t.str(s)
	for range width - len(s) {
		t.str(" ")
	}
	t.str(" ")
}

func (t *TcpdumpPrinter) cookedRest(hasMAC bool, mac int, kind uint16, wire int) {
	if hasMAC {
		t.mac(mac)
		t.str(" ")
	}
	if kind == 4 {
		t.str("802.2")
	} else {
		t.ethertype(kind)
	}
	t.num(", length ", uint32(wire))
	t.str(": ")
}

// cookedPayload goes on behind a cooked header. tcpdump knows one kind of VLAN
// tag here, and writes the type behind it even without -e.
func (t *TcpdumpPrinter) cookedPayload(kind uint16, off, length int) {
	for kind == typeVLAN {
		if !t.has(off, 4) {
			t.cut("vlan")
			return
		}
		if t.opt.Link {
			t.tag(off)
		}
		if kind = t.u16(off + 2); kind <= max8023 {
			kind = 4
		}
		t.str("ethertype ")
		t.str(typeName(kind))
		t.str(", ")
		off, length = off+4, length-4
	}
	if kind == 4 {
		t.llc(off, length)
		return
	}
	t.network(kind, off, length)
}
