//go:build !linux && !libpcap

package capture

import "errors"

const noLive = "this tcpstate was built without libpcap and cannot capture on this system; build it with: go build -tags libpcap ./cmd/tcpstate"

// LiveBackend names what captures.
func LiveBackend() string { return "none" }

// openDevice says that nothing here can capture.
func openDevice(opt *LiveOptions) (device, error) {
	return nil, &LiveError{opt.Interface, NoLiveCapture, noLive}
}

// Devices says the same.
func Devices() ([]Device, error) { return nil, errors.New(noLive) }
