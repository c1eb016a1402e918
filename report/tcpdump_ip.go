package report

// maxIPDepth bounds the IP headers inside each other that are printed; a
// packet of the largest size holds no more than this in practice.
const maxIPDepth = 32

// Protocol numbers that a line knows.
const (
	protoHopByHop = 0
	protoIPv4     = 4
	protoTCP      = 6
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoDestOpts = 60
)

// protocolName gives tcpdump's word for -v.
func protocolName(n uint8) string {
	switch n {
	case protoHopByHop:
		return "Options"
	case protoIPv4:
		return "IPIP"
	case protoTCP:
		return "TCP"
	case protoIPv6:
		return "IPv6"
	case protoRouting:
		return "Routing"
	case protoFragment:
		return "Fragment"
	}
	return "unknown"
}

// ipHeader is the IP header that a segment belongs to.
type ipHeader struct {
	off    int // where it starts
	v6     bool
	direct bool // its own protocol field says TCP
}

// ip prints an IP packet of either version at off; length is what the layer
// below says is left on the wire.
func (t *TcpdumpPrinter) ip(off, length int) {
	switch {
	case length < 1:
		t.num("truncated-ip ", uint32(max(length, 0)))
	case !t.has(off, 1):
		t.cut("ipn")
	case t.frame[off]>>4 == 4:
		t.ip4(off, length)
	case t.frame[off]>>4 == 6:
		t.ip6(off, length)
	default:
		t.num("unknown ip ", uint32(t.frame[off]>>4))
	}
}

// enter counts the IP headers and notes that the one of the segment is met.
func (t *TcpdumpPrinter) enter(off int) bool {
	t.depth++
	if off == t.p.NetOff {
		t.reached = true
	}
	return t.depth <= maxIPDepth
}

// ip4 prints an IPv4 packet (RFC 791 §3.1).
func (t *TcpdumpPrinter) ip4(off, length int) {
	if !t.enter(off) {
		return
	}
	if !t.has(off, 1) {
		t.cut("ip")
		return
	}
	if v := t.frame[off] >> 4; v != 4 {
		if v == 6 {
			t.str("IP6, wrong link-layer encapsulation")
		} else {
			t.num("IP", uint32(v))
		}
		t.str(" (invalid)")
		return
	}
	if !t.opt.Link {
		t.str("IP ")
	}
	if !t.has(off, 20) {
		t.cut("ip")
		return
	}
	header := int(t.frame[off]&15) * 4
	switch {
	case length < 20:
		t.num("truncated-ip ", uint32(max(length, 0)))
		return
	case header < 20:
		t.num("bad-hlen ", uint32(header))
		return
	}
	total := int(t.u16(off + 2))
	if length < total {
		t.num("truncated-ip - ", uint32(total-length))
		t.str(" bytes missing! ")
	}
	presumed := total == 0
	if presumed {
		// Departure from 4.99.3 as it is built by Debian, which drops the
		// segment: see docs/differences.md. The frame's length counts.
		total = length
	}
	if total < header {
		t.num("bad-len ", uint32(total))
		return
	}
	t.end = min(t.end, off+total)
	if t.opt.Verbose > 0 && !t.ip4Verbose(off, header, total, presumed) {
		return
	}
	t.ip4Payload(off, header, total-header)
}

// ip4Payload goes on behind an IPv4 header.
func (t *TcpdumpPrinter) ip4Payload(off, header, length int) {
	proto := t.frame[off+9]
	fragment := t.u16(off + 6)
	if fragment&0x1fff != 0 {
		t.addr4(off + 12)
		t.str(" > ")
		t.addr4(off + 16)
		t.num(": ip-proto-", uint32(proto))
		return
	}
	if proto != protoTCP {
		t.addr4(off + 12)
		t.str(" > ")
		t.addr4(off + 16)
		t.str(": ")
	}
	if !t.has(off, header) {
		t.num(" [remaining caplen(", uint32(t.end-off))
		t.num(") < header length(", uint32(header))
		t.str(")]")
		t.cut("ip")
		return
	}
	h := ipHeader{off: off, direct: proto == protoTCP}
	t.payload(proto, off+header, length, &h, fragment&0x2000 != 0)
}

