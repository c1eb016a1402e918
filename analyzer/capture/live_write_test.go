package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// read returns the packets of a file, with frames of their own.
func read(t *testing.T, file string) (packets []analyzer.Packet, drops uint64) {
	t.Helper()
	s := OpenAll([]string{file}, nil)
	defer s.Close()
	for {
		var p analyzer.Packet
		if err := s.Next(&p); err != nil {
			if !errors.Is(err, io.EOF) || len(s.Errors()) > 0 {
				t.Fatal(file, err, s.Errors())
			}
			return packets, s.Stats().Drops
		}
		p.Frame = bytes.Clone(p.Frame)
		packets = append(packets, p)
	}
}

// TestNgFiles writes packets of two link types into rotating files and reads
// them back.
func TestNgFiles(t *testing.T) {
	dir := t.TempDir()
	f := NewNgFiles(filepath.Join(dir, "x.pcapng"), Rotation{Size: 4000, Time: time.Minute}, "test", "eth0", "tcp")
	start := statemachine.Time(1.7e18)
	if err := f.Open(start); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var want []analyzer.Packet
	for i := range 100 {
		p := analyzer.Packet{
			Time: start + statemachine.Time(i)*7e9, Link: []analyzer.LinkType{analyzer.LinkEthernet, analyzer.LinkSLL2}[i%2],
			Frame: make([]byte, random.IntN(300)),
		}
		for k := range p.Frame {
			p.Frame[k] = byte(random.Uint32())
		}
		p.CapLen, p.WireLen = uint32(len(p.Frame)), uint32(len(p.Frame)+i)
		if i == 50 {
			f.Lost(Losses{Kernel: 3, Interface: 4})
		}
		if err := f.Write(&p); err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
	}
	if err := f.Close(start); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "x_*.pcapng"))
	if err != nil || len(names) < 12 {
		t.Fatal("700 s and a minute a file give at least 12 files:", names, err)
	}
	var got []analyzer.Packet
	var drops uint64
	for _, name := range names {
		packets, d := read(t, name)
		got, drops = append(got, packets...), drops+d
		if last := packets[len(packets)-1].Time - packets[0].Time; last >= 60e9 {
			t.Errorf("%s spans %d s", name, last/1e9)
		}
	}
	same := func(a, b analyzer.Packet) bool {
		return a.Time == b.Time && a.Link == b.Link && a.WireLen == b.WireLen && bytes.Equal(a.Frame, b.Frame)
	}
	if !slices.EqualFunc(got, want, same) || drops != 7 {
		t.Errorf("%d packets and %d drops came back, want %d and 7, or they differ", len(got), drops, len(want))
	}
}

// TestNgFilesKeep removes what is one too many.
func TestNgFilesKeep(t *testing.T) {
	dir := t.TempDir()
	f := NewNgFiles(filepath.Join(dir, "x.pcapng"), Rotation{Time: time.Second, Keep: 2}, "", "", "")
	if err := f.Open(0); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := f.Write(&analyzer.Packet{Time: statemachine.Time(i) * 2e9, Link: analyzer.LinkRaw, Frame: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(0); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 {
		t.Fatal(names)
	}
	if p, _ := read(t, names[1]); len(p) != 1 || p[0].Frame[0] != 4 {
		t.Errorf("%+v", p)
	}
}

// TestLookBack holds the buffer against a list of all packets: what it gives
// of a connection is the end of what was put in, whole and in order.
func TestLookBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	l := NewLookBack(minRecordBound)
	all := make(map[uint32][]string)
	taken := 0
	for i := range 40_000 {
		conn := uint32(1 + random.IntN(40))
		frame := fmt.Appendf(nil, "%d %d ", conn, i)
		frame = append(frame, make([]byte, random.IntN(1500))...)
		l.Add(conn, &analyzer.Packet{Frame: frame, Time: statemachine.Time(i), WireLen: uint32(i)})
		all[conn] = append(all[conn], string(frame))
		if i%97 != 0 {
			continue
		}
		conn = uint32(1 + random.IntN(40))
		var got []string
		if err := l.Take(conn, func(p *analyzer.Packet) error {
			got = append(got, string(p.Frame))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := all[conn]; len(got) > len(want) || !slices.Equal(got, want[len(want)-len(got):]) {
			t.Fatalf("packet %d, connection %d: other packets came back than went in", i, conn)
		}
		all[conn] = nil
		taken += len(got)
	}
	if taken < 1000 || len(l.last) > 40 {
		t.Errorf("only %d packets came back, %d chains", taken, len(l.last))
	}
}

// TestNgFilesFull reports that the disk is full, at the latest when the file
// is closed.
func TestNgFilesFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	f := NewNgFiles("/dev/full", Rotation{}, "", "", "")
	if err := f.Open(0); err != nil {
		t.Fatal(err)
	}
	p := analyzer.Packet{Link: analyzer.LinkRaw, Frame: make([]byte, 1500)}
	var err error
	for range 100_000 { // more than all buffers hold
		if err = f.Write(&p); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("no error after 150 MB")
	}
	if err := f.Close(0); err == nil {
		t.Error("closed without an error")
	}
}
