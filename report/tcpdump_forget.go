package report

import "net/netip"

// Forget drops what the printer remembers of two endpoints, as a live run does
// when their connection has ended: otherwise its memory would grow for as long
// as it runs. A later segment between them is printed as the first one is.
func (t *TcpdumpPrinter) Forget(a, b netip.AddrPort) {
	a, b = netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), netip.AddrPortFrom(b.Addr().Unmap(), b.Port())
	if a.Port() > b.Port() || a.Port() == b.Port() && a.Addr().Compare(b.Addr()) > 0 {
		a, b = b, a
	}
	var n uint32
	if a.Addr().Is4() && b.Addr().Is4() {
		n = forget(&t.seqs, t.seqs.v4, pair4{a.Addr().As4(), b.Addr().As4(), a.Port(), b.Port()})
	} else {
		n = forget(&t.seqs, t.seqs.v6, pair6{a.Addr().As16(), b.Addr().As16(), a.Port(), b.Port()})
	}
	if n == 0 {
		return
	}
	for _, dir := range [...][2]netip.AddrPort{{a, b}, {b, a}} {
		e := &t.known[talkSlot(talkKey(dir))]
		if e.place == n {
			e.place = 0
		}
	}
}

// talkKey returns the addresses and ports of one direction as the headers have
// them.
func talkKey(dir [2]netip.AddrPort) (addrs, ports []byte) {
	for _, a := range dir {
		addrs = append(addrs, a.Addr().AsSlice()...)
		ports = append(ports, byte(a.Port()>>8), byte(a.Port()))
	}
	return addrs, ports
}
