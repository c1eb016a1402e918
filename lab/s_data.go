//go:build linux

package main

import (
	"net/netip"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"golang.org/x/sys/unix"
)

func portOf(a netip.AddrPort, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), port) }

// recoveries are the ways in which lost data come back.
func recoveries() []*scenario {
	noSACK := map[string]string{"ipv4.tcp_sack": "0"}
	plain := map[string]string{"ipv4.tcp_sack": "0", "ipv4.tcp_timestamps": "0"}
	return []*scenario{
		{name: "lost-tail", desc: "the last segment is lost: a tail loss probe brings it back",
			run: func(l *lab) {
				l.script(nth(wire.ToServer, 5, isData, wire.DropAfter))
				l.fiveSegments()
			}},
		{name: "lost-retransmission", desc: "a segment and its first retransmission are lost",
			run: func(l *lab) {
				l.script(sameTwice(wire.ToServer, 2))
				l.fiveSegments()
			}},
		{name: "lost-alone", desc: "a lone segment is lost twice: tail loss probe, then the retransmission timer",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(between(wire.ToServer, 1, 2, isData, wire.DropAfter))
				c.SendText("more from the client\n")
				a.Recv(21)
				orderly(c, a)
			})},
		{name: "lost-backoff", desc: "a lone segment is lost four times: the timer backs off", rest: time.Second,
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(between(wire.ToServer, 1, 4, isData, wire.DropAfter))
				c.SendText("more from the client\n")
				a.Recv(21)
				orderly(c, a)
			})},
		{name: "lost-data-server", v6: true, desc: "one segment of the server's is lost, over IPv6",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToClient, 3, isData, wire.DropAfter))
				a.Send(make([]byte, 12000))
				c.Recv(12000)
				pause(60)
				orderly(c, a)
			})},
		{name: "lost-data-no-sack", ctl: noSACK, desc: "one segment of many is lost, without SACK: three duplicate ACKs",
			run: func(l *lab) { l.burst(nth(wire.ToServer, 3, isData, wire.DropAfter), 12) }},
		{name: "lost-data-plain", ctl: plain, desc: "one segment of many is lost, without SACK and timestamps",
			run: func(l *lab) { l.burst(nth(wire.ToServer, 3, isData, wire.DropAfter), 12) }},
		{name: "lost-many", desc: "three segments of twenty are lost: SACK recovery",
			run: func(l *lab) {
				l.burst(chain(nth(wire.ToServer, 3, isData, wire.DropAfter), nth(wire.ToServer, 6, isData, wire.DropBefore), nth(wire.ToServer, 9, isData, wire.DropAfter)), 20)
			}},
		{name: "lost-acks", desc: "every second pure ACK of the server is lost",
			run: func(l *lab) {
				n := 0
				l.burst(func(p *wire.Packet) []wire.Leg {
					if p.Dir == wire.ToClient && isACK(p) {
						if n++; n%2 == 0 {
							return wire.DropAfter
						}
					}
					return wire.Pass
				}, 20)
			}},
		{name: "delay-spike", desc: "the path stands still for 400 ms: spurious retransmissions, DSACK",
			run: talked(func(l *lab, c, a *sock.Sock) {
				until := time.Now().Add(400 * time.Millisecond)
				l.script(func(p *wire.Packet) []wire.Leg {
					if p.Dir == wire.ToServer {
						if d := time.Until(until); d > 0 {
							return []wire.Leg{{After: d}}
						}
					}
					return wire.Pass
				})
				c.SendText("more from the client\n")
				a.Recv(21)
				pause(100)
				orderly(c, a)
			})},
		{name: "delayed-acks", desc: "the server's ACKs are delayed by 300 ms: a spurious retransmission",
			run: talked(func(l *lab, c, a *sock.Sock) {
				l.script(nth(wire.ToClient, 1, isACK, []wire.Leg{{Before: 300 * time.Millisecond}}))
				c.SendText("more from the client\n")
				a.Recv(21)
				pause(500)
				orderly(c, a)
			})},
		{name: "reordered-many", desc: "every fourth segment is late by 4 ms behind the tap",
			run: func(l *lab) {
				l.burst(everyNth(wire.ToServer, 4, []wire.Leg{{After: 4 * time.Millisecond}}), 24)
			}},
		{name: "duplicate-many", desc: "every third packet is delivered twice, both ways",
			run: func(l *lab) {
				two := []wire.Leg{{}, {Before: 2 * time.Millisecond}}
				l.burst(chain(everyNth(wire.ToServer, 3, two), everyNth(wire.ToClient, 3, two)), 16)
			}},
		{name: "corrupt-data", desc: "a segment's payload is damaged behind the tap: the checksum fails and the segment comes again",
			run: func(l *lab) {
				l.script(func() wire.Script {
					n := 0
					return func(p *wire.Packet) []wire.Leg {
						if p.Dir == wire.ToServer && isData(p) {
							if n++; n == 2 {
								bad := append([]byte(nil), p.Frame...)
								bad[len(bad)-1] ^= 0x55
								return []wire.Leg{{Late: bad}}
							}
						}
						return wire.Pass
					}
				}())
				l.fiveSegments()
			}},
		{name: "corrupt-before-tap", desc: "a segment's payload is damaged before the tap",
			run: func(l *lab) {
				n := 0
				l.script(func(p *wire.Packet) []wire.Leg {
					if p.Dir == wire.ToServer && isData(p) {
						if n++; n == 2 {
							bad := append([]byte(nil), p.Frame...)
							bad[len(bad)-1] ^= 0x55
							return []wire.Leg{{Frame: bad}}
						}
					}
					return wire.Pass
				})
				l.fiveSegments()
			}},
		{name: "wraparound", desc: "the client's sequence numbers pass 2^32 in the middle of the data",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.SetISN(0xffffffff - 2500)
				c.Connect(l.send())
				a := ls.Accept()
				c.SetTCP(tcpNoDelay, 1)
				for range 5 {
					c.Send(make([]byte, 1000))
					pause(5)
				}
				a.Recv(5000)
				orderly(c, a)
			}},
		{name: "wraparound-syn", desc: "the client's SYN takes the last number before the wrap",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.SetISN(0xffffffff)
				c.Connect(l.send())
				a := ls.Accept()
				orderly(c, a)
			}},
		{name: "wraparound-fin", desc: "the client's FIN takes the last number before the wrap, and is lost once",
			run: func(l *lab) {
				ls := l.listen()
				c := l.client()
				c.SetISN(0xffffffff - 25)
				c.Connect(l.send())
				a := ls.Accept()
				exchange(c, a)
				l.script(nth(wire.ToServer, 1, isFIN, wire.DropAfter))
				c.Close()
				a.EOF()
				pause(80)
				a.Close()
			}},
	}
}

