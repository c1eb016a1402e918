package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/tcpstate/tcpstate/analyzer"
)

// TestProgram runs programs written by hand, as libpcap compiles "tcp port 80"
// and "greater 100" for raw IPv4.
func TestProgram(t *testing.T) {
	port := program{
		{0x30, 0, 0, 9}, {0x15, 0, 8, 6}, // protocol TCP
		{0x28, 0, 0, 6}, {0x45, 6, 0, 0x1fff}, // no later fragment
		{0xb1, 0, 0, 0}, {0x48, 0, 0, 0}, {0x15, 2, 0, 80}, // source port
		{0x48, 0, 0, 2}, {0x15, 0, 1, 80}, // destination port
		{0x06, 0, 0, 262144}, {0x06, 0, 0, 0},
	}
	longer := program{{0x80, 0, 0, 0}, {0x35, 0, 1, 100}, {0x06, 0, 0, 1}, {0x06, 0, 0, 0}}
	frame := func(protocol byte, ports uint32) []byte {
		b := make([]byte, 40)
		b[0], b[9] = 0x45, protocol
		binary.BigEndian.PutUint32(b[20:], ports)
		return b
	}
	for i, c := range []struct {
		p     program
		frame []byte
		wire  uint32
		want  bool
	}{
		{nil, nil, 0, true},
		{port, frame(6, 80<<16|999), 40, true},
		{port, frame(6, 999<<16|80), 40, true},
		{port, frame(6, 999<<16|81), 40, false},
		{port, frame(17, 999<<16|80), 40, false},
		{port, frame(6, 80<<16|80)[:20], 40, false}, // the ports were cut off
		{longer, make([]byte, 40), 100, true},       // len is that on the wire
		{longer, make([]byte, 40), 99, false},
		{program{{0x81, 0, 0, 0}, {0x16, 0, 0, 0}}, make([]byte, 9), 9, false},                                 // the index is not the accumulator
		{program{{0x81, 0, 0, 0}, {0x87, 0, 0, 0}, {0x16, 0, 0, 0}}, make([]byte, 9), 9, true},                 // until it is copied there
		{program{{0x04, 0, 0, 1}}, nil, 0, false},                                                              // no return
		{program{{0x34, 0, 0, 0}, {0x06, 0, 0, 1}}, nil, 0, false},                                             // division by zero
		{program{{0x30, 0, 0, 0xffffffff}, {0x06, 0, 0, 1}}, make([]byte, 40), 40, false},                      // load beyond the frame
		{program{{0x01, 0, 0, 0xffffffff}, {0x40, 0, 0, 0xfffffff0}, {6, 0, 0, 1}}, make([]byte, 9), 9, false}, // by the index
	} {
		if got := c.p.run(c.frame, c.wire); got != c.want {
			t.Errorf("case %d: %v, want %v", i, got, c.want)
		}
	}
}

// FuzzProgram holds the machine against the one of golang.org/x/net on any
// program that the latter admits.
func FuzzProgram(f *testing.F) {
	f.Add([]byte{0x30, 0, 0, 0, 0, 0, 0, 9, 0x15, 0, 0, 1, 0, 0, 0, 6, 0x06, 0, 0, 0, 0, 0, 0, 1, 0x06, 0, 0, 0, 0, 0, 0, 0}, []byte("\x45\x00\x00\x28aaaabbb\x06ccdddd"))
	f.Fuzz(func(t *testing.T, code, frame []byte) {
		var p program
		var raw []bpf.Instruction
		for ; len(code) >= 8; code = code[8:] {
			i := instruction{uint16(code[0]), code[2], code[3], binary.BigEndian.Uint32(code[4:])}
			d := bpf.RawInstruction{Op: i.code, Jt: i.jt, Jf: i.jf, K: i.k}.Disassemble()
			if _, ok := d.(bpf.RawInstruction); ok || d == nil || i.code&7 == classMISC && i.code != 7 && i.code != 0x87 {
				return
			}
			if e, ok := d.(bpf.LoadExtension); ok && e.Num != bpf.ExtLen {
				return // extensions of Linux, which libpcap uses for live captures only
			}
			if !knownLoad(i.code) {
				return // x/net makes something of those that bpf(4) does not have
			}
			p, raw = append(p, i), append(raw, d)
		}
		vm, err := bpf.NewVM(raw)
		if err != nil {
			return
		}
		want, err := vm.Run(frame)
		if err != nil {
			return
		}
		if got := p.run(frame, uint32(len(frame))); got != (want > 0) {
			t.Errorf("%v, x/net says %d: %+v on % x", got, want, p, frame)
		}
	})
}

