//go:build linux

package main

import (
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

// handshakes are the less usual ways in which a connection begins, or fails to.
func handshakes() []*scenario {
	return []*scenario{
		{name: "third-ack-with-data", desc: "the third ACK is kept back and carries the request",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.SetTCP(unix.TCP_QUICKACK, 0)
				c.Connect(l.send())
				c.SendText("request from the client\n")
				a := ls.Accept()
				a.Recv(24)
				orderly(c, a)
			}},
		{name: "lost-syn-before-tap", desc: "the first SYN is lost before the tap in the middle",
			run: accident(wire.ToServer, isSYN, wire.DropBefore, 0, orderly)},
		{name: "lost-syn-ack-before-tap", desc: "the first SYN-ACK is lost before the tap in the middle",
			run: accident(wire.ToClient, isSYNACK, wire.DropBefore, 0, orderly)},
		{name: "lost-syn-ack-twice", desc: "two SYN-ACKs are lost",
			run: func(l *lab) {
				l.script(between(wire.ToClient, 1, 2, isSYNACK, wire.DropAfter))
				_, c, a := l.connect()
				orderly(c, a)
			}},
		{name: "syn-ack-lost-for-good", desc: "no SYN-ACK ever arrives: the client gives up, then the server", rest: 3500 * time.Millisecond,
			cctl: map[string]string{"ipv4.tcp_syn_retries": "1", "ipv4.tcp_syn_linear_timeouts": "0"},
			sctl: map[string]string{"ipv4.tcp_synack_retries": "1"},
			run: func(l *lab) {
				l.listen()
				l.script(between(wire.ToClient, 1, 99, isSYNACK, wire.DropAfter))
				fails(l.client(), l.send(), unix.ETIMEDOUT)
			}},
		{name: "delayed-syn", desc: "the SYN is delayed by more than the client's patience: both copies arrive",
			run: accident(wire.ToServer, isSYN, []wire.Leg{{After: 1200 * time.Millisecond}}, 400, orderly)},
		{name: "duplicate-syn", desc: "the network delivers the SYN twice",
			run: accident(wire.ToServer, isSYN, []wire.Leg{{}, {Before: 3 * time.Millisecond}}, 0, orderly)},
		{name: "duplicate-syn-ack", desc: "the network delivers the SYN-ACK twice",
			run: accident(wire.ToClient, isSYNACK, []wire.Leg{{}, {Before: 20 * time.Millisecond}}, 60, orderly)},
		{name: "abort-in-syn-sent", desc: "the client closes while its SYN is on its way: the SYN-ACK finds no socket",
			run: func(l *lab) {
				l.listen()
				c := l.client()
				c.StartConnect(l.send())
				pause(3)
				c.Close()
			}},
		{name: "refused-by-icmp", desc: "the server's packet filter answers the SYN with ICMP port unreachable",
			run: func(l *lab) {
				l.filter("reject with icmp port-unreachable")
				fails(l.client(), l.send(), unix.ECONNREFUSED)
			}},
		{name: "refused-by-filter", desc: "the server's packet filter answers the SYN with a RST",
			run: func(l *lab) {
				l.filter("reject with tcp reset")
				fails(l.client(), l.send(), unix.ECONNREFUSED)
			}},
		{name: "refused-ipv6", v6: true, desc: "no one listens at the port, over IPv6",
			run: func(l *lab) { fails(l.client(), l.send(), unix.ECONNREFUSED) }},
		{name: "refused-then-accepted", desc: "the first attempt is refused, the second from the same port succeeds",
			run: func(l *lab) {
				c := l.client()
				fails(c, l.send(), unix.ECONNREFUSED)
				c.Close()
				pause(100)
				_, c, a := l.connect()
				orderly(c, a)
			}},
		{name: "split-handshake", link: eth, raw: [2]bool{false, true}, desc: "the server answers the SYN with a SYN of its own: four segments",
			run: func(l *lab) { l.split(false) }},
		{name: "split-handshake-ack-first", link: eth, raw: [2]bool{false, true}, desc: "the server acknowledges the SYN first, then sends its own",
			run: func(l *lab) { l.split(true) }},
	}
}

