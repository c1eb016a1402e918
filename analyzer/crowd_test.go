package analyzer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// nth begins the nth talk of a script, with ISNs of its own.
func (s *script) nth(n int, client, server string) *talk {
	k := s.talk(client, server)
	k.iss = [2]uint32{1000 + uint32(n)*77777, 9000 + uint32(n)*55555}
	k.next = k.iss
	return k
}

// sound plays a whole connection.
func (k *talk) sound() {
	k.handshake()
	k.data()
	k.clientCloses()
}

// crowdCodes are the findings across connections.
var crowdCodes = []sm.Code{
	sm.SYNFlood, sm.SYNScan, sm.HalfOpenScan, sm.FINScan, sm.NullScan, sm.XmasScan, sm.AcceptQueueOverflow, sm.RSTStorm, sm.ISNReuse,
}

// Findings that many connections show together, and crowds that are none.
func TestCrowds(t *testing.T) {
	const ms = time.Millisecond
	probes := func(letters string) func(s *script) {
		return func(s *script) {
			for i := range 8 {
				s.nth(i, "10.0.0.1:40000", fmt.Sprintf("10.0.1.1:%d", 20+i)).raw(cl, letters, 1, 0, 0)
			}
		}
	}
	for _, c := range []struct {
		name string
		play func(s *script)
		want string // codes with their numbers, none for ""
	}{
		{"flood from many addresses", func(s *script) {
			for i := range 300 {
				s.nth(i, fmt.Sprintf("10.1.%d.%d:%d", i/250, i%250+1, 1024+i), "10.0.0.2:80").send(cl, "S", 0)
			}
		}, "syn-flood 1"},
		{"flood that is answered", func(s *script) {
			for i := range 300 {
				k := s.nth(i, fmt.Sprintf("10.1.%d.%d:%d", i/250, i%250+1, 1024+i), "10.0.0.2:80")
				k.send(cl, "S", 0)
				k.send(sv, "S.", 0)
			}
		}, "syn-flood 1"},
		{"flood over IPv6", func(s *script) {
			for i := range 300 {
				s.nth(i, fmt.Sprintf("[2001:db8::%x]:%d", i+1, 1024+i), "[2001:db8:1::2]:443").send(cl, "S", 0)
			}
		}, "syn-flood 1"},
		{"closed ports of one host", func(s *script) {
			for i := range 40 {
				k := s.nth(i, fmt.Sprintf("10.0.0.1:%d", 50000+i), fmt.Sprintf("10.0.1.1:%d", 20+i))
				k.send(cl, "S", 0)
				k.raw(sv, "R.", 0, k.next[cl], 0)
			}
		}, "syn-scan 1"},
		{"filtered ports of one host", func(s *script) {
			for i := range 60 {
				s.nth(i, "10.0.0.1:50000", fmt.Sprintf("10.0.1.1:%d", 20+i)).send(cl, "S", 0)
				s.wait(100 * ms)
			}
		}, "syn-scan 1"},
		{"one port of many hosts", func(s *script) {
			for i := range 60 {
				s.nth(i, "10.0.0.1:50000", fmt.Sprintf("10.0.1.%d:22", i+1)).send(cl, "S", 0)
				s.wait(100 * ms)
			}
		}, "syn-scan 1"},
		{"open ports, given up", func(s *script) {
			for i := range 20 {
				k := s.nth(i, "10.0.0.1:50000", fmt.Sprintf("10.0.1.1:%d", 20+i))
				k.send(cl, "S", 0)
				k.send(sv, "S.", 0)
				k.send(cl, "R", 0)
			}
		}, "half-open-scan 1"},
		{"FIN", probes("F"), "fin-scan 1"},
		{"no control bit", probes(""), "null-scan 1"},
		{"FIN, PSH and URG", probes("FPU"), "xmas-scan 1"},
		{"full accept queue", func(s *script) {
			for i := range 4 {
				k := s.nth(i, fmt.Sprintf("10.0.0.%d:50000", i+1), "10.0.1.1:80")
				k.handshake()
				k.wait(time.Second)
				k.raw(sv, "S.", k.iss[sv], k.iss[cl]+1, 0)
				k.send(cl, ".", 0)
			}
		}, "accept-queue-overflow 1"},
		{"many resets of one host", func(s *script) {
			for i := range 130 {
				k := s.nth(i, fmt.Sprintf("10.0.0.%d:%d", i%200+1, 40000+i), "10.0.1.1:80")
				k.handshake()
				k.send(sv, "R.", 0)
			}
		}, "rst-storm 1"},

		{"a busy server", func(s *script) {
			for i := range 400 {
				s.nth(i, fmt.Sprintf("10.1.%d.%d:%d", i/250, i%250+1, 1024+i), "10.0.0.2:80").sound()
			}
		}, ""},
		{"a busy server, all at once", func(s *script) {
			var all []*talk
			for i := range 200 {
				all = append(all, s.nth(i, fmt.Sprintf("10.1.0.%d:%d", i+1, 1024+i), "10.0.0.2:80"))
			}
			for _, k := range all {
				k.send(cl, "S", 0)
			}
			for _, k := range all {
				k.send(sv, "S.", 0)
				k.send(cl, ".", 0)
			}
		}, ""},
		{"a load test", func(s *script) {
			for i := range 1000 {
				s.nth(i, fmt.Sprintf("10.0.0.1:%d", 10000+i), "10.0.0.2:80").sound()
			}
		}, ""},
		{"thirty ports that all answer", func(s *script) {
			for i := range 30 {
				s.nth(i, fmt.Sprintf("10.0.0.1:%d", 40000+i), fmt.Sprintf("10.0.0.2:%d", 5000+i)).sound()
			}
		}, ""},
		{"a server that is down", func(s *script) {
			for i := range 40 { // one client that tries again
				k := s.nth(i, fmt.Sprintf("10.0.0.1:%d", 40000+i), "10.0.0.2:80")
				k.send(cl, "S", 0)
				k.raw(sv, "R.", 0, k.next[cl], 0)
				k.wait(time.Second)
			}
		}, ""},
		{"a lost third ACK", func(s *script) {
			k := s.nth(0, "10.0.0.1:50000", "10.0.1.1:80")
			k.handshake()
			k.wait(time.Second)
			k.raw(sv, "S.", k.iss[sv], k.iss[cl]+1, 0)
			k.send(cl, ".", 0)
			k.data()
		}, ""},
		{"resets now and then", func(s *script) {
			for i := range 130 {
				k := s.nth(i, fmt.Sprintf("10.0.0.%d:%d", i%200+1, 40000+i), "10.0.1.1:80")
				k.handshake()
				k.data()
				k.send(sv, "R.", 0)
				k.wait(time.Second)
			}
		}, ""},
	} {
		for _, onePass := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, map[bool]string{true: " in one pass"}[onePass]), func(t *testing.T) {
				s := &script{}
				c.play(s)
				out := s.run(t, Options{Wants: WantConnections, OnePass: onePass})
				var got []string
				for _, code := range crowdCodes {
					if n := out.capture.Findings[code]; n > 0 {
						got = append(got, fmt.Sprint(code, " ", n))
					}
				}
				if g := strings.Join(got, ", "); g != c.want {
					t.Errorf("%s, want %s", g, c.want)
				}
			})
		}
	}
}

