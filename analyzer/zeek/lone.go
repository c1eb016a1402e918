package zeek

import (
	"net/netip"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// lone is a connection of which there was only a SYN. Nothing but that SYN is
// kept of it: a flood has millions of them, and each is over after
// attemptDelay.
type lone struct {
	src, dst end
	at       statemachine.Time
	seq      uint32
	octets   uint32 // of the IP packet
	closed   bool   // the window was 0
	gone     bool   // more came, and it is a conn now
}

// end is an address with its port without pointers; IPv4 as IPv4-mapped IPv6.
type end struct {
	addr [16]byte
	port uint16
	four bool
}

func endOf(a netip.AddrPort) end { return end{a.Addr().As16(), a.Port(), a.Addr().Is4()} }

func (e *end) addrPort() netip.AddrPort {
	a := netip.AddrFrom16(e.addr)
	if e.four {
		a = a.Unmap()
	}
	return netip.AddrPortFrom(a, e.port)
}

// tuple names a four-tuple without direction: the lower end stands first.
type tuple struct{ low, high end }

func tupleOf(a, b netip.AddrPort) tuple {
	if a.Compare(b) <= 0 {
		return tuple{endOf(a), endOf(b)}
	}
	return tuple{endOf(b), endOf(a)}
}

// loneBlock is how many SYNs a block of the queue holds.
const loneBlock = 512

// loneQueue holds the SYNs in the order of their packets, which is that of
// their end, and numbers them from 0.
type loneQueue struct {
	blocks []*[loneBlock]loneItem
	base   uint64 // number of the first item of blocks[0]
	head   uint64 // number of the oldest
	tail   uint64 // number of the next
}

// loneItem is a SYN with its place among all connections.
type loneItem struct {
	lone
	serial uint64
}

func (q *loneQueue) at(n uint64) *loneItem {
	n -= q.base
	return &q.blocks[n/loneBlock][n%loneBlock]
}

func (q *loneQueue) push(x loneItem) (n uint64) {
	if q.tail-q.base == uint64(len(q.blocks))*loneBlock {
		q.blocks = append(q.blocks, new([loneBlock]loneItem))
	}
	q.tail++
	*q.at(q.tail - 1) = x
	return q.tail - 1
}

// front returns the oldest SYN that is still alone, nil when there is none.
func (q *loneQueue) front() *loneItem {
	for q.head < q.tail && q.at(q.head).gone {
		q.pop()
	}
	if q.head == q.tail {
		return nil
	}
	return q.at(q.head)
}

func (q *loneQueue) pop() {
	q.head++
	if q.head-q.base == loneBlock {
		q.blocks[0] = nil
		q.blocks = q.blocks[1:]
		q.base += loneBlock
	}
}

// keepAlone keeps a first SYN as such. It reports whether the packet is one.
func (t *Tracker) keepAlone(key tuple, p *analyzer.Packet, s *segment) bool {
	const control = statemachine.SYN | statemachine.ACK | statemachine.FIN | statemachine.RST
	if s.flags&control != statemachine.SYN || s.length != 0 {
		return false
	}
	t.connCount++
	t.aloneAt[key] = t.alone.push(loneItem{serial: t.connCount, lone: lone{
		src: endOf(p.Src), dst: endOf(p.Dst), at: s.at, seq: s.seq, octets: uint32(ipLength(p)), closed: s.window == 0,
	}})
	return true
}

// wake makes a connection of a SYN of which there is more now.
func (t *Tracker) wake(key tuple, n uint64) *conn {
	x := t.alone.at(n)
	x.gone = true
	delete(t.aloneAt, key)
	c := t.newConn(key, x.src.addrPort(), x.dst.addrPort(), x.serial, x.at)
	t.begin(c)
	s := segment{flags: statemachine.SYN, seq: x.seq, at: x.at, window: 1}
	if x.closed {
		s.window = 0
	}
	c.take(c.orig, &s)
	c.orig.packets, c.orig.octets = 1, uint64(x.octets)
	return c
}

// give hands out the record of a SYN without answer.
func (t *Tracker) give(x *loneItem) {
	t.out = Connection{
		Serial: x.serial, Time: x.at, State: "S0", History: "S",
		Orig: End{Addr: x.src.addrPort(), Packets: 1, IPBytes: uint64(x.octets)}, Resp: End{Addr: x.dst.addrPort()},
	}
	if x.closed {
		t.out.History = "SW"
	}
	if t.err == nil {
		t.err = t.emit(&t.out)
	}
}

// giveUp ends the oldest SYN that is still alone.
func (t *Tracker) giveUp(x *loneItem) {
	delete(t.aloneAt, tupleOf(x.src.addrPort(), x.dst.addrPort()))
	t.alone.pop()
	t.give(x)
}