// knownLoad reports that an instruction is no load, or one that bpf(4) has and
// x/net reads alike: the length as index x/net loads into the accumulator.
func knownLoad(code uint16) bool {
	size := code & 0x18
	switch mode := code & 0xe0; code & 7 {
	case classLD:
		return mode == modeABS || mode == modeIND || (mode == modeIMM || mode == modeMEM || mode == modeLEN) && size == sizeW
	case classLDX:
		return (mode == modeIMM || mode == modeMEM) && size == sizeW || mode == modeMSH && size == sizeB
	}
	return true
}

// needFilters skips a test where nothing compiles expressions.
func needFilters(t *testing.T) {
	t.Helper()
	if _, err := NewFilter("tcp"); errors.Is(err, ErrNoFilters) {
		t.Skip("built without libpcap (-tags libpcap)")
	}
}

// TestFilterAsTcpdump reads captures of several link types through filters and
// compares the number of packets with tcpdump's.
func TestFilterAsTcpdump(t *testing.T) {
	needFilters(t)
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	files, err := filepath.Glob(filepath.FromSlash("../../testdata/pcaps/*.pcap"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, expr := range []string{
		"tcp", "port 9000", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "greater 100", "less 70",
		"src net 10.0.0.0/8 and not port 22", "ip6 and tcp", "tcp portrange 40000-40002", "not tcp", "len > 100",
	} {
		for _, file := range files {
			want, err := exec.Command("tcpdump", "-nn", "-t", "-r", file, expr).Output()
			if err != nil {
				t.Fatal(expr, file, err)
			}
			if got := countFiltered(t, file, expr); got != strings.Count(string(want), "\n") {
				t.Errorf("%s on %s: %d packets, tcpdump has %d", expr, filepath.Base(file), got, strings.Count(string(want), "\n"))
			}
		}
	}
}

func countFiltered(t *testing.T, file, expr string) int {
	t.Helper()
	f, err := NewFilter(expr)
	if err != nil {
		t.Fatal(expr, err)
	}
	s := OpenAll([]string{file}, nil)
	s.SetFilter(f)
	defer s.Close()
	n := 0
	for p := new(analyzer.Packet); ; n++ {
		if err := s.Next(p); err != nil {
			if !errors.Is(err, io.EOF) || len(s.Errors()) > 0 {
				t.Fatal(expr, file, err, s.Errors())
			}
			return n
		}
	}
}

// TestFilterPosition finds the word at fault.
func TestFilterPosition(t *testing.T) {
	needFilters(t)
	for _, c := range []struct {
		expr string
		at   int64
	}{
		{"tcp prt 80", 4},
		{"tcp port foo bar", 9},
		{"tcp and (port 80", 16},
		{"host", 4},
		{"port 80 and and port 81", 12},
		{"port 80 )", 8},
		{"tcp[13] & 2 == == 0", 15},
		{"port 99999999", 5},
	} {
		_, err := NewFilter(c.expr)
		var f *FilterError
		if !errors.As(err, &f) || f.Offset != c.at {
			t.Errorf("%q: %v, want position %d", c.expr, err, c.at+1)
		}
	}
}

// TestFilterKeepsNumbers leaves the numbers of packets as they are in the file.
func TestFilterKeepsNumbers(t *testing.T) {
	needFilters(t)
	f, err := NewFilter("tcp[tcpflags] & tcp-rst != 0")
	if err != nil {
		t.Fatal(err)
	}
	s := OpenAll([]string{filepath.FromSlash("../../testdata/pcaps/refused.pcap")}, os.Stdin)
	s.SetFilter(f)
	defer s.Close()
	var p analyzer.Packet
	if err := s.Next(&p); err != nil || p.Number != 2 || !p.HasTCP {
		t.Errorf("%v, packet %d", err, p.Number)
	}
}
