//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/tap"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"github.com/tcpstate/tcpstate/lab/truth"
	"golang.org/x/sys/unix"
)

// link is how the two hosts are joined.
type link int

const (
	tun  link = iota // user-space wire, raw IP
	eth              // user-space wire, Ethernet
	veth             // veth pairs with a router between them
)

// String returns the name that the truth file uses.
func (k link) String() string { return [...]string{"tun", "tap", "veth"}[k] }

// scenario is one script and its surroundings.
type scenario struct {
	name string
	desc string
	link link
	v6   bool
	dual bool              // both families on a user-space wire; caddr6 and saddr6 are the second addresses
	snap int               // octets kept of each packet, 0 for all
	ctl  map[string]string // settings of both hosts, under net.
	cctl map[string]string // of the client alone
	sctl map[string]string // of the server alone
	half [2]time.Duration  // delays of the path's halves; zero for the usual ones
	slow bool              // waits for a timer of a minute
	raw  [2]bool           // client, server: no kernel TCP behind its segments
	rest time.Duration     // how long the wire must be silent at the end; zero for the usual
	most time.Duration     // how long that silence is awaited; zero for the usual
	gzip bool              // compress what is written
	seed uint64            // of random traffic
	any  bool              // also capture with tcpdump -i any at the client
	run  func(l *lab)
}

// The usual delays: a round trip of 12 ms, so that every state lasts for
// several polls of inet_diag, with the middle tap off the centre.
var usualHalf = [2]time.Duration{2 * time.Millisecond, 4 * time.Millisecond}

// usualRest is how long all must be silent before a recording ends.
const usualRest = 700 * time.Millisecond

// The ports of scenarios with one connection.
const (
	cport = 40000
	sport = 9000
)

// lab is what a running scenario has at hand.
type lab struct {
	sc       *scenario
	dir      string
	c, s, r  *host.Host // r is the router of a veth link
	caddr    netip.Addr
	saddr    netip.Addr
	caddr6   netip.Addr
	saddr6   netip.Addr
	w        *wire.Wire // nil with veth
	socks    *sock.Set
	taps     [3]*tap.Tap // client, server, router
	forged   []truth.Forged
	tcpdump  *exec.Cmd
	cleanups []func()
}

// cend and send are the usual addresses of the two ends.
func (l *lab) cend() netip.AddrPort { return netip.AddrPortFrom(l.caddr, cport) }
func (l *lab) send() netip.AddrPort { return netip.AddrPortFrom(l.saddr, sport) }

// listen opens the server's listener.
func (l *lab) listen() *sock.Sock { return l.listenAt(sport, 16) }

func (l *lab) listenAt(port uint16, backlog int) *sock.Sock {
	s := sock.New(l.s, l.socks, l.saddr)
	s.Bind(netip.AddrPortFrom(l.saddr, port))
	s.Listen(backlog)
	return s
}

// client opens the client's socket and binds it to its port.
func (l *lab) client() *sock.Sock { return l.clientAt(cport) }

func (l *lab) clientAt(port uint16) *sock.Sock {
	s := sock.New(l.c, l.socks, l.caddr)
	s.Bind(netip.AddrPortFrom(l.caddr, port))
	return s
}

// connect makes a connection: listener, client, accepted.
func (l *lab) connect() (ls, c, a *sock.Sock) {
	ls = l.listen()
	c = l.client()
	c.Connect(l.send())
	a = ls.Accept()
	return ls, c, a
}

// talked is the script of a connection that is made and has exchanged a little
// data before f goes on with it.
func talked(f func(l *lab, c, a *sock.Sock)) func(l *lab) {
	return func(l *lab) {
		_, c, a := l.connect()
		exchange(c, a)
		f(l, c, a)
	}
}

// accident is the script of a connection during whose handshake the first packet
// that is wanted meets a fate; ms milliseconds later the rest follows.
func accident(dir wire.Dir, want func(*wire.Packet) bool, fate []wire.Leg, ms int, rest func(c, a *sock.Sock)) func(l *lab) {
	return func(l *lab) {
		l.script(nth(dir, 1, want, fate))
		_, c, a := l.connect()
		pause(ms)
		rest(c, a)
	}
}

