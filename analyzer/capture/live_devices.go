package capture

import "net"

// Device is an interface that can be captured at.
type Device struct {
	Name        string
	Description string // may be empty
	Addresses   []net.IP
	Flags       DeviceFlags
}

// DeviceFlags tell the state of a Device; the values are libpcap's PCAP_IF_…
// (pcap_findalldevs(3)).
type DeviceFlags uint32

// The flags. The two bits of DeviceStatus hold one of four values: 0 is
// unknown.
const (
	DeviceLoopback DeviceFlags = 1 << iota
	DeviceUp
	DeviceRunning
	DeviceWireless

	DeviceConnected    DeviceFlags = 0x10
	DeviceDisconnected DeviceFlags = 0x20
	DeviceStatus       DeviceFlags = 0x30 // the mask, and as value: not applicable
)

// Words returns the state in the words of tcpdump -D.
func (f DeviceFlags) Words() []string {
	var w []string
	for _, n := range [...]struct {
		flag DeviceFlags
		word string
	}{{DeviceUp, "Up"}, {DeviceRunning, "Running"}, {DeviceLoopback, "Loopback"}, {DeviceWireless, "Wireless"}} {
		if f&n.flag != 0 {
			w = append(w, n.word)
		}
	}
	if len(w) == 0 {
		w = append(w, "none")
	}
	wireless := f&DeviceWireless != 0
	switch f & DeviceStatus {
	case 0:
		w = append(w, choose(wireless, "Association status unknown", "Connection status unknown"))
	case DeviceConnected:
		w = append(w, choose(wireless, "Associated", "Connected"))
	case DeviceDisconnected:
		w = append(w, choose(wireless, "Not associated", "Disconnected"))
	default: // not applicable
	}
	return w
}

func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
