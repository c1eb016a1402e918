package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// LiveOptions choose what is captured and how.
type LiveOptions struct {
	// Interface is the name of a network interface, or Any.
	Interface string
	// Filter is an expression of libpcap that the kernel applies; empty takes
	// everything.
	Filter string
	// Snaplen is how many octets of each frame are kept, up to 262144, which
	// 0 stands for.
	Snaplen int
	// Buffer is the size of the kernel's buffer in octets; 32 MiB when 0.
	Buffer int
	// Promiscuous asks the interface for frames that are not for this host.
	// It means nothing for Any.
	Promiscuous bool
	// Immediate hands over each packet when it arrives instead of some
	// together. It costs throughput.
	Immediate bool
	// Count ends the capture after so many packets; 0 never does.
	Count uint64
	// Clock tells the time while nothing arrives.
	Clock func() statemachine.Time
}

// Any is the name that stands for all interfaces together.
const Any = "any"

// Defaults and bounds of LiveOptions.
const (
	defaultBuffer = 32 << 20
	// pollTime is how long a read waits before it looks whether the capture
	// is to end, and how often the source ticks while packets arrive.
	pollTime = 100 * time.Millisecond
	// lateness is how far the clock of a quiet capture stays behind the
	// system's, since a packet may lie in a block that is not full yet.
	lateness = 300 * time.Millisecond
)

// LiveProblem is why a capture could not be started.
type LiveProblem uint8

// The problems.
const (
	DeviceFailure  LiveProblem = iota // anything that has no name here
	NoDevice                          // no interface of that name
	NoPermission                      // the process may not capture
	NoLiveFilter                      // a filter, without libpcap to compile it
	NoLiveCapture                     // this program cannot capture on this system
	DeviceIsDown                      // the interface is not up
	BadLiveOptions                    // a number out of its range
)

// LiveError says why a capture could not be started or went on no longer.
type LiveError struct {
	Interface string
	Problem   LiveProblem
	Reason    string
}

// Error returns one line without a final period, in which nothing can steer a
// terminal.
func (e *LiveError) Error() string {
	name := strconv.Quote(e.Interface)
	return fmt.Sprintf("%s: %s", name[1:len(name)-1], e.Reason)
}

// device is an open interface.
type device interface {
	// next fills Time, CapLen, WireLen, Link and Frame of p. It returns
	// errQuiet when nothing came within pollTime.
	next(p *analyzer.Packet) error
	// losses returns the packets lost so far: by the kernel for want of room
	// in the buffer, and by the interface.
	losses() Losses
	// links returns the link types that packets may have.
	links() []analyzer.LinkType
	close()
}

// errQuiet says that nothing arrived for a while.
var errQuiet = errors.New("nothing arrived")

// Losses are the packets that a live capture did not get.
type Losses struct {
	Kernel    uint64 // no room in the capture's buffer
	Interface uint64 // dropped by the interface or its driver, where it tells
}

// Total returns the sum.
func (l Losses) Total() uint64 { return l.Kernel + l.Interface }

// Live is a capture at an interface, packets as they arrive. It is an
// analyzer.LiveSource. Only Losses, Packets and Interrupt may be called by other
// goroutines.
type Live struct {
	opt     LiveOptions
	dev     device
	decoder Decoder
	stop    atomic.Bool
	release func() bool // of the context

	packets atomic.Uint64
	ticked  statemachine.Time // when the last tick was given
	due     bool              // a tick comes before the next packet
	now     statemachine.Time // the latest time known
	tap     func(*analyzer.Packet) error
	asked   statemachine.Time
	kernel  atomic.Uint64 // losses as they were asked last
	iface   atomic.Uint64
	broken  string
}

var _ analyzer.LiveSource = (*Live)(nil)

