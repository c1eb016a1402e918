package check

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

// maxContexts is how many packets of a capture get their lines: nobody reads
// more.
const maxContexts = 100

// AddContext gives each result that was not met the timeline around its
// packet, the first hundred packets at most: the lines of the packet before it in the same connection, its own
// with what stands under it, and the one behind it. It reads the capture once
// more; zone is that of the printed times, nil for the local one.
func AddContext(ctx context.Context, path string, timers statemachine.Config, zone *time.Location, results []Result) error {
	s := newContextSink(zone, results)
	if len(s.wanted) == 0 {
		return nil
	}
	open := func() (analyzer.Source, error) { return capture.Open(path) }
	opt := analyzer.Options{Wants: analyzer.WantPackets | analyzer.WantNotes, Machine: timers}
	err := analyzer.Run(ctx, opt, open, s)
	for i := range results {
		if r := &results[i]; !r.Met && r.Packet != 0 {
			r.Context = s.wanted[r.Packet]
		}
	}
	return err
}

// contextSink prints the timeline of the whole capture, since relative
// numbers depend on what came before, and keeps of it what is wanted.
type contextSink struct {
	timeline analyzer.Sink
	printed  bytes.Buffer
	wanted   map[uint64][]ContextLine
	before   map[uint32]ContextLine // by connection: the last line
	waiting  map[uint32][]uint64    // by connection: who still needs the next line
}

func newContextSink(zone *time.Location, results []Result) *contextSink {
	s := &contextSink{
		wanted: make(map[uint64][]ContextLine), before: make(map[uint32]ContextLine), waiting: make(map[uint32][]uint64),
	}
	for _, r := range results {
		if !r.Met && r.Packet != 0 && len(s.wanted) < maxContexts {
			s.wanted[r.Packet] = nil
		}
	}
	s.timeline = report.New(&s.printed, report.Timeline, report.Options{
		Prompt: true, Tcpdump: report.TcpdumpOptions{Location: zone},
	})
	return s
}

// Packet keeps the lines of a packet where they are wanted.
func (s *contextSink) Packet(o *analyzer.Observation) error {
	s.printed.Reset()
	if err := s.timeline.Packet(o); err != nil || o.Packet == nil {
		return err
	}
	number := o.Packet.Number
	lines := strings.Split(strings.TrimRight(s.printed.String(), "\n"), "\n")
	own := ContextLine{Packet: number, Text: lines[0]}
	for _, w := range s.waiting[o.Conn] {
		s.wanted[w] = append(s.wanted[w], own)
	}
	delete(s.waiting, o.Conn)
	if _, ok := s.wanted[number]; ok {
		var c []ContextLine
		if b, ok := s.before[o.Conn]; ok {
			c = append(c, b)
		}
		for _, l := range lines {
			c = append(c, ContextLine{Packet: number, Text: l, Marked: true})
		}
		s.wanted[number] = c
		s.waiting[o.Conn] = append(s.waiting[o.Conn], number)
	}
	s.before[o.Conn] = own
	return nil
}

// Connection has nothing to do.
func (s *contextSink) Connection(*analyzer.Connection) error { return nil }

// Capture has nothing to do.
func (s *contextSink) Capture(*analyzer.Capture) error { return nil }
