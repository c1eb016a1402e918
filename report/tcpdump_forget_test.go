package report

import (
	"net/netip"
	"testing"
)

// TestForget holds the table of sequence numbers to a constant size while
// connections come and go, in both address families and with either end as
// the one that is named first.
func TestForget(t *testing.T) {
	for _, addrs := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "2001:db8::2"}} {
		p := NewTcpdumpPrinter(TcpdumpOptions{})
		for i := range 1000 {
			a := netip.AddrPortFrom(netip.MustParseAddr(addrs[0]), uint16(1+i))
			b := netip.AddrPortFrom(netip.MustParseAddr(addrs[1]), 500)
			key, ports := talkKey([2]netip.AddrPort{a, b})
			e := &p.known[talkSlot(key, ports)]
			*e = talk{v6: a.Addr().Is6(), size: 1, fromHi: a.Port() > b.Port() || a.Port() == b.Port() && a.Addr().Compare(b.Addr()) > 0}
			copy(e.key[copy(e.key[:], key):], ports)
			if o := p.offsets(e, &segmentNumbers{seq: 7, ackNo: 9, ack: true}); o.own != 0 {
				t.Fatalf("connection %d begins with the numbers of another one: %+v", i, o)
			}
			if o := p.offsets(e, &segmentNumbers{seq: 8, ackNo: 9, ack: true}); o.own != 7 {
				t.Fatalf("connection %d has no bases: %+v", i, o)
			}
			if i%2 == 0 {
				a, b = b, a
			}
			p.Forget(a, b)
			if e.place != 0 || len(p.seqs.all) != 1 || len(p.seqs.v4)+len(p.seqs.v6) != 0 {
				t.Fatalf("after %d connections: place %d, %d bases, %d pairs", i+1, e.place, len(p.seqs.all), len(p.seqs.v4)+len(p.seqs.v6))
			}
		}
	}
}
