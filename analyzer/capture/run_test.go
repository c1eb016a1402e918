package capture

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/internal/capgen"
	"github.com/tcpstate/tcpstate/statemachine"
)

// What NextRun gives is what Next would have given, whatever stands between.
func TestNextRun(t *testing.T) {
	files, err := filepath.Glob("../../testdata/pcaps/*.pcap*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	files = append(files, mixedCapture(t, 20), mixedCapture(t, 2), betweenRuns(t))
	inRuns := 0
	for _, file := range files {
		for _, n := range []int{1, 2, 3} {
			for part := range n {
				want := packetsOf(t, onePart(file, n, part))
				got, runs := runsOf(t, onePart(file, n, part).(*Source))
				if inRuns += runs; len(got) != len(want) {
					t.Fatalf("%s, part %d of %d: %d packets, want %d", file, part, n, len(got), len(want))
				}
				for i := range got {
					p, w := &got[i], &want[i]
					if p.Number != w.Number || p.Time != w.Time || p.Foreign != w.Foreign || !p.Foreign && !samePacket(p, w) {
						t.Fatalf("%s, part %d of %d: packet %+v, want %+v", file, part, n, p, w)
					}
				}
			}
		}
	}
	if inRuns < 20_000 {
		t.Errorf("only %d packets were read in runs", inRuns)
	}
}

// onePart returns one of n parts of a file read twice, without the others, which would
// have to be read beside it.
func onePart(file string, n, part int) analyzer.Source {
	parts := OpenAll([]string{file, file}, nil).Split(n)
	for i, other := range parts {
		if i != part {
			other.Close()
		}
	}
	return parts[part]
}

// mixedCapture makes a capture of plain packets, of which one in so many is damaged.
func mixedCapture(t *testing.T, oneIn int) string {
	var b bytes.Buffer
	if err := capgen.Bulk.Write(&b, 5000); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	octets := b.Bytes()
	for at := pcapFileHeader; at < len(octets); {
		n := int(binary.LittleEndian.Uint32(octets[at+8:]))
		if r.IntN(oneIn) == 0 {
			octets[at+pcapRecordHeader+r.IntN(min(n, 60))] ^= 1 << r.IntN(8)
		}
		at += pcapRecordHeader + n
	}
	file := filepath.Join(t.TempDir(), "mixed.pcap")
	if err := os.WriteFile(file, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// betweenRuns makes a capture of plain packets, more than a batch holds, behind
// which packets come that Next must read and that are not taken: they leave in
// the slot what a plain packet has not, and plain ones follow them.
func betweenRuns(t *testing.T) string {
	seg := tcpSeg(nil, repeat(100))
	plain := eth(0x0800, ip4(6, seg))
	var frames [][]byte
	some := func(n int) {
		for range n {
			frames = append(frames, plain)
		}
	}
	some(200)
	for i, between := range [][]byte{
		ip4(17, udpTo(53, repeat(100))), // its fragments overlap
		ip4(6, seg),                     // these lack the end
		ip4(17, udpTo(4789, cat(u32(0x08000000), u32(5001<<8), eth(0x0806, repeat(28))))), // in a tunnel, no IP
		ip4(1, cat([]byte{3, 3}, make([]byte, 6), ip4(6, seg))),                           // an ICMP error
	} {
		between = set(between, 4, 0, byte(i))
		parts := [][]byte{between}
		switch i {
		case 0: // the last one first, so that the first one completes the datagram
			parts = [][]byte{split4(between, 64)[1], split4(between, 72)[0]}
		case 1:
			parts = split4(between, 64)[:1]
		}
		for _, p := range parts {
			frames = append(frames, eth(0x0800, p))
		}
		some(3)
	}
	return store(t, "between.pcap", writePcap(t, analyzer.LinkEthernet, frames...))
}

// runsOf reads a source to its end as a worker does, in runs of any length where
// it can, and tells how many packets were in those.
func runsOf(t *testing.T, s *Source) (all []analyzer.Packet, inRuns int) {
	const most = 128
	keep := func(p *analyzer.Packet) {
		kept := *p
		kept.Frame, kept.Captured, kept.Comment = nil, nil, nil
		all = append(all, kept)
	}
	b := analyzer.NewBatch()
	for r := rand.New(rand.NewPCG(3, 4)); ; {
		if n := b.Fill(s, 1+r.IntN(most)); n > 0 {
			inRuns += n
			b.EachOfRun(func(at statemachine.Moment, p *analyzer.Packet) {
				if p == nil {
					p = &analyzer.Packet{Number: at.Packet, Time: at.Time, Foreign: true}
				}
				keep(p)
			})
			b.Reset()
			continue
		}
		p := b.SlotForNext()
		if s.Next(p) != nil {
			break
		}
		keep(p)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	slices.SortFunc(all, func(a, b analyzer.Packet) int { return cmp.Compare(a.Number, b.Number) })
	return all, inRuns
}
