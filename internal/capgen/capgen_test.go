package capgen

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// The same scene gives the same octets everywhere: figures of different days
// and machines are of the same captures.
func TestSameOctets(t *testing.T) {
	want := map[Scene]string{
		Bulk:     "5eece82f8ff289e9",
		Short:    "a3c31852aa718b28",
		Flood:    "935ce9925e9bf935",
		Open:     "7951e9b47ca37dcc",
		Stream:   "3462088673afb1d7",
		HalfOpen: "c2e51d3c8746b79f",
	}
	for s, sum := range want {
		var b bytes.Buffer
		if err := s.Write(&b, 50_000); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))[:16]; got != sum {
			t.Errorf("%s: %s, want %s", s, got, sum)
		}
	}
}

// tally counts what a run finds.
type tally struct {
	verdicts map[analyzer.Verdict]int
	again    int
	doubtful int // steps against which something speaks
	capture  analyzer.Capture
}

func (c *tally) Packet(o *analyzer.Observation) error {
	for i := range o.Notes {
		if o.Notes[i].Step.Doubt != statemachine.NoDoubt {
			c.doubtful++
		}
	}
	return nil
}

func (c *tally) Connection(r *analyzer.Connection) error {
	c.verdicts[r.Verdict]++
	for _, n := range r.Ends[0].Retransmissions {
		c.again += int(n)
	}
	return nil
}

func (c *tally) Capture(r *analyzer.Capture) error {
	c.capture = *r
	return nil
}

func read(t *testing.T, s Scene, packets int) tally {
	t.Helper()
	name := filepath.Join(t.TempDir(), "scene.pcap")
	var b bytes.Buffer
	if err := s.Write(&b, packets); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := tally{verdicts: make(map[analyzer.Verdict]int)}
	open := func() (analyzer.Source, error) { return capture.Open(name) }
	if err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantConnections | analyzer.WantNotes}, open, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Each scene holds what it says.
func TestScenes(t *testing.T) {
	const packets = 60_000
	for s, closed := range map[Scene]bool{
		Bulk: true, Short: true, Flood: false, Open: false, Stream: true, HalfOpen: false,
	} {
		c := read(t, s, packets)
		if c.capture.TCP != packets || c.capture.Connections != uint64(s.Connections(packets)) {
			t.Errorf("%s: %d segments in %d connections, want %d in %d", s, c.capture.TCP, c.capture.Connections,
				packets, s.Connections(packets))
		}
		ended := c.verdicts[analyzer.VerdictClosed] + c.verdicts[analyzer.VerdictTimeWait]
		if closed && ended != s.Connections(packets) {
			t.Errorf("%s: verdicts %v", s, c.verdicts)
		}
		if s == Flood && c.verdicts[analyzer.VerdictUnanswered] != packets {
			t.Errorf("%s: verdicts %v", s, c.verdicts)
		}
		if s == HalfOpen && c.verdicts[analyzer.VerdictHalfOpen] != s.Connections(packets) {
			t.Errorf("%s: verdicts %v", s, c.verdicts)
		}
		if c.doubtful > 0 {
			t.Errorf("%s: %d steps look like something else", s, c.doubtful)
		}
		if (s == Bulk || s == Stream) != (c.again > 0) {
			t.Errorf("%s: %d retransmissions", s, c.again)
		}
	}
}

// Names and scenes belong together.
func TestNames(t *testing.T) {
	for s := range Scene(numScenes) {
		if got, err := ParseScene(s.String()); err != nil || got != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	if _, err := ParseScene("nothing"); err == nil {
		t.Error("a scene without a name")
	}
}
