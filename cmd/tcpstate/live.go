package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
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
	o.write.addFlags(c)
	o.addFlags(c)
	// The only error is a flag that was not defined.
	_ = c.RegisterFlagCompletionFunc("interface", completeInterfaces)
}

func completeInterfaces(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	list, err := capture.Devices()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
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
	watch := &watcher{Sink: report.New(out, format, options), codes: codes}
	sink := &liveSink{watcher: watch, src: src, streams: o.streams, clock: wallClock}
	run := analyzer.Options{
		Wants: report.Wants(format, options), OnePass: true, AnyOrder: true, Machine: timers,
		MaxConnections: o.maxConns, Idle: o.idle,
	}
	run.Wants |= analyzer.WantConnections
	if err := o.write.start(sink, &run, o.device, expression); err != nil {
		return errors.Join(err, src.Close())
	}
	o.streams.say(fmt.Sprintf("listening on %s, %s; Ctrl-C ends", o.device, capture.LiveBackend()))
	err = analyzer.Run(ctx, run, func() (analyzer.Source, error) { return src, nil }, sink)
	err = errors.Join(err, sink.close(), closeOut())
	sink.tell()
	if err != nil {
		return liveFailure(err)
	}
	return watch.outcome()
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
func wallClock() statemachine.Time { return statemachine.Time(time.Now().UnixNano()) }

// liveFailure gives an error of a capture its exit code and advice.
func liveFailure(err error) error {
	var wrong *capture.FilterError
	if errors.As(err, &wrong) {
		return &usageError{text: wrong.Error(), hint: "pcap-filter(7) has the syntax"}
	}
	if errors.Is(err, capture.ErrNoFilters) {
		return &usageError{text: err.Error(), hint: libpcapHint}
	}
	var live *capture.LiveError
	if !errors.As(err, &live) {
		return err
	}
	e := &exitError{code: exitRights, lines: []string{live.Error()}}
	switch live.Problem {
	case capture.NoPermission:
		e.hint = permissionHint()
	case capture.NoDevice:
		e.hint = interfaceHint(live.Interface)
	case capture.DeviceIsDown:
		e.hint = "sudo ip link set " + live.Interface + " up"
	case capture.NoLiveFilter, capture.NoLiveCapture:
		return &usageError{text: live.Error(), hint: libpcapHint}
	case capture.BadLiveOptions:
		return &usageError{text: live.Reason}
	case capture.DeviceFailure:
	}
	return e
}

const libpcapHint = "install libpcap's headers (libpcap-dev) and a C compiler, then: make build"

// permissionHint says how to grant the rights to this very program.
func permissionHint() string {
	program, err := os.Executable()
	if err != nil {
		program = "tcpstate"
	}
	return "run it as root, or: sudo setcap cap_net_raw,cap_net_admin=eip " + program
}

func interfaceHint(name string) string {
	var names []string
	if list, err := capture.Devices(); err == nil {
		for _, d := range list {
			names = append(names, d.Name)
		}
	}
	if near := suggest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "tcpstate interfaces lists them"
}

// liveSink passes results on, and does what a capture needs at each tick.
type liveSink struct {
	*watcher
	src     *capture.Live
	streams *streams
	clock   func() statemachine.Time
	more    []analyzer.Sink // besides the one that prints
	onTick  []func(now statemachine.Time) error
	onClose []func(now statemachine.Time) error
	told    capture.Losses
	toldAt  statemachine.Time
	quiet   bool // nothing goes to standard error meanwhile: it is the screen
}

// Packet passes a packet on.
func (s *liveSink) Packet(o *analyzer.Observation) error {
	for _, m := range s.more {
		if err := m.Packet(o); err != nil {
			return err
		}
	}
	return s.watcher.Packet(o)
}

// Connection passes a record on.
func (s *liveSink) Connection(c *analyzer.Connection) error {
	for _, m := range s.more {
		if err := m.Connection(c); err != nil {
			return err
		}
	}
	return s.watcher.Connection(c)
}

// Capture passes the capture's record on.
func (s *liveSink) Capture(c *analyzer.Capture) error {
	for _, m := range s.more {
		if err := m.Capture(c); err != nil {
			return err
		}
	}
	return s.watcher.Capture(c)
}

// lossesEvery is how often growing losses are told at most.
const lossesEvery = statemachine.Time(time.Second)

// Tick writes out what was gathered, and tells of new losses.
func (s *liveSink) Tick(now statemachine.Time) error {
	if t, ok := s.watcher.Sink.(analyzer.Ticker); ok {
		if err := t.Tick(now); err != nil {
			return err
		}
	}
	for _, f := range s.onTick {
		if err := f(now); err != nil {
			return err
		}
	}
	if n := s.src.Losses(); n != s.told && now-s.toldAt >= lossesEvery && !s.quiet {
		s.streams.say(fmt.Sprintf("dropped %s so far: %d by the kernel, %d by the interface",
			countPackets(n.Total()), n.Kernel, n.Interface))
		s.told, s.toldAt = n, now
	}
	return nil
}

// close ends what the sinks hold open.
func (s *liveSink) close() error {
	var err error
	for _, f := range s.onClose {
		err = errors.Join(err, f(s.clock()))
	}
	return err
}

// tell prints the counts at the end, as tcpdump does.
func (s *liveSink) tell() {
	n := s.src.Losses()
	s.streams.say(fmt.Sprintf("captured %s; dropped %d by the kernel, %d by the interface",
		countPackets(s.src.Packets()), n.Kernel, n.Interface))
}

func countPackets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

// writeOptions are the flags about files of what is captured.
type writeOptions struct {
	file         string
	rotateSize   string
	rotateTime   time.Duration
	keep         int
	onlyFindings string
	lookBack     string
}

func (w *writeOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&w.file, "write", "w", "", "write what is captured to this pcapng file too")
	f.StringVar(&w.rotateSize, "rotate-size", "", "begin another file at this size, as 500K, 100M or 2G")
	f.DurationVar(&w.rotateTime, "rotate-time", 0, "begin another file after this time; SIGHUP does it at any time")
	f.IntVar(&w.keep, "rotate-keep", 0, "keep so many files and remove older ones; 0 keeps all")
	f.StringVar(&w.onlyFindings, "only-findings", "", "write only connections with findings, or with those of a severity: note, warning, error")
	f.Lookup("only-findings").NoOptDefVal = "note"
	f.StringVar(&w.lookBack, "look-back", "64M", "with --only-findings: memory for the packets before the finding")
	complete(c, "only-findings", severities())
}

