//go:build linux

package main

import (
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
)

// losses are connections whose segments do not all arrive, or not in order.
func losses() []*scenario {
	return []*scenario{
		{name: "lost-data", link: eth, desc: "one segment of five is lost behind the tap and sent again",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 2, isData, wire.DropAfter))
				l.fiveSegments()
			}},
		{name: "lost-data-before-tap", link: eth, desc: "one segment of five is lost before it reaches the tap in the middle",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 2, isData, wire.DropBefore))
				l.fiveSegments()
			}},
		{name: "lost-fin", link: eth, desc: "the first FIN is lost and sent again",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToServer, 1, isFIN, wire.DropAfter))
				c.Close()
				a.EOF()
				a.Close()
			})},
		{name: "lost-last-ack", link: eth, desc: "the ACK of the second FIN is lost; the FIN comes again and is acknowledged again",
			run: talked(func(l *lab, c, a *sock.Sock) {
				c.Close()
				a.EOF()
				pause(60)
				l.script(nth(wire.ToServer, 1, isACK, wire.DropAfter))
				a.Close()
			})},
		{name: "duplicate-data", link: eth, desc: "the network delivers a segment twice",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 2, isData, []wire.Leg{{}, {Before: 3 * time.Millisecond}}))
				l.fiveSegments()
			}},
		{name: "reordered-data", link: eth, desc: "a segment is overtaken by the next two before the tap",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 2, isData, []wire.Leg{{Before: 13 * time.Millisecond}}))
				l.fiveSegments()
			}},
	}
}

// fiveSegments makes a connection, sends five segments from the client at
// intervals of 5 ms, and closes it.
func (l *lab) fiveSegments() {
	_, c, a := l.connect()
	c.SetTCP(tcpNoDelay, 1)
	for range 5 {
		c.Send(make([]byte, 1000))
		pause(5)
	}
	a.Recv(5000)
	a.SendText("answer from the server\n")
	c.Recv(23)
	pause(60)
	c.Close()
	a.EOF()
	pause(80)
	a.Close()
}