// reconnect opens a connection between the usual ports again, to a listener that
// is there already, and ends it as most do.
func (l *lab) reconnect(ls *sock.Sock) {
	c := l.client()
	c.Connect(l.send())
	orderly(c, ls.Accept())
}

// narrow makes a connection whose server offers a receive buffer of so many
// octets.
func (l *lab) narrow(buffer int) (c, a *sock.Sock) {
	ls := l.listen()
	ls.SetInt(unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	c = l.client()
	c.Connect(l.send())
	return c, ls.Accept()
}

// fails has the socket connect and fail so.
func fails(c *sock.Sock, to netip.AddrPort, want unix.Errno) {
	if err := c.TryConnect(to); err != want {
		sock.Fail("connect: %v instead of %w", err, want)
	}
}

// promptly exchanges a little data; then both close, the client first.
func promptly(c, a *sock.Sock) {
	exchange(c, a)
	c.Close()
	a.EOF()
	a.Close()
}

// exchange sends a little data both ways and waits for it.
func exchange(c, a *sock.Sock) {
	c.SendText("request from the client\n")
	a.Recv(24)
	a.SendText("answer from the server\n")
	c.Recv(23)
	pause(60)
}

// pause waits for some milliseconds.
func pause(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }

// script puts a script in force that sees TCP packets only.
func (l *lab) script(f wire.Script) { l.w.SetScript(f) }

// nth drops or changes the n-th packet of a direction for which want is true,
// counted from 1; all else passes.
func nth(dir wire.Dir, n int, want func(*wire.Packet) bool, fate []wire.Leg) wire.Script {
	return between(dir, n, n, want, fate)
}

// between gives a fate to the packets number from to to of a direction for
// which want is true.
func between(dir wire.Dir, from, to int, want func(*wire.Packet) bool, fate []wire.Leg) wire.Script {
	count := 0
	return func(p *wire.Packet) []wire.Leg {
		if p.Dir == dir && want(p) {
			count++
			if count >= from && count <= to {
				return fate
			}
		}
		return wire.Pass
	}
}

// What scripts ask of a packet.
func isSYN(p *wire.Packet) bool    { return p.Is(packet.SYN) }
func isSYNACK(p *wire.Packet) bool { return p.Is(packet.SYN | packet.ACK) }
func isFIN(p *wire.Packet) bool    { return p.Has(packet.FIN) }
func isRST(p *wire.Packet) bool    { return p.Has(packet.RST) }
func isData(p *wire.Packet) bool   { return p.Len > 0 && !p.Has(packet.SYN) }
func isACK(p *wire.Packet) bool    { return p.Is(packet.ACK) && p.Len == 0 }

// setup makes hosts, link and taps. The number gives the hosts addresses that
// no other recording of the last minutes has: an orphaned socket of an earlier one may
// outlive its namespace by seconds, and its events must not be taken for ours.
func (l *lab) setup(number int) error {
	var err error
	for _, h := range []struct {
		p    **host.Host
		name string
		want bool
	}{{&l.c, "client", true}, {&l.s, "server", true}, {&l.r, "router", l.sc.link == veth}} {
		if !h.want {
			continue
		}
		if *h.p, err = host.New(h.name); err != nil {
			return err
		}
		l.cleanup((*h.p).Close)
	}
	number %= numbers
	a, b := byte(number%250+1), byte(number/250*2)
	l.caddr = netip.AddrFrom4([4]byte{10, a, b, 1})
	l.saddr = netip.AddrFrom4([4]byte{10, a, b + 1, 2})
	l.caddr6 = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:1::1", number))
	l.saddr6 = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:2::2", number))
	if l.sc.v6 {
		l.caddr, l.saddr = l.caddr6, l.saddr6
	}
	if err := l.settings(); err != nil {
		return err
	}
	if l.sc.link == veth {
		err = l.router()
	} else {
		err = l.path()
	}
	if err != nil {
		return err
	}
	return l.capture()
}

func (l *lab) cleanup(f func()) { l.cleanups = append(l.cleanups, f) }

// close undoes setup, the last thing first.
func (l *lab) close() {
	for i := len(l.cleanups) - 1; i >= 0; i-- {
		l.cleanups[i]()
	}
	l.cleanups = nil
}

// settings gives both hosts the scenario's settings.
func (l *lab) settings() error {
	base := map[string]string{
		"ipv4.tcp_congestion_control":            "reno",
		"ipv4.tcp_no_metrics_save":               "1", // one run must not teach the next
		"ipv6.conf.default.accept_dad":           "0",
		"ipv6.conf.default.accept_ra":            "0",
		"ipv6.conf.default.router_solicitations": "0",
		"ipv6.conf.default.addr_gen_mode":        "1",
	}
	for _, m := range []map[string]string{base, l.sc.ctl} {
		for k, v := range m {
			for _, h := range []*host.Host{l.c, l.s} {
				if err := h.Sysctl(k, v); err != nil {
					return err
				}
			}
		}
	}
	for h, m := range map[*host.Host]map[string]string{l.c: l.sc.cctl, l.s: l.sc.sctl} {
		for k, v := range m {
			if err := h.Sysctl(k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// path joins the hosts with a user-space wire.
func (l *lab) path() error {
	half := l.sc.half
	if half == ([2]time.Duration{}) {
		half = usualHalf
	}
	var err error
	if l.w, err = wire.Open(l.c, l.s, l.sc.link == eth, l.sc.snap, half); err != nil {
		return err
	}
	for _, e := range []struct {
		h        *host.Host
		own, far netip.Addr
		dir      wire.Dir // the direction that leads to this host
	}{{l.c, l.caddr, l.saddr, wire.ToClient}, {l.s, l.saddr, l.caddr, wire.ToServer}} {
		var lines []string
		if l.sc.link == eth {
			lines = append(lines, fmt.Sprintf("link set %s address %s", wire.Device, wire.HW(e.dir)))
		}
		lines = append(lines, addrLines(e.own, wire.Device)...)
		lines = append(lines, fmt.Sprintf("route add %s dev %s", e.far, wire.Device))
		if l.sc.link == eth {
			lines = append(lines, fmt.Sprintf("neigh add %s lladdr %s dev %s nud permanent", e.far, wire.HW(1-e.dir), wire.Device))
		}
		if l.sc.dual {
			own, far := l.caddr6, l.saddr6
			if e.dir == wire.ToServer {
				own, far = far, own
			}
			lines = append(lines, addrLines(own, wire.Device)...)
			lines = append(lines, fmt.Sprintf("route add %s dev %s", far, wire.Device))
		}
		if err := e.h.Batch(lines...); err != nil {
			return err
		}
	}
	l.w.Start()
	l.cleanup(l.w.Close)
	return nil
}

// addrLines gives a device its address and brings it up.
func addrLines(a netip.Addr, dev string) []string {
	nodad := ""
	if a.Is6() {
		nodad = " nodad"
	}
	return []string{
		fmt.Sprintf("addr add %s/%d dev %s%s", a, a.BitLen(), dev, nodad),
		fmt.Sprintf("link set %s up", dev),
	}
}

// capture starts the taps.
func (l *lab) capture() error {
	lt, l2 := uint32(tap.LinkEthernet), 14
	if l.sc.link == tun {
		lt, l2 = tap.LinkRaw, 0
	}
	keep := func(b []byte) bool {
		ip := packet.Network(b, l2)
		return ip != nil && packet.Wanted(ip)
	}
	places := []struct {
		h   *host.Host
		dev string
	}{{l.c, wire.Device}, {l.s, wire.Device}}
	if l.sc.link == veth {
		places = append(places, struct {
			h   *host.Host
			dev string
		}{l.r, "toclient"})
	}
	for i, p := range places {
		t, err := tap.Open(p.h, p.dev, lt, l.sc.snap, keep)
		if err != nil {
			return err
		}
		l.taps[i] = t
	}
	if !l.sc.any {
		return nil
	}
	l.tcpdump = exec.Command("tcpdump", "-i", "any", "-U", "--immediate-mode", "--nano", "-w", filepath.Join(l.dir, "any.pcap"), "tcp")
	if err := l.c.Start(l.tcpdump); err != nil {
		return err
	}
	pause(1000) // until tcpdump listens
	return nil
}