func severities() []string {
	return []string{statemachine.Note.String(), statemachine.Warning.String(), statemachine.Error.String()}
}

// check refuses flags that do not fit together.
func (w *writeOptions) check() error {
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"--rotate-size", w.rotateSize != ""}, {"--rotate-time", w.rotateTime != 0},
		{"--rotate-keep", w.keep != 0}, {"--only-findings", w.onlyFindings != ""},
	} {
		if f.set && w.file == "" {
			return &usageError{text: f.name + " goes with -w only", hint: "add -w FILE.pcapng"}
		}
	}
	if w.onlyFindings != "" && !slices.Contains(severities(), w.onlyFindings) {
		return &usageError{text: "unknown severity " + quote(w.onlyFindings), hint: nameHint(w.onlyFindings, severities())}
	}
	if w.rotateTime < 0 || w.keep < 0 {
		return &usageError{text: "--rotate-time and --rotate-keep cannot be negative"}
	}
	for _, size := range []string{w.rotateSize, w.lookBack} {
		if _, err := parseSize(size); err != nil {
			return err
		}
	}
	return nil
}

// parseSize reads a number of octets with an optional K, M or G, which are
// powers of 1024. An empty text is 0.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	digits, unit := text, int64(1)
	if i := strings.IndexAny("KMG", strings.ToUpper(text[len(text)-1:])); i >= 0 {
		digits, unit = text[:len(text)-1], 1<<(10*(i+1))
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' || n > 1<<40 {
			digits = ""
			break
		}
		n = n*10 + int64(d-'0')
	}
	if digits == "" || n == 0 || n > (1<<50)/unit {
		return 0, &usageError{text: quote(text) + " is no size", hint: "a number, K, M or G behind it: 100M"}
	}
	return n * unit, nil
}

// start begins to write what is captured.
func (w *writeOptions) start(s *liveSink, run *analyzer.Options, device, expression string) error {
	if w.file == "" {
		return nil
	}
	size, err := parseSize(w.rotateSize)
	if err != nil {
		return err
	}
	files := capture.NewNgFiles(w.file, capture.Rotation{Size: size, Time: w.rotateTime, Keep: w.keep},
		"tcpstate "+buildVersion(), device, expression)
	if err := files.Open(s.clock()); err != nil {
		return &exitError{code: exitInput, lines: []string{"cannot write " + err.Error()}}
	}
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	s.onTick = append(s.onTick, func(statemachine.Time) error {
		files.Lost(s.src.Losses())
		select {
		case <-hangUp:
			files.Rotate()
		default:
		}
		return files.Flush()
	})
	s.onClose = append(s.onClose, func(now statemachine.Time) error {
		signal.Stop(hangUp)
		files.Lost(s.src.Losses())
		return files.Close(now)
	})
	if w.onlyFindings != "" {
		back, err := parseSize(w.lookBack)
		if err != nil {
			return err
		}
		run.Wants |= analyzer.WantPackets | analyzer.WantNotes | analyzer.WantConnections
		s.more = append(s.more, newSelective(files.Write, capture.NewLookBack(int(back)), w.severity()))
		return nil
	}
	s.src.Tap(files.Write)
	return nil
}

func (w *writeOptions) severity() statemachine.Severity {
	return statemachine.Severity(slices.Index(severities(), w.onlyFindings))
}

// selective writes only the packets of connections that have findings. Until a
// connection has one, its packets wait in the look-back buffer.
type selective struct {
	write func(*analyzer.Packet) error
	back  *capture.LookBack
	least statemachine.Severity
	kept  map[uint32]struct{} // connections with findings that are not over
}

func newSelective(write func(*analyzer.Packet) error, back *capture.LookBack, least statemachine.Severity) *selective {
	return &selective{write: write, back: back, least: least, kept: make(map[uint32]struct{})}
}

// Packet writes a packet or lets it wait.
func (s *selective) Packet(o *analyzer.Observation) error {
	if o.Packet != nil && o.Conn != 0 {
		if _, ok := s.kept[o.Conn]; !ok {
			s.back.Add(o.Conn, o.Packet)
		} else if err := s.write(o.Packet); err != nil {
			return err
		}
	}
	for i := range o.Notes {
		if n := &o.Notes[i]; n.Kind == analyzer.FindingNote && n.Finding.Code.Info().Severity >= s.least {
			if err := s.keep(n.Conn); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep writes what waits of a connection, and what comes from now on.
func (s *selective) keep(conn uint32) error {
	s.kept[conn] = struct{}{}
	return s.back.Take(conn, s.write)
}

// Connection lets a connection go that is over.
func (s *selective) Connection(c *analyzer.Connection) error {
	for code := range c.Findings {
		if code.Info().Severity >= s.least {
			if err := s.keep(c.ID); err != nil {
				return err
			}
			break
		}
	}
	delete(s.kept, c.ID)
	return nil
}

// Capture has nothing to add.
func (s *selective) Capture(*analyzer.Capture) error { return nil }
