//go:build libpcap

package capture

import (
	"errors"
	"net"
	"strings"

	libpcap "github.com/google/gopacket/pcap"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// LiveBackend names what captures.
func LiveBackend() string { return libpcap.Version() }

// openDevice opens the interface by libpcap.
func openDevice(opt *LiveOptions) (device, error) {
	if opt.Filter != "" {
		if _, err := NewFilter(opt.Filter); err != nil {
			return nil, err
		}
	}
	h, err := activate(opt)
	if err != nil {
		return nil, liveError(opt.Interface, err.Error())
	}
	d := &pcapDevice{h: h, name: opt.Interface, link: analyzer.LinkType(h.LinkType())}
	if d.link == analyzer.LinkRawOld {
		d.link = analyzer.LinkRaw
	}
	if opt.Filter != "" {
		if err := h.SetBPFFilter(opt.Filter); err != nil {
			h.Close()
			return nil, &FilterError{Expr: opt.Filter, Offset: NoOffset, Reason: err.Error()}
		}
	}
	return d, nil
}

// activate sets the handle up. Its read timeout lets Next look whether the
// capture is to end: a blocked read could not be ended otherwise.
func activate(opt *LiveOptions) (*libpcap.Handle, error) {
	in, err := libpcap.NewInactiveHandle(opt.Interface)
	if err != nil {
		return nil, err
	}
	defer in.CleanUp()
	// "any" has no promiscuous mode, and libpcap's warning of it would count
	// as a failure.
	promiscuous := opt.Promiscuous && opt.Interface != Any
	err = errors.Join(
		in.SetSnapLen(opt.Snaplen), in.SetPromisc(promiscuous), in.SetTimeout(pollTime),
		in.SetBufferSize(opt.Buffer), in.SetImmediateMode(opt.Immediate))
	if err != nil {
		return nil, err
	}
	h, err := in.Activate()
	if err != nil {
		if more := in.Error(); more != nil && more.Error() != "" {
			err = errors.New(err.Error() + ": " + more.Error())
		}
		return nil, err
	}
	return h, nil
}

// liveError puts libpcap's words into ours.
func liveError(name, reason string) error {
	low := strings.ToLower(reason)
	switch {
	case strings.Contains(low, "permi"):
		return &LiveError{name, NoPermission, "no permission to capture"}
	case name != Any && !interfaceExists(name) && !strings.Contains(low, "down"):
		return &LiveError{name, NoDevice, "no such interface"}
	case strings.Contains(low, "up"), strings.Contains(low, "down"):
		return &LiveError{name, DeviceIsDown, "the interface is not up"}
	}
	return &LiveError{name, DeviceFailure, reason}
}

func interfaceExists(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// pcapDevice reads by libpcap. All but close is for one goroutine.
type pcapDevice struct {
	h    *libpcap.Handle
	name string
	link analyzer.LinkType
	last Losses
}

func (d *pcapDevice) links() []analyzer.LinkType { return []analyzer.LinkType{d.link} }

func (d *pcapDevice) close() { d.h.Close() }

func (d *pcapDevice) next(p *analyzer.Packet) error {
	frame, info, err := d.h.ZeroCopyReadPacketData()
	if err != nil {
		if errors.Is(err, libpcap.NextErrorTimeoutExpired) {
			return errQuiet
		}
		reason := err.Error()
		if more := d.h.Error(); more != nil && more.Error() != "" {
			reason = more.Error()
		}
		return &LiveError{d.name, DeviceFailure, reason}
	}
	p.Time = statemachine.Time(info.Timestamp.UnixNano())
	p.Frame, p.CapLen, p.WireLen, p.Link = frame, uint32(len(frame)), uint32(info.Length), d.link
	return nil
}

// losses asks libpcap. Its counts are of 32 bits and start again at 0; ours
// go on.
func (d *pcapDevice) losses() Losses {
	st, err := d.h.Stats()
	if err != nil {
		return d.last
	}
	d.last.Kernel += uint64(uint32(st.PacketsDropped) - uint32(d.last.Kernel))
	d.last.Interface += uint64(uint32(st.PacketsIfDropped) - uint32(d.last.Interface))
	return d.last
}

// Devices lists the interfaces that can be captured at, in libpcap's order.
func Devices() ([]Device, error) {
	all, err := libpcap.FindAllDevs()
	if err != nil {
		return nil, err
	}
	list := make([]Device, len(all))
	for i, d := range all {
		list[i] = Device{Name: d.Name, Description: d.Description, Flags: DeviceFlags(d.Flags)}
		for _, a := range d.Addresses {
			list[i].Addresses = append(list[i].Addresses, a.IP)
		}
	}
	return list, nil
}
