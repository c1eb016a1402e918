package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/statemachine"
)

// liveOptions are the flags of live: those of analyze, which choose what is
// printed, and its own.
type liveOptions struct {
	analyzeOptions
	device    string
	count     uint64
	duration  time.Duration
	snaplen   int
	bufferKiB int
	promisc   bool
	immediate bool
	maxConns  int
	idle      time.Duration
	user      string
	metrics   string
	top       bool
	write     writeOptions
}

const liveLong = `Capture at an interface and print, as it happens, what analyze prints of a file.

What later packets may still change is said at once ("so far") and confirmed or
withdrawn by a later line that names the packet. Timers fire by the clock.

EXPRESSION is a filter as tcpdump takes it (pcap-filter(7)). Ctrl-C ends the
capture with the summary. Packets that the kernel or the interface dropped are
told whenever there are more of them; what a connection lacks meanwhile is
marked capture-drops.

Capturing needs rights: run it as root, with --user NAME to give the rights up
once the interface is open, or grant them to the program once and for all:
  sudo setcap cap_net_raw,cap_net_admin=eip "$(command -v tcpstate)"`

// newLiveCommand watches an interface.
func newLiveCommand(s *streams) *cobra.Command {
	o := &liveOptions{analyzeOptions: analyzeOptions{streams: s}}
	c := &cobra.Command{
		Use:   "live [-i INTERFACE] [EXPRESSION]",
		Short: "Tell what happens at an interface, as it happens",
		Long:  liveLong + "\n\nExit codes:\n" + exitHelp(),
		Example: `  sudo tcpstate live -i eth0 port 443
  sudo tcpstate live -i any -f ndjson --events transition,revision | jq .
  sudo tcpstate live -i eth0 -w trace.pcapng --rotate-size 100M --only-findings
  sudo tcpstate live -i lo -c 100 --duration 1m`,
		DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			o.changed = c.Flags().Changed
			return o.run(c.Context(), strings.Join(args, " "))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.addLiveFlags(c)
	return c
}

func (o *liveOptions) addLiveFlags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.device, "interface", "i", "", "interface, any for all; the first that is up when left out")
	f.Uint64VarP(&o.count, "count", "c", 0, "end after so many packets")
	f.DurationVar(&o.duration, "duration", 0, "end after this time, as 90s or 10m")
	f.IntVarP(&o.snaplen, "snaplen", "s", 0, "octets kept of each packet; 0 for 262144")
	f.IntVarP(&o.bufferKiB, "buffer-size", "B", 0, "the kernel's capture buffer in KiB; 0 for 32 MiB")
	f.BoolVar(&o.promisc, "promisc", true, "take frames for other hosts too")
	f.BoolVar(&o.immediate, "immediate-mode", false, "hand over each packet at once, not up to 0.1 s later; costs throughput")
	f.IntVar(&o.maxConns, "max-connections", 200_000, "connections kept in memory; the longest silent ones are written out beyond that")
	f.DurationVar(&o.idle, "idle", 2*time.Hour, "write out connections that were silent for so long; 0 never")
	f.StringVar(&o.user, "user", "", "become this user once the interface is open")
	f.StringVar(&o.metrics, "metrics", "", "answer Prometheus at this address, as :9188; this host only unless a host is named")
	f.BoolVar(&o.top, "top", false, "a full-screen view instead of lines")
	o.write.addFlags(c)
	o.addFlags(c)
	// The only error is a flag that was not defined.
	_ = c.RegisterFlagCompletionFunc("interface", completeInterfaces)
}

func completeInterfaces(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return deviceNames(), cobra.ShellCompDirectiveNoFileComp
}

