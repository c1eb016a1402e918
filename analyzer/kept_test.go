package analyzer_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// said is what a run says of connections and capture.
type said struct {
	connections []string
	capture     string
}

func (*said) Packet(*analyzer.Observation) error { return nil }

func (s *said) Connection(c *analyzer.Connection) error {
	kept := *c
	kept.Findings = maps.Clone(c.Findings)
	s.connections = append(s.connections, fmt.Sprintf("%08d %+v", kept.ID, kept))
	return nil
}

func (s *said) Capture(c *analyzer.Capture) error {
	s.capture = fmt.Sprintf("%+v", *c)
	return nil
}

// single hides that a source can be read in runs, or by several.
type single struct{ analyzer.StatsSource }

// sayingsOf runs over a capture.
func sayingsOf(t *testing.T, path string, opt analyzer.Options, alone bool) *said {
	t.Helper()
	s := &said{}
	open := func() (analyzer.Source, error) {
		src := capture.OpenAll([]string{path}, strings.NewReader(""))
		if alone {
			return single{src}, nil
		}
		return src, nil
	}
	if err := analyzer.Run(context.Background(), opt, open, s); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	slices.Sort(s.connections)
	return s
}

// asObserved compares what is said of a capture that is read in runs, by several
// workers, its connections kept as their segments, with what is said of it packet
// by packet, each connection observed as it goes. It returns that.
func asObserved(t *testing.T, path string) *said {
	t.Helper()
	plain := analyzer.Options{Wants: analyzer.WantConnections, Workers: 1}
	plain.ObserveAll()
	want := sayingsOf(t, path, plain, true)
	for workers := 1; workers <= 3; workers++ {
		opt := analyzer.Options{Wants: analyzer.WantConnections, AnyOrder: workers > 1, Workers: workers}
		if got := sayingsOf(t, path, opt, false); !slices.Equal(got.connections, want.connections) || got.capture != want.capture {
			t.Errorf("%s, %d workers:\n%s\n%s\nwant\n%s\n%s", path, workers, strings.Join(got.connections, "\n"), got.capture, strings.Join(want.connections, "\n"), want.capture)
		}
	}
	return want
}

// Connections kept as their segments, in captures read in runs and by several
// workers, give the records of those that are observed as they go, packet by
// packet. TCPSTATE_CAPTURES names a directory with further captures.
func TestKeptAsObserved(t *testing.T) {
	dirs := []string{"../testdata/pcaps", "../testdata/truth"}
	if more := os.Getenv("TCPSTATE_CAPTURES"); more != "" {
		dirs = append(dirs, more)
	}
	captures := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			name := d.Name()
			if err != nil || !d.Type().IsRegular() || !strings.Contains(name, "cap") && !strings.Contains(name, "trace") {
				return err
			}
			captures++
			asObserved(t, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if captures < 100 {
		t.Errorf("only %d captures", captures)
	}
}

// Fragments of a datagram that is no segment overlap; the segments behind them,
// which are read in a run, have nothing to do with that.
func TestOverlapStaysWhereItIs(t *testing.T) {
	var frames [][]byte
	sent := 0
	segments := func(n int) {
		for range n {
			frames = append(frames, ipv4Frame(0, 6, segmentOf(sent)))
			sent++
		}
	}
	segments(2 * analyzer.BatchPackets)
	datagram := make([]byte, 200)
	copy(datagram, []byte{0xc3, 0x50, 0, 53, 0, 200}) // UDP
	const more = 0x2000
	frames = append(frames, ipv4Frame(64/8, 17, datagram[64:]), ipv4Frame(more, 17, datagram[:72]))
	segments(3)
	if want := asObserved(t, captureOf(t, frames)); len(want.connections) != 1 || strings.Contains(want.connections[0], statemachine.FragmentOverlap.String()) {
		t.Errorf("%q", want.connections)
	}
}

// Other octets at numbers that were sent before show by the checksums of segments
// that were kept unread, of packets that are read in runs.
func TestKeptSums(t *testing.T) {
	const client, server = 0, 1
	const syn, ack = 2, 16
	frame := func(side int, seq, next uint32, flags byte, data string) []byte {
		ends := [2][4]byte{{10, 0, 0, 200}, {10, 255, 255, 1}}
		ports := [2]uint16{50_000, 65_000}
		be := binary.BigEndian
		b := be.AppendUint16(be.AppendUint16(nil, ports[side]), ports[1-side])
		b = be.AppendUint32(be.AppendUint32(b, seq), next)
		b = append(append(b, 0x50, flags, 3, 232, 0, 0, 0, 0), data...)
		sum := uint32(6 + len(b)) // RFC 1071, over the pseudo-header too
		for _, part := range [][]byte{ends[0][:], ends[1][:], b} {
			for i := 0; i < len(part); i += 2 {
				sum += uint32(be.Uint16(part[i:]))
			}
		}
		sum = sum>>16 + sum&0xffff
		be.PutUint16(b[16:], ^uint16(sum+sum>>16))
		f := ipv4Frame(0, 6, b)
		copy(f[26:], ends[side][:])
		copy(f[30:], ends[1-side][:])
		return f
	}
	for _, again := range []string{"GET /a", "GET /b"} {
		frames := [][]byte{
			frame(client, 1000, 0, syn, ""), frame(server, 0xfffffffd, 1001, syn|ack, ""), frame(client, 1001, 0xfffffffe, ack, ""),
			frame(client, 1001, 0xfffffffe, ack, "GET /a"), frame(server, 0xfffffffe, 1007, ack, "answer"), frame(client, 1001, 0xfffffffe, ack, again),
		}
		want := asObserved(t, captureOf(t, frames))
		if found := strings.Contains(want.connections[0], statemachine.Overlap.String()); len(want.connections) != 1 || found != (again != "GET /a") {
			t.Errorf("again %q: %q", again, want.connections)
		}
	}
}

// captureOf stores a capture with the frames, a millisecond apart.
func captureOf(t *testing.T, frames [][]byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "frames.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(f, analyzer.LinkEthernet)
	for i := 0; err == nil && i < len(frames); i++ {
		err = w.Write(statemachine.Time(i+1)*1e6, frames[i], len(frames[i]))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// ipv4Frame is an Ethernet frame with an IPv4 packet (RFC 791 §3.1), its field of
// flags and fragment offset given.
func ipv4Frame(fragment uint16, proto byte, body []byte) []byte {
	b := append(make([]byte, 12), 8, 0, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(body)))
	b = binary.BigEndian.AppendUint16(b, 77) // identification
	b = binary.BigEndian.AppendUint16(b, fragment)
	b = append(b, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	return append(b, body...)
}

// segmentOf is the n-th segment of a transfer (RFC 9293 §3.1), an octet each.
func segmentOf(n int) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0x9c, 0x40, 0, 80}, uint32(1000+n))
	return append(b, 0, 0, 7, 208, 0x50, 0x10, 4, 0, 0, 0, 0, 0, 'x')
}
