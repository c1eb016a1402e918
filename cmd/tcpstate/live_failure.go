package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// liveFailure gives an error of a capture its exit code and advice.
func liveFailure(err error) error {
	var wrong *capture.FilterError
	if errors.As(err, &wrong) {
		return &usageError{text: wrong.Error(), hint: filterHint(wrong.Expr)}
	}
	if errors.Is(err, capture.ErrNoFilters) {
		return &usageError{text: err.Error(), hint: libpcapHint}
	}
	var live *capture.LiveError
	if !errors.As(err, &live) {
		return err
	}
	e := &exitError{code: exitRights, lines: []string{live.Error()}}
	switch live.Problem {
	case capture.NoPermission:
		e.hint = permissionHint()
	case capture.NoDevice:
		e.hint = interfaceHint(live.Interface)
	case capture.DeviceIsDown:
		e.hint = "sudo ip link set " + live.Interface + " up"
	case capture.NoLiveFilter, capture.NoLiveCapture:
		return &usageError{text: live.Error(), hint: libpcapHint}
	case capture.BadLiveOptions:
		return &usageError{text: live.Reason}
	case capture.DeviceFailure:
	}
	return e
}

// filterHint thinks of an interface that was named without -i.
func filterHint(expression string) string {
	first, _, _ := strings.Cut(expression, " ")
	if slices.Contains(deviceNames(), first) {
		return "did you mean -i " + first + "?"
	}
	return "pcap-filter(7) has the syntax"
}

const libpcapHint = "install libpcap's headers (libpcap-dev) and a C compiler, then: make build"

// permissionHint says how to grant the rights to this very program.
func permissionHint() string {
	program, err := os.Executable()
	if err != nil {
		program = "tcpstate"
	}
	return "run it as root, or: sudo setcap cap_net_raw,cap_net_admin=eip " + program
}

func interfaceHint(name string) string {
	if near := suggest(name, deviceNames()); near != "" {
		return "did you mean " + near + "?"
	}
	return "tcpstate interfaces lists them"
}

// deviceNames returns the names of all interfaces, none where they cannot be
// listed.
func deviceNames() []string {
	list, err := capture.Devices()
	if err != nil {
		return nil
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return names
}
