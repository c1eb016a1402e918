package report

// ip6 prints an IPv6 packet with its extension headers (RFC 8200 §3, §4).
func (t *TcpdumpPrinter) ip6(off, length int) {
	if !t.enter(off) {
		return
	}
	if !t.has(off, 40) {
		t.cut("ip6")
		return
	}
	if length < 40 {
		t.num("truncated-ip6 ", uint32(max(length, 0)))
		return
	}
	if !t.opt.Link {
		t.str("IP6 ")
	}
	if v := t.frame[off] >> 4; v != 6 {
		t.num("version error: ", uint32(v))
		t.str(" != 6")
		return
	}
	declared := int(t.u16(off + 4))
	total := 40 + declared
	if length < total {
		t.num("truncated-ip6 - ", uint32(total-length))
		t.str(" bytes missing!")
	}
	if declared == 0 {
		// Departure from 4.99.3, as for IPv4: the frame's length counts.
		total = length
	}
	if t.opt.Verbose > 0 {
		t.ip6Verbose(off, declared)
	}
	t.end = min(t.end, off+total)
	t.ip6Extensions(off, total, length)
}

// ip6Verbose writes the parenthesis of -v.
func (t *TcpdumpPrinter) ip6Verbose(off, declared int) {
	first := t.u32(off)
	t.str("(")
	if class := first >> 20 & 0xff; class != 0 {
		t.str("class 0x")
		t.hex(uint64(class), 2)
		t.str(", ")
	}
	if label := first & 0xfffff; label != 0 {
		t.str("flowlabel 0x")
		t.hex(uint64(label), 5)
		t.str(", ")
	}
	next := t.frame[off+6]
	t.num("hlim ", uint32(t.frame[off+7]))
	t.str(", next-header ")
	t.str(protocolName(next))
	t.num(" (", uint32(next))
	t.num(") payload length: ", uint32(declared))
	t.str(") ")
}

// ip6Extensions prints the names of the extension headers and goes on with
// what follows them; total counts from the IPv6 header, length is what the
// layer below says is there.
func (t *TcpdumpPrinter) ip6Extensions(off, total, length int) {
	h := ipHeader{off: off, v6: true, direct: t.frame[off+6] == protoTCP}
	next, at, fragmented := t.frame[off+6], off+40, false
	if !h.direct {
		t.addr6(off + 8)
		t.str(" > ")
		t.addr6(off + 24)
		t.str(": ")
	}
	for {
		var size int
		switch next {
		case protoHopByHop:
			if at != off+40 {
				t.misplaced(t.frame[off+6] == protoHopByHop)
				return
			}
			j := jumbo{hop: true, declared: t.u16(off + 4)}
			size = t.ip6Options(at, &j)
			if j.declared == 0 && j.length == 0 {
				t.str("[No valid Jumbo Payload Hop-by-Hop option found] (invalid)")
				return
			}
			if j.length != 0 { // RFC 2675 §2
				total = 40 + int(j.length)
			}
		case protoDestOpts:
			size = t.ip6Options(at, &jumbo{})
		case protoRouting:
			size = t.ip6Routing(at)
		case protoFragment:
			size = t.ip6Fragment(off, at)
			fragmented = true
		default:
			if length < total && t.u16(off+4) == 0 {
				t.num("truncated-ip6 - ", uint32(total-length))
				t.str(" bytes missing!")
			}
			t.payload(next, at, total-(at-off), &h, fragmented)
			return
		}
		if size <= 0 || total-(at-off) < size || at+size > t.end {
			return
		}
		next, at = t.frame[at], at+size
	}
}

// misplaced complains of hop-by-hop options elsewhere than behind the IPv6
// header (RFC 8200 §4.1); again tells that there are some in the right place.
func (t *TcpdumpPrinter) misplaced(again bool) {
	if again {
		t.str("[The Hop-by-Hop Options header was already found] (invalid)")
	} else {
		t.str("[The Hop-by-Hop Options header don't follow the IPv6 header] (invalid)")
	}
}

// ip6Routing prints a routing header (RFC 8200 §4.4, RFC 8754 §2) and gives
// its size, 0 when the line ends there.
func (t *TcpdumpPrinter) ip6Routing(at int) int {
	if !t.has(at, 8) {
		t.cut("rt6")
		return 0
	}
	words, kind := int(t.frame[at+1]), t.frame[at+2]
	t.num("RT6 (len=", uint32(words))
	t.num(", type=", uint32(kind))
	if kind == 0 {
		t.str(" [Deprecated]")
	}
	t.num(", segleft=", uint32(t.frame[at+3]))
	switch kind {
	case 0, 2:
		if rsv := t.u32(at + 4); rsv != 0 || t.opt.Verbose > 0 {
			t.str(", rsv=0x")
			t.hex(uint64(rsv), 1)
		}
	case 4:
		t.num(", last-entry=", uint32(t.frame[at+4]))
		if flags := t.frame[at+5]; flags != 0 || t.opt.Verbose > 0 {
			t.str(", flags=0x")
			t.hex(uint64(flags), 1)
		}
		t.str(", tag=")
		t.hex(uint64(t.u16(at+6)), 1)
	default:
		t.str(" (unknown type) (invalid)")
		return 0
	}
	if words%2 != 0 {
		t.num(" (invalid length ", uint32(words))
		t.str(") (invalid)")
		return 0
	}
	for i := range words / 2 {
		if !t.has(at+8+16*i, 16) {
			t.cut("rt6")
			return 0
		}
		t.num(", [", uint32(i))
		t.str("]")
		t.addr6(at + 8 + 16*i)
	}
	t.str(") ")
	return (words + 1) * 8
}

// ip6Fragment prints a fragment header (RFC 8200 §4.5) and gives its size, 0
// when the line ends there: fragments other than the first.
func (t *TcpdumpPrinter) ip6Fragment(off, at int) int {
	if !t.has(at, 8) {
		t.cut("frag6")
		return 0
	}
	place := t.u16(at+2) & 0xfff8
	t.str("frag (")
	if t.opt.Verbose > 0 {
		t.str("0x")
		t.hex(uint64(t.u32(at+4)), 8)
		t.str(":")
	}
	t.dec(uint32(place))
	t.num("|", uint32(40+int(t.u16(off+4))-(at-off)-8))
	t.str(")")
	if place != 0 {
		return 0
	}
	t.str(" ")
	if t.end <= at+8 {
		return 0
	}
	return 8
}

// addr6 writes the IPv6 address at off as RFC 5952 §4 has it, except that any
// address with 96 leading zero bits and more behind them, or an IPv4-mapped
// one, ends in dotted form: so tcpdump has it.
func (t *TcpdumpPrinter) addr6(off int) {
	base, run := -1, 1 // the longest run of zero words, two at least
	for i := 0; i < 8; i++ {
		n := 0
		for i+n < 8 && t.u16(off+2*(i+n)) == 0 {
			n++
		}
		if n > run {
			base, run = i, n
		}
		i += n
	}
	for i := 0; i < 8; i++ {
		if i == base {
			t.str(":")
			if i += run - 1; i == 7 {
				t.str(":")
			}
			continue
		}
		if i > 0 {
			t.str(":")
		}
		if i == 6 && base == 0 && (run == 6 || run == 5 && t.u16(off+10) == 0xffff) {
			t.addr4(off + 12)
			return
		}
		t.hex(uint64(t.u16(off+2*i)), 1)
	}
}
