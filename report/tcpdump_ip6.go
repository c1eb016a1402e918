package report

// Kinds of IPv6 options (RFC 8200 §4.2, RFC 2711, RFC 2675, RFC 6275 §6.3).
const (
	ip6Pad1        = 0
	ip6PadN        = 1
	ip6RouterAlert = 5
	ip6Jumbo       = 0xc2
	ip6HomeAddress = 0xc9
)

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
	if next != protoTCP && next != protoUDP && next != protoDCCP && next != protoSCTP {
		t.addr6(off + 8)
		t.str(" > ")
		t.addr6(off + 24)
		t.str(": ")
	}
	for {
		size := 0
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

// jumbo is what the Jumbo Payload option is judged by (RFC 2675 §2), and what
// it says.
type jumbo struct {
	hop      bool   // it stands among hop-by-hop options, as it should
	seen     bool   // there was one before
	declared uint16 // payload length of the IPv6 header
	length   uint32 // the length that counts, 0 for none
}

// judge takes a Jumbo Payload option and tells what is wrong with it.
func (j *jumbo) judge(length uint32) string {
	switch {
	case j.seen:
		return " - already seen"
	case !j.hop:
		j.seen = true
		return " - not a hop-by-hop option"
	case j.declared != 0:
		j.seen = true
		return " - payload len != 0"
	}
	j.seen = true
	if length < 65536 {
		return " - < 65536"
	}
	j.length = length
	return ""
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

// ip6Options prints a header of options and gives its size, 0 when the line
// ends there.
func (t *TcpdumpPrinter) ip6Options(at int, j *jumbo) int {
	name, protocol := "DSTOPT ", "dstopt"
	if j.hop {
		name, protocol = "HBH ", "hbhopt"
	}
	if !t.has(at, 2) {
		t.cut(protocol)
		return 0
	}
	size := (int(t.frame[at+1]) + 1) * 8
	if !t.has(at, size) {
		t.cut(protocol)
		return 0
	}
	t.str(name)
	if (j.hop || t.opt.Verbose > 0) && !t.ip6OptionList(t.frame[at+2:at+size], at+2, j) {
		t.cut(protocol)
		return 0
	}
	return size
}

// ip6OptionList prints options (RFC 8200 §4.2); it reports false where they
// contradict their lengths. start is where they lie in the frame.
func (t *TcpdumpPrinter) ip6OptionList(o []byte, start int, j *jumbo) bool {
	verbose := t.opt.Verbose > 0
	for i := 0; i < len(o); {
		size := 1
		if o[i] != ip6Pad1 {
			if i+1 >= len(o) {
				return false
			}
			size = int(o[i+1]) + 2
		}
		if i+size > len(o) {
			return false
		}
		bad := ""
		switch o[i] {
		case ip6RouterAlert:
			bad = wrongSize(size != 4, "(rtalert: ")
		case ip6Jumbo:
			bad = wrongSize(size != 6, "(jumbo: ")
		case ip6HomeAddress:
			bad = wrongSize(size < 18, "(homeaddr: ")
		}
		if bad != "" {
			return t.ip6BadOption(bad, o[i:], size)
		}
		why := ""
		if o[i] == ip6Jumbo {
			why = j.judge(t.u32(start + i + 2))
		}
		if verbose && !t.ip6Option(o[i:i+size], start+i, why) {
			return false
		}
		i += size
	}
	if verbose {
		t.str(" ")
	}
	return true
}

func wrongSize(wrong bool, name string) string {
	if wrong {
		return name
	}
	return ""
}

// ip6BadOption names an option of the wrong size, or one whose right size
// would not fit, and ends the list.
func (t *TcpdumpPrinter) ip6BadOption(name string, rest []byte, size int) bool {
	least := leastSize6(rest[0])
	t.str(name)
	if len(rest) < least {
		t.str("trunc)")
	} else {
		t.num("invalid len ", uint32(size-2))
		t.str(")")
	}
	return false
}

// leastSize6 gives the least size of the options that have one.
func leastSize6(kind byte) int {
	switch kind {
	case ip6RouterAlert:
		return 4
	case ip6Jumbo:
		return 6
	}
	return 18
}

// ip6Option prints one well-formed option for -v; at is its place in the frame.
// why tells what is wrong with a Jumbo Payload. It reports false where the
// options inside it contradict their lengths.
func (t *TcpdumpPrinter) ip6Option(o []byte, at int, why string) bool {
	switch o[0] {
	case ip6Pad1:
		t.str("(pad1)")
	case ip6PadN:
		t.str("(padn)")
	case ip6RouterAlert:
		t.str("(rtalert: 0x")
		t.hex(uint64(t.u16(at+2)), 4)
		t.str(") ")
	case ip6Jumbo:
		t.num("(jumbo: ", t.u32(at+2))
		t.str(why)
		t.str(") ")
	case ip6HomeAddress:
		t.str("(homeaddr: ")
		t.addr6(at + 2)
		if !t.ip6SubOptions(o[18:]) {
			return false
		}
		t.str(")")
	default:
		t.str("(opt_type 0x")
		t.hex(uint64(o[0]), 2)
		t.num(": len=", uint32(o[1]))
		t.str(")")
	}
	return true
}

// ip6SubOptions prints what stands behind a home address (RFC 6275 §6.3).
func (t *TcpdumpPrinter) ip6SubOptions(o []byte) bool {
	for len(o) > 0 {
		size := 1
		switch {
		case o[0] == ip6Pad1:
			t.str(", pad1")
		case len(o) < 2 || int(o[1])+2 > len(o):
			return false
		case o[0] == ip6PadN:
			t.str(", padn")
			size = int(o[1]) + 2
		default:
			t.str(", sopt_type 0x")
			t.hex(uint64(o[0]), 2)
			t.num(": len=", uint32(o[1]))
			size = int(o[1]) + 2
		}
		o = o[size:]
	}
	return true
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
