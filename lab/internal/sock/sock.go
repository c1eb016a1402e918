//go:build linux

// Package sock gives a lab's hosts plain TCP sockets by system calls, so that
// a scenario decides every option and every call itself.
//
// A scenario is a script: its calls must succeed, and one that does not ends
// the scenario with a panic of type Failure, which the runner turns into an
// error.
package sock

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"golang.org/x/sys/unix"
)

// Failure is what a call that had to succeed panics with.
type Failure struct{ Err error }

// Error returns the message.
func (f Failure) Error() string { return f.Err.Error() }

// Fail ends the scenario.
func Fail(format string, args ...any) { panic(Failure{fmt.Errorf(format, args...)}) }

func must(what string, err error) {
	if err != nil {
		Fail("%s: %w", what, err)
	}
}

// Set remembers the sockets of a scenario: those that it leaves open are
// closed after the recording, so that their end is not part of it.
type Set struct {
	mu       sync.Mutex
	fds      map[int]bool
	vanished []time.Time
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{fds: map[int]bool{}} }

func (s *Set) add(fd int) {
	s.mu.Lock()
	s.fds[fd] = true
	s.mu.Unlock()
}

func (s *Set) remove(fd int) {
	s.mu.Lock()
	delete(s.fds, fd)
	s.mu.Unlock()
}

// Vanished returns when sockets of the set were made to forget their
// connections.
func (s *Set) Vanished() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vanished
}

// CloseAll closes what is still open.
func (s *Set) CloseAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for fd := range s.fds {
		unix.Close(fd)
	}
	clear(s.fds)
}

// Sock is one TCP socket.
type Sock struct {
	FD  int
	set *Set
}

// Timeout bounds every call that waits.
const Timeout = 10 * time.Second

// New opens a socket of addr's family in h. It may use the port of an earlier
// one (SO_REUSEADDR).
func New(h *host.Host, set *Set, addr netip.Addr) *Sock {
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	var fd int
	var err error
	h.Do(func() { fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) })
	must("socket", err)
	s := &Sock{FD: fd, set: set}
	set.add(fd)
	s.SetInt(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	s.SetTimeout(Timeout)
	return s
}

