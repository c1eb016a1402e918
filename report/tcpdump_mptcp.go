package report

import "strconv"

// mptcpPrinter prints one Multipath TCP option (RFC 8684 §3, RFC 6824 §3),
// which is wholly captured.
type mptcpPrinter struct {
	t     *TcpdumpPrinter
	at    int // its kind octet
	size  int // its length octet
	flags byte
}

// print reports false where the option's length does not fit its subtype.
func (m *mptcpPrinter) print() bool {
	t := m.t
	if m.size < 3 {
		return false
	}
	names := [...]string{" capable", " join", " dss", " add-addr", " rem-addr", " prio", " fail", " fast-close", " unknown"}
	subtype := min(t.frame[m.at+2]>>4, 8)
	t.num(" ", uint32(m.size))
	t.str(names[subtype])
	switch subtype {
	case 0:
		return m.capable()
	case 1:
		return m.join()
	case 2:
		return m.dss()
	case 3:
		return m.addAddress()
	case 4:
		return m.removeAddress()
	case 5:
		return m.priority()
	case 6, 7:
		return m.failOrClose(subtype)
	}
	return true
}

// low gives the four bits beside the subtype.
func (m *mptcpPrinter) low() byte { return m.t.frame[m.at+2] & 15 }

func (m *mptcpPrinter) hex64(s string, at int) {
	m.t.str(s)
	m.t.hex(m.t.u64(at), 1)
}

// capable prints MP_CAPABLE (§3.1).
func (m *mptcpPrinter) capable() bool {
	t := m.t
	onSYN := (m.size == 12 || m.size == 4) && m.flags&bitSYN != 0
	onACK := (m.size == 20 || m.size == 22) && m.flags&(bitSYN|bitACK) == bitACK
	if !onSYN && !onACK {
		return false
	}
	if v := m.low(); v > 1 {
		t.num(" Unknown Version (", uint32(v))
		t.str(")")
		return true
	}
	t.num(" v", uint32(m.low()))
	if t.frame[m.at+3]&0x80 != 0 {
		t.str(" csum")
	}
	if m.size == 4 {
		return true
	}
	m.hex64(" {0x", m.at+4)
	if m.size >= 20 {
		m.hex64(",0x", m.at+12)
	}
	t.str("}")
	return true
}

// join prints MP_JOIN (§3.2).
func (m *mptcpPrinter) join() bool {
	t := m.t
	switch {
	case m.size == 12 && m.flags&bitSYN != 0:
	case m.size == 16 && m.flags&(bitSYN|bitACK) == bitSYN|bitACK:
	case m.size == 24 && m.flags&bitACK != 0:
		t.str(" hmac 0x")
		t.bytes(t.frame[m.at+4 : m.at+24])
		return true
	default:
		return false
	}
	if m.low()&1 != 0 {
		t.str(" backup")
	}
	t.num(" id ", uint32(t.frame[m.at+3]))
	if m.size == 12 {
		t.str(" token 0x")
		t.hex(uint64(t.u32(m.at+4)), 1)
		t.str(" nonce 0x")
		t.hex(uint64(t.u32(m.at+8)), 1)
		return true
	}
	m.hex64(" hmac 0x", m.at+4)
	t.str(" nonce 0x")
	t.hex(uint64(t.u32(m.at+12)), 1)
	return true
}

// number writes four octets, or eight, and steps behind them.
func (m *mptcpPrinter) number(s string, at *int, wide bool) bool {
	t, n := m.t, 4
	if wide {
		n = 8
	}
	t.str(s)
	if *at+n > m.at+m.size {
		return false
	}
	if wide {
		t.b = strconv.AppendUint(t.b, t.u64(*at), 10)
	} else {
		t.dec(t.u32(*at))
	}
	*at += n
	return true
}

// dss prints the data sequence signal (§3.3).
func (m *mptcpPrinter) dss() bool {
	t := m.t
	if m.size < 4 || m.flags&bitSYN != 0 {
		return false
	}
	f, at, end := t.frame[m.at+3], m.at+4, m.at+m.size
	if f&0x10 != 0 {
		t.str(" fin")
	}
	if f&0x01 != 0 && !m.number(" ack ", &at, f&0x02 != 0) {
		return false
	}
	if f&0x04 != 0 {
		if !m.number(" seq ", &at, f&0x08 != 0) {
			return false
		}
		if at+4 > end {
			return false
		}
		t.num(" subseq ", t.u32(at))
		if at += 4; at+2 > end {
			return false
		}
		t.num(" len ", uint32(t.u16(at)))
		if at += 2; at+2 <= end {
			t.str(" csum 0x")
			t.hex(uint64(t.u16(at)), 1)
			at += 2
		}
	}
	return at == end
}

// addAddress prints ADD_ADDR (§3.4.1) of both versions.
func (m *mptcpPrinter) addAddress() bool {
	t := m.t
	addr := 4
	switch m.size {
	case 8, 10, 16, 18:
	case 20, 22, 28, 30:
		addr = 16
	default:
		return false
	}
	switch m.low() {
	case 6:
		t.str(" v0-ip6")
	case 4:
		t.str(" v0-ip4")
	case 1:
		t.str(" v1-echo")
	case 0:
		t.str(" v1")
	default:
		t.str(" [bad version/echo]")
	}
	t.num(" id ", uint32(t.frame[m.at+3]))
	t.str(" ")
	if addr == 4 {
		t.addr4(m.at + 4)
	} else {
		t.addr6(m.at + 4)
	}
	at := m.at + 4 + addr
	if rest := m.size - 4 - addr; rest == 2 || rest == 10 {
		t.num(":", uint32(t.u16(at)))
		at += 2
	}
	if at+8 == m.at+m.size {
		m.hex64(" hmac 0x", at)
	}
	return true
}

// removeAddress prints REMOVE_ADDR (§3.4.2).
func (m *mptcpPrinter) removeAddress() bool {
	if m.size < 4 {
		return false
	}
	m.t.str(" id")
	for _, id := range m.t.frame[m.at+3 : m.at+m.size] {
		m.t.num(" ", uint32(id))
	}
	return true
}

// priority prints MP_PRIO (§3.3.8).
func (m *mptcpPrinter) priority() bool {
	if m.size != 3 && m.size != 4 {
		return false
	}
	if m.low()&1 != 0 {
		m.t.str(" backup")
	} else {
		m.t.str(" non-backup")
	}
	if m.size == 4 {
		m.t.num(" id ", uint32(m.t.frame[m.at+3]))
	}
	return true
}

// failOrClose prints MP_FAIL (§3.7) or MP_FASTCLOSE (§3.5).
func (m *mptcpPrinter) failOrClose(subtype byte) bool {
	if m.size != 12 {
		return false
	}
	if subtype == 6 {
		m.t.str(" seq ")
		m.t.b = strconv.AppendUint(m.t.b, m.t.u64(m.at+4), 10)
	} else {
		m.hex64(" key 0x", m.at+4)
	}
	return true
}
