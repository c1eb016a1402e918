package main

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

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