// burst sends n full segments from the client at once under a script, then
// closes in good order.
func (l *lab) burst(s wire.Script, n int) {
	_, c, a := l.connect()
	exchange(c, a)
	l.script(s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = guard(func() { c.Send(make([]byte, n*1448)) })
	}()
	a.Recv(n * 1448)
	<-done
	pause(100)
	orderly(c, a)
}

// everyNth gives a fate to every n-th packet with data.
func everyNth(dir wire.Dir, n int, fate []wire.Leg) wire.Script {
	count := 0
	return func(p *wire.Packet) []wire.Leg {
		if p.Dir == dir && isData(p) {
			if count++; count%n == 0 {
				return fate
			}
		}
		return wire.Pass
	}
}

// sameTwice drops the n-th segment with data, and the next one with its
// sequence number.
func sameTwice(dir wire.Dir, n int) wire.Script {
	count, dropped := 0, 0
	var seq uint32
	return func(p *wire.Packet) []wire.Leg {
		if p.Dir != dir || !isData(p) {
			return wire.Pass
		}
		if count++; count == n {
			seq = p.Seq
		}
		if count >= n && p.Seq == seq && dropped < 2 {
			dropped++
			return wire.DropAfter
		}
		return wire.Pass
	}
}

// options are connections that differ in what their SYNs say.
func options() []*scenario {
	with := func(name, desc string, ctl map[string]string) *scenario {
		return &scenario{name: name, desc: desc, ctl: ctl, run: func(l *lab) {
			_, c, a := l.connect()
			orderly(c, a)
		}}
	}
	return []*scenario{
		with("no-timestamps", "neither end uses timestamps", map[string]string{"ipv4.tcp_timestamps": "0"}),
		with("no-window-scale", "neither end scales its window", map[string]string{"ipv4.tcp_window_scaling": "0"}),
		with("no-options", "neither SACK nor timestamps nor window scale",
			map[string]string{"ipv4.tcp_timestamps": "0", "ipv4.tcp_window_scaling": "0", "ipv4.tcp_sack": "0"}),
		with("ecn", "both ends agree on ECN", map[string]string{"ipv4.tcp_ecn": "1"}),
		{name: "ecn-congestion", desc: "a router marks a segment: ECE comes back, CWR answers", ctl: map[string]string{"ipv4.tcp_ecn": "1"},
			run: func(l *lab) {
				n := 0
				l.burst(func(p *wire.Packet) []wire.Leg {
					if p.Dir == wire.ToServer && isData(p) {
						if n++; n == 5 {
							marked := append([]byte(nil), p.Frame...)
							marked[1] |= 3 // ECN field of the IPv4 header
							fixIPv4(marked)
							return []wire.Leg{{Frame: marked}}
						}
					}
					return wire.Pass
				}, 20)
			}},
		{name: "option-stripped", desc: "a middlebox turns the SYN's window scale into padding", run: func(l *lab) {
			l.script(func(p *wire.Packet) []wire.Leg {
				if !isSYN(p) {
					return wire.Pass
				}
				t := *p.TCP
				t.Options = append([]byte(nil), p.Options...)
				for i := 0; i+2 < len(t.Options); i++ {
					if t.Options[i] == 3 && t.Options[i+1] == 3 && i == len(t.Options)-3 {
						copy(t.Options[i:], []byte{1, 1, 1})
					}
				}
				return []wire.Leg{{Frame: l.w.Wrap(p.Dir, &t)}}
			})
			_, c, a := l.connect()
			orderly(c, a)
		}},
		{name: "sequence-shifted", desc: "a middlebox shifts the client's numbers by a constant", run: func(l *lab) {
			const shift = 0x40000000
			l.script(func(p *wire.Packet) []wire.Leg {
				t := *p.TCP
				if p.Dir == wire.ToServer {
					t.Seq += shift
				} else if p.Has(packet.ACK) {
					t.Ack -= shift
				}
				f := l.w.Wrap(p.Dir, &t)
				if p.Dir == wire.ToServer {
					return []wire.Leg{{Late: f}}
				}
				return []wire.Leg{{Frame: f}}
			})
			_, c, a := l.connect()
			orderly(c, a)
		}},
	}
}