// payload prints what an IP packet carries.
func (t *TcpdumpPrinter) payload(proto uint8, off, length int, h *ipHeader, fragmented bool) {
	switch proto {
	case protoTCP:
		t.tcp(off, length, h, fragmented)
	case protoIPv4:
		t.ip4(off, length)
	case protoIPv6:
		t.ip6(off, length)
	}
}

// ip4Verbose writes the parenthesis of -v; it reports whether to go on.
func (t *TcpdumpPrinter) ip4Verbose(off, header, total int, presumed bool) bool {
	f := t.frame[off:]
	t.str("(tos 0x")
	t.hex(uint64(f[1]), 1)
	t.str([4]string{"", ",ECT(1)", ",ECT(0)", ",CE"}[f[1]&3])
	if f[8] >= 1 {
		t.num(", ttl ", uint32(f[8]))
	}
	fragment := t.u16(off + 6)
	t.num(", id ", uint32(t.u16(off+4)))
	t.num(", offset ", uint32(fragment&0x1fff)*8)
	t.str(", flags [")
	t.str([8]string{"none", "+", "DF", "+, DF", "rsvd", "+, rsvd", "DF, rsvd", "+, DF, rsvd"}[fragment>>13])
	t.str("], proto ")
	t.str(protocolName(f[9]))
	t.num(" (", uint32(f[9]))
	if presumed {
		t.num("), length ", uint32(total))
		t.str(" [was 0, presumed TSO]")
	} else {
		t.num("), length ", uint32(t.u16(off+2)))
	}
	whole := true
	if header > 20 {
		t.str(", options (")
		switch t.ip4Options(off+20, header-20) {
		case optionStopped:
			t.cut("ip")
			return false
		case optionCut:
			t.str(" [truncated-option]")
			whole = false
		case optionDone, optionBad:
		}
		t.str(")")
	}
	if t.has(off, header) {
		if sum := onesComplement(0, t.frame[off:off+header]); ^sum != 0 {
			field := t.u16(off + 10)
			t.str(", bad cksum ")
			t.hex(uint64(field), 1)
			t.str(" (->")
			t.hex(uint64(shouldBe(field, ^sum)), 1)
			t.str(")!")
		}
	}
	t.str(")\n    ")
	if !whole {
		t.addr4(off + 12)
		t.str(" > ")
		t.addr4(off + 16)
		t.str(": ")
		t.cut("ip")
	}
	return whole
}

// addr4 writes the IPv4 address at off.
func (t *TcpdumpPrinter) addr4(off int) {
	for i, c := range t.frame[off : off+4] {
		if i > 0 {
			t.b = append(t.b, '.')
		}
		if c >= 100 {
			t.b = append(t.b, '0'+c/100)
		}
		if c >= 10 {
			t.b = append(t.b, '0'+c/10%10)
		}
		t.b = append(t.b, '0'+c%10)
	}
}

// onesComplement adds the 16-bit words of o to sum, end-around (RFC 1071 §1).
func onesComplement(sum uint32, o []byte) uint16 {
	s := uint64(sum)
	for len(o) >= 4 {
		s += uint64(o[0])<<24 | uint64(o[1])<<16 | uint64(o[2])<<8 | uint64(o[3])
		o = o[4:]
	}
	if len(o) >= 2 {
		s += uint64(o[0])<<8 | uint64(o[1])
		o = o[2:]
	}
	if len(o) == 1 {
		s += uint64(o[0]) << 8
	}
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// shouldBe gives the checksum that a header with the field as it stands and
// the wrong result ought to carry.
func shouldBe(field, result uint16) uint16 {
	s := uint32(field) + uint32(result)
	s = s&0xffff + s>>16
	return uint16(s + s>>16)
}
