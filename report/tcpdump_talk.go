package report

import "encoding/binary"

// talks is how many senders the printer remembers, a power of two.
const talks = 1024

// talk is what the printer remembers of a sender towards its peer, so that it
// need not be found and written anew for each segment.
type talk struct {
	key    [36]byte  // addresses and ports as they stand in the headers
	text   [104]byte // "SRC.PORT > DST.PORT: "
	size   uint8     // of text; 0 in an entry not used yet
	v6     bool
	fromHi bool   // the sender is the pair's hi
	place  uint32 // of the bases in the table of sequence numbers, 0 for not known
}

// talk finds or makes the entry for the segment at off.
func (t *TcpdumpPrinter) talk(off int, h *ipHeader) *talk {
	addrs, ports := t.frame[h.off+12:h.off+20], t.frame[off:off+4]
	if h.v6 {
		addrs = t.frame[h.off+8 : h.off+40]
	}
	n := len(addrs)
	e := &t.known[talkSlot(addrs, ports)]
	if e.size != 0 && e.v6 == h.v6 && string(e.key[:n]) == string(addrs) && string(e.key[n:n+4]) == string(ports) {
		return e
	}
	*e = talk{v6: h.v6}
	copy(e.key[copy(e.key[:], addrs):], ports)
	start := len(t.b)
	direct := *h
	direct.direct = true
	t.ports(off, &direct)
	e.size = uint8(copy(e.text[:], t.b[start:]))
	t.b = t.b[:start]
	src, dst := t.u16(off), t.u16(off+2)
	e.fromHi = src > dst || src == dst && string(addrs[:n/2]) > string(addrs[n/2:])
	return e
}

// talkSlot is where the printer keeps a sender, by its addresses and ports.
func talkSlot(addrs, ports []byte) uint32 {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(addrs[i:]) }
	mix := binary.BigEndian.Uint32(ports) * 0x9e3779b1
	if len(addrs) == 8 {
		mix ^= word(0)*0x85ebca6b ^ word(4)*0xc2b2ae35
	} else {
		mix ^= word(4)*0x85ebca6b ^ word(8)*0xc2b2ae35 ^ word(12)*0x27d4eb2f ^ word(28)*0x165667b1
	}
	return mix >> 16 & (talks - 1)
}

// ports writes "SRC.PORT > DST.PORT: ", or the ports alone where the printer
// of the IP header has written the addresses.
func (t *TcpdumpPrinter) ports(off int, h *ipHeader) {
	if h.direct {
		t.addr(h, 0)
		t.str(".")
	}
	t.dec(uint32(t.u16(off)))
	t.str(" > ")
	if h.direct {
		t.addr(h, 1)
		t.str(".")
	}
	t.dec(uint32(t.u16(off + 2)))
	t.str(": ")
}

// addr writes the source (0) or destination (1) address.
func (t *TcpdumpPrinter) addr(h *ipHeader, which int) {
	if h.v6 {
		t.addr6(h.off + 8 + 16*which)
	} else {
		t.addr4(h.off + 12 + 4*which)
	}
}

// offsets finds what to subtract from the numbers of a segment of e.
func (t *TcpdumpPrinter) offsets(e *talk, s *segmentNumbers) offsets {
	if t.opt.Absolute || !s.ack && !s.syn {
		return offsets{}
	}
	s.fromHi = e.fromHi
	fresh := false
	if e.place == 0 {
		e.place, fresh = t.place(e, s.ack)
		if e.place == 0 {
			return offsets{}
		}
	}
	return t.seqs.all[e.place-1].take(fresh, s)
}

// place looks the pair up in the table and tells whether its entry is new.
func (t *TcpdumpPrinter) place(e *talk, add bool) (n uint32, fresh bool) {
	if e.v6 {
		k := pair6{[16]byte(e.key[:]), [16]byte(e.key[16:]), binary.BigEndian.Uint16(e.key[32:]), binary.BigEndian.Uint16(e.key[34:])}
		if e.fromHi {
			k = pair6{k.hi, k.lo, k.hiPort, k.loPort}
		}
		return place(&t.seqs, &t.seqs.v6, k, add)
	}
	k := pair4{[4]byte(e.key[:]), [4]byte(e.key[4:]), binary.BigEndian.Uint16(e.key[8:]), binary.BigEndian.Uint16(e.key[10:])}
	if e.fromHi {
		k = pair4{k.hi, k.lo, k.hiPort, k.loPort}
	}
	return place(&t.seqs, &t.seqs.v4, k, add)
}
