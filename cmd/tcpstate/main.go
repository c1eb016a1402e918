// Command tcpstate reads captures of TCP traffic and tells, for both ends of
// each connection, the RFC 9293 state after every segment, how sure that is,
// and what went wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once. One that comes together with
	// the first is the same: timeout(1) sends it to the process and its group.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	code := run(ctx, processStreams(), os.Args[1:])
	stop()
	os.Exit(int(code))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, s *streams, args []string) exitCode {
	root := newRootCommand(s)
	root.SetArgs(args)
	return s.finish(ctx, root.ExecuteContext(ctx))
}

// processStreams returns the streams of this process.
func processStreams() *streams {
	s := &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	s.errTerminal = term.IsTerminal(int(os.Stderr.Fd()))
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		s.terminal = true
		if w, _, err := term.GetSize(fd); err == nil {
			s.width = w
		}
	}
	if w, err := strconv.Atoi(os.Getenv("COLUMNS")); s.width == 0 && err == nil && w > 0 {
		s.width = w
	}
	return s
}
