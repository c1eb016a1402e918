package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/report/figure"
	"github.com/tcpstate/tcpstate/report/page"
	"github.com/tcpstate/tcpstate/statemachine"
)

// analyzeOptions are the flags of analyze, as given.
type analyzeOptions struct {
	streams *streams
	files   []string

	format   string
	output   string
	color    string
	events   []string
	failOn   []string
	filter   string
	segments bool
	input    inputOptions
	all      bool
	page     int // segments on a page of HTML

	absolute bool
	stamps   int
	verbose  int
	link     bool
	number   bool
	numeric  int

	timers   string
	timeWait time.Duration
	finWait2 time.Duration
	changed  func(flag string) bool

	choice choice
}

const analyzeLong = `Print, for each TCP packet of the captures, the line that tcpdump -nn prints,
and under it, indented, what changed: the states of both ends with what proves
them, retransmissions and other classes, findings. A table of the connections
closes it.

A step of an end is
  witnessed     the capture shows the segment whose sending is the step
  proven by #N  packet N could not have been sent without it
  presumed      nothing contradicts it and nothing proves it
  timer         a clock of the end made it (TIME-WAIT, FIN-WAIT-2)
  unknown       the capture cannot tell

Lines that do not begin with four blanks are tcpdump's. With -v and -# tcpdump's
own lines may begin so; ours then begin with eight.
Files may be pcap or pcapng, packed with gzip, zstd, lz4 or xz; - is standard
input. Several files are merged by the times of their packets.`

// newAnalyzeCommand reads captures and prints what happened in them.
func newAnalyzeCommand(s *streams) *cobra.Command {
	o := &analyzeOptions{streams: s}
	c := &cobra.Command{
		Use:   "analyze FILE…",
		Short: "Tell what happened in captures",
		Long:  analyzeLong + "\n\nWith -f rfc: " + figure.Notation + "\n\nExit codes:\n" + exitHelp(),
		Example: `  tcpstate analyze capture.pcap
  tcpstate analyze -f summary monday.pcap.gz tuesday.pcapng
  tcpstate analyze -f ndjson --events transition capture.pcap | jq .
  tcpdump -w - tcp | tcpstate analyze -
  tcpstate analyze --fail-on rst-out-of-window,data-after-fin capture.pcap
  tcpstate analyze --where 'retransmissions > 10' --save-pcap lossy.pcapng capture.pcap`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && o.choice.where != whereHelp {
				return &usageError{text: "analyze needs a capture file", hint: "- reads standard input"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.changed = c.Flags().Changed
			o.files = o.input.order(args)
			if o.choice.where == whereHelp {
				return explainWhere(s.out)
			}
			return o.run(c.Context())
		},
		ValidArgsFunction: cobra.FixedCompletions(captureEndings(), cobra.ShellCompDirectiveFilterFileExt),
	}
	o.addFlags(c)
	o.choice.addFlags(c.Flags())
	c.Flags().StringVar(&o.filter, "filter", "", "only packets for which this expression of pcap-filter(7) is true")
	o.input.addFlags(c.Flags())
	return c
}

func (o *analyzeOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.format, "format", "f", report.Timeline.String(), "form of output: "+strings.Join(report.Formats(), ", "))
	f.StringVarP(&o.output, "output", "o", "", "write results to this file instead of standard output")
	f.StringVar(&o.color, "color", "auto", "colour of annotations: auto, always, never; auto obeys NO_COLOR")
	f.BoolVar(&o.all, "all", false, "every connection in the summary, not only the first 50")
	f.IntVar(&o.page, "page-segments", page.DefaultSegments, "html: how many segments to include, those of connections with findings first")
	f.BoolVar(&o.segments, "segments", false, "ndjson: a record for each segment too")
	f.StringSliceVar(&o.events, "events", nil, "ndjson: only these kinds: "+strings.Join(report.EventNames(), ", "))
	f.StringSliceVar(&o.failOn, "fail-on", nil, "exit with 1 when one of these findings occurs")
	f.BoolVarP(&o.absolute, "absolute", "S", false, "absolute sequence numbers, as tcpdump -S")
	f.CountVarP(&o.stamps, "time", "t", "time stamps as tcpdump: -t none, -tt epoch, -ttt since last, -tttt date, -ttttt since first")
	f.CountVarP(&o.verbose, "verbose", "v", "more of each packet, as tcpdump -v, and the RFC rule of each step")
	f.BoolVarP(&o.link, "link", "e", false, "link headers, as tcpdump -e")
	f.BoolVarP(&o.number, "number", "#", false, "packet numbers, as tcpdump -#")
	f.CountVarP(&o.numeric, "numeric", "n", "accepted for tcpdump's sake: addresses and ports are always numbers")
	f.StringVar(&o.timers, "timers", "linux", "timers of the ends: linux (60 s each) or rfc (TIME-WAIT 4 min, FIN-WAIT-2 without end)")
	f.DurationVar(&o.timeWait, "time-wait", 0, "how long TIME-WAIT lasts, instead of the preset")
	f.DurationVar(&o.finWait2, "fin-wait-2", 0, "how long FIN-WAIT-2 lasts, instead of the preset; 0 for ever")
	complete(c, "format", report.Formats())
	complete(c, "color", colorModes())
	complete(c, "events", report.EventNames())
	complete(c, "fail-on", findingNames())
	complete(c, "timers", timerPresets())
}

