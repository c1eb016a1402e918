//go:build linux

package main

import (
	"encoding/binary"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

// injections are segments that neither end has sent. They appear on the wire
// before the tap in the middle, so that the middle and the victim see them and
// the host whose address they bear does not.
func injections() []*scenario {
	// struck makes a connection, puts one forgery on the wire, goes on with
	// it if it survived, and closes it.
	struck := func(name, desc string, dir wire.Dir, forge func(*packet.TCP)) *scenario {
		return &scenario{name: name, desc: desc, run: func(l *lab) {
			s := l.spy()
			_, c, a := l.connect()
			exchange(c, a)
			l.inject(dir, wire.BeforeTap, with(s.next(dir), forge), desc)
			pause(100)
			// Read with patience for a while: what comes may be a reset.
			c.SetTimeout(100 * time.Millisecond)
			a.SetTimeout(100 * time.Millisecond)
			buf := make([]byte, 1000)
			if c.TrySend([]byte("request from the client\n"), 0) != nil {
				return
			}
			_, _ = a.TryRecv(buf)
			if a.TrySend([]byte("answer from the server\n"), 0) == nil {
				_, _ = c.TryRecv(buf)
			}
			pause(60)
			c.Close()
			pause(60)
			_, _ = a.TryRecv(buf)
			a.Close()
		}}
	}
	return []*scenario{
		struck("spoof-rst-exact", "a forged RST with exactly the next sequence number ends the server's side", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0 }),
		struck("spoof-rst-exact-client", "a forged RST with exactly the next sequence number ends the client's side", wire.ToClient,
			func(t *packet.TCP) { t.Flags = packet.RST | packet.ACK }),
		struck("spoof-rst-in-window", "a forged RST within the window but not exact draws a challenge ACK", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0; t.Seq += 1000 }),
		struck("spoof-rst-outside", "a forged RST beyond the window is ignored", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0; t.Seq += 1 << 20 }),
		struck("spoof-rst-below", "a forged RST below the window is ignored", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0; t.Seq -= 10 }),
		struck("spoof-syn-established", "a forged SYN with a new number in an established connection draws a challenge ACK", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.SYN; t.Ack = 0; t.Seq += 5000000; t.Options = synOptions }),
		struck("spoof-syn-in-window", "a forged SYN within the window draws a challenge ACK", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.SYN; t.Ack = 0; t.Seq += 100; t.Options = synOptions }),
		struck("spoof-syn-ack-established", "a forged SYN-ACK in an established connection draws a challenge ACK", wire.ToClient,
			func(t *packet.TCP) { t.Flags = packet.SYN | packet.ACK; t.Seq += 77777; t.Options = synOptions }),
		struck("spoof-fin-exact", "a forged FIN that fits: the server believes that the client closed", wire.ToServer,
			func(t *packet.TCP) { t.Flags |= packet.FIN }),
		struck("spoof-fin-outside", "a forged FIN beyond the window", wire.ToServer,
			func(t *packet.TCP) { t.Flags |= packet.FIN; t.Seq += 1 << 21 }),
		struck("spoof-fin-ahead", "a forged FIN within the window, behind a hole", wire.ToServer,
			func(t *packet.TCP) { t.Flags |= packet.FIN; t.Seq += 2000 }),
		struck("spoof-fin-bad-ack", "a forged FIN that fits but acknowledges data never sent is dropped whole", wire.ToServer,
			func(t *packet.TCP) { t.Flags |= packet.FIN; t.Ack += 5000 }),
		struck("spoof-fin-bare", "a forged FIN without ACK is dropped", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.FIN; t.Ack = 0 }),
		struck("spoof-null", "a forged segment without any flag is dropped", wire.ToServer,
			func(t *packet.TCP) { t.Flags = 0; t.Ack = 0 }),
		struck("spoof-xmas", "a forged segment with FIN, PSH and URG is dropped", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.FIN | packet.PSH | packet.URG; t.Ack = 0 }),
		struck("spoof-syn-fin", "a forged SYN+FIN in an established connection", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.SYN | packet.FIN; t.Ack = 0 }),
		struck("spoof-syn-rst", "a forged SYN+RST, exact", wire.ToServer,
			func(t *packet.TCP) { t.Flags = packet.SYN | packet.RST; t.Ack = 0 }),
		struck("spoof-data-outside", "forged data beyond the window draw an ACK", wire.ToServer,
			func(t *packet.TCP) { t.Payload = []byte("forged"); t.Seq += 1 << 21 }),
		struck("spoof-ack-unsent", "a forged ACK of data never sent", wire.ToServer,
			func(t *packet.TCP) { t.Ack += 100000 }),
		struck("spoof-old-ack", "a forged ACK far below the window", wire.ToServer,
			func(t *packet.TCP) { t.Ack -= 1 << 30 }),
		struck("spoof-data-exact", "forged data that fit: the client's own next data count as old", wire.ToServer,
			func(t *packet.TCP) { t.Flags |= packet.PSH; t.Payload = []byte("forged request\n") }),
		{name: "spoof-paws", desc: "a FIN that fits but bears an old timestamp is dropped (PAWS)",
			run: func(l *lab) {
				s := l.spy()
				_, c, a := l.connect()
				exchange(c, a)
				l.inject(wire.ToServer, wire.BeforeTap, with(s.next(wire.ToServer), func(t *packet.TCP) {
					t.Flags |= packet.FIN
					t.Options = timestamp(s.tsval(wire.ToServer)-1000000, s.tsval(wire.ToClient))
				}), "a FIN with an old timestamp")
				pause(100)
				orderly(c, a)
			}},
		{name: "spoof-rst-syn-sent", desc: "forged RSTs reach a client in SYN-SENT: one with a wrong ACK, then one that fits", half: slowPath,
			run: func(l *lab) {
				s := l.spy()
				l.listen()
				c := l.client()
				c.StartConnect(l.send())
				syn := s.wait(wire.ToServer, 1)
				rst := packet.TCP{Src: syn.Dst, Dst: syn.Src, Flags: packet.RST | packet.ACK, Ack: syn.Seq + 1000, TTL: 64}
				l.inject(wire.ToClient, wire.BeforeTap, &rst, "the ACK does not fit")
				pause(5)
				fit := rst
				fit.Ack = syn.Seq + 1
				l.inject(wire.ToClient, wire.BeforeTap, &fit, "the ACK fits")
				if err := c.Wait(time.Second); err != unix.ECONNREFUSED {
					sock.Fail("connect: %w instead of a refusal", err)
				}
			}},
		{name: "spoof-rst-syn-received", desc: "a forged RST reaches a server in SYN-RECEIVED", half: slowPath,
			run: func(l *lab) {
				s := l.spy()
				l.listen()
				c := l.client()
				c.StartConnect(l.send())
				s.wait(wire.ToClient, 1)
				pause(10)
				l.inject(wire.ToServer, wire.AfterTap, with(s.next(wire.ToServer), func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0 }), "exactly the next number")
				pause(300)
				_, _ = c.TryDrain()
			}},
		{name: "wrong-syn-ack", desc: "a SYN-ACK with a wrong ACK reaches a client in SYN-SENT: it answers with RST and tries again", half: slowPath,
			run: func(l *lab) {
				s := l.spy()
				ls := l.listen()
				c := l.client()
				c.StartConnect(l.send())
				syn := s.wait(wire.ToServer, 1)
				l.inject(wire.ToClient, wire.BeforeTap, &packet.TCP{
					Src: syn.Dst, Dst: syn.Src, Flags: packet.SYN | packet.ACK, Seq: 4242, Ack: syn.Seq - 5000,
					Window: 65000, Options: synOptions, TTL: 64,
				}, "a SYN-ACK that acknowledges another SYN")
				if err := c.Wait(5 * time.Second); err != nil {
					sock.Fail("connect: %w", err)
				}
				a := ls.Accept()
				orderly(c, a)
			}},
		{name: "old-duplicate-syn", desc: "an old duplicate SYN reaches the server before the client's own (RFC 9293 figure 8)", half: slowPath,
			run: func(l *lab) {
				s := l.spy()
				ls := l.listen()
				c := l.client()
				c.StartConnect(l.send())
				syn := s.wait(wire.ToServer, 1)
				old := packet.TCP{Src: syn.Src, Dst: syn.Dst, Flags: packet.SYN, Seq: syn.Seq - 900000, Window: 64000, Options: synOptions, TTL: 64}
				l.inject(wire.ToServer, wire.BeforeTap, &old, "an old SYN")
				if err := c.Wait(5 * time.Second); err != nil {
					sock.Fail("connect: %w", err)
				}
				a := ls.Accept()
				orderly(c, a)
			}},
		{name: "spoof-syn", desc: "a forged SYN: the SYN-ACK reaches a host that never asked, and its RST clears the server",
			run: func(l *lab) {
				l.listen()
				l.inject(wire.ToServer, wire.BeforeTap, with(l.segment(cport, packet.SYN, 1000), func(t *packet.TCP) { t.Options = synOptions }), "a SYN from no one")
				pause(200)
			}},
		{name: "time-wait-assassination", desc: "an old data segment meets TIME-WAIT, the ACK meets no socket, and the RST ends TIME-WAIT",
			run: func(l *lab) {
				s := l.spy()
				_, c, a := l.connect()
				orderly(c, a)
				pause(100)
				l.inject(wire.ToClient, wire.BeforeTap, with(s.next(wire.ToClient), func(t *packet.TCP) {
					t.Seq -= 24
					t.Payload = []byte("answer from the server\n")
				}), "old data")
				pause(100)
			}},
		{name: "time-wait-rst", desc: "a RST that fits ends TIME-WAIT",
			run: func(l *lab) {
				s := l.spy()
				_, c, a := l.connect()
				orderly(c, a)
				pause(100)
				l.inject(wire.ToClient, wire.BeforeTap, with(s.next(wire.ToClient), func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0 }), "the next number")
				pause(100)
			}},
		{name: "time-wait-rfc1337", desc: "with tcp_rfc1337 a RST does not end TIME-WAIT", ctl: map[string]string{"ipv4.tcp_rfc1337": "1"},
			run: func(l *lab) {
				s := l.spy()
				_, c, a := l.connect()
				orderly(c, a)
				pause(100)
				l.inject(wire.ToClient, wire.BeforeTap, with(s.next(wire.ToClient), func(t *packet.TCP) { t.Flags = packet.RST; t.Ack = 0 }), "the next number")
				pause(100)
			}},
		{name: "time-wait-old-syn", desc: "a SYN that cannot be new meets TIME-WAIT and draws an ACK", ctl: map[string]string{"ipv4.tcp_timestamps": "0"},
			run: func(l *lab) {
				s := l.spy()
				_, c, a := l.connect()
				exchange(c, a)
				a.Close()
				c.EOF()
				pause(80)
				c.Close()
				pause(100)
				l.inject(wire.ToServer, wire.BeforeTap, with(s.next(wire.ToServer), func(t *packet.TCP) {
					t.Flags = packet.SYN
					t.Ack = 0
					t.Seq -= 100000
					t.Options = synOptions
				}), "an old SYN")
				pause(200)
			}},
	}
}

