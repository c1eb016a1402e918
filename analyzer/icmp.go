package analyzer

import (
	"strconv"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Types of ICMP errors (RFC 792) and of ICMPv6 errors (RFC 4443 §3).
const (
	icmpUnreachable  = 3
	icmpQuench       = 4
	icmpTimeExceeded = 11
	icmpParameter    = 12
	icmp6Unreachable = 1
	icmp6TooBig      = 2
	icmp6Time        = 3
	icmp6Parameter   = 4
	icmpFragNeeded   = 4 // code of unreachable (RFC 1191 §4)
)

// code returns type and code as one number, ICMPv6's with an eighth bit more.
func (e *ICMPError) code() uint16 {
	n := uint16(e.Type&0x7f)<<8 | uint16(e.Code)
	if e.Version6 {
		n |= 1 << 15
	}
	return n
}

// tooBig reports that a router asks for smaller packets.
func (e *ICMPError) tooBig() bool {
	if e.Version6 {
		return e.Type == icmp6TooBig
	}
	return e.Type == icmpUnreachable && e.Code == icmpFragNeeded
}

// fatal reports an error at which hosts give up opening (RFC 5461 §4; RFC 1122
// §4.2.3.9 has source quench mean congestion).
func (e *ICMPError) fatal() bool {
	return !e.tooBig() && (e.Version6 || e.Type != icmpQuench)
}

// ICMPName returns the name of the ICMP error that number n stands for, as
// findings of statemachine.ICMPError carry it in A: 256 × type + code, and
// 32768 more for ICMPv6.
func ICMPName(n int64) string {
	kind, code := uint8(n>>8)&0x7f, uint8(n)
	if n>>15&1 != 0 {
		return icmp6Name(kind, code)
	}
	switch kind {
	case icmpUnreachable:
		return nameOr(code, "net unreachable", "host unreachable", "protocol unreachable", "port unreachable",
			"fragmentation needed", "source route failed", "net unknown", "host unknown", "source isolated",
			"net prohibited", "host prohibited", "net unreachable for this service", "host unreachable for this service",
			"administratively prohibited", "host precedence violation", "precedence cutoff")
	case icmpQuench:
		return "source quench"
	case icmpTimeExceeded:
		return nameOr(code, "time exceeded in transit", "reassembly time exceeded")
	case icmpParameter:
		return "parameter problem"
	}
	return "type " + strconv.Itoa(int(kind)) + " code " + strconv.Itoa(int(code))
}

func icmp6Name(kind, code uint8) string {
	switch kind {
	case icmp6Unreachable:
		return nameOr(code, "no route", "administratively prohibited", "beyond scope of source", "address unreachable",
			"port unreachable", "source address failed policy", "route rejected")
	case icmp6TooBig:
		return "packet too big"
	case icmp6Time:
		return nameOr(code, "hop limit exceeded", "reassembly time exceeded")
	case icmp6Parameter:
		return "parameter problem"
	}
	return "type " + strconv.Itoa(int(kind)) + " code " + strconv.Itoa(int(code))
}

// nameOr returns the name of a code, its number when it has none.
func nameOr(code uint8, names ...string) string {
	if int(code) < len(names) {
		return names[code]
	}
	return "unreachable, code " + strconv.Itoa(int(code))
}

// icmp takes an ICMP error that quotes a segment. Where that belongs to a live
// connection, what it says is shown under the connection's last packet.
func (t *tracker) icmp(it *item) {
	t.moveTo(it.at())
	t.own = true
	i := t.table.find(&it.key, it.hash)
	if i == 0 {
		return
	}
	f := t.table.flows.at(i)
	t.wake(f)
	at, side, e := it.at(), f.side(it.fromLow), &it.packet.ICMP
	ok := t.machine.Quote(t.conns.at(f.conn), at, side, e.Seq, e.fatal())
	t.drain(f)
	if ok {
		fd := statemachine.Finding{At: at, Side: side, Code: statemachine.ICMPError, A: int64(e.code())}
		if e.tooBig() {
			fd.Code, fd.A, fd.B = statemachine.ICMPTooBig, int64(e.Len), int64(e.MTU)
		} else {
			f.facts.icmp = e.code()
		}
		t.findingAt(f, fd, f.last.Packet)
	}
	t.file(i, f)
}
