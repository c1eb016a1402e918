package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/tcpstate/tcpstate/analyzer"
)

// All taps of a stream give all of it, whatever their paces, also when some
// leave early; the last to leave frees what the stream owns.
func TestSharedStream(t *testing.T) {
	octets := make([]byte, 5*blockSize+1234)
	for i := range octets {
		octets[i] = byte(rand.Uint32())
	}
	damage := errors.New("damage")
	for _, kind := range []struct {
		name string
		r    io.Reader
		end  error
	}{
		{"whole", bytes.NewReader(octets), io.EOF},
		{"in small pieces", iotest.HalfReader(bytes.NewReader(octets)), io.EOF},
		{"with the error beside the data", iotest.DataErrReader(bytes.NewReader(octets)), io.EOF},
		{"broken", io.MultiReader(bytes.NewReader(octets), iotest.ErrReader(damage)), damage},
	} {
		freed := 0
		s, _ := newShared(kind.r, func() { freed++ })
		s.admit(3)
		var all sync.WaitGroup
		for i := range 4 {
			tap := s.join()
			all.Go(func() {
				defer tap.leave()
				var got []byte
				for {
					b, err := tap.next()
					if err != nil {
						if !errors.Is(err, kind.end) || !bytes.Equal(got, octets) {
							t.Errorf("%s: tap %d: %d octets of %d, %v", kind.name, i, len(got), len(octets), err)
						}
						return
					}
					got = append(got, b...)
					if i == 3 && len(got) > 2*blockSize {
						return // the others must not wait for it
					}
				}
			})
		}
		all.Wait()
		if freed != 1 {
			t.Errorf("%s: freed %d times", kind.name, freed)
		}
		if len(s.blocks) != 0 {
			t.Errorf("%s: %d blocks are left", kind.name, len(s.blocks))
		}
	}
}

// What lies in two blocks is shown as a whole.
func TestBlocksAcrossPieces(t *testing.T) {
	octets := make([]byte, 10_000)
	for i := range octets {
		octets[i] = byte(i>>8 ^ i)
	}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := blocksOf(&ragged{octets: octets, r: r})
		at := 0
		for at < len(octets) {
			n := 1 + r.IntN(700)
			v := b.view(n)
			if want := min(n, len(octets)-at); len(v) != want || !bytes.Equal(v, octets[at:at+want]) {
				t.Fatalf("seed %d: view of %d at %d gave %d octets, or others", seed, n, at, len(v))
			}
			if n = r.IntN(len(v) + 1); r.IntN(4) > 0 {
				b.take(n)
			} else if n = int(b.skip(int64(r.IntN(900)))); at+n > len(octets) {
				t.Fatalf("seed %d: skipped beyond the end", seed)
			}
			if at += n; b.off != int64(at) {
				t.Fatalf("seed %d: at %d, not %d", seed, b.off, at)
			}
		}
	}
}

// ragged is a reader that gives as much as it likes.
type ragged struct {
	octets []byte
	r      *rand.Rand
}

func (s *ragged) Read(b []byte) (int, error) {
	if len(s.octets) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.octets[:min(len(s.octets), s.r.IntN(300))])
	s.octets = s.octets[n:]
	return n, nil
}

