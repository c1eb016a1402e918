package report_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/internal/capgen"
	"github.com/tcpstate/tcpstate/report"
)

// The summary is the same whether connections that it will not show are held
// back or not, however many workers there are.
func TestSummarySifted(t *testing.T) {
	files := captures(t)
	for _, s := range []capgen.Scene{capgen.Bulk, capgen.Short, capgen.Flood, capgen.Open, capgen.HalfOpen} {
		files = append(files, sceneFile(t, s))
	}
	// Together they have more connections of many kinds than the table has rows.
	files = append(files, strings.Join(files, string(filepath.ListSeparator)))
	heldBack := 0
	for _, path := range files {
		want, _ := summaryOf(t, path, 1, false)
		for workers := 1; workers <= 3; workers++ {
			got, given := summaryOf(t, path, workers, true)
			if got != want {
				t.Errorf("%s, %d workers:\n%s\nwant\n%s", path, workers, got, want)
			}
			if !given {
				heldBack++
			}
		}
	}
	if heldBack < 10 {
		t.Errorf("records were held back in %d runs only", heldBack)
	}
}

// sceneFile writes 5000 packets of a scene and returns the name of the file.
func sceneFile(t *testing.T, s capgen.Scene) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, 5000); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), s.String()+".pcap")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// summaryOf returns the summary of captures, and whether every connection's
// record was given to it.
func summaryOf(t *testing.T, paths string, workers int, sift bool) (text string, all bool) {
	t.Helper()
	var b bytes.Buffer
	o := report.Options{Tcpdump: report.TcpdumpOptions{Location: time.UTC}}
	sink := &tallying{Sink: report.New(&b, report.Summary, o)}
	opt := analyzer.Options{Wants: report.Wants(report.Summary, o), AnyOrder: true, Workers: workers}
	if sift {
		opt.Sift = sink.Sink.(analyzer.Sifter)
	}
	open := func() (analyzer.Source, error) {
		return capture.OpenAll(filepath.SplitList(paths), strings.NewReader("")), nil
	}
	if err := analyzer.Run(context.Background(), opt, open, sink); err != nil {
		t.Fatalf("%s: %v", paths, err)
	}
	return b.String(), sink.given == sink.connections
}

// tallying counts the records that its sink is given.
type tallying struct {
	analyzer.Sink
	given, connections uint64
}

func (c *tallying) Connection(r *analyzer.Connection) error {
	c.given++
	return c.Sink.Connection(r)
}

func (c *tallying) Capture(r *analyzer.Capture) error {
	c.connections = r.Connections
	return c.Sink.Capture(r)
}
