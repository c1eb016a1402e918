package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

// point is one measurement of how cost grows.
type point struct {
	n    int     // packets, or live connections
	time float64 // seconds of all processors: a clock would show what else the machine does
	peak float64 // MB
}

// grow measures the summary of ever longer bulk captures, and of ever more
// connections that stay open, and draws both.
func (o *options) grow() error {
	var packets, conns []point
	for n := 250_000; n <= 16_000_000; n *= 2 {
		p, err := o.point(capgen.Bulk, n)
		if err != nil {
			return err
		}
		packets = append(packets, point{n, p.processor(), p.peak()})
	}
	for n := 1000; n <= 4_096_000; n *= 4 {
		p, err := o.point(capgen.Open, 3*n)
		if err != nil {
			return err
		}
		conns = append(conns, point{n, p.processor(), p.peak()})
	}
	var text bytes.Buffer
	growthTable(&text, "packets (bulk, 64 connections)", packets, "per packet", 1e9, "ns")
	growthTable(&text, "live connections (three packets each)", conns, "per connection", 1e6, "µs")
	if err := os.WriteFile(filepath.Join(o.out, "growth.svg"), plot(packets, conns), 0o644); err != nil {
		return err
	}
	return replaceSection(filepath.Join(o.out, "performance.md"), "growth", text.Bytes())
}

// point measures one size, and removes the capture.
func (o *options) point(s capgen.Scene, packets int) (*contestant, error) {
	file, err := o.capture(s, packets)
	if err != nil {
		return nil, err
	}
	c := &contestant{name: "tcpstate", argv: []string{o.tool, "analyze", "-f", "summary", file}, counts: countSummary}
	if err := c.check(s, packets); err != nil {
		return nil, err
	}
	for range o.rounds {
		if err := c.measure(o.dir, s, packets); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(os.Stderr, "%s %d: %.3f s, %.1f MB\n", s, packets, c.time(), c.peak())
	return c, os.Remove(file)
}

func growthTable(w *bytes.Buffer, what string, points []point, each string, scale float64, unit string) {
	fmt.Fprintf(w, "| %s | processor time | %s | peak memory | bytes each, beyond the smallest |\n|--:|--:|--:|--:|--:|\n", what, each)
	for i, p := range points {
		bytesEach := ""
		if i > 0 {
			bytesEach = fmt.Sprint(int((p.peak - points[0].peak) * 1e6 / float64(p.n-points[0].n)))
		}
		fmt.Fprintf(w, "| %d | %.3f s | %.0f %s | %.0f MB | %s |\n", p.n, p.time, p.time/float64(p.n)*scale, unit, p.peak, bytesEach)
	}
	w.WriteByte('\n')
}
