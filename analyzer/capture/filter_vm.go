package capture

// instruction is one step of a classic BPF program, as libpcap compiles it.
type instruction struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

// program is a compiled filter. An empty one takes every packet, as an empty
// expression does.
type program []instruction

// The parts of an instruction's code (bpf(4); McCanne and Jacobson 1993).
const (
	classLD, classLDX, classST, classSTX, classALU, classJMP, classRET, classMISC = 0, 1, 2, 3, 4, 5, 6, 7

	sizeW, sizeH, sizeB                                          = 0x00, 0x08, 0x10
	modeIMM, modeABS, modeIND, modeMEM, modeLEN, modeMSH         = 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0
	opADD, opSUB, opMUL, opDIV, opOR, opAND, opLSH, opRSH, opNEG = 0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80
	opMOD, opXOR                                                 = 0x90, 0xa0
	jumpA, jumpEQ, jumpGT, jumpGE, jumpSET                       = 0x00, 0x10, 0x20, 0x30, 0x40
	sourceX                                                      = 0x08
	miscTXA                                                      = 0x80
	returnA                                                      = 0x10
)

// registers are the machine's accumulator, index and scratch memory.
type registers struct {
	a, x uint32
	m    [16]uint32
}

// run reports whether the program takes a frame of which wire octets were on
// the wire: unlike what was captured, that is what len, less and greater are
// about. A load beyond the frame refuses it.
func (p program) run(frame []byte, wire uint32) bool {
	if len(p) == 0 {
		return true
	}
	var r registers
	for pc := 0; pc < len(p); pc++ {
		i := &p[pc]
		ok := true
		switch i.code & 7 {
		case classLD:
			r.a, ok = r.load(i, frame, wire)
		case classLDX:
			r.x, ok = r.load(i, frame, wire)
		case classST:
			r.m[i.k&15] = r.a
		case classSTX:
			r.m[i.k&15] = r.x
		case classALU:
			ok = r.compute(i)
		case classJMP:
			pc += r.jump(i)
		case classRET:
			if i.code&0x18 == returnA {
				return r.a != 0
			}
			return i.k != 0
		case classMISC:
			if i.code&0xf8 == miscTXA {
				r.a = r.x
			} else {
				r.x = r.a
			}
		}
		if !ok {
			return false
		}
	}
	return false
}

// load returns the operand of a load instruction.
func (r *registers) load(i *instruction, frame []byte, wire uint32) (uint32, bool) {
	at := uint64(i.k)
	switch i.code & 0xe0 {
	case modeIMM:
		return i.k, true
	case modeMEM:
		return r.m[i.k&15], true
	case modeLEN:
		return wire, true
	case modeIND:
		at += uint64(r.x)
	case modeMSH:
		if at >= uint64(len(frame)) {
			return 0, false
		}
		return uint32(frame[at]&15) * 4, true
	}
	n := uint64(len(frame))
	switch i.code & 0x18 {
	case sizeW:
		if at+4 > n {
			return 0, false
		}
		return be32(frame[at:]), true
	case sizeH:
		if at+2 > n {
			return 0, false
		}
		return uint32(be16(frame[at:])), true
	}
	if at >= n {
		return 0, false
	}
	return uint32(frame[at]), true
}

// operand is the constant or the index register.
func (r *registers) operand(i *instruction) uint32 {
	if i.code&sourceX != 0 {
		return r.x
	}
	return i.k
}

// compute applies an arithmetic instruction; division by zero refuses the frame.
func (r *registers) compute(i *instruction) bool {
	v := r.operand(i)
	switch i.code & 0xf0 {
	case opADD:
		r.a += v
	case opSUB:
		r.a -= v
	case opMUL:
		r.a *= v
	case opDIV, opMOD:
		if v == 0 {
			return false
		}
		if i.code&0xf0 == opDIV {
			r.a /= v
		} else {
			r.a %= v
		}
	case opOR:
		r.a |= v
	case opAND:
		r.a &= v
	case opLSH:
		r.a <<= v
	case opRSH:
		r.a >>= v
	case opNEG:
		r.a = -r.a
	case opXOR:
		r.a ^= v
	}
	return true
}

// jump returns how many instructions to skip.
func (r *registers) jump(i *instruction) int {
	v, taken := r.operand(i), false
	switch i.code & 0xf0 {
	case jumpA:
		return int(i.k)
	case jumpEQ:
		taken = r.a == v
	case jumpGT:
		taken = r.a > v
	case jumpGE:
		taken = r.a >= v
	case jumpSET:
		taken = r.a&v != 0
	}
	if taken {
		return int(i.jt)
	}
	return int(i.jf)
}
