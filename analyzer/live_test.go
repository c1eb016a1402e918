package analyzer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// tickSource yields packets, and ticks between them where it is told to.
type tickSource struct {
	fakeSource
	ticks map[uint64][]tick // by the number of the packet before
	lost  tick              // told at the last tick
}

// tick is a time after the beginning, with the packets lost by then.
type tick struct {
	at   time.Duration
	lost uint64
}

func (s *tickSource) Next(p *Packet) error {
	n := uint64(s.i)
	if due := s.ticks[n]; len(due) > 0 {
		s.ticks[n] = due[1:]
		s.lost = due[0]
		p.Time = sm.Time(1e18) + sm.Time(due[0].at)
		return ErrTick
	}
	return s.fakeSource.Next(p)
}

func (s *tickSource) Stats() SourceStats {
	return SourceStats{Files: []string{"lo"}, Drops: s.lost.lost}
}

func (s *tickSource) Lost() (uint64, sm.Time) { return s.lost.lost, sm.Time(1e18) + sm.Time(s.lost.at) }

// liveTranscript is a transcript of a live run, where records come when
// connections end.
type liveTranscript struct {
	transcript
	ticked int
}

func (s *liveTranscript) Connection(c *Connection) error {
	s.lines = append(s.lines, fmt.Sprintf("record %d %s", c.ID, c.Verdict))
	return s.transcript.Connection(c)
}

func (s *liveTranscript) Tick(sm.Time) error {
	s.ticked++
	s.lines = append(s.lines, "tick")
	return nil
}

func (s *script) live(t *testing.T, opt Options, ticks map[uint64][]tick) *liveTranscript {
	t.Helper()
	opt.Wants, opt.OnePass, opt.AnyOrder = wantAll, true, true
	out := &liveTranscript{}
	src := &tickSource{fakeSource: fakeSource{packets: s.packets}, ticks: ticks}
	if err := Run(context.Background(), opt, func() (Source, error) { return src, nil }, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func position(lines []string, words string) int {
	for i, l := range lines {
		if strings.Contains(l, words) {
			return i
		}
	}
	return -1
}

// TestTicksFireTimers ends TIME-WAIT by the clock while no packet comes, and
// gives the record behind the step.
func TestTicksFireTimers(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	k.clientCloses()
	n := uint64(len(s.packets))
	out := s.live(t, Options{}, map[uint64][]tick{n: {{at: 30 * time.Second}, {at: 61 * time.Second}, {at: 62 * time.Second}}})
	first, end, record := position(out.lines, "tick"), position(out.lines, "TIME-WAIT -> CLOSED timer"), position(out.lines, "record 1 closed")
	if !(0 <= first && first < end && end < record) || out.ticked != 3 || out.lines[len(out.lines)-1] != "tick" {
		t.Errorf("the clock did not end TIME-WAIT between the ticks:\n%s", strings.Join(out.lines, "\n"))
	}
}

// TestIdle writes out a connection that fell silent, and counts what comes
// later as another one.
func TestIdle(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	n := uint64(len(s.packets))
	s.wait(3 * time.Hour)
	k.send(cl, "P.", 10)
	k.send(sv, ".", 0)
	out := s.live(t, Options{Idle: time.Hour}, map[uint64][]tick{n: {{at: 59 * time.Minute}, {at: 61 * time.Minute}}})
	if len(out.conns) != 2 || !out.conns[0].Evicted || out.conns[0].Last.Packet != n || out.conns[1].Verdict != VerdictMidStreamOpen {
		t.Fatalf("%+v", out.conns)
	}
	if at := position(out.lines, "record 1"); at < 0 || out.lines[at-1] != "tick" || out.lines[at+1] != "tick" {
		t.Errorf("the silent connection ended at the wrong time:\n%s", strings.Join(out.lines, "\n"))
	}
	if all := s.live(t, Options{}, nil); len(all.conns) != 1 {
		t.Errorf("without a bound there are %d connections", len(all.conns))
	}
}

// TestCaptureDrops calls a hole a matter of the capture only where packets
// were dropped meanwhile.
func TestCaptureDrops(t *testing.T) {
	for _, c := range []struct {
		name  string
		ticks []tick
		want  bool
	}{
		{"dropped in the hole", []tick{{at: 0}, {at: 2 * time.Second, lost: 5}}, true},
		{"nothing dropped", []tick{{at: 0}, {at: 2 * time.Second}}, false},
		{"dropped long before", []tick{{at: 1, lost: 5}, {at: 2 * time.Second, lost: 5}}, false},
	} {
		s := &script{}
		s.wait(500 * time.Millisecond)
		k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
		k.handshake()
		k.send(cl, "P.", 10)
		s.wait(time.Second)
		k.next[cl] += 1000 // not captured
		k.send(cl, "P.", 10)
		n := uint64(len(s.packets))
		k.send(sv, ".", 0)
		out := s.live(t, Options{}, map[uint64][]tick{0: c.ticks[:1], n: c.ticks[1:]})
		if has(out.lines, "capture-drops client") != c.want {
			t.Errorf("%s:\n%s", c.name, strings.Join(out.lines, "\n"))
		}
	}
}

// TestRevisionNamesItsPacket gives what became of a word at the packet that
// settled it.
func TestRevisionNamesItsPacket(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	k.send(cl, "P.", 10)
	by := k.send(sv, ".", 0)
	out := s.live(t, Options{}, nil)
	if !has(out.lines, fmt.Sprintf("#%d conn 1 server", by), "SYN-RECEIVED -> ESTABLISHED proven", "confirmed") {
		t.Errorf("no confirmation by packet %d:\n%s", by, strings.Join(out.lines, "\n"))
	}
}
