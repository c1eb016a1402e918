package report_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/internal/capgen"
	"github.com/tcpstate/tcpstate/report"
)

// Records of connections are the same whether several goroutines prepare them or the
// sink writes each.
func TestNDJSONPrepared(t *testing.T) {
	files := captures(t)
	for _, s := range []capgen.Scene{capgen.Short, capgen.Flood, capgen.HalfOpen} {
		files = append(files, sceneFile(t, s))
	}
	prepared := 0
	for _, file := range files {
		want, n := recordsOf(t, file, false)
		if n > 0 {
			t.Errorf("%s: %d records were prepared though nobody asked", file, n)
		}
		got, n := recordsOf(t, file, true)
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
		}
		prepared += n
	}
	if prepared < 5000 {
		t.Errorf("only %d records were prepared", prepared)
	}
}

// recordsOf returns the NDJSON of a capture, and how many connections were prepared
// for it.
func recordsOf(t *testing.T, file string, prepare bool) (text string, prepared int) {
	t.Helper()
	var b bytes.Buffer
	o := report.Options{Tcpdump: report.TcpdumpOptions{Location: time.UTC}}
	sink := &preparedSink{Sink: report.New(&b, report.NDJSON, o)}
	opt := analyzer.Options{Wants: report.Wants(report.NDJSON, o)}
	if prepare {
		opt.Prepare = sink.Sink.(analyzer.Preparer)
	}
	open := func() (analyzer.Source, error) { return capture.OpenAll([]string{file}, nil), nil }
	// Damage at the end of a capture is one of the records.
	_ = analyzer.Run(context.Background(), opt, open, sink)
	return b.String(), sink.prepared
}

// preparedSink counts the connections that come prepared.
type preparedSink struct {
	analyzer.Sink
	prepared int
}

func (s *preparedSink) Connection(c *analyzer.Connection) error {
	if c.Prepared != nil {
		s.prepared++
	}
	return s.Sink.Connection(c)
}
