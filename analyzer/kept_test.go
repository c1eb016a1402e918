package analyzer_test

import (
	"context"
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
			plain := analyzer.Options{Wants: analyzer.WantConnections, Workers: 1}
			plain.ObserveAll()
			want := sayingsOf(t, path, plain, true)
			for workers := 1; workers <= 3; workers++ {
				opt := analyzer.Options{Wants: analyzer.WantConnections, AnyOrder: workers > 1, Workers: workers}
				if got := sayingsOf(t, path, opt, false); !slices.Equal(got.connections, want.connections) || got.capture != want.capture {
					t.Errorf("%s, %d workers:\n%s\n%s\nwant\n%s\n%s", path, workers, strings.Join(got.connections, "\n"), got.capture, strings.Join(want.connections, "\n"), want.capture)
				}
			}
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
