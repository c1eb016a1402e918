package analyzer

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// loop is a source that yields data segments of some connections again and
// again, after their handshakes, each time with the next numbers.
type loop struct {
	talks []*talk
	out   []Packet
	i     int
	count int
	limit int
}

func newLoop(flows, limit int) *loop {
	s := &script{}
	l := &loop{limit: limit}
	for i := range flows {
		k := s.talk(fmt.Sprintf("10.0.%d.%d:4000", i/250, 1+i%250), "10.9.9.9:80")
		k.handshake()
		l.talks = append(l.talks, k)
	}
	l.out = s.packets
	return l
}

func (l *loop) Next(p *Packet) error {
	if l.count == l.limit {
		return io.EOF
	}
	l.count++
	if l.count <= len(l.out) {
		*p = l.out[l.count-1]
		return nil
	}
	// Each flow in turn sends data, and its peer acknowledges it.
	k := l.talks[l.i/2%len(l.talks)]
	*p = l.out[0]
	p.Number = uint64(l.count)
	p.Time = sm.Time(1e18) + sm.Time(l.count)*sm.Time(10*time.Microsecond)
	side := sm.Side(l.i & 1)
	p.Src, p.Dst = k.addrs[side], k.addrs[side.Peer()]
	p.Segment.Flags = sm.ACK
	p.Segment.IPID = uint16(l.count)
	p.Segment.Seq, p.Segment.Ack, p.Segment.Len = sm.Seq(k.next[side]), sm.Seq(k.next[side.Peer()]), 0
	if side == cl {
		p.Segment.Len = 1000
		k.next[cl] += 1000
		p.SegLen, p.CapLen, p.WireLen = 20, 54, 54
	}
	l.i++
	return nil
}

func (l *loop) Close() error { return nil }

// discard is a sink that wants to know only how much came.
type discard struct{ packets, conns int }

func (d *discard) Packet(*Observation) error    { d.packets++; return nil }
func (d *discard) Connection(*Connection) error { d.conns++; return nil }
func (d *discard) Capture(*Capture) error       { return nil }

// After the first packets of a connection no packet allocates: a run over ten
// times as many costs no more allocations.
func TestNoAllocationPerPacket(t *testing.T) {
	for _, opt := range []Options{
		{Wants: WantConnections}, {Wants: wantAll}, {Wants: wantAll, OnePass: true},
	} {
		cost := func(packets int) float64 {
			return testing.AllocsPerRun(1, func() {
				if err := Run(context.Background(), opt, func() (Source, error) {
					return newSplitting(func() Source { return newLoop(16, packets) }), nil
				}, &discard{}); err != nil {
					t.Fatal(err)
				}
			})
		}
		if a, b := cost(2000), cost(20_000); b > a+90 {
			t.Errorf("%+v: %.0f allocations for 2,000 packets, %.0f for 20,000", opt, a, b)
		}
	}
}

// A live connection is bounded in what the flow table itself needs for it.
func TestFlowSize(t *testing.T) {
	if n := unsafe.Sizeof(flow{}); n > 192 {
		t.Errorf("a flow takes %d octets", n)
	}
}

func benchmarkRun(b *testing.B, flows int, opt Options) {
	d := &discard{}
	b.ReportAllocs()
	err := Run(context.Background(), opt, func() (Source, error) {
		return newSplitting(func() Source { return newLoop(flows, b.N+3*flows) }), nil
	}, d)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

func BenchmarkSummary64(b *testing.B)  { benchmarkRun(b, 64, Options{Wants: WantConnections}) }
func BenchmarkSummary10k(b *testing.B) { benchmarkRun(b, 10_000, Options{Wants: WantConnections}) }
func BenchmarkTimeline64(b *testing.B) { benchmarkRun(b, 64, Options{Wants: wantAll}) }
func BenchmarkOnePass64(b *testing.B) {
	benchmarkRun(b, 64, Options{Wants: wantAll, OnePass: true})
}

// short is a source of whole connections of ten packets each.
type short struct {
	one   []Packet
	count int
	limit int
}

func newShort(conns int) *short {
	s := &script{}
	k := s.talk("10.0.0.1:4000", "10.9.9.9:80")
	k.handshake()
	k.data()
	k.clientCloses()
	k.send(cl, ".", 0)
	return &short{one: s.packets, limit: conns * len(s.packets)}
}

func (s *short) Next(p *Packet) error {
	if s.count == s.limit {
		return io.EOF
	}
	conn, i := s.count/len(s.one), s.count%len(s.one)
	s.count++
	*p = s.one[i]
	p.Number = uint64(s.count)
	p.Time = sm.Time(1e18) + sm.Time(s.count)*sm.Time(50*time.Microsecond)
	client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(conn >> 16), byte(conn >> 8), byte(conn)}), 4000)
	if p.Src.Port() == 4000 {
		p.Src = client
	} else {
		p.Dst = client
	}
	return nil
}

func (s *short) Close() error { return nil }

func BenchmarkShortConnections(b *testing.B) {
	b.ReportAllocs()
	d := &discard{}
	if err := Run(context.Background(), Options{Wants: WantConnections}, func() (Source, error) {
		return newSplitting(func() Source { return newShort(b.N) }), nil
	}, d); err != nil {
		b.Fatal(err)
	}
	if d.conns != b.N {
		b.Fatalf("%d records for %d connections", d.conns, b.N)
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "packets/s")
}
