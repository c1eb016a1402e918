package report

// Kinds of IPv4 options (RFC 791 §3.1, RFC 2113, RFC 1393).
const (
	ip4EOL        = 0
	ip4NOP        = 1
	ip4RR         = 7
	ip4TS         = 68
	ip4Traceroute = 82
	ip4Security   = 130
	ip4LSRR       = 131
	ip4SSRR       = 137
	ip4RA         = 148
)

func ip4OptionName(kind byte) string {
	switch kind {
	case ip4EOL:
		return "EOL"
	case ip4NOP:
		return "NOP"
	case ip4RR:
		return "RR"
	case ip4TS:
		return "timestamp"
	case ip4Traceroute:
		return "traceroute"
	case ip4Security:
		return "security"
	case ip4LSRR:
		return "LSRR"
	case ip4SSRR:
		return "SSRR"
	case ip4RA:
		return "RA"
	}
	return ""
}

// ip4Options prints IPv4 options for -v: optionCut where the captured octets
// end inside one, optionStopped where they end before its length.
func (t *TcpdumpPrinter) ip4Options(off, length int) outcome {
	for first := true; length > 0; first = false {
		if !first {
			t.str(",")
		}
		if !t.has(off, 1) {
			return optionStopped
		}
		kind, size := t.frame[off], 1
		if name := ip4OptionName(kind); name != "" {
			t.str(name)
		} else {
			t.num("unknown ", uint32(kind))
		}
		if kind != ip4NOP && kind != ip4EOL {
			if !t.has(off, 2) {
				return optionStopped
			}
			size = int(t.frame[off+1])
		}
		if size < 1 || size == 1 && kind != ip4NOP && kind != ip4EOL || size > length {
			t.num(" [bad length ", uint32(size))
			t.str("]")
			return optionDone
		}
		if !t.has(off, size) {
			return optionCut
		}
		switch kind {
		case ip4EOL:
			return optionDone
		case ip4TS:
			if !t.ip4Timestamps(off, size) {
				return optionCut
			}
		case ip4RR, ip4LSRR, ip4SSRR:
			if !t.ip4Route(off, size) {
				return optionCut
			}
		case ip4RA:
			t.ip4RouterAlert(off, size)
		}
		off, length = off+size, length-size
	}
	return optionDone
}

func (t *TcpdumpPrinter) ip4RouterAlert(off, size int) {
	if size < 4 {
		t.num(" [bad length ", uint32(size))
		t.str("]")
	} else if v := t.u16(off + 2); v != 0 {
		t.num(" value ", uint32(v))
	}
}

// ip4Route prints the addresses of a recorded or prescribed route; it reports
// false where the captured octets end before they do, which a size that is no
// multiple of an address lets happen.
func (t *TcpdumpPrinter) ip4Route(off, size int) bool {
	if size < 3 || (size+1)&3 != 0 {
		t.num(" [bad length ", uint32(size))
		t.str("]")
		if size < 3 {
			return true
		}
	}
	ptr := int(t.frame[off+2]) - 1
	if ptr < 3 || (ptr+1)&3 != 0 || ptr > size+1 {
		t.num(" [bad ptr ", uint32(t.frame[off+2]))
		t.str("]")
	}
	for i := 3; i < size; i += 4 {
		if !t.has(off+i, 4) {
			return false
		}
		t.str(" ")
		t.addr4(off + i)
		if ptr > i || ptr < 0 {
			t.str(",")
		}
	}
	return true
}

// ip4Timestamps prints a timestamp option; it reports false as ip4Route does.
func (t *TcpdumpPrinter) ip4Timestamps(off, size int) bool {
	if size < 4 {
		t.num("[bad length ", uint32(size))
		t.str("]")
		return true
	}
	kind := t.frame[off+3] & 15
	hop := 8
	if kind == 0 {
		hop = 4
	}
	t.str(" TS{")
	if (size-4)&(hop-1) != 0 {
		t.num("[bad length ", uint32(size))
		t.str("]")
	}
	ptr, i := int(t.frame[off+2])-1, 0
	if ptr < 4 || (ptr-4)&(hop-1) != 0 || ptr > size+1 {
		t.num("[bad ptr ", uint32(t.frame[off+2]))
		t.str("]")
	}
	switch kind {
	case 0:
		t.str("TSONLY")
	case 1:
		t.str("TS+ADDR")
	case 3:
		t.str("PRESPEC")
	default:
		t.num("[bad ts type ", uint32(kind))
		t.str("]")
	}
	if kind == 0 || kind == 1 || kind == 3 {
		var whole bool
		if i, whole = t.ip4TimestampList(off, size, hop, ptr); !whole {
			return false
		}
	}
	if ptr == i {
		t.str(" ^ ")
	}
	if over := t.frame[off+3] >> 4; over != 0 {
		t.num(" [", uint32(over))
		t.str(" hops not recorded]} ")
	} else {
		t.str("}")
	}
	return true
}

func (t *TcpdumpPrinter) ip4TimestampList(off, size, hop, ptr int) (i int, whole bool) {
	for i = 4; i < size; i += hop {
		if !t.has(off+i, hop) {
			return i, false
		}
		if ptr == i {
			t.str(" ^")
		}
		t.num(" ", t.u32(off+i+hop-4))
		t.str("@")
		if hop == 8 {
			t.addr4(off + i)
		}
	}
	return i, true
}
