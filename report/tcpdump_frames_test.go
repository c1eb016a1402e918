package report

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Building frames by hand.

var be = binary.BigEndian

// seg describes a segment for tcpBytes.
type seg struct {
	sport, dport uint16
	seq, ack     uint32
	flags        byte
	win, urg     uint16
	opt          []byte // padded with zeros to whole words
	payload      string
	offset       int // the data offset in words, 0 for the right one
}

func (s seg) bytes() []byte {
	for len(s.opt)%4 != 0 {
		s.opt = append(s.opt, 0)
	}
	if s.offset == 0 {
		s.offset = 5 + len(s.opt)/4
	}
	if s.sport == 0 {
		s.sport, s.dport = 40000, 443
	}
	b := be.AppendUint16(nil, s.sport)
	b = be.AppendUint16(b, s.dport)
	b = be.AppendUint32(b, s.seq)
	b = be.AppendUint32(b, s.ack)
	b = append(b, byte(s.offset)<<4, s.flags)
	b = be.AppendUint16(b, s.win)
	b = be.AppendUint16(b, 0)
	b = be.AppendUint16(b, s.urg)
	return append(append(b, s.opt...), s.payload...)
}

// reply turns a segment's ports around.
func (s seg) reply() seg {
	s.sport, s.dport = 443, 40000
	return s
}

var (
	client4, server4 = []byte{192, 0, 2, 1}, []byte{198, 51, 100, 2}
	client6          = []byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	server6          = []byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}
)

// ip4 wraps a payload; opt is padded to whole words.
func ip4(payload []byte, proto byte, opt ...byte) []byte {
	for len(opt)%4 != 0 {
		opt = append(opt, 0)
	}
	b := []byte{byte(0x45 + len(opt)/4), 0}
	b = be.AppendUint16(b, uint16(20+len(opt)+len(payload)))
	b = append(b, 0x12, 0x34, 0x40, 0, 64, proto, 0, 0)
	b = append(append(append(b, client4...), server4...), opt...)
	be.PutUint16(b[10:], ^onesComplement(0, b))
	return append(b, payload...)
}

func ip6(payload []byte, next byte) []byte {
	b := be.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(payload)))
	b = append(b, next, 64)
	return append(append(append(b, client6...), server6...), payload...)
}

var macs = []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}

// ether puts types (the last of which announces IP) before a packet.
func ether(packet []byte, head ...byte) []byte {
	if head == nil {
		head = []byte{8, 0}
		if packet[0]>>4 == 6 {
			head = []byte{0x86, 0xdd}
		}
	}
	return slices.Concat(macs, head, packet)
}

// packet makes what the printer reads of a packet; the IP header is looked for
// where the frame ends with it.
func packet(link analyzer.LinkType, frame []byte) analyzer.Packet {
	return analyzer.Packet{Number: 1, Time: 1_000_000_000_123_456_789, Link: link, Frame: frame,
		CapLen: uint32(len(frame)), WireLen: uint32(len(frame)), HasTCP: true}
}

// numbered gives packets their numbers and times a millisecond apart.
func numbered(ps []analyzer.Packet) []analyzer.Packet {
	for i := range ps {
		ps[i].Number = uint64(i + 1)
		ps[i].Time = 1_000_000_000_123_456_789 + statemachine.Time(i)*1_000_000
	}
	return ps
}

// printAll prints packets with the switches of a command line.
func printAll(t *testing.T, switches []string, ps []analyzer.Packet) []string {
	t.Helper()
	o := TcpdumpOptions{Location: time.UTC}
	for _, s := range switches {
		switch {
		case s == "-S":
			o.Absolute = true
		case s == "-e":
			o.Link = true
		case s == "-#":
			o.Number = true
		case strings.HasPrefix(s, "-v"):
			o.Verbose = len(s) - 1
		case strings.HasPrefix(s, "-t"):
			o.Time = TimeFormat(len(s) - 1)
		default:
			t.Fatalf("unknown switch %s", s)
		}
	}
	printer := NewTcpdumpPrinter(o)
	var lines []string
	for i := range ps {
		lines = append(lines, string(printer.Append(nil, &ps[i])))
	}
	return lines
}

// realTcpdump prints the same packets by tcpdump itself, cut after the length
// field, or skips the test when tcpdump is not there or another version.
func realTcpdump(t *testing.T, switches []string, ps []analyzer.Packet) []string {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed: its lines cannot be compared")
	}
	version, _ := exec.Command(path, "--version").CombinedOutput()
	if !strings.Contains(string(version), "tcpdump version 4.99.3") {
		t.Skipf("compares with tcpdump 4.99.3 only, found %.30q", version)
	}
	file := filepath.Join(t.TempDir(), "frames.pcap")
	if err := os.WriteFile(file, pcapFile(ps), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"-nn", "-r", file}, switches...)...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return tcpdumpLines(string(out))
}

func pcapFile(ps []analyzer.Packet) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b23c4d) // nanoseconds
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = le.AppendUint32(le.AppendUint32(b, 262144), uint32(ps[0].Link))
	for i := range ps {
		b = le.AppendUint32(b, uint32(ps[i].Time/1e9))
		b = le.AppendUint32(b, uint32(ps[i].Time%1e9))
		b = le.AppendUint32(b, uint32(len(ps[i].Frame)))
		b = le.AppendUint32(b, ps[i].WireLen)
		b = append(b, ps[i].Frame...)
	}
	return b
}

var (
	// A new line of tcpdump's begins with neither of its indentations.
	continued = regexp.MustCompile(`^( {4}\S+ > |\t)`)
	lengthEnd = regexp.MustCompile(`, length \d+`)
)

// tcpdumpLines joins what -v breaks and cuts each line after its length field.
func tcpdumpLines(out string) []string {
	var lines []string
	for s := range strings.Lines(out) {
		s = strings.TrimSuffix(s, "\n")
		if continued.MatchString(s) && len(lines) > 0 {
			if !strings.HasPrefix(s, "\t") {
				lines[len(lines)-1] += "\n" + s
			}
			continue
		}
		lines = append(lines, s)
	}
	for i, s := range lines {
		flags := max(strings.Index(s, "Flags ["), 0)
		if m := lengthEnd.FindStringIndex(s[flags:]); m != nil && flags > 0 {
			lines[i] = s[:flags+m[1]]
		}
	}
	return lines
}

func timeOf(d time.Duration) statemachine.Time { return statemachine.Time(d) }
