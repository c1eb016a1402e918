package report

import "math/bits"

// Bits of the flags octet (RFC 9293 §3.1).
const (
	bitFIN = 1 << iota
	bitSYN
	bitRST
	bitPSH
	bitACK
	bitURG
)

// flagLetters stand for the bits of the flags octet, the lowest first.
const flagLetters = "FSRP.UEW"

// tcp prints a segment (RFC 9293 §3.1) at off, of the given length by the IP
// header. fragmented tells that it is the first fragment of a larger one.
func (t *TcpdumpPrinter) tcp(off, length int, h *ipHeader, fragmented bool) {
	if !t.has(off, 4) {
		t.addr(h, 0)
		t.str(" > ")
		t.addr(h, 1)
		t.str(":")
		t.cut("tcp")
		return
	}
	from := t.talk(off, h)
	if h.direct {
		t.b = append(t.b, from.text[:from.size]...)
	} else {
		t.ports(off, h)
	}
	if !t.has(off, 20) {
		t.cut("tcp")
		return
	}
	header := int(t.frame[off+12]>>4) * 4
	if header < 20 {
		t.num(" tcp ", uint32(length-header))
		t.num(" [bad hdr length ", uint32(header))
		t.str(" - too short, < 20]")
		return
	}
	flags := t.frame[off+13]
	t.flags(flags)
	s := segmentNumbers{
		seq: t.u32(off + 4), ackNo: t.u32(off + 8), payload: uint32(max(length-header, 0)),
		syn: flags&bitSYN != 0, ack: flags&bitACK != 0,
	}
	o := t.offsets(from, &s)
	t.own, t.peer = o.own, o.peer
	if header > length {
		t.num(" [bad hdr length ", uint32(header))
		t.num(" - too long, > ", uint32(length))
		t.str("]")
		return
	}
	if t.opt.Verbose > 0 && !fragmented && t.has(off, length) {
		t.checksum(off, length, h)
	}
	length -= header
	t.numbers(off, flags, length, s.seq-o.own, s.ackNo-o.peer)
	if header > 20 {
		list := optionPrinter{t: t, at: off + 20, left: header - 20, tcp: off, payload: length,
			header: header, flags: flags, sackBase: o.sack}
		if !list.print() {
			return
		}
	}
	t.num(", length ", uint32(length))
}

func (t *TcpdumpPrinter) flags(flags byte) {
	t.str("Flags [")
	if flags == 0 {
		t.str("none")
	}
	for rest := flags; rest != 0; rest &= rest - 1 {
		t.b = append(t.b, flagLetters[bits.TrailingZeros8(rest)])
	}
	t.str("]")
}

// numbers writes the fields from seq to urg.
func (t *TcpdumpPrinter) numbers(off int, flags byte, length int, seq, ack uint32) {
	if t.opt.Verbose > 1 || length > 0 || flags&(bitSYN|bitFIN|bitRST) != 0 {
		t.num(", seq ", seq)
		if length > 0 {
			t.num(":", seq+uint32(length))
		}
	}
	if flags&bitACK != 0 {
		t.num(", ack ", ack)
	}
	t.num(", win ", uint32(t.u16(off+14)))
	if flags&bitURG != 0 {
		t.num(", urg ", uint32(t.u16(off+18)))
	}
}

// checksum writes the checksum and what is wrong with it (RFC 9293 §3.1).
func (t *TcpdumpPrinter) checksum(off, length int, h *ipHeader) {
	var sum uint16
	if h.v6 {
		sum = onesComplement(0, t.frame[h.off+8:h.off+24])
		sum = onesComplement(uint32(sum), t.finalDestination6(h.off))
		sum = onesComplement(uint32(sum)+uint32(length>>16)+uint32(length&0xffff)+protoTCP, t.frame[off:off+length])
	} else {
		sum = onesComplement(0, t.frame[h.off+12:h.off+16])
		sum = onesComplement(uint32(sum), t.finalDestination4(h.off))
		sum = onesComplement(uint32(sum)+uint32(length&0xffff)+protoTCP, t.frame[off:off+length])
	}
	field := t.u16(off + 16)
	t.str(", cksum 0x")
	t.hex(uint64(field), 4)
	if ^sum == 0 {
		t.str(" (correct)")
		return
	}
	t.str(" (incorrect -> 0x")
	t.hex(uint64(shouldBe(field, ^sum)), 4)
	t.str(")")
}

// finalDestination4 gives the destination that the checksum covers: the last
// of a source route where there is one (RFC 791 §3.1).
func (t *TcpdumpPrinter) finalDestination4(off int) []byte {
	o := t.frame[off+20 : off+int(t.frame[off]&15)*4]
	for len(o) > 0 && o[0] != 0 {
		size := 1
		if o[0] != 1 {
			if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
				break
			}
			size = int(o[1])
		}
		if (o[0] == ip4LSRR || o[0] == ip4SSRR) && size >= 7 {
			return o[size-4 : size]
		}
		o = o[size:]
	}
	return t.frame[off+16 : off+20]
}

// finalDestination6 gives the destination that the checksum covers: the last
// of a routing header where there is one (RFC 8200 §8.1).
func (t *TcpdumpPrinter) finalDestination6(off int) []byte {
	dst := t.frame[off+24 : off+40]
	next, at := t.frame[off+6], off+40
	for t.has(at, 8) {
		switch next {
		case protoHopByHop, protoDestOpts:
			next, at = t.frame[at], at+(int(t.frame[at+1])+1)*8
		case protoFragment:
			next, at = t.frame[at], at+8
		case protoRouting:
			words, last := int(t.frame[at+1]), at+8
			if kind := t.frame[at+2]; kind == 0 || kind == 2 {
				last = at + 8 + 8*(words-2)
			} else if kind != 4 {
				return dst
			}
			if words == 0 && last < at+8 || words%2 != 0 || !t.has(last, 16) {
				return dst
			}
			return t.frame[last : last+16]
		default:
			return dst
		}
	}
	return dst
}
