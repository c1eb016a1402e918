//go:build linux

package main

import (
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

// partings are the less usual closes in good order.
func partings() []*scenario {
	return []*scenario{
		{name: "fin-with-data", desc: "the last data and the FIN share a segment",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.SetTCP(unix.TCP_CORK, 1)
				c.SendText("last words\n")
				c.Close()
				a.Recv(11)
				a.EOF()
				a.Close()
			})},
		{name: "fin-at-once", desc: "the client closes right after connecting, without data",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.Connect(l.send())
				c.Close()
				a := ls.Accept()
				a.EOF()
				a.Close()
			}},
		{name: "half-close-server", desc: "the server shuts down its sending half; the client goes on sending",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				a.ShutWR()
				c.EOF()
				for range 3 {
					pause(80)
					c.Send(make([]byte, 500))
				}
				a.Recv(1500)
				pause(80)
				c.Close()
				a.EOF()
				a.Close()
			})},
		{name: "half-close-no-timestamps", desc: "a half-close without the timestamp option", ctl: map[string]string{"ipv4.tcp_timestamps": "0"},
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.ShutWR()
				a.EOF()
				a.Send(make([]byte, 3000))
				c.Recv(3000)
				pause(60)
				a.Close()
				c.EOF()
				c.Close()
			})},
		{name: "close-wait-left", desc: "the server never closes: it stays in CLOSE-WAIT, the client in FIN-WAIT-2",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.ShutWR()
				a.EOF()
				pause(1000)
			})},
		{name: "fin-wait-2-timeout", desc: "the server never closes and the client's FIN-WAIT-2 runs out", rest: 3500 * time.Millisecond,
			cctl: map[string]string{"ipv4.tcp_fin_timeout": "2"},
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
			})},
		{name: "fin-wait-2-late-fin", desc: "the server closes after the client's FIN-WAIT-2 ran out: its FIN draws a RST", rest: 1500 * time.Millisecond,
			cctl: map[string]string{"ipv4.tcp_fin_timeout": "1"},
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(2500)
				a.Close()
			})},
		{name: "fin-wait-2-data", desc: "data reach a client that has closed and waits in FIN-WAIT-2: RST",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(80)
				a.SendText("too late\n")
				pause(100)
				a.Close()
			})},
		{name: "fin-wait-1-data", desc: "data cross the client's FIN and reach a closed socket: RST",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				both(c.Close, func() { pause(1); a.SendText("crossing\n") })
				pause(100)
				_, _ = a.TryDrain()
				a.Close()
			})},
		{name: "lost-fin-server", desc: "the second FIN is lost and sent again",
			run: talked(func(l *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(60)
				l.script(nth(wire.ToClient, 1, isFIN, wire.DropAfter))
				a.Close()
			})},
		{name: "lost-fin-before-tap", desc: "the first FIN is lost before the tap in the middle",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isFIN, wire.DropBefore))
				c.Close()
				a.EOF()
				pause(80)
				a.Close()
			})},
		{name: "lost-ack-of-fin", desc: "the ACK of the first FIN is lost: the FIN comes again",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToClient, 1, isACK, wire.DropAfter))
				c.Close()
				a.EOF()
				pause(600)
				a.Close()
			})},
		{name: "fin-overtakes-data", desc: "the FIN arrives before the data that it follows",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isData, []wire.Leg{{Before: 25 * time.Millisecond}}))
				c.SendText("last words\n")
				pause(2)
				c.Close()
				a.Recv(11)
				a.EOF()
				pause(80)
				a.Close()
			})},
		{name: "fin-behind-hole", desc: "the data before the FIN are lost: the FIN waits until they come again",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isData, wire.DropAfter))
				c.SendText("last words\n")
				pause(2)
				c.Close()
				a.Recv(11)
				a.EOF()
				pause(80)
				a.Close()
			})},
		{name: "last-ack-timeout", desc: "the path dies before the last ACK: the server gives up in LAST-ACK", rest: 4 * time.Second,
			sctl: map[string]string{"ipv4.tcp_orphan_retries": "2"},
			run: talked(func(l *lab, c, a *sock.Sock) {
				c.ShutWR()
				a.EOF()
				pause(60)
				l.script(l.blackhole())
				a.Close()
			})},
		{name: "fin-wait-1-timeout", desc: "the path dies before the FIN arrives: the client gives up in FIN-WAIT-1", rest: 4 * time.Second,
			cctl: map[string]string{"ipv4.tcp_orphan_retries": "2"},
			run: talked(func(l *lab, c, _ *sock.Sock) {
				l.script(l.blackhole())
				c.Close()
			})},
		{name: "simultaneous-close-lost-fin", desc: "both close at once and one FIN is lost",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isFIN, wire.DropAfter))
				both(c.Close, a.Close)
			})},
		{name: "simultaneous-close-lost-ack", desc: "both close at once and the ACK of one FIN is lost",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToClient, 1, isACK, wire.DropAfter))
				both(c.Close, a.Close)
			})},
		{name: "simultaneous-close-ipv6", v6: true, desc: "both ends close before either has heard of it, over IPv6",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				both(c.Close, a.Close)
			})},
		{name: "time-wait-expiry", slow: true, desc: "TIME-WAIT runs out after a minute", rest: 65 * time.Second,
			run: func(l *lab) {
				_, c, a := l.connect()
				orderly(c, a)
			}},
		{name: "fin-wait-2-expiry", slow: true, desc: "FIN-WAIT-2 of a closed socket runs out after a minute, the kernel's own default", rest: 65 * time.Second,
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
			})},
	}
}