// fixIPv4 sets the header checksum of a raw IPv4 packet.
func fixIPv4(ip []byte) {
	ip[10], ip[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(ip[i])<<8 | uint32(ip[i+1])
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	ip[10], ip[11] = ^uint8(sum>>8), ^uint8(sum)
}

// fastOpens use TCP Fast Open (RFC 7413).
func fastOpens() []*scenario {
	ctl := map[string]string{"ipv4.tcp_fastopen": "3"}
	// learned makes a first connection, so that the client has a cookie.
	learned := func(l *lab) *sock.Sock {
		ls := l.listen()
		ls.SetTCP(unix.TCP_FASTOPEN, 16)
		c := l.client()
		if err := c.SendTo([]byte("request from the client\n"), l.send()); err != nil {
			sock.Fail("fast open: %w", err)
		}
		a := ls.Accept()
		a.Recv(24)
		c.Close()
		a.EOF()
		a.Close()
		pause(150)
		return ls
	}
	open := func(l *lab) *sock.Sock {
		c := l.clientAt(cport + 1)
		if err := c.SendTo([]byte("request from the client\n"), l.send()); err != nil {
			sock.Fail("fast open: %w", err)
		}
		return c
	}
	return []*scenario{
		{name: "fast-open", desc: "the first connection fetches a cookie, the second sends its request with the SYN", ctl: ctl,
			run: func(l *lab) {
				ls := learned(l)
				c := open(l)
				a := ls.Accept()
				a.Recv(24)
				orderly(c, a)
			}},
		{name: "fast-open-answer", desc: "the server answers the request of the SYN before the third ACK", ctl: ctl, half: slowPath,
			run: func(l *lab) {
				ls := learned(l)
				done := make(chan *sock.Sock, 1)
				go func() {
					_ = guard(func() { a := ls.Accept(); a.Recv(24); a.SendText("answer from the server\n"); done <- a })
				}()
				c := open(l)
				a := <-done
				c.Recv(23)
				pause(100)
				orderly(c, a)
			}},
		{name: "fast-open-close", desc: "the server answers and closes before the third ACK: FIN from SYN-RECEIVED", ctl: ctl, half: slowPath,
			run: func(l *lab) {
				ls := learned(l)
				go func() {
					_ = guard(func() { a := ls.Accept(); a.Recv(24); a.SendText("answer from the server\n"); a.Close() })
				}()
				c := open(l)
				c.Recv(23)
				c.EOF()
				pause(60)
				c.Close()
			}},
		{name: "fast-open-refused", desc: "the server's key has changed: it takes the SYN but not its data", ctl: ctl,
			run: func(l *lab) {
				ls := learned(l)
				if err := l.s.Sysctl("ipv4.tcp_fastopen_key", "1-2-3-4"); err != nil {
					sock.Fail("%w", err)
				}
				c := open(l)
				a := ls.Accept()
				a.Recv(24)
				orderly(c, a)
			}},
		{name: "fast-open-lost-syn", desc: "the SYN with data is lost; the client sends it again without", ctl: ctl,
			run: func(l *lab) {
				ls := learned(l)
				l.script(nth(wire.ToServer, 1, isSYN, wire.DropAfter))
				c := open(l)
				a := ls.Accept()
				a.Recv(24)
				orderly(c, a)
			}},
		{name: "fast-open-lost-syn-ack", desc: "the SYN-ACK of a Fast Open is lost", ctl: ctl,
			run: func(l *lab) {
				ls := learned(l)
				l.script(nth(wire.ToClient, 1, isSYNACK, wire.DropAfter))
				c := open(l)
				a := ls.Accept()
				a.Recv(24)
				pause(1500)
				orderly(c, a)
			}},
	}
}
