package report

// PPP protocol numbers (RFC 1661 §2, RFC 5072 §2).
const (
	pppIPv4 = 0x0021
	pppIPv6 = 0x0057
)

// ppp prints a PPP frame (RFC 1661); address and control may be left out, and
// the protocol may be one octet.
func (t *TcpdumpPrinter) ppp(wire int) {
	if !t.has(0, 4) {
		t.cut("ppp")
		return
	}
	off := 0
	switch t.u16(0) {
	case 0x0003: // pppd's own mark for a received frame
		if t.opt.Link {
			t.str("In  ")
		}
		off = 2
	case 0x0103:
		if t.opt.Link {
			t.str("Out ")
		}
		off = 2
	case 0xff03:
		off = 2
	}
	proto, size := t.u16(off), 2
	if t.frame[off]&1 != 0 {
		proto, size = uint16(t.frame[off]), 1
	}
	name := pppName(proto)
	if name == "" {
		return
	}
	if t.opt.Link {
		t.str(name)
		t.str(" (0x")
		t.hex(uint64(proto), 4)
		t.num("), length ", uint32(wire))
		t.str(": ")
	}
	t.pppPayload(proto, off+size, wire-off-size)
}

func pppName(proto uint16) string {
	switch proto {
	case pppIPv4:
		return "IP"
	case pppIPv6:
		return "IP6"
	}
	return ""
}

func (t *TcpdumpPrinter) pppPayload(proto uint16, off, length int) {
	switch proto {
	case pppIPv4:
		t.ip4(off, length)
	case pppIPv6:
		t.ip6(off, length)
	}
}

// pppHDLC prints PPP in HDLC-like framing (RFC 1662), or Cisco HDLC where the
// first octet says so. tcpdump writes the protocol here without -e too.
func (t *TcpdumpPrinter) pppHDLC(wire int) {
	if !t.has(0, 4) {
		t.cut("ppp_hdlc")
		return
	}
	switch t.frame[0] {
	case 0xff:
		proto := t.u16(2)
		name := pppName(proto)
		if name == "" {
			return
		}
		if t.opt.Link {
			t.bytes(t.frame[:1])
			t.str(" ")
			t.bytes(t.frame[1:2])
			t.num(" ", uint32(wire))
			t.str(" ")
		}
		t.str(name)
		t.str(": ")
		t.pppPayload(proto, 4, wire-4)
	case 0x0f, 0x8f:
		t.ciscoHDLC(wire)
	}
}

// ciscoHDLC prints a Cisco HDLC frame.
func (t *TcpdumpPrinter) ciscoHDLC(wire int) {
	if !t.has(0, 4) {
		t.cut("chdlc")
		return
	}
	kind := t.u16(2)
	if t.opt.Link {
		switch t.frame[0] {
		case 0x0f:
			t.str("unicast")
		case 0x8f:
			t.str("bcast")
		default:
			t.str("0x")
			t.bytes(t.frame[:1])
		}
		t.str(", ")
		t.ethertype(kind)
		t.num(", length ", uint32(wire))
		t.str(": ")
	}
	t.network(kind, 4, wire-4)
}
