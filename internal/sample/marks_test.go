package sample_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/internal/sample"
)

// marks collects what hindsight says, in the notation of testdata/marks.txtar.
type marks []string

func (m *marks) Packet(o *analyzer.Observation) error {
	for i := range o.Notes {
		if n := &o.Notes[i]; n.Kind == analyzer.MarkNote {
			*m = append(*m, fmt.Sprintf("// mark #%d %s by #%d", n.Packet, n.Mark.What.Names(nil)[0], n.Mark.By))
		}
	}
	return nil
}

func (*marks) Connection(*analyzer.Connection) error { return nil }
func (*marks) Capture(*analyzer.Capture) error       { return nil }

// TestHindsight holds what later packets show of a packet: lost, where, or not.
func TestHindsight(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "marks.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		t.Run(f.Name, func(t *testing.T) {
			var want, got marks
			for line := range strings.Lines(string(f.Data)) {
				if strings.HasPrefix(line, "// mark #") {
					want = append(want, strings.TrimSpace(line))
				}
			}
			open, err := sample.Opener(string(f.Data))
			if err != nil {
				t.Fatal(err)
			}
			if err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantPackets | analyzer.WantNotes}, open, &got); err != nil {
				t.Fatal(err)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("have\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
