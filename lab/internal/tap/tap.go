//go:build linux

// Package tap captures at an interface through a packet socket, as tcpdump
// does, and writes pcap files with nanoseconds.
package tap

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"golang.org/x/sys/unix"
)

// The link types that the lab writes (LINKTYPE_… of pcap).
const (
	LinkEthernet = 1
	LinkRaw      = 101
)

// Record is one captured packet.
type Record struct {
	Time time.Time
	Data []byte // as captured, link header included
	Wire int    // octets on the wire
	Out  bool   // the host sent it
}

// Capture is a list of records from one place, in the order in which that
// place saw them.
type Capture struct {
	Link    uint32
	Snap    int // octets kept of each packet, 0 for all
	mu      sync.Mutex
	records []Record
	last    atomic.Int64
}

// Add appends a packet, cut to the capture's length; data is copied.
func (c *Capture) Add(t time.Time, data []byte, out bool) {
	n := len(data)
	if c.Snap > 0 && n > c.Snap {
		data = data[:c.Snap]
	}
	r := Record{Time: t, Data: append([]byte(nil), data...), Wire: n, Out: out}
	c.mu.Lock()
	c.records = append(c.records, r)
	c.mu.Unlock()
	c.last.Store(t.UnixNano())
}

// Records returns what was captured so far.
func (c *Capture) Records() []Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records[:len(c.records):len(c.records)]
}

// Cut drops what was captured after t.
func (c *Capture) Cut(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = slices.DeleteFunc(c.records, func(r Record) bool { return r.Time.After(t) })
}

// Last returns the time of the last packet, zero when there was none.
func (c *Capture) Last() time.Time {
	n := c.last.Load()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// WriteFile writes a pcap file; a name that ends in .gz is compressed.
func (c *Capture) WriteFile(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	var w io.Writer = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
		if err != nil {
			return err
		}
		defer z.Close()
		w = z
	}
	b := bufio.NewWriter(w)
	defer b.Flush()
	snap := uint32(262144)
	if c.Snap > 0 {
		snap = uint32(c.Snap)
	}
	le := binary.LittleEndian
	h := le.AppendUint32(nil, 0xa1b23c4d) // nanoseconds
	h = le.AppendUint16(h, 2)
	h = le.AppendUint16(h, 4)
	h = le.AppendUint64(h, 0)
	h = le.AppendUint32(h, snap)
	h = le.AppendUint32(h, c.Link)
	if _, err := b.Write(h); err != nil {
		return err
	}
	for _, r := range c.Records() {
		h = le.AppendUint32(h[:0], uint32(r.Time.Unix()))
		h = le.AppendUint32(h, uint32(r.Time.Nanosecond()))
		h = le.AppendUint32(h, uint32(len(r.Data)))
		h = le.AppendUint32(h, uint32(r.Wire))
		if _, err := b.Write(append(h, r.Data...)); err != nil {
			return err
		}
	}
	return nil
}

// Tap is a running capture at an interface of a host.
type Tap struct {
	Capture
	fd   int
	stop atomic.Bool
	done chan struct{}
}

// Open starts a capture of the packets at ifname for which keep is true.
func Open(h *host.Host, ifname string, link uint32, snap int, keep func(data []byte) bool) (*Tap, error) {
	t := &Tap{Capture: Capture{Link: link, Snap: snap}, done: make(chan struct{})}
	var err error
	h.Do(func() { t.fd, err = packetSocket(ifname) })
	if err != nil {
		return nil, fmt.Errorf("packet socket at %s of %s: %w", ifname, h.Name, err)
	}
	go t.read(keep)
	return t, nil
}

// packetSocket opens a packet socket with kernel timestamps. The buffer is
// large: a drop would falsify the record, and Close reports it.
func packetSocket(ifname string) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	set := func(level, opt, v int) {
		if err == nil {
			err = unix.SetsockoptInt(fd, level, opt, v)
		}
	}
	set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	set(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	if err == nil {
		tv := unix.NsecToTimeval(int64(20 * time.Millisecond))
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	}
	var index int
	if err == nil {
		index, err = interfaceIndex(fd, ifname)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// interfaceIndex asks the namespace of fd for an interface.
func interfaceIndex(fd int, name string) (int, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, err
	}
	return int(req.Uint32()), nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// read takes packets until the tap is stopped and the socket is empty.
func (t *Tap) read(keep func([]byte) bool) {
	defer close(t.done)
	buf, oob := make([]byte, 256<<10), make([]byte, 128)
	for {
		n, on, _, from, err := unix.Recvmsg(t.fd, buf, oob, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			if t.stop.Load() || err != unix.EAGAIN {
				return
			}
			continue
		}
		if !keep(buf[:n]) {
			continue
		}
		ll, _ := from.(*unix.SockaddrLinklayer)
		t.Add(stamp(oob[:on]), buf[:n], ll != nil && ll.Pkttype == unix.PACKET_OUTGOING)
	}
}

// stamp finds the kernel's timestamp among the control messages.
func stamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				le := binary.LittleEndian
				return time.Unix(int64(le.Uint64(m.Data)), int64(le.Uint64(m.Data[8:])))
			}
		}
	}
	return time.Now()
}

// Close ends the capture. It returns the number of packets that the socket
// had to drop.
func (t *Tap) Close() (drops uint32, err error) {
	t.stop.Store(true)
	<-t.done
	st, err := unix.GetsockoptTpacketStats(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err == nil {
		drops = st.Drops
	}
	unix.Close(t.fd)
	return drops, err
}
