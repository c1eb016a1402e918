package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What the programs print is counted right: forms as they print them.
func TestCounters(t *testing.T) {
	for name, c := range map[string]struct {
		counts         counter
		out            string
		packets, conns int
	}{
		"summary":  {countSummary, "a.pcap: 2 000 000 packets, 2 000 000 TCP segments in 64 connections\n", 2_000_000, 64},
		"one":      {countSummary, "a.pcap: 9 packets, 8 TCP segments in 1 connection\n", 8, 1},
		"tcptrace": {countTcptrace, "1 arg remaining\n20 packets seen, 19 TCP packets traced\n  1: a:1 - b:2 (a2b)  6>    4<\n", 20, 1},
		"ndjson": {countNDJSON, `{"type":"connection","conn":1}` + "\n" + `{"type":"connection","conn":2}` + "\n" +
			`{"type":"capture","packets":12}` + "\n", 12, 2},
		"conv":     {countConv, "a:1 <-> b:2 4\nc:1 <-> b:2 4\n", -1, 2},
		"lines":    {countLines, "x\ny\n", 2, -1},
		"timeline": {countTimeline, "x\n    step\ny\n\n # client\n", 2, -1},
		"nothing":  {countSummary, "", -1, -1},
	} {
		if p, n := c.counts([]byte(c.out)); p != c.packets || n != c.conns {
			t.Errorf("%s: %d packets, %d connections", name, p, n)
		}
	}
}

// The ratios of every time stand beside each other, like with like.
func TestRatios(t *testing.T) {
	list := func(own, peer, line, tcpdump float64) []contestant {
		return []contestant{
			{name: "tcpstate -f summary", ours: true, times: []float64{own}},
			{name: "tcptrace -n", times: []float64{peer}},
			{name: "tcpstate", kind: lines, ours: true, times: []float64{line}},
			{name: "tcpdump -nn", kind: lines, times: []float64{tcpdump}},
		}
	}
	var b bytes.Buffer
	without := slices.Delete(list(1, 0, 1, 4), 1, 2)
	ratios(&b, [][]result{{{list: list(1, 2, 1, 8)}}, {{list: list(1, 4, 2, 8)}}, {{list: without}}})
	for _, want := range []string{"| bulk | summary | tcptrace -n | 0.500 | 0.250 | left out |\n", "| bulk | lines | tcpdump -nn | 0.125 | 0.250 | 0.250 |\n"} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("%s lacks %s", b.String(), want)
		}
	}
}

func TestMedian(t *testing.T) {
	if median(nil) != 0 || median([]float64{3, 1, 2}) != 2 || median([]float64{4, 1}) != 2.5 {
		t.Error("median")
	}
}

// The figures replace what stood between the marks, and nothing else.
func TestReplaceSection(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.md")
	if err := os.WriteFile(name, []byte("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceSection(name, "x", []byte("new\n")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(name); string(b) != "a\n<!-- x -->\n\nnew\n<!-- end of x -->\nb\n" {
		t.Errorf("%q", b)
	}
	if err := replaceSection(name, "y", nil); err == nil {
		t.Error("a section that is not there")
	}
}

// The drawing is whole XML with a point for each measurement.
func TestPlot(t *testing.T) {
	points := []point{{1000, 0.01, 20}, {4000, 0.02, 30}, {4_000_000, 9, 4000}}
	svg := plot(points, points[:2])
	if n := bytes.Count(svg, []byte("<circle")); n != 2*3+2*2 {
		t.Errorf("%d points", n)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
