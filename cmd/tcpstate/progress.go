package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// barFrom is the size of input, in octets, from which on a bar shows how far
// reading is.
const barFrom = 100 << 20

// barEvery is how many packets go by between two looks at the bar, less one:
// a mask.
const barEvery = 1<<13 - 1

// progress shows on a terminal how far the reading of files is, with packets
// per second and the time left. A nil progress shows nothing.
type progress struct {
	bar     *progressbar.ProgressBar
	done    int64         // octets of the passes before
	packets atomic.Uint64 // of all passes
}

// newProgress returns the bar for a run that reads the files so many times, or
// nil where none is wanted: a small input, no terminal to show it on, or one
// that is busy with the results.
func newProgress(s *streams, files []string, passes int, busy bool) *progress {
	size := totalSize(files)
	if !s.errTerminal || busy || size < barFrom {
		return nil
	}
	return startProgress(s.err, size*int64(passes), 100*time.Millisecond)
}

// startProgress returns a bar up to the given number of octets on w, drawn no
// more often than pause allows.
func startProgress(w io.Writer, octets int64, pause time.Duration) *progress {
	return &progress{bar: progressbar.NewOptions64(octets,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("reading"),
		progressbar.OptionSetWidth(30), progressbar.OptionThrottle(pause),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true),
	)}
}

// totalSize returns the size of all files, 0 when that of one is not known.
func totalSize(files []string) int64 {
	var sum int64
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		sum += info.Size()
	}
	return sum
}

// follow returns src as a source that moves the bar.
func (p *progress) follow(src *capture.Source) analyzer.Source {
	if p == nil {
		return src
	}
	return &followed{Source: src, p: p}
}

// finish takes the bar away.
func (p *progress) finish() {
	if p != nil {
		_ = p.bar.Finish() // it is for the eye alone
	}
}

// before returns sink as one before whose first word at the end of the run the
// bar is taken away.
func (p *progress) before(sink analyzer.Sink) analyzer.Sink {
	if p == nil {
		return sink
	}
	return &afterBar{Sink: sink, p: p}
}

// afterBar is a sink that has the terminal to itself at the end.
type afterBar struct {
	analyzer.Sink
	p *progress
}

// Capture ends the run.
func (a *afterBar) Capture(c *analyzer.Capture) error {
	a.p.finish()
	return a.Sink.Capture(c)
}

// show moves the bar to so many octets of the present pass.
func (p *progress) show(octets int64) {
	if s := p.bar.State().SecondsSince; s > 0 {
		p.bar.Describe(fmt.Sprintf("reading, %.1f M packets/s", float64(p.packets.Load())/s/1e6))
	}
	_ = p.bar.Set64(p.done + octets)
}

// followed is a source whose reading is shown.
type followed struct {
	*capture.Source
	p *progress
	n uint64
}

// Next reads the next packet.
func (f *followed) Next(p *analyzer.Packet) error {
	f.passed(1)
	return f.Source.Next(p)
}

// NextRun reads the next packets.
func (f *followed) NextRun(run *analyzer.PacketRun, most int) int {
	n := f.Source.NextRun(run, most)
	f.passed(uint64(n))
	return n
}

// passed moves the bar from time to time.
func (f *followed) passed(n uint64) {
	before := f.n
	if f.n += n; f.n&^barEvery != before&^barEvery {
		f.p.packets.Add(barEvery + 1)
		f.p.show(f.Octets())
	}
}

// Split returns sources that read the files side by side, of which this one moves
// the bar.
func (f *followed) Split(n int) []analyzer.Source {
	parts := f.Source.Split(n)
	parts[0] = f
	return parts
}

// Close ends the pass.
func (f *followed) Close() error {
	f.p.done += f.Octets()
	return f.Source.Close()
}
