package report_test

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

// sumFindings sums the findings about checksums over connections.
type sumFindings struct {
	analyzer.Sink
	bad, offload int
}

func (s *sumFindings) Connection(c *analyzer.Connection) error {
	s.bad += c.Findings[statemachine.BadChecksum]
	s.offload += c.Findings[statemachine.ChecksumOffload]
	return s.Sink.Connection(c)
}

// Of what the lab recorded between kernels only the segments that it damaged
// have wrong checksums, at the taps behind the damage; and where the ends are
// joined by veth, which never makes sums, both ends leave them to the device.
func TestChecksumsOfRecordings(t *testing.T) {
	bad := map[string]int{"corrupt-data/server": 1, "corrupt-before-tap/middle": 1, "corrupt-before-tap/server": 1}
	paths, err := filepath.Glob("../testdata/truth/*/*.pcap")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.ToSlash(strings.TrimSuffix(strings.TrimPrefix(path, filepath.FromSlash("../testdata/truth/")), ".pcap"))
		sink := &sumFindings{Sink: report.New(io.Discard, report.Summary, report.Options{})}
		open := func() (analyzer.Source, error) {
			s := capture.OpenAll([]string{path}, strings.NewReader(""))
			s.VerifyChecksums(true)
			return s, nil
		}
		if err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantConnections}, open, sink); err != nil {
			t.Fatal(path, err)
		}
		offload := 0
		if strings.HasPrefix(name, "bulk-offload") {
			offload = 2
		}
		if sink.bad != bad[name] || sink.offload != offload {
			t.Errorf("%s: %d findings of bad sums, want %d; %d of offload, want %d", name, sink.bad, bad[name], sink.offload, offload)
		}
	}
}
