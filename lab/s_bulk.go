//go:build linux

package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

// headers is what is kept of each packet where the data do not matter.
const headers = 110

// bulks move more data.
func bulks() []*scenario {
	return []*scenario{
		{name: "bulk-offload", link: veth, snap: headers, desc: "400 kB each way over veth: segments far larger than the MSS at every tap",
			run: func(l *lab) { l.bothWays(400_000) }},
		{name: "bulk-offload-ipv6", link: veth, v6: true, snap: headers, desc: "400 kB each way over veth and IPv6",
			run: func(l *lab) { l.bothWays(400_000) }},
		{name: "bulk-offload-loss", link: veth, snap: headers, desc: "one in twelve of the large segments is dropped by the router's packet filter",
			run: func(l *lab) {
				if err := l.r.NFT("add table inet f; add chain inet f fw { type filter hook forward priority 0; }; add rule inet f fw meta l4proto tcp ip length > 1000 numgen inc mod 12 == 7 drop"); err != nil {
					sock.Fail("%w", err)
				}
				l.bothWays(400_000)
			}},
		{name: "bulk-plain", snap: headers, desc: "150 kB each way without any offload",
			run: func(l *lab) { l.bothWays(150_000) }},
		{name: "bulk-loss", snap: headers, desc: "150 kB each way, one packet in thirty lost",
			run: func(l *lab) {
				l.script(chain(everyNth(wire.ToServer, 30, wire.DropAfter), everyNth(wire.ToClient, 30, wire.DropBefore)))
				l.bothWays(150_000)
			}},
		{name: "bulk-reorder", snap: headers, desc: "150 kB each way, every seventh segment late",
			run: func(l *lab) {
				late := []wire.Leg{{Before: 2 * time.Millisecond}}
				l.script(chain(everyNth(wire.ToServer, 7, late), everyNth(wire.ToClient, 7, late)))
				l.bothWays(150_000)
			}},
		{name: "bulk-plain-loss", snap: headers, desc: "100 kB each way without SACK and timestamps, one packet in forty lost",
			ctl: map[string]string{"ipv4.tcp_sack": "0", "ipv4.tcp_timestamps": "0"},
			run: func(l *lab) {
				l.script(chain(everyNth(wire.ToServer, 40, wire.DropAfter), everyNth(wire.ToClient, 40, wire.DropAfter)))
				l.bothWays(100_000)
			}},
		{name: "many-at-once", snap: headers, desc: "sixty connections at once, closed in six ways",
			run: func(l *lab) {
				ls := l.listenAt(sport, 128)
				var wg sync.WaitGroup
				for i := range uint16(60) {
					wg.Go(func() {
						_ = guard(func() { l.oneOfMany(i) })
					})
				}
				var as []*sock.Sock
				for range 60 {
					as = append(as, ls.Accept())
				}
				for _, a := range as {
					wg.Go(func() {
						_ = guard(func() { serveOne(a) })
					})
				}
				wg.Wait()
			}},
		{name: "many-refused", snap: headers, desc: "sixty attempts at once, all refused",
			run: func(l *lab) {
				var wg sync.WaitGroup
				for i := range uint16(60) {
					wg.Go(func() { _ = guard(func() { _ = l.clientAt(cport + i).TryConnect(l.send()) }) })
				}
				wg.Wait()
			}},
	}
}

