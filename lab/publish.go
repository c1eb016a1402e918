//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcpstate/tcpstate/lab/truth"
)

// sample is one capture of testdata/pcaps: a scenario seen at one tap.
type sample struct {
	file     string // without .pcap; the scenario's name when empty
	scenario string
	tap      string // "client", "middle", "server" or "any"
}

// samples are the captures of testdata/pcaps, each at the tap that shows its
// cause best.
var samples = []sample{
	{"", "close-client", truth.Client},
	{"", "close-server", truth.Middle},
	{"", "close-three-segments", truth.Client},
	{"", "half-close", truth.Middle},
	{"", "simultaneous-open", truth.Middle},
	{"", "simultaneous-close", truth.Middle},
	{"", "refused", truth.Middle},
	{"", "syn-unanswered", truth.Client},
	{"", "lost-syn", truth.Middle},
	{"", "lost-syn-ack", truth.Middle},
	{"", "lost-third-ack", truth.Middle},
	{"", "lost-third-ack-data", truth.Middle},
	{"", "lost-data", truth.Middle},
	{"", "lost-data-before-tap", truth.Middle},
	{"", "lost-fin", truth.Middle},
	{"", "lost-last-ack", truth.Middle},
	{"", "duplicate-data", truth.Middle},
	{"", "reordered-data", truth.Middle},
	{"", "rst-linger", truth.Middle},
	{"", "rst-unread", truth.Middle},
	{"", "keep-alive", truth.Client},
	{"", "zero-window", truth.Middle},
	{"", "time-wait-reuse", truth.Middle},
	{"", "time-wait-reuse-client", truth.Client},
	{"", "ipv6", truth.Middle},
	{"", "raw-ip", truth.Server},
	{"", "lost-fin-raw-ip", truth.Middle},
	{"cooked-any", "any", "any"},
}

const samplesHead = `# Captures

Each capture shows one cause. All were recorded between real kernels by the lab
(` + "`go run ./lab -o DIR -pcaps testdata/pcaps`" + `, as root); the path has a round trip
of 12 ms, a third of it between the client and the middle. This list is
written by the lab. The states are the kernel's own, brought into the words of
RFC 9293 by the rules of docs/truth.md.

`

// publish copies the samples of a finished run into dir and writes the list.
func publish(out, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var list bytes.Buffer
	list.WriteString(samplesHead)
	for _, s := range samples {
		f, err := truth.Load(filepath.Join(out, s.scenario, "truth.json"))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(out, s.scenario, s.tap+".pcap"))
		if err != nil {
			return err
		}
		name := s.file
		if name == "" {
			name = s.scenario
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pcap"), b, 0o644); err != nil {
			return err
		}
		entry(&list, name, s, f, b)
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), list.Bytes(), 0o644)
}

// linkNames are the link types of the samples.
var linkNames = map[uint32]string{1: "Ethernet", 101: "raw IP", 113: "Linux cooked", 276: "Linux cooked v2"}

// entry writes what the list says of one capture.
func entry(w *bytes.Buffer, name string, s sample, f *truth.File, pcap []byte) {
	link, packets := inspect(pcap)
	fmt.Fprintf(w, "## %s.pcap\n\n%s.\n\n", name, upper(f.Description))
	fmt.Fprintf(w, "- scenario %s at the %s, %s, %d packets, %s\n", s.scenario, place(s.tap), linkNames[link], packets, f.Kernel)
	for _, c := range f.Connections {
		fmt.Fprintf(w, "- client %s: %s\n- server %s: %s\n", c.Client.Addr, sequence(c.Client), c.Server.Addr, sequence(c.Server))
	}
	w.WriteByte('\n')
}

func place(tap string) string {
	switch tap {
	case truth.Middle:
		return "middle tap"
	case "any":
		return "client, by `tcpdump -i any`"
	}
	return tap + "'s own tap"
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// inspect counts the packets of a pcap file in this machine's byte order.
func inspect(b []byte) (link uint32, packets int) {
	le := binary.LittleEndian
	if len(b) < 24 {
		return 0, 0
	}
	link = le.Uint32(b[20:])
	for b = b[24:]; len(b) >= 16; packets++ {
		n := 16 + int(le.Uint32(b[8:]))
		if n > len(b) {
			break
		}
		b = b[n:]
	}
	return link, packets
}
