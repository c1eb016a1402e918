//go:build linux

package main

import (
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"golang.org/x/sys/unix"
)

const tcpNoDelay = unix.TCP_NODELAY

// resets are connections that an application aborts.
func resets() []*scenario {
	return []*scenario{
		{name: "rst-linger", link: eth, desc: "the client closes with a linger time of zero: RST instead of FIN",
			run: talked(func(_ *lab, c, a *sock.Sock) {
				c.Abort()
				gone(a)
			})},
		{name: "rst-unread", link: eth, desc: "the server closes with data unread: RST instead of FIN",
			run: func(l *lab) {
				_, c, a := l.connect()
				c.SendText("request from the client\n")
				pause(60)
				a.Close()
				gone(c)
			}},
	}
}

// gone waits for the reset and closes.
func gone(s *sock.Sock) {
	if _, err := s.TryDrain(); err != unix.ECONNRESET {
		sock.Fail("recv: %w instead of a reset", err)
	}
	s.Close()
}
