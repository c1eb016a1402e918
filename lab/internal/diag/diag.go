//go:build linux

// Package diag polls inet_diag for the sockets that the state tracepoint does
// not show: request sockets, and the mini-sockets of FIN-WAIT-2 and TIME-WAIT.
package diag

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"golang.org/x/sys/unix"
)

// Period is the time between two dumps.
const Period = 2 * time.Millisecond

// The kernel's numbers of the states that are asked for (include/net/tcp_states.h).
const (
	kFinWait2   = 5
	kTimeWait   = 6
	kSynRecv    = 3
	kNewSynRecv = 12
)

// timeWaitTimer is what inet_diag gives as timer of a time-wait mini-socket.
const timeWaitTimer = 3

// Sighting is a socket in one state, as successive dumps showed it.
type Sighting struct {
	Local, Remote netip.AddrPort
	State         string
	Kind          string // request, mini or full
	Before        time.Time
	First, Last   time.Time
	Gone          time.Time // zero while it is there
}

// key is what makes two entries of two dumps the same socket.
type key struct {
	local, remote netip.AddrPort
	cookie        uint64
	state, timer  uint8
}

// Poller runs in one host.
type Poller struct {
	fd   int
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex
	live map[key]*Sighting
	all  []*Sighting
	err  error
	slow time.Duration // the longest time between two dumps
}

// Open starts to poll in h.
func Open(h *host.Host) (*Poller, error) {
	p := &Poller{stop: make(chan struct{}), done: make(chan struct{}), live: map[key]*Sighting{}}
	var err error
	h.Do(func() {
		p.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	})
	if err != nil {
		return nil, fmt.Errorf("sock_diag: %w", err)
	}
	go p.run()
	return p, nil
}

// run polls until it is stopped.
func (p *Poller) run() {
	defer close(p.done)
	tick := time.NewTicker(Period)
	defer tick.Stop()
	buf := make([]byte, 256<<10)
	seen := map[key]bool{}
	before := time.Now()
	for {
		clear(seen)
		now := time.Now()
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			if err := dump(p.fd, family, buf, func(k key) { seen[k] = true }); err != nil {
				p.mu.Lock()
				p.err = err
				p.mu.Unlock()
				return
			}
		}
		p.note(seen, before, now, time.Now())
		before = now
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

// note compares a dump with the one before. A socket that appears came
// after the start of the dump before; one that is missing went before the end
// of this.
func (p *Poller) note(seen map[key]bool, before, start, end time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = max(p.slow, start.Sub(before))
	for k, s := range p.live {
		if !seen[k] {
			s.Gone = end
			delete(p.live, k)
		}
	}
	for k := range seen {
		s := p.live[k]
		if s == nil {
			s = &Sighting{Local: k.local, Remote: k.remote, State: stateName(k.state), Kind: k.kind(), Before: before, First: end}
			p.live[k] = s
			p.all = append(p.all, s)
		}
		s.Last = start
	}
}

func stateName(s uint8) string {
	switch s {
	case kFinWait2:
		return "FIN-WAIT-2"
	case kTimeWait:
		return "TIME-WAIT"
	}
	return "SYN-RECEIVED"
}

func (k key) kind() string {
	switch {
	case k.state == kSynRecv:
		return "request"
	case k.timer == timeWaitTimer:
		return "mini"
	}
	return "full"
}

// Close ends the polling and returns what was seen and the longest time
// between two dumps.
func (p *Poller) Close() ([]Sighting, time.Duration, error) {
	close(p.stop)
	<-p.done
	unix.Close(p.fd)
	out := make([]Sighting, len(p.all))
	for i, s := range p.all {
		out[i] = *s
	}
	return out, p.slow, p.err
}

// dump asks for the sockets of one family (inet_diag_req_v2).
func dump(fd int, family uint8, buf []byte, found func(key)) error {
	ne := binary.NativeEndian
	req := ne.AppendUint32(nil, 16+56)
	req = ne.AppendUint16(req, unix.SOCK_DIAG_BY_FAMILY)
	req = ne.AppendUint16(req, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	req = ne.AppendUint64(req, 0)
	req = append(req, family, unix.IPPROTO_TCP, 0, 0)
	req = ne.AppendUint32(req, 1<<kFinWait2|1<<kTimeWait|1<<kNewSynRecv)
	req = append(req, make([]byte, 48)...)
	if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		done, err := messages(buf[:n], found)
		if done || err != nil {
			return err
		}
	}
}

// messages reads the netlink messages of one datagram.
func messages(b []byte, found func(key)) (done bool, err error) {
	ne := binary.NativeEndian
	for len(b) >= 16 {
		n := int(ne.Uint32(b))
		if n < 16 || n > len(b) {
			return false, fmt.Errorf("sock_diag: message of %d octets", n)
		}
		switch ne.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			return false, fmt.Errorf("sock_diag: %w", unix.Errno(-int32(ne.Uint32(b[16:]))))
		case unix.SOCK_DIAG_BY_FAMILY:
			if n >= 16+72 {
				found(parse(b[16:n]))
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return false, nil
}

// parse reads inet_diag_msg.
func parse(m []byte) key {
	k := key{state: m[1], timer: m[2]}
	k.local = addrPort(m[0], m[8:24], m[4:6])
	k.remote = addrPort(m[0], m[24:40], m[6:8])
	k.cookie = binary.NativeEndian.Uint64(m[44:52])
	return k
}

// addrPort reads an address of either family; one mapped into IPv6 counts as
// IPv4.
func addrPort(family uint8, a, port []byte) netip.AddrPort {
	var ip netip.Addr
	if family == unix.AF_INET {
		ip = netip.AddrFrom4([4]byte(a[:4]))
	} else {
		ip = netip.AddrFrom16([16]byte(a)).Unmap()
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port))
}
