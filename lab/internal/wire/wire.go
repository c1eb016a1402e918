//go:build linux

// Package wire joins two TUN or TAP devices in user space and gives every
// packet the fate that a script decides: pass, drop, delay, duplicate,
// rewrite. It is the path between the two hosts, and the tap in its middle.
package wire

import (
	"container/heap"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/tap"
	"golang.org/x/sys/unix"
)

// Dir is the direction of a packet.
type Dir int

// The directions.
const (
	ToServer Dir = iota
	ToClient
)

// Device is the name of the wire's interface in both hosts.
const Device = "eth0"

// The hardware addresses of a TAP wire, by the direction that leads to them.
var hwAddr = [2][6]byte{ToServer: {2, 0, 0, 0, 0, 2}, ToClient: {2, 0, 0, 0, 0, 1}}

// HW returns the hardware address of the device that dir leads to.
func HW(dir Dir) string {
	a := hwAddr[dir]
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5])
}

// Packet is what a script judges.
type Packet struct {
	Dir   Dir
	N     int // the packet's number in its direction, from 1
	Frame []byte
	*packet.TCP
}

// Where is a part of the path.
type Where uint8

// The parts.
const (
	Nowhere   Where = iota
	BeforeTap       // between the sender and the middle tap
	AfterTap        // between the middle tap and the receiver
)

// Leg is the journey of one copy of a packet.
type Leg struct {
	Lost   Where         // where the copy is dropped
	Before time.Duration // further delay before the tap
	After  time.Duration // further delay after it
	Frame  []byte        // nil for the packet as it is
	Late   []byte        // when not nil, the frame from the tap on
}

// Script decides what becomes of a packet: one leg for each copy, none to
// drop it before the tap. A nil script passes all.
type Script func(p *Packet) []Leg

// Fates of a script.
var (
	Pass       = []Leg{{}}
	DropBefore = []Leg{{Lost: BeforeTap}}
	DropAfter  = []Leg{{Lost: AfterTap}}
)

// Wire is a running path.
type Wire struct {
	Middle tap.Capture
	l2     int
	half   [2]time.Duration // client to tap, tap to server
	dev    [2]*os.File      // by the direction that leads to it

	mu     sync.Mutex
	script Script
	n      [2]int
	queue  events
	seq    int
	closed bool
	wake   chan struct{}
	lost   [2]int
	wg     sync.WaitGroup
}

// Open makes the devices in both hosts and starts the wire. With ethernet the
// devices are TAP, else TUN. half holds the delays of the path's halves.
func Open(client, server *host.Host, ethernet bool, snap int, half [2]time.Duration) (*Wire, error) {
	w := &Wire{half: half, wake: make(chan struct{}, 1)}
	w.Middle.Link, w.Middle.Snap = tap.LinkRaw, snap
	if ethernet {
		w.l2, w.Middle.Link = 14, tap.LinkEthernet
	}
	for dir, h := range map[Dir]*host.Host{ToServer: server, ToClient: client} {
		f, err := openDevice(h, ethernet)
		if err != nil {
			return nil, err
		}
		w.dev[dir] = f
	}
	return w, nil
}

// Start begins to carry packets; the devices must be up.
func (w *Wire) Start() {
	w.wg.Add(3)
	go w.read(ToServer)
	go w.read(ToClient)
	go w.deliver()
}

