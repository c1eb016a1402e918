//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"github.com/tcpstate/tcpstate/lab/truth"
	"golang.org/x/sys/unix"
)

// spy remembers the last segments of each direction, so that a forgery can
// fit or not fit. Its watch is a script that passes everything.
type spy struct {
	mu   sync.Mutex
	last [2]packet.TCP // the last segment seen
	end  [2]uint32     // the highest SEG.SEQ+SEG.LEN
	n    [2]int
}

func (s *spy) watch(p *wire.Packet) []wire.Leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[p.Dir] = *p.TCP
	if s.n[p.Dir] == 0 || p.Has(packet.SYN) || int32(p.End()-s.end[p.Dir]) > 0 {
		s.end[p.Dir] = p.End()
	}
	s.n[p.Dir]++
	return wire.Pass
}

// spy starts to watch the wire, beside the given scripts.
func (l *lab) spy(others ...wire.Script) *spy {
	s := &spy{}
	l.script(chain(append([]wire.Script{s.watch}, others...)...))
	return s
}

// wait waits until the n-th packet of a direction has been seen.
func (s *spy) wait(dir wire.Dir, n int) packet.TCP {
	for end := time.Now().Add(sock.Timeout); time.Now().Before(end); pause(1) {
		s.mu.Lock()
		if s.n[dir] >= n {
			t := s.last[dir]
			s.mu.Unlock()
			return t
		}
		s.mu.Unlock()
	}
	sock.Fail("the wire did not see packet %d", n)
	return packet.TCP{}
}

// next returns a segment that fits: what the sender towards dir would send
// next, without data, with ACK.
func (s *spy) next(dir wire.Dir) *packet.TCP {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.last[dir]
	return &packet.TCP{
		Src: t.Src, Dst: t.Dst, Seq: s.end[dir], Ack: s.end[1-dir],
		Flags: packet.ACK, Window: t.Window, ID: t.ID + 1000, TTL: 64,
	}
}

// with changes a segment in place and returns it.
func with(t *packet.TCP, f func(*packet.TCP)) *packet.TCP {
	f(t)
	return t
}

// chain joins scripts: the first that does not let a packet pass decides, but
// every script sees every packet.
func chain(scripts ...wire.Script) wire.Script {
	return func(p *wire.Packet) []wire.Leg {
		out := wire.Pass
		decided := false
		for _, s := range scripts {
			legs := s(p)
			if !decided && !isPass(legs) {
				out, decided = legs, true
			}
		}
		return out
	}
}

func isPass(legs []wire.Leg) bool {
	return len(legs) == 1 && legs[0].Lost == wire.Nowhere && legs[0].Before == 0 && legs[0].After == 0 &&
		legs[0].Frame == nil && legs[0].Late == nil
}

// inject puts a forged segment on the wire and remembers it.
func (l *lab) inject(dir wire.Dir, where wire.Where, t *packet.TCP, note string) {
	l.forgery(t, note)
	l.w.Inject(dir, where, t)
}

func (l *lab) forgery(t *packet.TCP, note string) {
	t.Len = len(t.Payload)
	l.forged = append(l.forged, truth.Forged{
		At: time.Now(), From: t.Src.String(), To: t.Dst.String(), Flags: t.Flags,
		Seq: t.Seq, Ack: t.Ack, Len: uint32(t.Len), Note: note,
	})
}

// rawSend makes a host send a segment that its TCP knows nothing of: its own
// tap sees it leave. The link must be eth.
func (l *lab) rawSend(dir wire.Dir, t *packet.TCP, note string) {
	l.forgery(t, note)
	h := l.c
	if dir == wire.ToClient {
		h = l.s
	}
	frame := l.w.Wrap(dir, t)
	var err error
	h.Do(func() { err = sendFrame(frame) })
	if err != nil {
		sock.Fail("raw send: %w", err)
	}
}

// sendFrame sends an Ethernet frame out of the host whose thread calls it.
func sendFrame(frame []byte) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(wire.Device)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return err
	}
	proto := binary.BigEndian.Uint16(frame[12:])
	to := &unix.SockaddrLinklayer{Protocol: proto<<8 | proto>>8, Ifindex: int(req.Uint32()), Halen: 6}
	copy(to.Addr[:], frame[:6])
	return unix.Sendto(fd, frame, 0, to)
}

// deaf makes a host's own TCP ignore all that comes, so that the script alone
// answers; its taps still see everything.
func deaf(h *host.Host) {
	if err := h.NFT("add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in meta l4proto tcp drop"); err != nil {
		sock.Fail("%w", err)
	}
}

// segment is a segment from the client to the server's port.
func (l *lab) segment(from uint16, flags uint8, seq uint32) *packet.TCP {
	return &packet.TCP{
		Src: netip.AddrPortFrom(l.caddr, from), Dst: l.send(), Seq: seq, Flags: flags, Window: 1024, TTL: 64, ID: from,
	}
}

// synOptions are MSS 1460, SACK permitted, and window scale 7.
var synOptions = []byte{2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7}