// complete offers fixed values for a flag in shells.
func complete(c *cobra.Command, flag string, values []string) {
	// The only error is a flag that was not defined, which every test of this
	// command would show.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// captureEndings are the usual ends of the names of captures.
func captureEndings() []string { return []string{"pcap", "pcapng", "cap", "gz", "zst", "lz4", "xz"} }

func colorModes() []string   { return []string{"auto", "always", "never"} }
func timerPresets() []string { return []string{"linux", "rfc"} }

func findingNames() []string {
	var names []string
	for c := range statemachine.Code(statemachine.NumCodes) {
		if c != statemachine.NoFinding {
			names = append(names, c.String())
		}
	}
	return names
}

// run checks the flags, then reads and prints.
func (o *analyzeOptions) run(ctx context.Context) error {
	format, options, err := o.report()
	if err != nil {
		return err
	}
	timers, err := o.machine()
	if err != nil {
		return err
	}
	codes, err := o.codes()
	if err != nil {
		return err
	}
	filter, err := o.packetFilter()
	if err != nil {
		return err
	}
	wants := report.Wants(format, options)
	if err := o.choice.compile(o.input.follow || passesBy(o.files), wants); err != nil {
		return err
	}
	out, closeOut, err := o.open()
	if err != nil {
		return err
	}
	renderer := report.New(out, format, options)
	watch := &watcher{Sink: renderer, codes: codes}
	run := analyzer.Options{
		Wants:    wants | o.choice.wants(),
		OnePass:  o.onePass(),
		Choose:   foreseen(renderer, o.choice.pick(), o.onePass()),
		AnyOrder: format == report.Summary && !capture.MayTellLosses(o.files), // the table has an order of its own
		Machine:  timers,
	}
	if err := o.input.limit(&run, o.files); err != nil {
		return errors.Join(err, closeOut())
	}
	o.input.easeCollector(&run)
	if len(codes) > 0 {
		run.Wants |= analyzer.WantConnections
	}
	if s, ok := renderer.(analyzer.Sifter); ok && len(codes) == 0 && !o.all {
		run.Sift = s
	}
	if p, ok := renderer.(analyzer.Preparer); ok {
		run.Prepare = p
	}
	passes := 1
	if run.Wants&analyzer.WantPackets != 0 {
		passes = 2
	}
	// Results on the same terminal would tear the bar; a table comes when it is gone.
	bar := newProgress(o.streams, o.files, passes, run.OnePass || o.streams.terminal && o.output == "" && format != report.Summary)
	stdin := untilDone(ctx, o.streams.in)
	source := func() (analyzer.Source, error) {
		src := capture.OpenAll(o.files, stdin)
		src.SetFilter(filter)
		o.input.prepare(ctx, src)
		o.choice.opened(src)
		return bar.follow(src), nil
	}
	sink, closeSaved, err := o.choice.sink(watch, o.files, o.output)
	if err != nil {
		return errors.Join(err, closeOut())
	}
	err = analyzer.Run(ctx, run, source, bar.before(sink))
	bar.finish()
	if watch.done && ctx.Err() == nil {
		err = nil // what ended the input is in the capture's record
	}
	if err = errors.Join(err, closeSaved(), closeOut()); err != nil {
		return err
	}
	return watch.outcome()
}

// foreseen tells a renderer that plans ahead of each chosen connection before
// its packets come, where the input is read twice.
func foreseen(sink analyzer.Sink, pick func(*analyzer.Connection) (bool, error), once bool) func(*analyzer.Connection) (bool, error) {
	plans, ok := sink.(report.Planner)
	if !ok || once {
		return pick
	}
	return func(c *analyzer.Connection) (bool, error) {
		if pick != nil {
			if ok, err := pick(c); !ok || err != nil {
				return false, err
			}
		}
		plans.Foresee(c)
		return true, nil
	}
}

// onePass decides whether the input is read once, because it cannot be read
// again. Chosen connections are known after a first pass only.
func (o *analyzeOptions) onePass() bool {
	if o.input.follow {
		return true
	}
	if o.choice.filter != nil {
		return passesBy(o.files)
	}
	return !capture.Rereadable(o.files)
}

// report turns flags into the renderer's options.
func (o *analyzeOptions) report() (report.Format, report.Options, error) {
	format, err := report.ParseFormat(o.format)
	if err != nil {
		return 0, report.Options{}, nameUsage(err)
	}
	var events report.EventSet
	if len(o.events) > 0 {
		if events, err = report.ParseEvents(o.events); err != nil {
			return 0, report.Options{}, nameUsage(err)
		}
	}
	if (o.segments || events != 0) && format != report.NDJSON {
		flag := "--segments"
		if !o.segments {
			flag = "--events"
		}
		return 0, report.Options{}, &usageError{text: flag + " goes with --format ndjson only", hint: "add -f ndjson"}
	}
	color, err := o.useColor()
	if err != nil {
		return 0, report.Options{}, err
	}
	if o.stamps > int(report.TimeSinceFirst) {
		return 0, report.Options{}, &usageError{text: "-t may stand five times at most"}
	}
	terminal := o.streams.terminal && o.output == ""
	if format == report.HTML && terminal {
		return 0, report.Options{}, &usageError{text: "a page of HTML is not for a terminal", hint: "add -o report.html, or use tcpstate view"}
	}
	if o.page < 1 {
		return 0, report.Options{}, &usageError{text: "--page-segments must be 1 at least"}
	}
	out := report.Options{
		Tcpdump: report.TcpdumpOptions{
			Absolute: o.absolute, Time: report.TimeFormat(o.stamps), Link: o.link,
			Verbose: min(o.verbose, 3), Number: o.number, InterfaceName: interfaceNames(),
		},
		Color: color, All: o.all, Segments: o.segments, Events: events, PageSegments: o.page,
		Prompt: terminal || o.input.follow || !capture.Rereadable(o.files),
	}
	if o.output == "" {
		out.Width = o.streams.width
	}
	return format, out, nil
}

func nameUsage(err error) error {
	var name *report.NameError
	if !errors.As(err, &name) {
		return err
	}
	return &usageError{text: name.Error(), hint: nameHint(name.Name, name.Known)}
}

// useColor decides on colour (https://no-color.org for NO_COLOR).
func (o *analyzeOptions) useColor() (bool, error) {
	switch o.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		env := o.streams.env
		return o.streams.terminal && o.output == "" && env("NO_COLOR") == "" && env("TERM") != "dumb", nil
	}
	return false, &usageError{text: "unknown colour mode " + quote(o.color), hint: nameHint(o.color, colorModes())}
}

