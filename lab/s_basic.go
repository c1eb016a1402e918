//go:build linux

package main

import (
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

// closes are the ways in which two ends part in good order.
func closes() []*scenario {
	return []*scenario{
		{name: "close-client", link: eth, desc: "handshake, a request and an answer; the client closes first",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(80)
				a.Close()
			})},
		{name: "close-server", link: eth, desc: "handshake, a request and an answer; the server closes first",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				a.Close()
				c.EOF()
				pause(80)
				c.Close()
			})},
		{name: "close-three-segments", link: eth, desc: "the second FIN carries the ACK of the first: FIN, FIN+ACK, ACK",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				// Reading at once keeps the delayed ACK back until the FIN takes it along.
				a.SetTCP(unix.TCP_QUICKACK, 0)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = guard(func() { a.EOF(); a.Close() })
				}()
				pause(20)
				c.Close()
				<-done
			})},
		{name: "half-close", link: eth, desc: "the client shuts down its sending half; the server goes on sending, and closes later",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.ShutWR()
				a.EOF()
				for range 3 {
					pause(50)
					a.Send(make([]byte, 500))
				}
				c.Recv(1500)
				pause(50)
				a.Close()
				c.EOF()
				c.Close()
			})},
		{name: "simultaneous-close", link: eth, desc: "both ends close before either has heard of it",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				both(c.Close, a.Close)
			})},
	}
}

// both runs two functions at once and waits for both.
func both(f, g func()) {
	done := make(chan struct{})
	start := make(chan struct{})
	go func() {
		defer close(done)
		<-start
		f()
	}()
	close(start)
	g()
	<-done
}

// opens are the ways in which a connection begins, or does not.
func opens() []*scenario {
	return []*scenario{
		{name: "simultaneous-open", link: eth, desc: "both ends connect to each other; no one listens",
			run: func(l *lab) {
				c, s := l.simultaneous()
				promptly(c, s)
			}},
		{name: "refused", link: eth, desc: "no one listens at the port",
			run: func(l *lab) { fails(l.client(), l.send(), unix.ECONNREFUSED) }},
		{name: "syn-unanswered", link: eth, desc: "every SYN is lost on its way; the client gives up",
			ctl: map[string]string{"ipv4.tcp_syn_retries": "2", "ipv4.tcp_syn_linear_timeouts": "0"},
			run: func(l *lab) {
				l.listen()
				l.script(between(wire.ToServer, 1, 99, isSYN, wire.DropAfter))
				fails(l.client(), l.send(), unix.ETIMEDOUT)
			}},
		{name: "lost-syn", link: eth, desc: "the first SYN is lost behind the tap in the middle",
			run: accident(wire.ToServer, isSYN, wire.DropAfter, 0, promptly)},
		{name: "lost-syn-ack", link: eth, desc: "the first SYN-ACK is lost behind the tap in the middle",
			run: accident(wire.ToClient, isSYNACK, wire.DropAfter, 0, promptly)},
		{name: "lost-third-ack", link: eth, desc: "the third ACK is lost and nothing follows it: the server sends its SYN-ACK again",
			run: accident(wire.ToServer, isACK, wire.DropAfter, 100, promptly)},
		{name: "lost-third-ack-data", link: eth, desc: "the third ACK is lost; the data right behind it takes its place",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 1, isACK, wire.DropAfter))
				ls := l.listen()
				c := l.client()
				c.Connect(l.send())
				c.SendText("request from the client\n")
				a := ls.Accept()
				a.Recv(24)
				a.SendText("answer from the server\n")
				c.Recv(23)
				pause(60)
				c.Close()
				a.EOF()
				a.Close()
			}},
		{name: "ipv6", link: eth, v6: true, desc: "handshake, data and close over IPv6",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(80)
				a.Close()
			})},
	}
}

// startBoth has both ends connect to each other at once.
func (l *lab) startBoth() (c, s *sock.Sock) {
	c = l.client()
	s = sock.New(l.s, l.socks, l.saddr)
	s.Bind(l.send())
	both(func() { c.StartConnect(l.send()) }, func() { s.StartConnect(l.cend()) })
	return c, s
}

// simultaneous opens a connection from both ends at once.
func (l *lab) simultaneous() (c, s *sock.Sock) {
	c, s = l.startBoth()
	for _, x := range []*sock.Sock{c, s} {
		if err := x.Wait(sock.Timeout); err != nil {
			sock.Fail("simultaneous open: %w", err)
		}
	}
	return c, s
}

// crossing begins a simultaneous open and returns when the client's SYN-ACK has
// left: the client is in SYN-RECEIVED.
func (l *lab) crossing() (c, s *sock.Sock) {
	sp := l.spy()
	c, s = l.startBoth()
	sp.wait(wire.ToServer, 2)
	return c, s
}
