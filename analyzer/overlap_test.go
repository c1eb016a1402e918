package analyzer

import (
	"context"
	"errors"
	"testing"
)

// failing is a sink that takes no packet.
type failing struct{ err error }

func (f failing) Packet(*Observation) error    { return f.err }
func (f failing) Connection(*Connection) error { return nil }
func (f failing) Capture(*Capture) error       { return nil }

// TestSinkFailsWhileReadingAhead: a sink that fails while packets are read ahead ends the run
// with its own error, however much was read by then.
func TestSinkFailsWhileReadingAhead(t *testing.T) {
	s := &script{}
	c := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	c.handshake()
	for range 20 * chunkPackets {
		c.send(cl, "P.", 10)
		c.send(sv, ".", 0)
	}
	want := errors.New("no room")
	for range 20 {
		if err := Run(context.Background(), Options{Wants: WantPackets | WantNotes}, s.open, failing{want}); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
}
