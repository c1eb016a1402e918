package report_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// captures returns the bundled captures.
func captures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.FromSlash("../testdata/pcaps/*.pcap*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures in testdata/pcaps (%v)", err)
	}
	return files
}

// render runs the analyser over a capture and returns what form f prints.
func render(t testing.TB, file string, f report.Format, o report.Options, onePass bool) string {
	t.Helper()
	o.Tcpdump.Location = time.UTC
	var b bytes.Buffer
	open := func() (analyzer.Source, error) { return capture.OpenAll([]string{file}, strings.NewReader("")), nil }
	run := analyzer.Options{Wants: report.Wants(f, o), OnePass: onePass}
	if err := analyzer.Run(context.Background(), run, open, report.New(&b, f, o)); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b.String()
}

// TestGolden compares every form of every bundled capture with its golden
// file. The differences after a change are the review of that change.
func TestGolden(t *testing.T) {
	forms := []struct {
		form    report.Format
		options report.Options
		only    string // the one capture for which the form is kept; empty for all
	}{
		{form: report.Timeline},
		{form: report.Summary},
		{form: report.NDJSON, options: report.Options{Segments: true}},
		{form: report.Zeek},
		{form: report.ZeekJSON},
		{form: report.RFC},
		{form: report.Mermaid, only: "simultaneous-close"},
		{form: report.SVG, only: "lost-last-ack"},
		{form: report.Markdown, only: "lost-third-ack-data"},
	}
	for _, file := range captures(t) {
		for _, f := range forms {
			if !strings.Contains(filepath.Base(file), f.only) {
				continue
			}
			name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) + "." + f.form.String()
			t.Run(name, func(t *testing.T) {
				got := strings.ReplaceAll(render(t, file, f.form, f.options, false), file, filepath.Base(file))
				golden := filepath.Join("testdata", "golden", name+".golden")
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatalf("%v; make golden writes it", err)
				}
				compareLines(t, got, string(want))
			})
		}
	}
}

// compareLines reports the first line that differs.
func compareLines(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := lineAt(g, i), lineAt(w, i)
		if a != b {
			t.Fatalf("line %d differs (make golden rewrites it)\n got %s\nwant %s", i+1, a, b)
		}
	}
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// TestGoldenHasNoStrays fails for golden files of captures that are gone.
func TestGoldenHasNoStrays(t *testing.T) {
	known := make(map[string]bool)
	for _, file := range captures(t) {
		known[strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))] = true
	}
	goldens, err := filepath.Glob("testdata/golden/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		base := strings.TrimSuffix(filepath.Base(g), ".golden")
		if !known[strings.TrimSuffix(base, filepath.Ext(base))] {
			t.Errorf("%s belongs to no capture", g)
		}
	}
}

// TestStrippedTimeline proves that annotations change nothing of tcpdump's
// lines: without indented lines and the closing table, the timeline is what
// the printer of those lines writes alone, whatever the switches.
func TestStrippedTimeline(t *testing.T) {
	switches := map[string]report.TcpdumpOptions{
		"plain": {}, "verbose": {Verbose: 1}, "absolute": {Absolute: true}, "link": {Link: true, Number: true},
	}
	for name, o := range switches {
		o.Location = time.UTC
		t.Run(name, func(t *testing.T) {
			for _, file := range captures(t) {
				got := render(t, file, report.Timeline, report.Options{Tcpdump: o}, false)
				compareLines(t, strip(got, o.Verbose > 0 || o.Number), bare(t, file, o))
			}
		})
	}
}

// strip drops what a timeline adds to tcpdump's lines.
func strip(timeline string, deep bool) string {
	indent := "    "
	if deep {
		indent = "        "
	}
	var b strings.Builder
	for line := range strings.Lines(timeline) {
		if line == "\n" {
			break
		}
		if !strings.HasPrefix(line, indent) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// bare returns the tcpdump lines of a capture.
func bare(t *testing.T, file string, o report.TcpdumpOptions) string {
	t.Helper()
	src := capture.OpenAll([]string{file}, strings.NewReader(""))
	defer src.Close()
	printer := report.NewTcpdumpPrinter(o)
	var b []byte
	for p := new(analyzer.Packet); src.Next(p) == nil; {
		if p.HasTCP {
			b = append(printer.Append(b, p), '\n')
		}
	}
	return string(b)
}

// TestSameBytesTwice renders every capture twice in each form.
func TestSameBytesTwice(t *testing.T) {
	for _, file := range captures(t) {
		for _, f := range []report.Format{report.Timeline, report.Summary, report.NDJSON, report.Zeek, report.ZeekJSON} {
			o := report.Options{Color: true, Segments: true}
			if a, b := render(t, file, f, o, true), render(t, file, f, o, true); a != b {
				t.Errorf("%s as %s: two runs differ", file, f)
			}
		}
	}
}