// hostSource yields SYNs of ever new sources to ever new targets.
type hostSource struct{ n, of int }

func (s *hostSource) Next(p *Packet) error {
	if s.n == s.of {
		return (&fakeSource{}).Next(p)
	}
	a, b := byte(s.n>>8), byte(s.n)
	src, dst := fmt.Sprintf("10.%d.%d.1:1024", a, b), fmt.Sprintf("11.%d.%d.1:80", b, a)
	one := &script{now: time.Duration(s.n) * time.Millisecond}
	one.nth(s.n, src, dst).send(cl, "S", 0)
	s.n++
	*p = one.packets[0]
	p.Number = uint64(s.n)
	return nil
}

func (s *hostSource) Close() error       { return nil }
func (s *hostSource) Stats() SourceStats { return SourceStats{} }

// What is remembered of sources, ports and ISNs does not grow with the capture:
// the tables are full after a while and stay as they are.
func TestCrowdIsBounded(t *testing.T) {
	c := &crowd{}
	occupied := func() (n int) {
		for i := range c.sources {
			if c.bySource[i].hash != 0 {
				n++
			}
		}
		for i := range c.ports {
			if c.byPort[i].hash != 0 {
				n++
			}
		}
		for i := range c.isns {
			if c.isns[i].key != 0 {
				n++
			}
		}
		return n
	}
	src := &hostSource{of: 60000}
	var p Packet
	most := len(c.sources) + len(c.ports) + len(c.isns)
	e := crowdEvent{kind: crowdSYN}
	take := func(from, to int) {
		for range to - from {
			if err := src.Next(&p); err != nil {
				t.Fatal(err)
			}
			e.at = sm.Moment{Packet: p.Number, Time: p.Time}
			e.key, e.lowIsClient = keyOf(p.Src, p.Dst, 0)
			e.conn, e.seq = uint32(p.Number), p.Segment.Seq
			c.take(&e)
		}
	}
	take(0, 30000)
	if n := occupied(); n < most*9/10 {
		t.Errorf("%d of %d entries are in use: the test shows nothing", n, most)
	}
	allocs := testing.AllocsPerRun(10, func() { c.take(&e) })
	take(30000, 60000)
	if n := occupied(); n > most || allocs != 0 {
		t.Errorf("%d entries of %d, %v allocations for an event", n, most, allocs)
	}
}

// A flood is told although its first sources have long given way, and live
// connections are all that grows: none is left behind when they are over.
func TestFloodLeavesNothing(t *testing.T) {
	opt := Options{Wants: WantConnections, MaxConnections: 500}
	out := &transcript{}
	src := &hostSource{of: 20000}
	if err := Run(context.Background(), opt, func() (Source, error) { return src, nil }, out); err != nil {
		t.Fatal(err)
	}
	if len(out.conns) != 20000 || out.capture.Evicted != 19500 {
		t.Errorf("%d connections, %d written out early, want 20000 and 19500", len(out.conns), out.capture.Evicted)
	}
}
