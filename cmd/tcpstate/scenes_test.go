package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

// BenchmarkScenes runs the program on small captures of the scenes that
// docs/performance.md measures. By its profile releases are optimised
// (profile_tcpstate in internal/setup.sh).
func BenchmarkScenes(b *testing.B) {
	for _, c := range []struct {
		scene   capgen.Scene
		packets int
		args    []string
	}{
		{capgen.Bulk, 400_000, []string{"-f", "summary"}},
		{capgen.Short, 400_000, []string{"-f", "summary"}},
		{capgen.Flood, 100_000, []string{"-f", "summary"}},
		{capgen.Bulk, 100_000, nil},
		{capgen.Short, 100_000, []string{"-f", "ndjson", "--events", "connection"}},
	} {
		form := "timeline"
		if len(c.args) > 0 {
			form = c.args[1]
		}
		b.Run(c.scene.String()+"/"+form, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "scene.pcap")
			f, err := os.Create(file)
			if err != nil {
				b.Fatal(err)
			}
			if err := c.scene.Write(f, c.packets); err != nil {
				b.Fatal(err)
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s := &streams{in: os.Stdin, out: io.Discard, err: io.Discard, env: func(string) string { return "" }}
				if code := run(b.Context(), s, append([]string{"analyze", file}, c.args...)); code != exitDone {
					b.Fatalf("exit code %d", code)
				}
			}
			b.ReportMetric(float64(c.packets)*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}
