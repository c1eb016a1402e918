package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/tcpstate/tcpstate/report/top"
	"github.com/tcpstate/tcpstate/statemachine"
)

// screen is the full-screen view of --top. What would be printed meanwhile
// waits until the terminal is free again.
type screen struct {
	run   *liveRun
	out   io.Writer
	later bytes.Buffer
	began statemachine.Time
}

func newScreen(w *liveRun, out io.Writer) *screen {
	w.board.KeepLines(w.report)
	return &screen{run: w, out: out, began: wallClock()}
}

// show analyses behind the screen until either of them ends. The terminal is
// as before when it returns, also when one of them panics.
func (s *screen) show(ctx context.Context, analyze func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.run.sink.quiet = true
	done := make(chan error, 1)
	go func() {
		defer cancel() // the screen ends with the capture
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("internal error: %v\n%s", r, debug.Stack())
			}
		}()
		done <- analyze(ctx)
	}()
	shown := top.Run(ctx, top.Options{
		Board: s.run.board, Status: s.status, Color: s.run.report.Color, Input: os.Stdin, Output: s.out,
	})
	cancel()
	s.run.src.Interrupt()
	err := errors.Join(<-done, shown)
	s.run.sink.quiet = false
	_, werr := s.out.Write(s.later.Bytes())
	return errors.Join(err, werr)
}

// status is what the head of the screen says.
func (s *screen) status() top.Status {
	n := s.run.src.Losses()
	return top.Status{
		Interface: s.run.opt.device, Packets: s.run.src.Packets(), Kernel: n.Kernel, Device: n.Interface,
		Elapsed: time.Duration(wallClock() - s.began),
	}
}