// bothWays moves n octets in each direction at once and closes.
func (l *lab) bothWays(n int) {
	_, c, a := l.connect()
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for _, s := range []*sock.Sock{c, a} {
		wg.Go(func() { errs <- guard(func() { s.Send(make([]byte, n)) }) })
		wg.Go(func() { errs <- guard(func() { s.Recv(n) }) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			sock.Fail("%w", err)
		}
	}
	pause(100)
	orderly(c, a)
}

// oneOfMany is the client's part of connection i.
func (l *lab) oneOfMany(i uint16) {
	time.Sleep(time.Duration(i%7) * 3 * time.Millisecond)
	c := l.clientAt(cport + i)
	c.Connect(l.send())
	// The first octet tells the server what to do.
	c.SendText(fmt.Sprintf("%d request", i%6))
	switch i % 6 {
	case 0: // the client closes first
		c.Recv(6)
		c.Close()
	case 1: // the server closes first
		c.Recv(6)
		c.EOF()
		pause(20)
		c.Close()
	case 2: // both close at once, or nearly
		c.Recv(6)
		c.Close()
	case 3: // the client aborts
		c.Recv(6)
		c.Abort()
	case 4: // the server aborts
		_, _ = c.TryDrain()
		c.Close()
	case 5: // a half-close
		c.Recv(6)
		c.ShutWR()
		c.Recv(2000)
		c.EOF()
		c.Close()
	}
}

// serveOne is the server's part.
func serveOne(a *sock.Sock) {
	how := a.Recv(9)[0]
	a.SendText("answer")
	switch how {
	case '1', '2':
		pause(6)
		a.Close()
	case '4':
		pause(10)
		a.Abort()
	case '5':
		a.EOF()
		a.Send(make([]byte, 2000))
		pause(30)
		a.Close()
	default:
		_, _ = a.TryDrain()
		a.Close()
	}
}

// waits are keep-alives, probes and windows with an accident.
func waits() []*scenario {
	keep := func(c *sock.Sock) {
		c.SetTCP(unix.TCP_KEEPIDLE, 1)
		c.SetTCP(unix.TCP_KEEPINTVL, 1)
		c.SetTCP(unix.TCP_KEEPCNT, 2)
		c.SetInt(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	return []*scenario{
		{name: "keep-alive-lost", desc: "one keep-alive is lost, the next is answered",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isACK, wire.DropAfter))
				keep(c)
				pause(2600)
				orderly(c, a)
			})},
		{name: "keep-alive-death", desc: "the peer is gone: keep-alives without an answer, then RST", rest: time.Second,
			run: talked(func(l *lab, c, _ *sock.Sock) {
				keep(c)
				l.script(l.blackhole())
				_, _ = c.TryDrain()
			})},
		{name: "keep-alive-half-open", desc: "the peer forgot the connection: a keep-alive draws a RST", rest: time.Second,
			run: talked(func(_ *lab, c, a *sock.Sock) {
				keep(c)
				a.Vanish()
				gone(c)
			})},
		{name: "keep-alive-fin-wait-2", desc: "keep-alives in FIN-WAIT-2",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				keep(c)
				c.ShutWR()
				a.EOF()
				pause(2500)
				a.Close()
				c.EOF()
				c.Close()
			})},
		{name: "zero-window-fin", desc: "the client closes behind a closed window: its FIN leaves when the window opens",
			run: func(l *lab) {
				c, a := l.narrow(4096)
				c.SetTimeout(200 * time.Millisecond)
				_ = c.TrySend(make([]byte, 16000), unix.MSG_DONTWAIT)
				pause(300)
				c.Close()
				pause(800)
				n, _ := a.TryDrain()
				if n == 0 {
					sock.Fail("no data")
				}
				pause(80)
				a.Close()
			}},
		{name: "zero-window-lost-update", desc: "the window update is lost: the next probe finds the window open",
			run: func(l *lab) {
				c, a := l.narrow(4096)
				_ = c.TrySend(make([]byte, 12000), unix.MSG_DONTWAIT)
				pause(500)
				lost := false
				l.script(func(p *wire.Packet) []wire.Leg {
					if p.Dir == wire.ToClient && isACK(p) && p.Window > 0 && !lost {
						lost = true
						return wire.DropAfter
					}
					return wire.Pass
				})
				a.Recv(4000)
				pause(1500)
				c.Close()
				_, _ = a.TryDrain()
				a.Close()
			}},
		{name: "zero-window-abort", desc: "the window stays closed and the client aborts",
			run: func(l *lab) {
				c, a := l.narrow(4096)
				_ = c.TrySend(make([]byte, 16000), unix.MSG_DONTWAIT)
				pause(600)
				c.Abort()
				pause(80)
				_, _ = a.TryDrain()
				a.Close()
			}},
		{name: "window-small", desc: "a slow reader: the window moves in small steps",
			run: func(l *lab) {
				c, a := l.narrow(8192)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = guard(func() { c.Send(make([]byte, 20000)) })
				}()
				for range 20 {
					a.Recv(1000)
					pause(15)
				}
				<-done
				pause(50)
				orderly(c, a)
			}},
	}
}

// again are further four-tuples used again.
func again() []*scenario {
	return []*scenario{
		{name: "reuse-after-reset", desc: "the same ports again right after a reset",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				c.Abort()
				gone(a)
				pause(100)
				l.reconnect(ls)
			}},
		{name: "time-wait-reuse-plain", ctl: map[string]string{"ipv4.tcp_timestamps": "0"}, desc: "TIME-WAIT at the server is reused by a SYN without timestamps",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				a.Close()
				c.EOF()
				pause(80)
				c.Close()
				pause(200)
				l.reconnect(ls)
			}},
		{name: "syn-in-last-ack", desc: "the client vanishes without the last ACK and connects again: SYN in LAST-ACK",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				c.ShutWR()
				a.EOF()
				pause(60)
				l.script(nth(wire.ToClient, 1, isFIN, wire.DropAfter))
				a.Close()
				pause(30)
				c.Vanish()
				l.reconnect(ls)
			}},
		{name: "syn-in-fin-wait-2", desc: "the client's host restarts while the server waits in FIN-WAIT-2",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				a.Close()
				c.EOF()
				pause(60)
				c.Vanish()
				pause(60)
				l.reconnect(ls)
			}},
		{name: "syn-in-close-wait", desc: "the client's host restarts while the server is in CLOSE-WAIT",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				c.ShutWR()
				a.EOF()
				pause(60)
				c.Vanish()
				pause(60)
				c = l.client()
				c.Connect(l.send())
				a.Close()
				a = ls.Accept()
				orderly(c, a)
			}},
		{name: "three-in-a-row", desc: "three connections from the same port, each closed by the server",
			run: func(l *lab) {
				ls := l.listen()
				for range 3 {
					c := l.client()
					c.Connect(l.send())
					a := ls.Accept()
					exchange(c, a)
					a.Close()
					c.EOF()
					c.Close()
					pause(150)
				}
			}},
	}
}
