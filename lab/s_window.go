//go:build linux

package main

import (
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

// windows are connections that wait: keep-alives, closed windows, probes.
func windows() []*scenario {
	return []*scenario{
		{name: "keep-alive", link: eth, desc: "an idle connection with keep-alives every second, then a close", rest: 500 * time.Millisecond,
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.SetTCP(unix.TCP_KEEPIDLE, 1)
				c.SetTCP(unix.TCP_KEEPINTVL, 1)
				c.SetInt(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
				pause(2500)
				c.Close()
				a.EOF()
				pause(80)
				a.Close()
			})},
		{name: "zero-window", link: eth, desc: "the server does not read: its window closes, the client probes, then it opens",
			run: func(l *lab) {
				c, a := l.narrow(4096)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = guard(func() { c.Send(make([]byte, 16000)) })
				}()
				pause(1500)
				a.Recv(16000)
				<-done
				pause(60)
				c.Close()
				a.EOF()
				a.Close()
			}},
	}
}

// reuses are four-tuples used again.
func reuses() []*scenario {
	return []*scenario{
		{name: "time-wait-reuse", link: eth, desc: "the server closed first and is in TIME-WAIT when the client connects again from the same port",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.Connect(l.send())
				a := ls.Accept()
				exchange(c, a)
				a.Close()
				c.EOF()
				pause(80)
				c.Close()
				pause(200)
				c = l.client()
				c.Connect(l.send())
				a = ls.Accept()
				exchange(c, a)
				a.Close()
				c.EOF()
				pause(80)
				c.Close()
			}},
		{name: "time-wait-reuse-client", link: eth, desc: "the client is in TIME-WAIT and connects again from the same port",
			cctl: map[string]string{"ipv4.tcp_tw_reuse": "1", "ipv4.tcp_tw_reuse_delay": "1"},
			run: func(l *lab) {
				ls := l.listen()
				for range 2 {
					c := l.client()
					c.Connect(l.send())
					a := ls.Accept()
					exchange(c, a)
					c.Close()
					a.EOF()
					pause(80)
					a.Close()
					pause(200)
				}
			}},
	}
}

// others shows that another link layer is captured as well as Ethernet.
func others() []*scenario {
	plain := func(l *lab) {
		_, c, a := l.connect()
		exchange(c, a)
		c.Close()
		a.EOF()
		pause(80)
		a.Close()
	}
	return []*scenario{
		{name: "raw-ip", link: tun, desc: "a whole connection over a link without a link layer", run: plain},
		{name: "any", link: eth, any: true, desc: "a whole connection; tcpdump -i any at the client writes Linux cooked v2", run: plain},
		{name: "lost-fin-raw-ip", link: tun, v6: true, desc: "the second FIN is lost and sent again, over IPv6 without a link layer",
			run: talked(func(l *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(60)
				l.script(nth(wire.ToClient, 1, isFIN, wire.DropAfter))
				a.Close()
			})},
	}
}