// openDevice makes the interface Device in h.
func openDevice(h *host.Host, ethernet bool) (*os.File, error) {
	var fd int
	var err error
	h.Do(func() {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return
		}
		var req *unix.Ifreq
		if req, err = unix.NewIfreq(Device); err != nil {
			return
		}
		mode := uint16(unix.IFF_TUN)
		if ethernet {
			mode = unix.IFF_TAP
		}
		req.SetUint16(mode | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	})
	if err != nil {
		return nil, fmt.Errorf("tun device of %s: %w", h.Name, err)
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

// SetScript puts another script in force.
func (w *Wire) SetScript(s Script) {
	w.mu.Lock()
	w.script = s
	w.mu.Unlock()
}

// Lost returns how many packets were dropped before and after the tap.
func (w *Wire) Lost() (before, after int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost[0], w.lost[1]
}

// L2 returns the length of the link header.
func (w *Wire) L2() int { return w.l2 }

// read takes what one host sends.
func (w *Wire) read(dir Dir) {
	defer w.wg.Done()
	buf := make([]byte, 64<<10)
	for {
		n, err := w.dev[1-dir].Read(buf)
		if err != nil {
			return
		}
		frame := append([]byte(nil), buf[:n]...)
		ip := packet.Network(frame, w.l2)
		if ip == nil || !packet.Wanted(ip) {
			continue
		}
		w.judge(dir, frame, packet.Parse(ip))
	}
}

// judge asks the script and sends the copies on their way.
func (w *Wire) judge(dir Dir, frame []byte, t *packet.TCP) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n[dir]++
	legs := Pass
	if w.script != nil && t != nil {
		legs = w.script(&Packet{Dir: dir, N: w.n[dir], Frame: frame, TCP: t})
	}
	for _, leg := range legs {
		if leg.Frame == nil {
			leg.Frame = frame
		}
		w.send(dir, leg)
	}
}

// send queues a copy; the mutex is held.
func (w *Wire) send(dir Dir, leg Leg) {
	if leg.Lost == BeforeTap {
		w.lost[0]++
		return
	}
	first := w.half[0]
	if dir == ToClient {
		first = w.half[1]
	}
	w.push(event{at: time.Now().Add(first + leg.Before), dir: dir, leg: leg})
}

// push queues an event; the mutex is held.
func (w *Wire) push(e event) {
	w.seq++
	e.seq = w.seq
	heap.Push(&w.queue, e)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Inject puts a forged segment on the wire towards dir: with BeforeTap it
// passes the middle tap, with AfterTap it appears behind it.
func (w *Wire) Inject(dir Dir, where Where, t *packet.TCP) {
	frame := w.Wrap(dir, t)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.push(event{at: time.Now(), dir: dir, leg: Leg{Frame: frame}, passed: where == AfterTap})
}

// Wrap builds the frame of a segment that travels towards dir.
func (w *Wire) Wrap(dir Dir, t *packet.TCP) []byte {
	ip := t.Build()
	if w.l2 == 0 {
		return ip
	}
	return packet.Ethernet(hwAddr[dir], hwAddr[1-dir], ip)
}

// deliver runs the queue: packets pass the tap, then reach the other host.
func (w *Wire) deliver() {
	defer w.wg.Done()
	timer := time.NewTimer(time.Hour)
	for {
		w.mu.Lock()
		if w.closed {
			w.mu.Unlock()
			return
		}
		wait := time.Hour
		now := time.Now()
		for len(w.queue) > 0 {
			if wait = w.queue[0].at.Sub(now); wait > 0 {
				break
			}
			w.step(heap.Pop(&w.queue).(event), now)
			wait = time.Hour
		}
		w.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.wake:
		}
	}
}

// step moves one copy on; the mutex is held.
func (w *Wire) step(e event, now time.Time) {
	if e.passed {
		// An error here is the host's device going down at the end.
		_, _ = w.dev[e.dir].Write(e.leg.Frame)
		return
	}
	w.Middle.Add(now, e.leg.Frame, false)
	if e.leg.Lost == AfterTap {
		w.lost[1]++
		return
	}
	if e.leg.Late != nil {
		e.leg.Frame = e.leg.Late
	}
	second := w.half[1]
	if e.dir == ToClient {
		second = w.half[0]
	}
	e.at, e.passed = e.at.Add(second+e.leg.After), true
	w.push(e)
}

// Idle reports whether nothing is under way.
func (w *Wire) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0
}

// Close stops the wire and removes the devices.
func (w *Wire) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	for _, f := range w.dev {
		f.Close()
	}
	w.wg.Wait()
}

// event is a copy of a packet on its way.
type event struct {
	at     time.Time
	seq    int
	dir    Dir
	leg    Leg
	passed bool // the middle tap
}

// events is a heap by time, then by order of arrival.
type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *events) Push(x any) { *q = append(*q, x.(event)) }

// Pop implements heap.Interface.
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