// crowd fills an accept queue but for one place, then brings three clients at
// once. It returns the listener and all clients.
func (l *lab) crowd() (*sock.Sock, []*sock.Sock) {
	ls := l.listenAt(sport, 4)
	var cs []*sock.Sock
	for i := range uint16(7) {
		c := l.clientAt(cport + i)
		c.StartConnect(l.send())
		cs = append(cs, c)
		if i < 4 {
			pause(80)
		}
	}
	return ls, cs
}

// orderly ends a connection as most do.
func orderly(c, a *sock.Sock) {
	exchange(c, a)
	c.Close()
	a.EOF()
	pause(80)
	a.Close()
}

// filter makes the server's packet filter treat the SYNs to the usual port.
func (l *lab) filter(verdict string) {
	err := l.s.NFT("add table inet f; add chain inet f in { type filter hook input priority 0; }; add rule inet f in tcp dport 9000 " + verdict)
	if err != nil {
		sock.Fail("%w", err)
	}
}

// split plays a server that opens in four segments.
func (l *lab) split(ackFirst bool) {
	deaf(l.s)
	s := l.spy()
	c := l.client()
	c.StartConnect(l.send())
	syn := s.wait(wire.ToServer, 1)
	pause(10)
	const isn = 700000
	reply := packet.TCP{Src: l.send(), Dst: l.cend(), Seq: isn, Ack: syn.Seq + 1, Window: 65000, TTL: 64}
	say := func(flags uint8, note string, f func(*packet.TCP)) {
		t := reply
		t.Flags = flags
		if f != nil {
			f(&t)
		}
		l.rawSend(wire.ToClient, &t, note)
	}
	if ackFirst {
		say(packet.ACK, "the ACK of the client's SYN alone", nil)
		pause(20)
	}
	say(packet.SYN, "the server's SYN, without ACK", func(t *packet.TCP) { t.Ack, t.Options = 0, synOptions })
	pause(30)
	say(packet.ACK, "the ACK of the client's SYN-ACK", func(t *packet.TCP) { t.Seq++ })
	if err := c.Wait(time.Second); err != nil {
		sock.Fail("split handshake: %w", err)
	}
	c.SendText("request from the client\n")
	pause(30)
	say(packet.ACK, "the server acknowledges the request", func(t *packet.TCP) { t.Seq++; t.Ack += 24 })
	pause(50)
	c.Close()
	pause(80)
	say(packet.FIN|packet.ACK, "the server closes", func(t *packet.TCP) { t.Seq++; t.Ack += 25 })
}