// SetTimeout bounds the calls that wait.
func (s *Sock) SetTimeout(d time.Duration) {
	tv := unix.NsecToTimeval(int64(d))
	must("SO_RCVTIMEO", unix.SetsockoptTimeval(s.FD, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	must("SO_SNDTIMEO", unix.SetsockoptTimeval(s.FD, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
}

// SetInt sets an option.
func (s *Sock) SetInt(level, opt, value int) {
	must(fmt.Sprintf("setsockopt %d %d", level, opt), unix.SetsockoptInt(s.FD, level, opt, value))
}

// SetTCP sets an option of TCP.
func (s *Sock) SetTCP(opt, value int) { s.SetInt(unix.IPPROTO_TCP, opt, value) }

// sockaddr converts an address.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// Bind gives the socket its address.
func (s *Sock) Bind(a netip.AddrPort) { must("bind", unix.Bind(s.FD, sockaddr(a))) }

// Listen makes it a listener.
func (s *Sock) Listen(backlog int) { must("listen", unix.Listen(s.FD, backlog)) }

// Connect connects and must succeed.
func (s *Sock) Connect(a netip.AddrPort) { must("connect", s.TryConnect(a)) }

// TryConnect connects and returns how it ended.
func (s *Sock) TryConnect(a netip.AddrPort) error {
	return unix.Connect(s.FD, sockaddr(a))
}

// StartConnect begins to connect and does not wait; Wait waits.
func (s *Sock) StartConnect(a netip.AddrPort) {
	must("nonblock", unix.SetNonblock(s.FD, true))
	if err := unix.Connect(s.FD, sockaddr(a)); err != unix.EINPROGRESS {
		must("connect", err)
	}
	must("nonblock", unix.SetNonblock(s.FD, false))
}

// Wait waits until the socket can be written, and returns its error.
func (s *Sock) Wait(d time.Duration) error {
	p := []unix.PollFd{{Fd: int32(s.FD), Events: unix.POLLOUT}}
	end := time.Now().Add(d)
	for {
		n, err := unix.Poll(p, int(max(time.Until(end), 0)/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = unix.ETIMEDOUT
		}
		if err != nil {
			return err
		}
		break
	}
	v, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && v != 0 {
		err = unix.Errno(v)
	}
	return err
}

// Accept takes the next connection.
func (s *Sock) Accept() *Sock {
	a, err := s.TryAccept()
	must("accept", err)
	return a
}

// TryAccept takes the next connection, or returns why there is none.
func (s *Sock) TryAccept() (*Sock, error) {
	for {
		fd, _, err := unix.Accept4(s.FD, unix.SOCK_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		a := &Sock{FD: fd, set: s.set}
		s.set.add(fd)
		a.SetTimeout(Timeout)
		return a, nil
	}
}

// Send writes all of b.
func (s *Sock) Send(b []byte) { must("send", s.TrySend(b, 0)) }

// SendText writes a text.
func (s *Sock) SendText(text string) { s.Send([]byte(text)) }

// TrySend writes all of b with flags, without a signal when the peer is gone.
func (s *Sock) TrySend(b []byte, flags int) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(s.FD, b, nil, nil, flags|unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// SendTo is a Fast Open: the data goes with the SYN where a cookie is at hand.
func (s *Sock) SendTo(b []byte, a netip.AddrPort) error {
	return unix.Sendto(s.FD, b, unix.MSG_FASTOPEN|unix.MSG_NOSIGNAL, sockaddr(a))
}

// Recv reads exactly n octets.
func (s *Sock) Recv(n int) []byte {
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := s.TryRecv(b[got:])
		must("recv", err)
		if m == 0 {
			Fail("recv: end of stream after %d of %d octets", got, n)
		}
		got += m
	}
	return b
}

// TryRecv reads once; 0 octets are the end of the stream.
func (s *Sock) TryRecv(b []byte) (int, error) {
	for {
		n, err := unix.Read(s.FD, b)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Drain reads to the end of the stream and returns the number of octets.
func (s *Sock) Drain() int {
	n, err := s.TryDrain()
	must("recv", err)
	return n
}

// TryDrain reads to the end of the stream or to an error.
func (s *Sock) TryDrain() (int, error) {
	b := make([]byte, 64<<10)
	total := 0
	for {
		n, err := s.TryRecv(b)
		total += n
		if n == 0 || err != nil {
			return total, err
		}
	}
}

// EOF waits for the peer's FIN, with nothing before it.
func (s *Sock) EOF() {
	if n := s.Drain(); n != 0 {
		Fail("%d octets before the end of the stream", n)
	}
}

// ShutWR is shutdown(SHUT_WR): the FIN goes, reading goes on.
func (s *Sock) ShutWR() { must("shutdown", unix.Shutdown(s.FD, unix.SHUT_WR)) }

// ShutRD is shutdown(SHUT_RD).
func (s *Sock) ShutRD() { must("shutdown", unix.Shutdown(s.FD, unix.SHUT_RD)) }

// Linger0 makes Close an abort.
func (s *Sock) Linger0() {
	must("linger", unix.SetsockoptLinger(s.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
}

// Close closes the socket.
func (s *Sock) Close() {
	s.set.remove(s.FD)
	must("close", unix.Close(s.FD))
}

// Abort closes with a RST.
func (s *Sock) Abort() {
	s.Linger0()
	s.Close()
}

// Disconnect is connect(AF_UNSPEC): the connection is dropped at once.
func (s *Sock) Disconnect() {
	var raw [16]byte // sa_family AF_UNSPEC
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(s.FD), uintptr(ptr(&raw)), 16)
	if e != 0 {
		Fail("disconnect: %w", e)
	}
}