// slowPath leaves time for a forgery to overtake.
var slowPath = [2]time.Duration{15 * time.Millisecond, 30 * time.Millisecond}

// timestamp builds the option of RFC 7323.
func timestamp(val, ecr uint32) []byte {
	b := []byte{1, 1, 8, 10}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, val), ecr)
}

// tsval returns the last TSval that was seen towards dir.
func (s *spy) tsval(dir wire.Dir) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := s.last[dir].Options; len(o) > 1; {
		switch {
		case o[0] == 0:
			return 0
		case o[0] == 1:
			o = o[1:]
			continue
		case o[0] == 8 && len(o) >= 10:
			return binary.BigEndian.Uint32(o[2:])
		}
		if o[1] < 2 || int(o[1]) > len(o) {
			return 0
		}
		o = o[o[1]:]
	}
	return 0
}

// scans are single probes from a host whose TCP knows nothing of them.
func scans() []*scenario {
	probe := func(name, desc string, open bool, flags uint8) *scenario {
		return &scenario{name: name, link: eth, raw: [2]bool{true, false}, desc: desc, run: func(l *lab) {
			if open {
				l.listen()
			}
			for i := range uint16(2) {
				t := l.segment(50000+i, flags, 0x10000000+uint32(i)*1000)
				if flags&packet.ACK != 0 {
					t.Ack = 0x20000000
				}
				if flags&packet.SYN != 0 {
					t.Options = []byte{2, 4, 5, 0xb4}
				}
				l.rawSend(wire.ToServer, t, "a probe")
				pause(60)
			}
			pause(100)
		}}
	}
	const xmas = packet.FIN | packet.PSH | packet.URG
	return []*scenario{
		probe("scan-syn-open", "a SYN probe to an open port: SYN-ACK, and RST from the prober's kernel", true, packet.SYN),
		probe("scan-syn-closed", "a SYN probe to a closed port: RST", false, packet.SYN),
		probe("scan-fin-open", "a FIN probe to an open port: silence", true, packet.FIN),
		probe("scan-fin-closed", "a FIN probe to a closed port: RST", false, packet.FIN),
		probe("scan-null-open", "a probe without flags to an open port: silence", true, 0),
		probe("scan-null-closed", "a probe without flags to a closed port: RST", false, 0),
		probe("scan-xmas-open", "a probe with FIN, PSH and URG to an open port: silence", true, xmas),
		probe("scan-xmas-closed", "a probe with FIN, PSH and URG to a closed port: RST", false, xmas),
		probe("scan-ack-open", "an ACK probe to an open port: RST", true, packet.ACK),
		probe("scan-ack-closed", "an ACK probe to a closed port: RST", false, packet.ACK),
		probe("scan-syn-fin-open", "a SYN+FIN probe to an open port", true, packet.SYN|packet.FIN),
		probe("scan-maimon-closed", "a FIN+ACK probe to a closed port: RST", false, packet.FIN|packet.ACK),
		{name: "scan-connect", desc: "a connect scan of five ports, one of them open", run: func(l *lab) {
			l.listen()
			for i := range uint16(5) {
				c := l.clientAt(50000 + i)
				to := l.send()
				err := c.TryConnect(portOf(to, sport-2+i))
				if (err == nil) != (i == 2) {
					sock.Fail("port %d: %v", sport-2+i, err)
				}
				if err == nil {
					c.Abort()
				}
			}
			pause(100)
		}},
	}
}