// blackhole drops everything, behind the tap and before it by direction: the
// middle sees what the client sends.
func (l *lab) blackhole() wire.Script {
	return func(p *wire.Packet) []wire.Leg {
		if p.Dir == wire.ToServer {
			return wire.DropAfter
		}
		return wire.DropBefore
	}
}

// aborts are connections that end by a reset, and deaths.
func aborts() []*scenario {
	return []*scenario{
		{name: "rst-linger-server", desc: "the server closes with a linger time of zero",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				a.Abort()
				gone(c)
			})},
		{name: "rst-linger-data", desc: "the client aborts with data under way", v6: true,
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Send(make([]byte, 4000))
				c.Abort()
				pause(80)
				_, _ = a.TryDrain()
				a.Close()
			})},
		{name: "rst-in-close-wait", desc: "the server aborts after the client's FIN",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.ShutWR()
				a.EOF()
				pause(60)
				a.Abort()
				gone(c)
			})},
		{name: "rst-in-fin-wait-2", desc: "the client shuts down its sending half, then aborts",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.ShutWR()
				a.EOF()
				pause(60)
				c.Abort()
				pause(30)
				a.Close()
			})},
		{name: "rst-shutdown-read", desc: "the server shuts down its receiving half, data come, and it closes: RST",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				a.ShutRD()
				c.SendText("no one reads this\n")
				pause(60)
				a.Close()
				pause(60)
				_, _ = c.TryDrain()
				c.Close()
			})},
		{name: "rst-disconnect", desc: "the client disconnects (connect to AF_UNSPEC) with data unacknowledged",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.SendText("last words\n")
				c.Disconnect()
				pause(60)
				_, _ = a.TryDrain()
				a.Close()
			})},
		{name: "rst-destroyed", desc: "an administrator destroys the server's socket (ss -K)",
			run: talked(func(l *lab, c, a *sock.Sock) {
				if err := l.s.Run("ss", "-K", "dst", l.caddr.String()); err != nil {
					sock.Fail("%w", err)
				}
				gone(c)
				a.Close()
			})},
		{name: "rst-crossing-data", desc: "the client's RST crosses data of the server",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				both(c.Abort, func() { _ = a.TrySend([]byte("crossing\n"), 0) })
				pause(60)
				_, _ = a.TryDrain()
				a.Close()
			})},
		{name: "lost-rst", desc: "the RST is lost; the server's next data meet a closed port",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isRST, wire.DropAfter))
				c.Abort()
				pause(100)
				a.SendText("are you there?\n")
				gone(a)
			})},
		{name: "lost-rst-before-tap", desc: "the RST is lost before the tap; nothing follows",
			run: talked(func(l *lab, c, _ *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isRST, wire.DropBefore))
				c.Abort()
				pause(100)
			})},
		{name: "user-timeout", desc: "the path dies and the client's user timeout ends the connection", rest: 3 * time.Second,
			run: talked(func(l *lab, c, _ *sock.Sock) {
				c.SetTCP(unix.TCP_USER_TIMEOUT, 1500)
				l.script(l.blackhole())
				c.SendText("is anyone there?\n")
				_, _ = c.TryDrain()
			})},
		{name: "retries-exhausted", desc: "the path dies and the client gives up after some retransmissions", rest: 3 * time.Second,
			cctl: map[string]string{"ipv4.tcp_retries2": "3"},
			run: talked(func(l *lab, c, _ *sock.Sock) {
				l.script(l.blackhole())
				c.SendText("is anyone there?\n")
				_, _ = c.TryDrain()
			})},
		{name: "half-open-data", desc: "the server's host forgets the connection; the client's next data draw a RST",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				a.Vanish()
				pause(50)
				c.SendText("are you there?\n")
				gone(c)
			})},
		{name: "half-open-recovery", desc: "the client's host forgets the connection and opens it anew from the same port (RFC 9293 figure 9)",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				c.Vanish()
				pause(100)
				c = l.client()
				c.Connect(l.send())
				_, _ = a.TryDrain()
				a.Close()
				a = ls.Accept()
				orderly(c, a)
			}},
		{name: "half-open-both", desc: "both hosts forget the connection, and a new one takes the same ports",
			run: func(l *lab) {
				ls, c, a := l.connect()
				exchange(c, a)
				c.Vanish()
				a.Vanish()
				pause(100)
				l.reconnect(ls)
			}},
		{name: "half-open-close", desc: "the server's host forgets the connection; the client's FIN draws a RST",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				a.Vanish()
				pause(50)
				c.Close()
			})},
		{name: "urgent", desc: "a little urgent data",
			run: func(l *lab) {
				_, c, a := l.connect()
				c.SendText("plain")
				if err := c.TrySend([]byte("!"), unix.MSG_OOB); err != nil {
					sock.Fail("urgent: %w", err)
				}
				pause(80)
				a.Recv(5)
				b := make([]byte, 1)
				if _, _, err := unix.Recvfrom(a.FD, b, unix.MSG_OOB); err != nil {
					sock.Fail("urgent: %w", err)
				}
				orderly(c, a)
			}},
		{name: "urgent-unread", desc: "one octet of urgent data is left unread: close becomes a RST",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				if err := c.TrySend([]byte("!"), unix.MSG_OOB); err != nil {
					sock.Fail("urgent: %w", err)
				}
				pause(60)
				a.Close()
				pause(60)
				_, _ = c.TryDrain()
				c.Close()
			})},
	}
}
