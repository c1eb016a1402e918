package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

// ticking gives a capture file as a live source would: with ticks before each
// packet, at times from that of the last one on to its own.
type ticking struct {
	src   *capture.Source
	held  analyzer.Packet // read, but not given yet
	err   error
	ready bool // held or err is to be given
	ticks int  // given since the last packet
	now   statemachine.Time
}

// ticksBetween is how many ticks fit between two packets.
const ticksBetween = 4

func (s *ticking) Next(p *analyzer.Packet) error {
	if !s.ready {
		s.err = s.src.Next(&s.held)
		s.ready, s.ticks = true, 0
	}
	if s.ticks < ticksBetween && s.now != 0 && s.err == nil {
		p.Time = max(s.now, s.now+(s.held.Time-s.now)/ticksBetween*statemachine.Time(s.ticks))
		s.ticks++
		return analyzer.ErrTick
	}
	s.ready = false
	if s.err == nil {
		*p = s.held
		s.now = max(s.now, p.Time)
	}
	return s.err
}

func (s *ticking) Close() error                      { return s.src.Close() }
func (s *ticking) Stats() analyzer.SourceStats       { return s.src.Stats() }
func (s *ticking) Lost() (uint64, statemachine.Time) { return 0, s.now }

// stream returns the NDJSON of a capture that comes packet by packet.
func stream(t *testing.T, file string) string {
	t.Helper()
	var b bytes.Buffer
	options := report.Options{}
	run := analyzer.Options{Wants: report.Wants(report.NDJSON, options), OnePass: true, AnyOrder: true}
	open := func() (analyzer.Source, error) {
		return &ticking{src: capture.OpenAll([]string{file}, strings.NewReader(""))}, nil
	}
	if err := analyzer.Run(context.Background(), run, open, report.New(&b, report.NDJSON, options)); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b.String()
}

// record is an NDJSON record, its members by their names.
type record map[string]any

// same reports whether two records tell of the same transition.
func (r record) same(o record) bool {
	for _, name := range []string{"conn", "endpoint", "packet", "ts", "from", "to", "event"} {
		if r[name] != o[name] {
			return false
		}
	}
	return true
}

// lastWords follows a stream as docs/json.md tells a consumer to, and returns
// the transitions that stand at the end, by connection and endpoint in order,
// and the records of connections.
func lastWords(t *testing.T, text string) (transitions map[string][]string, connections []string) {
	t.Helper()
	said := make(map[string][]record)
	for line := range strings.Lines(text) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err, line)
		}
		kind, status := r["type"], r["status"]
		for _, name := range []string{"type", "status", "by", "provisional"} {
			delete(r, name)
		}
		key := fmt.Sprint(r["conn"], " ", r["endpoint"])
		switch kind {
		case "transition":
			said[key] = append(said[key], r)
		case "revision":
			i := slices.IndexFunc(said[key], r.same)
			switch {
			case i < 0:
				t.Errorf("a revision of what was not said: %s", line)
			case status == "withdrawn":
				said[key] = slices.Delete(said[key], i, i+1)
			default:
				said[key][i] = r
			}
		case "connection":
			connections = append(connections, line)
		}
	}
	transitions = make(map[string][]string)
	for key, list := range said {
		for _, r := range list {
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			transitions[key] = append(transitions[key], string(b))
		}
	}
	slices.Sort(connections)
	return transitions, connections
}

// TestLastWords holds the last words of a run that sees each packet once, as
// live does, equal to those of one that may read the capture twice.
func TestLastWords(t *testing.T) {
	for _, file := range captures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, gotRecords := lastWords(t, stream(t, file))
			want, wantRecords := lastWords(t, render(t, file, report.NDJSON, report.Options{}, false))
			for key := range want {
				if !slices.Equal(got[key], want[key]) {
					t.Errorf("%s, read once:\n%s\nread twice:\n%s", key, strings.Join(got[key], "\n"), strings.Join(want[key], "\n"))
				}
			}
			if len(got) > len(want) {
				t.Errorf("%d ends moved, %d when read twice", len(got), len(want))
			}
			if !slices.Equal(gotRecords, wantRecords) {
				t.Errorf("records, read once:\n%s\nread twice:\n%s", strings.Join(gotRecords, ""), strings.Join(wantRecords, ""))
			}
		})
	}
}
