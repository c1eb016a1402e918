package report

// Kinds of IPv6 options (RFC 8200 §4.2, RFC 2711, RFC 2675, RFC 6275 §6.3).
const (
	ip6Pad1        = 0
	ip6PadN        = 1
	ip6RouterAlert = 5
	ip6Jumbo       = 0xc2
	ip6HomeAddress = 0xc9
)

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