// machine turns the timer flags into the machine's configuration.
func (o *analyzeOptions) machine() (statemachine.Config, error) {
	var cfg statemachine.Config
	switch o.timers {
	case "linux":
		cfg = statemachine.Linux()
	case "rfc":
		cfg = statemachine.RFC()
	default:
		return cfg, &usageError{text: "unknown timers " + quote(o.timers), hint: nameHint(o.timers, timerPresets())}
	}
	if o.timeWait < 0 || o.finWait2 < 0 {
		return cfg, &usageError{text: "a timer cannot be negative"}
	}
	if o.changed("time-wait") {
		cfg.TimeWait = o.timeWait
	}
	if o.changed("fin-wait-2") {
		cfg.FinWait2 = o.finWait2
	}
	return cfg, nil
}

// codes returns the findings of --fail-on.
func (o *analyzeOptions) codes() (map[statemachine.Code]bool, error) {
	set := make(map[statemachine.Code]bool)
	for _, name := range o.failOn {
		code, ok := parseCode(strings.TrimSpace(name))
		if !ok {
			return nil, &usageError{text: "unknown finding " + quote(name), hint: nameHint(name, findingNames())}
		}
		set[code] = true
	}
	return set, nil
}

func parseCode(name string) (statemachine.Code, bool) {
	for c := range statemachine.Code(statemachine.NumCodes) {
		if c != statemachine.NoFinding && c.String() == name {
			return c, true
		}
	}
	return statemachine.NoFinding, false
}

