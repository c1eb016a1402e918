package capture

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	files = append(files, mixedCapture(t))
	inRuns := 0
	for _, file := range files {
		for _, n := range []int{1, 2, 3} {
			for part := range n {
				want := packetsOf(t, OpenAll([]string{file, file}, nil).Split(n)[part])
				got, runs := runsOf(t, OpenAll([]string{file, file}, nil).Split(n)[part].(*Source))
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

// mixedCapture makes a capture of plain packets, with damaged ones between.
func mixedCapture(t *testing.T) string {
	var b bytes.Buffer
	if err := capgen.Bulk.Write(&b, 5000); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	octets := b.Bytes()
	for at := pcapFileHeader; at < len(octets); {
		n := int(binary.LittleEndian.Uint32(octets[at+8:]))
		if r.IntN(20) == 0 {
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

// runsOf reads a source to its end, in runs of any length where it can, and
// tells how many packets were in those.
func runsOf(t *testing.T, s *Source) (all []analyzer.Packet, inRuns int) {
	r := rand.New(rand.NewPCG(3, 4))
	for b := analyzer.NewBatch(); ; b.Reset() {
		n := s.NextRun(b, 1+r.IntN(128))
		b.Each(func(at statemachine.Moment, p *analyzer.Packet) {
			if p == nil {
				p = &analyzer.Packet{Number: at.Packet, Time: at.Time, Foreign: true}
			}
			kept := *p
			kept.Frame, kept.Captured, kept.Comment = nil, nil, nil
			all = append(all, kept)
		})
		if inRuns += n; n > 0 {
			continue
		}
		var p analyzer.Packet
		if s.Next(&p) != nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return all, inRuns
		}
		p.Frame, p.Captured, p.Comment = nil, nil, nil
		all = append(all, p)
	}
}
