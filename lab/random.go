//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
)

// Random traffic: connections whose path, settings, talk and end are drawn
// from a seeded generator. The kernel's own timing is not, so a seed gives the
// same plan each time, not the same packets.
const (
	randomConns    = 500
	randomAtOnce   = 50
	randomClient   = 20000 // first port of the clients
	randomServer   = 10000 // first port of the servers
	randomPatience = 9 * time.Second
)

// plan is one connection of random traffic.
type plan struct {
	i            int
	v6           bool
	simultaneous bool
	how          int              // index into endings
	lossBefore   float64          // chance of loss before the middle tap
	lossAfter    float64          // and behind it
	dup, late    float64          // chances of a copy and of a delay that reorders
	far          [2]time.Duration // further delays of the path's halves
	sizes        [2]int           // octets to talk each way
	rounds       int
	rng          *rand.Rand // for the packets; used under the wire's lock
}

// draw makes the plans of a set.
func draw(seed uint64) []*plan {
	rng := rand.New(rand.NewPCG(seed, 0x7463707374617465))
	plans := make([]*plan, randomConns)
	for i := range plans {
		loss := 0.0
		if rng.IntN(4) > 0 {
			loss = rng.Float64() * 0.25
		}
		split := rng.Float64()
		p := &plan{
			i: i, v6: rng.IntN(3) == 0, simultaneous: rng.IntN(12) == 0, how: rng.IntN(len(endings)),
			lossBefore: loss * split, lossAfter: loss * (1 - split),
			sizes:  [2]int{rng.IntN(6000), rng.IntN(6000)},
			rounds: 1 + rng.IntN(3),
			rng:    rand.New(rand.NewPCG(seed, uint64(i))),
		}
		if rng.IntN(3) == 0 {
			p.dup = rng.Float64() * 0.1
		}
		if rng.IntN(2) == 0 {
			p.late = rng.Float64() * 0.2
		}
		for k := range p.far {
			p.far[k] = time.Duration(rng.IntN(12)) * time.Millisecond
		}
		plans[i] = p
	}
	return plans
}

// fate is the script of random traffic.
func (p *plan) fate(pkt *wire.Packet) []wire.Leg {
	before, after := p.far[0], p.far[1]
	if pkt.Dir == wire.ToClient {
		before, after = after, before
	}
	n := 1
	if p.rng.Float64() < p.dup {
		n = 2
	}
	var legs []wire.Leg
	for range n {
		leg := wire.Leg{Before: before, After: after}
		if p.rng.Float64() < p.late {
			d := time.Duration(p.rng.IntN(25)) * time.Millisecond
			if p.rng.IntN(2) == 0 {
				leg.Before += d
			} else {
				leg.After += d
			}
		}
		switch x := p.rng.Float64(); {
		case x < p.lossBefore:
			leg.Lost = wire.BeforeTap
		case x < p.lossBefore+p.lossAfter:
			leg.Lost = wire.AfterTap
		}
		legs = append(legs, leg)
	}
	return legs
}

// endings are the ways in which the two ends part. c and s are the
// application's halves of a connection that has talked; both may fail.
var endings = [...]struct {
	name string
	c, s func(*sock.Sock)
}{
	{"client closes first", closeNow, closeAfterEOF},
	{"server closes first", closeAfterEOF, closeNow},
	{"both close", closeNow, closeNow},
	{"client half-closes", halfClose, answerThenClose},
	{"server half-closes", answerThenClose, halfClose},
	{"client aborts", abort, drainThenClose},
	{"server aborts", drainThenClose, abort},
	{"client sends much and closes", sendAndClose, drainThenClose},
	{"server sends much and closes", drainThenClose, sendAndClose},
	{"server leaves data unread", sendAndWait, closeUnread},
	{"client leaves data unread", closeUnread, sendAndWait},
	{"server never closes", closeNow, leaveOpen},
	{"client never closes", leaveOpen, closeNow},
	{"half-close, then abort", halfCloseAbort, drainThenClose},
	{"both half-close", halfClose, halfClose},
	{"left open", leaveOpen, leaveOpen},
}

func closeNow(s *sock.Sock) { s.Close() }

func closeAfterEOF(s *sock.Sock) {
	_, _ = s.TryDrain()
	pause(10)
	s.Close()
}

func drainThenClose(s *sock.Sock) {
	_, _ = s.TryDrain()
	s.Close()
}

func halfClose(s *sock.Sock) {
	s.ShutWR()
	_, _ = s.TryDrain()
	s.Close()
}

func answerThenClose(s *sock.Sock) {
	_, _ = s.TryDrain()
	_ = s.TrySend(make([]byte, 2500), 0)
	pause(20)
	s.Close()
}

func abort(s *sock.Sock) { s.Abort() }