// packetFilter compiles the filter expression; nil when there is none.
func (o *analyzeOptions) packetFilter() (*capture.Filter, error) {
	if o.filter == "" {
		return nil, nil
	}
	f, err := capture.NewFilter(o.filter)
	if err != nil {
		return nil, liveFailure(err)
	}
	return f, nil
}

// open returns where results go, and what closes it.
func (o *analyzeOptions) open() (io.Writer, func() error, error) {
	if o.output == "" {
		return o.streams.out, func() error { return nil }, nil
	}
	f, err := create("--output", o.output, o.files)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

// create makes the file that flag names, which must be none of the inputs: a
// capture is not lost to a slip of the hand.
func create(flag, name string, inputs []string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		for _, input := range inputs {
			if in, err := os.Stat(input); err == nil && os.SameFile(info, in) {
				return nil, &usageError{text: flag + " would overwrite the input " + quote(input)}
			}
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, &exitError{code: exitInput, lines: []string{"cannot write " + plainPathError(err)}}
	}
	return f, nil
}

// plainPathError returns "NAME: reason" for errors of opening files.
func plainPathError(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Path + ": " + pe.Err.Error()
	}
	return err.Error()
}

// quote returns s in quotes, with control characters escaped.
func quote(s string) string { return strconv.Quote(s) }

// interfaceNames returns a lookup of this machine's interfaces by index, which
// tcpdump prints for Linux cooked v2. The list is read once, when needed.
func interfaceNames() func(uint32) string {
	var names map[uint32]string
	return func(index uint32) string {
		if names == nil {
			names = make(map[uint32]string)
			list, _ := net.Interfaces() // without a list the names are unknown, and said to be
			for _, i := range list {
				names[uint32(i.Index)] = i.Name
			}
		}
		return names[index]
	}
}

// watcher passes results on and remembers what decides the exit code.
type watcher struct {
	analyzer.Sink
	codes  map[statemachine.Code]bool
	hits   [statemachine.NumCodes]int
	damage []string
	done   bool // the capture's record came, and was written
}

// Connection counts the findings that --fail-on names.
func (w *watcher) Connection(c *analyzer.Connection) error {
	for code := range w.codes {
		w.hits[code] += c.Findings[code]
	}
	return w.Sink.Connection(c)
}

// Capture notes what was wrong with the input.
func (w *watcher) Capture(c *analyzer.Capture) error {
	w.damage = append(w.damage, c.Errors...)
	err := w.Sink.Capture(c)
	w.done = err == nil
	return err
}

// outcome returns the error that decides the exit code of a run that reached
// its end. Damage outranks unmet expectations, since what was lost may have
// met them or not.
func (w *watcher) outcome() error {
	var unmet []string
	for code, n := range w.hits {
		if n > 0 {
			unmet = append(unmet, fmt.Sprintf("finding %s: %d", statemachine.Code(code), n))
		}
	}
	switch {
	case len(w.damage) > 0:
		return &exitError{code: exitInput, lines: append(w.damage, unmet...)}
	case len(unmet) > 0:
		return &exitError{code: exitUnmet, lines: unmet}
	}
	return nil
}
