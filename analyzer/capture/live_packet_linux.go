//go:build !libpcap

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// The receive ring of a packet socket, version 3 (packet(7), the kernel's
// packet_mmap.rst): blocks of frames of any length, which the kernel hands over
// when they are full or after a while.
const (
	ringBlock = 1 << 20
	ringFrame = 2 << 10
	// ringWait is how many milliseconds a block that is not full is kept back;
	// ringWaitImmediate the same for a capture that wants each packet soon.
	ringWait, ringWaitImmediate = 50, 5
	// ringReserve leaves room before each frame.
	ringReserve = 64
)

// Places of fields in a block (struct tpacket_block_desc) and in the header of
// a frame (struct tpacket3_hdr), in octets.
const (
	blockStatus, blockPackets, blockFirst = 8, 12, 16

	frameNext, frameSec, frameNsec, frameCaptured, frameLength = 0, 4, 8, 12, 16
	frameStatus, frameMAC                                      = 20, 24
	frameVLAN, frameTPID                                       = 32, 36
	frameAddress                                               = 48 // struct sockaddr_ll
)

// Places of fields in struct sockaddr_ll.
const (
	llProtocol, llIndex, llHardware, llType, llAddressLen, llAddress = 2, 4, 8, 10, 11, 12
)

// Status bits of a frame.
const (
	statusVLAN, statusTPID = 1 << 4, 1 << 6
)

// ring is a packet socket with its receive ring.
type ring struct {
	name     string
	fd       int
	mem      []byte
	link     analyzer.LinkType
	loopback uint32 // index of the loopback interface, whose frames come twice

	block   int // the block that is read, or read next
	left    uint32
	at      int // of the next frame, in mem
	holding bool
	lost    Losses
	missed  uint64 // by the interface before the capture began
	scratch []byte
}

// openRing opens an interface without libpcap.
func openRing(opt *LiveOptions) (device, error) {
	r := &ring{name: opt.Interface, scratch: make([]byte, minRecordBound+64)}
	if lo, err := net.InterfaceByName("lo"); err == nil {
		r.loopback = uint32(lo.Index)
	}
	index, kind, err := r.look()
	if err != nil {
		return nil, err
	}
	if r.fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, ringError(opt.Interface, "opening a packet socket", err)
	}
	if err := r.setUp(opt, index); err != nil {
		r.close()
		return nil, err
	}
	r.missed = missedBy(r.name)
	return r, nil
}

// look finds the interface and decides on the link type: Ethernet as it is,
// everything else, and all interfaces together, as Linux cooked v2.
func (r *ring) look() (index, kind int, err error) {
	r.link = analyzer.LinkSLL2
	if r.name == Any {
		return 0, unix.SOCK_DGRAM, nil
	}
	i, err := net.InterfaceByName(r.name)
	if err != nil {
		return 0, 0, &LiveError{r.name, NoDevice, "no such interface"}
	}
	if i.Flags&net.FlagUp == 0 {
		return 0, 0, &LiveError{r.name, DeviceIsDown, "the interface is not up"}
	}
	hardware, err := hardwareType(r.name)
	if err != nil {
		return 0, 0, ringError(r.name, "asking for the hardware type", err)
	}
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		r.link = analyzer.LinkEthernet
		return i.Index, unix.SOCK_RAW, nil
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP:
		r.link = analyzer.LinkRaw
		return i.Index, unix.SOCK_RAW, nil
	}
	return i.Index, unix.SOCK_DGRAM, nil
}

// hardwareType returns the ARPHRD_… number of an interface.
func hardwareType(name string) (uint16, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, req); err != nil {
		return 0, err
	}
	return req.Uint16(), nil
}

// setUp cuts frames, makes the ring, and joins the interface last, so that no
// frame of another one gets in.
func (r *ring) setUp(opt *LiveOptions, index int) error {
	wait := uint32(ringWait)
	if opt.Immediate {
		wait = ringWaitImmediate
	}
	blocks := uint32(max(opt.Buffer/ringBlock, 2))
	cut := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: uint32(opt.Snaplen)}}
	steps := []struct {
		what string
		do   func() error
	}{
		{"choosing the ring's version", func() error {
			return unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3)
		}},
		{"setting the snaplen", func() error {
			return unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &cut[0]})
		}},
		{"reserving room", func() error {
			return unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_RESERVE, ringReserve)
		}},
		{"making the ring", func() error {
			return unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
				Block_size: ringBlock, Block_nr: blocks, Frame_size: ringFrame, Frame_nr: ringBlock / ringFrame * blocks,
				Retire_blk_tov: wait,
			})
		}},
		{"mapping the ring", func() (err error) {
			r.mem, err = unix.Mmap(r.fd, 0, int(blocks)*ringBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		}},
		{"binding to the interface", func() error {
			return unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: be16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)), Ifindex: index})
		}},
		{"setting the promiscuous mode", func() error {
			if !opt.Promiscuous || index == 0 {
				return nil
			}
			return unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
				&unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC})
		}},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return ringError(r.name, s.what, err)
		}
	}
	return nil
}

func ringError(name, what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return &LiveError{name, NoPermission, "no permission to capture"}
	}
	return &LiveError{name, DeviceFailure, fmt.Sprintf("%s failed: %v", what, err)}
}

func (r *ring) links() []analyzer.LinkType { return []analyzer.LinkType{r.link} }

