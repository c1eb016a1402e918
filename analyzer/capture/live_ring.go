//go:build linux && !libpcap

package capture

import (
	"net"
	"os"
	"strings"
)

// LiveBackend names what captures.
func LiveBackend() string { return "packet socket, without libpcap" }

// openDevice opens the interface by a packet socket.
func openDevice(opt *LiveOptions) (device, error) {
	if opt.Filter != "" {
		return nil, &LiveError{opt.Interface, NoLiveFilter, ErrNoFilters.Error()}
	}
	return openRing(opt)
}

// Devices lists the interfaces that can be captured at: those that are up
// first, then all together as Any, then the loopback and those that are down.
func Devices() ([]Device, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var first, rest []Device
	for _, i := range all {
		d := Device{Name: i.Name, Flags: flagsOf(&i)}
		if addrs, err := i.Addrs(); err == nil {
			for _, a := range addrs {
				if n, ok := a.(*net.IPNet); ok {
					d.Addresses = append(d.Addresses, n.IP)
				}
			}
		}
		if d.Flags&(DeviceUp|DeviceLoopback) == DeviceUp {
			first = append(first, d)
		} else {
			rest = append(rest, d)
		}
	}
	anyDevice := Device{
		Name: Any, Description: "Pseudo-device that captures on all interfaces",
		Flags: DeviceUp | DeviceRunning | DeviceStatus,
	}
	return append(append(first, anyDevice), rest...), nil
}

func flagsOf(i *net.Interface) DeviceFlags {
	var f DeviceFlags
	if i.Flags&net.FlagUp != 0 {
		f |= DeviceUp
	}
	if i.Flags&net.FlagRunning != 0 {
		f |= DeviceRunning
	}
	switch carrier, err := os.ReadFile("/sys/class/net/" + i.Name + "/carrier"); {
	case i.Flags&net.FlagLoopback != 0:
		f |= DeviceLoopback | DeviceStatus
	case err != nil:
		f |= DeviceStatus // an interface that is down does not tell
	case strings.TrimSpace(string(carrier)) == "1":
		f |= DeviceConnected
	default:
		f |= DeviceDisconnected
	}
	return f
}