// The sources of a split give the same packets, each of them decoded by one.
func TestSplit(t *testing.T) {
	dir := "../../testdata/pcaps"
	files, err := filepath.Glob(filepath.Join(dir, "*.pcap*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, c := range []struct {
		name  string
		paths []string
		merge bool
	}{
		{"one file", files[:1], false}, {"one after another", append(files[:5:5], filepath.Join(dir, "no such file")), false}, {"merged", files[:5], true},
	} {
		for _, n := range []int{2, 3, 8} {
			want := packetsOf(t, splitOf(t, c.paths, c.merge, 1)[0])
			var all sync.WaitGroup
			got := make([][]analyzer.Packet, n)
			for i, s := range splitOf(t, c.paths, c.merge, n) {
				all.Go(func() { got[i] = packetsOf(t, s) })
			}
			all.Wait()
			for i := range want {
				owners := 0
				for _, packets := range got {
					if len(packets) != len(want) {
						t.Fatalf("%s, split in %d: %d packets, want %d", c.name, n, len(packets), len(want))
					}
					p, w := packets[i], want[i]
					if p.Number != w.Number || p.Time != w.Time || p.Skip != w.Skip || p.HasTCP != w.HasTCP {
						t.Fatalf("%s, split in %d: packet %+v, want %+v", c.name, n, p, w)
					}
					if !p.Foreign {
						owners++
						if !samePacket(&p, &w) {
							t.Fatalf("%s, split in %d: packet %+v, want %+v", c.name, n, p, w)
						}
					}
				}
				if segment := want[i].Skip == analyzer.NotSkipped || want[i].ICMP.Quotes; segment && owners != 1 || !segment && owners != n {
					t.Fatalf("%s, split in %d: packet %d has %d owners", c.name, n, i+1, owners)
				}
			}
		}
	}
}

// splitOf returns the sources of a split.
func splitOf(t *testing.T, paths []string, merge bool, n int) []analyzer.Source {
	t.Helper()
	s := OpenAll(paths, nil)
	if merge {
		s.Merge()
	}
	parts := s.Split(n)
	if len(parts) != n {
		t.Fatalf("%d parts, want %d", len(parts), n)
	}
	return parts
}

// packetsOf reads a source to its end and closes it.
func packetsOf(t *testing.T, s analyzer.Source) (all []analyzer.Packet) {
	for {
		var p analyzer.Packet
		if err := s.Next(&p); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return all
		}
		p.Frame, p.Captured, p.Comment = nil, nil, nil
		all = append(all, p)
	}
}

// A source that is open already can be split, as long as nothing of it was
// read; afterwards it stays alone, as one that follows does.
func TestSplitLate(t *testing.T) {
	const path = "../../testdata/pcaps/close-client.pcap"
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := s.Split(2)
	if len(parts) != 2 {
		t.Fatalf("%d parts of an open source", len(parts))
	}
	var all sync.WaitGroup
	var counts [2]int
	for i, part := range parts {
		all.Go(func() { counts[i] = len(packetsOf(t, part)) })
	}
	all.Wait()
	if counts[0] != counts[1] || counts[0] == 0 {
		t.Errorf("%v packets", counts)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	var p analyzer.Packet
	if err := s.Next(&p); err != nil || len(s.Split(2)) != 1 {
		t.Errorf("split behind the first packet (%v)", err)
	}
	follows := OpenAll([]string{path}, nil)
	follows.Follow(t.Context())
	if len(follows.Split(2)) != 1 {
		t.Error("split a source that follows")
	}
}

// A part that is closed early does not hold up the others.
func TestSplitClosedEarly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.pcap")
	frame := make([]byte, 60_000)
	octets := pcapHeader(binary.LittleEndian, pcapMicro, 4, 65535, 1)
	for i := range uint32(40) {
		octets = append(octets, pcapRecord(binary.LittleEndian, i, 0, 60_000, 60_000, nil, frame)...)
	}
	if err := os.WriteFile(file, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	parts := splitOf(t, []string{file, file}, false, 2)
	var p analyzer.Packet
	if err := parts[1].Next(&p); err != nil {
		t.Fatal(err)
	}
	if err := parts[1].Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(packetsOf(t, parts[0])); n != 80 {
		t.Errorf("%d packets, want 80", n)
	}
}

// A part that is closed twice has left once: the others still share what can be
// read but once.
func TestSplitClosedTwice(t *testing.T) {
	octets, err := os.ReadFile("../../testdata/pcaps/close-client.pcap")
	if err != nil {
		t.Fatal(err)
	}
	parts := OpenAll([]string{Stdin}, bytes.NewReader(octets)).Split(3)
	for range 2 {
		if err := parts[2].Close(); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	var counts [2]int
	for i := range counts {
		all.Go(func() { counts[i] = len(packetsOf(t, parts[i])) })
	}
	all.Wait()
	if counts[0] == 0 || counts[0] != counts[1] {
		t.Errorf("%v packets", counts)
	}
}