func (r *ring) close() {
	if r.mem != nil {
		_ = unix.Munmap(r.mem) // it was mapped, so it can be unmapped
		r.mem = nil
	}
	_ = unix.Close(r.fd) // nothing was written
}

// status is the word by which kernel and reader hand a block over.
func (r *ring) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.mem[r.block*ringBlock+blockStatus]))
}

// next takes the next frame that is not a copy.
func (r *ring) next(p *analyzer.Packet) error {
	for {
		for r.left == 0 {
			if err := r.nextBlock(); err != nil {
				return err
			}
		}
		h := r.mem[r.at:]
		r.left--
		r.at += int(binary.NativeEndian.Uint32(h[frameNext:]))
		if ll := h[frameAddress:]; ll[llType] == unix.PACKET_OUTGOING && binary.NativeEndian.Uint32(ll[llIndex:]) == r.loopback {
			continue // it comes again as it arrives
		}
		r.fill(p, h)
		return nil
	}
}

// nextBlock gives the block that was read back and waits for the next.
func (r *ring) nextBlock() error {
	if r.holding {
		atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
		r.holding = false
		r.block = (r.block + 1) % (len(r.mem) / ringBlock)
	}
	if atomic.LoadUint32(r.status())&unix.TP_STATUS_USER == 0 {
		if err := r.wait(); err != nil {
			return err
		}
	}
	start := r.block * ringBlock
	r.holding = true
	r.left = binary.NativeEndian.Uint32(r.mem[start+blockPackets:])
	r.at = start + int(binary.NativeEndian.Uint32(r.mem[start+blockFirst:]))
	return nil
}

// wait waits for the block, at most as long as pollTime. errQuiet may come
// early, as by a signal: it only has the caller look at the clock.
func (r *ring) wait() error {
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}}
	n, err := unix.Poll(fds, int(pollTime/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return ringError(r.name, "waiting", err)
	}
	if atomic.LoadUint32(r.status())&unix.TP_STATUS_USER != 0 {
		return nil
	}
	if n > 0 && fds[0].Revents&unix.POLLERR != 0 {
		if e, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && e != 0 {
			return ringError(r.name, "capturing", unix.Errno(e))
		}
	}
	return errQuiet
}

// fill makes p the frame whose header is at the beginning of h.
func (r *ring) fill(p *analyzer.Packet, h []byte) {
	ne := binary.NativeEndian
	p.Time = statemachine.Time(int64(ne.Uint32(h[frameSec:]))*1e9 + int64(ne.Uint32(h[frameNsec:])))
	n, wire := int(ne.Uint32(h[frameCaptured:])), ne.Uint32(h[frameLength:])
	mac := int(ne.Uint16(h[frameMAC:]))
	frame := h[mac : mac+n]
	switch status := ne.Uint32(h[frameStatus:]); {
	case r.link == analyzer.LinkSLL2:
		frame = r.cook(frame, h[frameAddress:])
		wire += sll2Header
	case status&statusVLAN != 0 && r.link == analyzer.LinkEthernet && n >= 12:
		tpid := uint16(unix.ETH_P_8021Q)
		if status&statusTPID != 0 {
			tpid = ne.Uint16(h[frameTPID:])
		}
		frame = r.tag(frame, tpid, uint16(ne.Uint32(h[frameVLAN:])))
		wire += 4
	}
	p.Frame, p.CapLen, p.WireLen, p.Link = frame, uint32(len(frame)), wire, r.link
}

// sll2Header is the length of the header of Linux cooked v2.
const sll2Header = 20

// cook puts the header of Linux cooked v2 before a packet (LINKTYPE_LINUX_SLL2).
func (r *ring) cook(packet, ll []byte) []byte {
	b := r.scratch[:sll2Header]
	clear(b)
	copy(b, ll[llProtocol:llProtocol+2]) // in network order already
	binary.BigEndian.PutUint32(b[4:], binary.NativeEndian.Uint32(ll[llIndex:]))
	binary.BigEndian.PutUint16(b[8:], binary.NativeEndian.Uint16(ll[llHardware:]))
	b[10], b[11] = ll[llType], ll[llAddressLen]
	copy(b[12:], ll[llAddress:llAddress+8])
	return append(b, packet...)
}

// tag puts back the VLAN tag that the kernel took out of a frame.
func (r *ring) tag(frame []byte, tpid, tci uint16) []byte {
	b := r.scratch[:copy(r.scratch, frame[:12])]
	b = binary.BigEndian.AppendUint16(b, tpid)
	b = binary.BigEndian.AppendUint16(b, tci)
	return append(b, frame[12:]...)
}

// losses asks the kernel, whose counts of the socket start again at each
// question, and those of the interface never.
func (r *ring) losses() Losses {
	if st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.lost.Kernel += uint64(st.Drops)
	}
	if n := missedBy(r.name); n > r.missed {
		r.lost.Interface = n - r.missed
	}
	return r.lost
}

// missedBy returns how many packets an interface lost for want of room since
// it exists, by the counts that libpcap goes by too. All interfaces together
// have none.
func missedBy(name string) (n uint64) {
	for _, count := range [...]string{"rx_missed_errors", "rx_fifo_errors"} {
		text, err := os.ReadFile(filepath.Join("/sys/class/net", filepath.Base(name), "statistics", count))
		if err != nil {
			continue
		}
		if v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			n += v
		}
	}
	return n
}