func sendAndClose(s *sock.Sock) {
	_ = s.TrySend(make([]byte, 9000), 0)
	s.Close()
}

func sendAndWait(s *sock.Sock) {
	_ = s.TrySend([]byte("no one will read this"), 0)
	_, _ = s.TryDrain()
	s.Close()
}

func closeUnread(s *sock.Sock) {
	pause(80)
	s.Close()
}

func leaveOpen(s *sock.Sock) {}

func halfCloseAbort(s *sock.Sock) {
	s.ShutWR()
	pause(50)
	s.Abort()
}

// random returns the scenario of a seed.
func random(seed uint64) *scenario {
	return &scenario{
		name: fmt.Sprintf("random-%d", seed), link: tun, dual: true, snap: headers, gzip: true, seed: seed,
		desc: fmt.Sprintf("%d connections with loss up to a quarter, duplication, reordering and delay, ended in %d ways; timestamps and SACK change from quarter to quarter", randomConns, len(endings)),
		ctl:  map[string]string{"ipv4.tcp_synack_retries": "4", "ipv4.tcp_syn_retries": "4", "core.somaxconn": "4096"},
		rest: 2 * time.Second, most: 20 * time.Second,
		run: func(l *lab) { l.random(draw(seed)) },
	}
}

// random plays the plans, a few at a time.
func (l *lab) random(plans []*plan) {
	byPort := map[uint16]*plan{}
	for _, p := range plans {
		byPort[uint16(randomClient+p.i)] = p
	}
	l.script(func(pkt *wire.Packet) []wire.Leg {
		port := pkt.Src.Port()
		if pkt.Dir == wire.ToClient {
			port = pkt.Dst.Port()
		}
		if p := byPort[port]; p != nil {
			return p.fate(pkt)
		}
		return wire.Pass
	})
	room := make(chan bool, randomAtOnce)
	var wg sync.WaitGroup
	for _, p := range plans {
		if p.i%(randomConns/4) == 0 {
			l.quarter(p.i / (randomConns / 4))
		}
		room <- true
		wg.Go(func() {
			defer func() { <-room }()
			// A call that fails is part of the traffic: the path is bad.
			_ = guard(func() { l.playOne(p) })
		})
		pause(5)
	}
	wg.Wait()
}

// quarter sets timestamps and SACK for the connections that begin from now on.
func (l *lab) quarter(n int) {
	for key, bit := range map[string]int{"ipv4.tcp_timestamps": 1, "ipv4.tcp_sack": 2} {
		v := "1"
		if n&bit != 0 {
			v = "0"
		}
		for _, h := range l.hosts() {
			if err := h.Sysctl(key, v); err != nil {
				sock.Fail("%w", err)
			}
		}
	}
}

// playOne plays one connection.
func (l *lab) playOne(p *plan) {
	ca, sa := l.caddr, l.saddr
	if p.v6 {
		ca, sa = l.caddr6, l.saddr6
	}
	cend := netip.AddrPortFrom(ca, uint16(randomClient+p.i))
	send := netip.AddrPortFrom(sa, uint16(randomServer+p.i))
	c := sock.New(l.c, l.socks, ca)
	c.Bind(cend)
	c.SetTimeout(randomPatience)
	s := sock.New(l.s, l.socks, sa)
	s.Bind(send)
	s.SetTimeout(randomPatience)
	end := endings[p.how]
	if p.simultaneous {
		both(func() { c.StartConnect(send) }, func() { s.StartConnect(cend) })
		both(
			func() { _ = guard(func() { l.half(c, c.Wait(randomPatience), p, 0, end.c) }) },
			func() { _ = guard(func() { l.half(s, s.Wait(randomPatience), p, 1, end.s) }) })
		return
	}
	s.Listen(8)
	both(
		func() { _ = guard(func() { l.half(c, c.TryConnect(send), p, 0, end.c) }) },
		func() {
			_ = guard(func() {
				a, err := s.TryAccept()
				if err != nil {
					return
				}
				a.SetTimeout(randomPatience)
				l.half(a, nil, p, 1, end.s)
			})
		})
}

// half is one application: it talks and parts.
func (l *lab) half(s *sock.Sock, err error, p *plan, side int, end func(*sock.Sock)) {
	if err != nil {
		return
	}
	for range p.rounds {
		if s.TrySend(make([]byte, p.sizes[side]), 0) != nil {
			break
		}
		if !recvAll(s, p.sizes[1-side]) {
			break
		}
	}
	end(s)
}

// recvAll reads n octets, or reports that they will not come.
func recvAll(s *sock.Sock, n int) bool {
	b := make([]byte, 4096)
	for n > 0 {
		m, err := s.TryRecv(b[:min(n, len(b))])
		if m == 0 || err != nil {
			return false
		}
		n -= m
	}
	return true
}
