package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
)

// wholeRun renders a capture's octets as the command does, in the form f.
func wholeRun(t *testing.T, file []byte, f report.Format, run analyzer.Options) string {
	t.Helper()
	o := report.Options{Segments: true, Color: false}
	o.Tcpdump = report.TcpdumpOptions{Location: time.UTC, Link: true, Verbose: 3, Number: true}
	var b bytes.Buffer
	sink := &counting{Sink: report.New(&b, f, o), t: t}
	open := func() (analyzer.Source, error) {
		s := capture.OpenAll([]string{capture.Stdin}, bytes.NewReader(file))
		s.VerifyChecksums(len(file)%2 == 0)
		return s, nil
	}
	run.Wants = report.Wants(f, o)
	if err := analyzer.Run(context.Background(), run, open, sink); err != nil {
		t.Errorf("%v: %v", f, err)
	}
	if sink.captures != 1 {
		t.Errorf("%v: %d records of the capture", f, sink.captures)
	}
	return b.String()
}

// counting checks the records that go through it.
type counting struct {
	analyzer.Sink
	t        *testing.T
	captures int
}

// Capture checks that each packet was counted once.
func (c *counting) Capture(r *analyzer.Capture) error {
	c.captures++
	n := r.TCP
	for _, k := range r.Skipped {
		n += k
	}
	if n != r.Packets || r.Skipped[analyzer.SkipPanic] != 0 {
		c.t.Errorf("%d packets, %d TCP, skipped %v", r.Packets, r.TCP, r.Skipped)
	}
	return c.Sink.Capture(r)
}

// harmless reports text that no terminal takes for a command.
func harmless(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t'
	})
}

// Any octets as a capture, through the whole pipeline and every form of output,
// which the second argument chooses: no panic, every packet counted, nothing
// that would steer a terminal, JSON that is JSON, and the same text however
// many workers share the connections and however little is kept in memory.
func FuzzCapture(f *testing.F) {
	const most = 24 << 10
	forms := uint8(len(report.Formats()))
	for _, path := range captures(f) {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for form := range forms {
			f.Add(file[:min(len(file), most)], form)
			if len(file) < 1000 {
				f.Add(commented(file, "a \x1b[2J comment"), form)
			}
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, choice uint8) {
		packed := len(file) > 0 && bytes.IndexByte([]byte{0x1f, 0x28, 0x04, 0xfd}, file[0]) >= 0
		if len(file) > most || packed { // small packed files unpack to large ones: FuzzReader has those
			return
		}
		form := report.Format(choice % forms)
		text := wholeRun(t, file, form, analyzer.Options{OnePass: true})
		check(t, form, text)
		if form == report.Zeek || form == report.ZeekJSON {
			return // it reads once in any case
		}
		text = wholeRun(t, file, form, analyzer.Options{Workers: 1})
		check(t, form, text)
		if text != wholeRun(t, file, form, analyzer.Options{Workers: 3, SpoolLimit: 4 << 10, TempDir: t.TempDir()}) {
			t.Errorf("%v: two runs differ", form)
		}
	})
}

// check checks what holds for the output of every form.
func check(t *testing.T, form report.Format, text string) {
	t.Helper()
	if !harmless(text) {
		t.Errorf("%v: control characters in %q", form, text)
	}
	if form != report.NDJSON && form != report.ZeekJSON {
		return
	}
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%v: no JSON: %q", form, line)
		}
	}
}