// run checks the flags, opens the interface, gives up rights, and watches.
func (o *liveOptions) run(ctx context.Context, expression string) error {
	format, options, err := o.report()
	if err != nil {
		return err
	}
	options.Prompt = o.immediate
	timers, err := o.machine()
	if err != nil {
		return err
	}
	codes, err := o.codes()
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	ctx, stop := o.untilHangUp(ctx)
	defer stop()
	src, err := o.capture(ctx, expression)
	if err != nil {
		return err
	}
	if err := becomeUser(o.user); err != nil {
		return errors.Join(err, src.Close())
	}
	out, closeOut, err := o.open()
	if err != nil {
		return errors.Join(err, src.Close())
	}
	w := &liveRun{
		opt: o, format: format, report: options, src: src,
		run: analyzer.Options{
			Wants: report.Wants(format, options) | analyzer.WantConnections, OnePass: true, AnyOrder: true,
			Machine: timers, MaxConnections: o.maxConns, Idle: o.idle,
		},
	}
	watch := &watcher{codes: codes}
	w.sink = &liveSink{watcher: watch, src: src, streams: o.streams, clock: wallClock}
	err = w.prepare(out, expression)
	if err != nil {
		return errors.Join(err, src.Close(), w.sink.close(), closeOut())
	}
	o.streams.say(fmt.Sprintf("listening on %s, %s; Ctrl-C ends", o.device, capture.LiveBackend()))
	err = errors.Join(w.watch(ctx), w.sink.close(), closeOut())
	w.sink.tell()
	if err != nil {
		return liveFailure(err)
	}
	return watch.outcome()
}

// untilHangUp returns a context that SIGHUP ends too, as when the terminal goes
// away, so that the summary is written and the terminal restored. With -w that
// signal begins another file, and under nohup it means nothing.
func (o *liveOptions) untilHangUp(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.write.file != "" || signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// liveRun is a capture with all that looks at it.
type liveRun struct {
	opt    *liveOptions
	format report.Format
	report report.Options
	src    *capture.Live
	run    analyzer.Options
	sink   *liveSink
	board  *board.Board // nil unless something shows it
	screen *screen      // nil without --top
}

// prepare sets up what takes the results.
func (w *liveRun) prepare(out io.Writer, expression string) error {
	if w.opt.top || w.opt.metrics != "" {
		w.board = board.New()
		w.run.Wants |= board.Wants
		w.sink.more = append(w.sink.more, w.board)
		w.sink.onTick = append(w.sink.onTick, w.board.Tick)
	}
	if w.opt.top {
		w.screen = newScreen(w, out)
		out = &w.screen.later
		w.format = report.Summary
	}
	w.sink.Sink = report.New(out, w.format, w.report)
	if w.opt.metrics != "" {
		if err := w.serve(); err != nil {
			return err
		}
	}
	return w.opt.write.start(w.sink, &w.run, w.opt.device, expression)
}

// watch captures until the end.
func (w *liveRun) watch(ctx context.Context) error {
	analyze := func(ctx context.Context) error {
		return analyzer.Run(ctx, w.run, func() (analyzer.Source, error) { return w.src, nil }, w.sink)
	}
	if w.screen != nil {
		return w.screen.show(ctx, analyze)
	}
	return analyze(ctx)
}

// check refuses numbers that make no sense.
func (o *liveOptions) check() error {
	switch {
	case o.duration < 0:
		return &usageError{text: "--duration cannot be negative"}
	case o.idle < 0:
		return &usageError{text: "--idle cannot be negative"}
	case o.maxConns < 0:
		return &usageError{text: "--max-connections cannot be negative"}
	case o.top && !o.streams.terminal:
		return &usageError{text: "--top needs a terminal", hint: "-f ndjson is for programs"}
	case o.bufferKiB < 0 || o.bufferKiB > 1<<20:
		return &usageError{text: "--buffer-size must lie between 64 and 1048576 KiB"}
	}
	return o.write.check()
}

// capture opens the interface.
func (o *liveOptions) capture(ctx context.Context, expression string) (*capture.Live, error) {
	if o.device == "" {
		list, err := capture.Devices()
		if err != nil {
			return nil, &exitError{code: exitRights, lines: []string{err.Error()}}
		}
		if len(list) == 0 {
			return nil, &exitError{code: exitRights, lines: []string{"no interface to capture at"}, hint: permissionHint()}
		}
		o.device = list[0].Name
	}
	src, err := capture.OpenLive(ctx, capture.LiveOptions{
		Interface: o.device, Filter: expression, Snaplen: o.snaplen, Buffer: o.bufferKiB << 10,
		Promiscuous: o.promisc, Immediate: o.immediate, Count: o.count, Clock: wallClock,
	})
	if err != nil {
		return nil, liveFailure(err)
	}
	return src, nil
}

// wallClock is the time that packets are stamped with.
func wallClock() statemachine.Time {
	return statemachine.Time(time.Now().UnixNano()) //nolint:forbidigo // a live capture's clock is the system's
}