// OpenLive starts a capture that ends with ctx. It returns *LiveError or
// *FilterError.
func OpenLive(ctx context.Context, opt LiveOptions) (*Live, error) {
	if opt.Snaplen == 0 {
		opt.Snaplen = minRecordBound
	}
	if opt.Buffer == 0 {
		opt.Buffer = defaultBuffer
	}
	if opt.Snaplen < 0 || opt.Snaplen > minRecordBound {
		return nil, &LiveError{opt.Interface, BadLiveOptions, fmt.Sprintf("the snaplen must lie between 1 and %d octets", minRecordBound)}
	}
	if opt.Buffer < 1<<16 || opt.Buffer > 1<<30 {
		return nil, &LiveError{opt.Interface, BadLiveOptions, "the buffer must have between 64 KiB and 1 GiB"}
	}
	dev, err := openDevice(&opt)
	if err != nil {
		return nil, err
	}
	l := &Live{opt: opt, dev: dev}
	l.release = context.AfterFunc(ctx, l.Interrupt)
	return l, nil
}

// Interrupt makes Next return io.EOF within 100 ms.
func (l *Live) Interrupt() { l.stop.Store(true) }

// Tap has fn called for each packet with its number, frame, link type, time
// and lengths. It is for writing what
// is captured, and an error of fn ends the capture. To be set before the first
// packet is read.
func (l *Live) Tap(fn func(*analyzer.Packet) error) { l.tap = fn }

// Next fills p with the next packet. It returns analyzer.ErrTick, with p.Time
// the time, at least every 100 ms, and io.EOF when the capture was interrupted
// or has its number of packets.
func (l *Live) Next(p *analyzer.Packet) error {
	if l.stop.Load() || l.opt.Count > 0 && l.packets.Load() == l.opt.Count {
		return io.EOF
	}
	if l.due {
		return l.tick(p, l.now)
	}
	if err := l.dev.next(p); err != nil {
		if errors.Is(err, errQuiet) {
			return l.tick(p, max(l.opt.Clock()-statemachine.Time(lateness), l.now))
		}
		l.broken = err.Error()
		return err
	}
	p.Number, p.File, p.Interface = l.packets.Add(1), 0, 0
	l.now = max(l.now, p.Time)
	l.due = l.now-l.ticked >= statemachine.Time(pollTime)
	l.decoder.Decode(p)
	if l.tap == nil {
		return nil
	}
	if err := l.tap(p); err != nil {
		l.broken = err.Error()
		return err
	}
	return nil
}

func (l *Live) tick(p *analyzer.Packet, now statemachine.Time) error {
	l.now, l.ticked, l.due = now, now, false
	p.Time = now
	l.ask()
	return analyzer.ErrTick
}

// ask asks for the losses and notes the time.
func (l *Live) ask() {
	n := l.dev.losses()
	l.asked = l.opt.Clock()
	l.kernel.Store(n.Kernel)
	l.iface.Store(n.Interface)
}

// Losses returns what was lost by the time of the last tick.
func (l *Live) Losses() Losses {
	return Losses{Kernel: l.kernel.Load(), Interface: l.iface.Load()}
}

// Lost returns how many packets were lost when that was last asked, and when
// it was.
func (l *Live) Lost() (packets uint64, by statemachine.Time) {
	return l.Losses().Total(), l.asked
}

// Packets returns how many packets were captured.
func (l *Live) Packets() uint64 { return l.packets.Load() }

// Links returns the link types that packets may have.
func (l *Live) Links() []analyzer.LinkType { return slices.Clone(l.dev.links()) }

// Stats returns what is known of the capture so far. The interface stands in
// place of a file.
func (l *Live) Stats() analyzer.SourceStats {
	l.ask()
	st := analyzer.SourceStats{Files: []string{l.opt.Interface}, LinkTypes: l.Links(), Drops: l.Losses().Total()}
	if l.broken != "" {
		st.Errors = []string{l.broken}
	}
	return st
}

// Close ends the capture.
func (l *Live) Close() error {
	l.release()
	l.dev.close()
	return nil
}