// queues are listeners that take their time, or remember nothing.
func queues() []*scenario {
	return []*scenario{
		{name: "syn-cookies", desc: "the server answers with a cookie and remembers nothing until the third ACK",
			sctl: map[string]string{"ipv4.tcp_syncookies": "2"},
			run: func(l *lab) {
				_, c, a := l.connect()
				orderly(c, a)
			}},
		{name: "syn-cookies-lost-third-ack", desc: "with cookies a lost third ACK leaves the server without any state until the data come",
			sctl: map[string]string{"ipv4.tcp_syncookies": "2"},
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 1, isACK, wire.DropAfter))
				ls := l.listen()
				c := l.client()
				c.Connect(l.send())
				pause(150)
				c.SendText("request from the client\n")
				a := ls.Accept()
				a.Recv(24)
				orderly(c, a)
			}},
		{name: "accept-queue-overflow", desc: "three clients meet an accept queue with room for one: the server stays in SYN-RECEIVED until it accepts", rest: 1500 * time.Millisecond,
			run: func(l *lab) {
				ls, cs := l.crowd()
				pause(2500)
				for range cs {
					a := ls.Accept()
					pause(20)
					a.Close()
				}
				pause(200)
				for _, c := range cs {
					_, _ = c.TryDrain()
					c.Close()
				}
			}},
		{name: "accept-queue-abort", desc: "three clients meet an accept queue with room for one, and the server resets what it cannot take (tcp_abort_on_overflow)",
			sctl: map[string]string{"ipv4.tcp_abort_on_overflow": "1"},
			run: func(l *lab) {
				l.crowd()
				pause(500)
			}},
		{name: "accept-queue-full", desc: "the accept queue is full: the SYNs of further clients are dropped", rest: 1500 * time.Millisecond,
			run: func(l *lab) {
				ls := l.listenAt(sport, 0)
				for i := range uint16(3) {
					l.clientAt(cport + i).StartConnect(l.send())
					pause(60)
				}
				pause(1200)
				for range 3 {
					ls.Accept()
				}
			}},
		{name: "accept-queue-closed", desc: "the listener closes with a connection that no one accepted: RST",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.Connect(l.send())
				pause(50)
				ls.Close()
				gone(c)
			}},
		{name: "listener-closed-in-syn-received", desc: "the listener closes between the SYN-ACK and the third ACK",
			run: func(l *lab) {
				s := l.spy(nth(wire.ToServer, 1, isACK, []wire.Leg{{After: 100 * time.Millisecond}}))
				ls := l.listen()
				c := l.client()
				c.StartConnect(l.send())
				s.wait(wire.ToClient, 1)
				pause(30)
				ls.Close()
				pause(200)
				_, _ = c.TryDrain()
				c.Close()
			}},
		{name: "defer-accept", desc: "TCP_DEFER_ACCEPT: the server stays in SYN-RECEIVED until the request comes",
			run: func(l *lab) {
				ls := l.listen()
				ls.SetTCP(unix.TCP_DEFER_ACCEPT, 5)
				c := l.client()
				c.Connect(l.send())
				pause(1600)
				c.SendText("request from the client\n")
				a := ls.Accept()
				a.Recv(24)
				orderly(c, a)
			}},
		{name: "defer-accept-close", desc: "TCP_DEFER_ACCEPT: the client closes without having sent a request",
			run: func(l *lab) {
				ls := l.listen()
				ls.SetTCP(unix.TCP_DEFER_ACCEPT, 5)
				c := l.client()
				c.Connect(l.send())
				pause(300)
				c.Close()
				a := ls.Accept()
				a.EOF()
				pause(80)
				a.Close()
			}},
	}
}

// simultaneousOpens are opens from both ends with an accident on the way.
func simultaneousOpens() []*scenario {
	return []*scenario{
		{name: "simultaneous-open-lost-syn", desc: "one of the two SYNs is lost",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 1, isSYN, wire.DropAfter))
				c, s := l.simultaneous()
				pause(60)
				promptly(c, s)
			}},
		{name: "simultaneous-open-lost-syn-ack", desc: "one of the two SYN-ACKs is lost", rest: 1500 * time.Millisecond,
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 1, isSYNACK, wire.DropAfter))
				c, s := l.simultaneous()
				pause(60)
				promptly(c, s)
			}},
		{name: "simultaneous-open-ipv6", v6: true, desc: "both ends connect to each other over IPv6",
			run: func(l *lab) {
				c, s := l.simultaneous()
				promptly(c, s)
			}},
		{name: "simultaneous-open-close", desc: "both ends connect to each other, and the client closes before it is established: FIN from SYN-RECEIVED", half: [2]time.Duration{20 * time.Millisecond, 20 * time.Millisecond},
			run: func(l *lab) {
				c, s := l.crossing()
				c.Close()
				pause(150)
				s.EOF()
				s.Close()
			}},
		{name: "simultaneous-open-shutdown", desc: "both ends connect to each other, and the client shuts down before it is established: the FIN waits", half: [2]time.Duration{20 * time.Millisecond, 20 * time.Millisecond},
			run: func(l *lab) {
				c, s := l.crossing()
				c.ShutWR()
				pause(150)
				s.EOF()
				s.Close()
				pause(100)
				c.EOF()
				c.Close()
			}},
		{name: "simultaneous-open-abort", desc: "both ends connect to each other; the client aborts in SYN-RECEIVED", half: [2]time.Duration{20 * time.Millisecond, 20 * time.Millisecond},
			run: func(l *lab) {
				c, s := l.crossing()
				c.Abort()
				_ = s.Wait(time.Second)
			}},
	}
}
