package analyzer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// refused picks the refused connections.
func refused(c *Connection) (bool, error) { return c.Verdict == VerdictRefused, nil }

// TestChoose proves that a choice leaves out whole connections and changes
// nothing of the others, whatever the sink wants.
func TestChoose(t *testing.T) {
	s := busy(5)
	for _, wants := range []Wants{WantPackets, WantNotes, WantConnections, WantPackets | WantNotes, wantAll} {
		for _, any := range []bool{false, wants == WantConnections} {
			all := s.run(t, Options{Wants: wants | WantConnections, AnyOrder: any})
			got := s.run(t, Options{Wants: wants, AnyOrder: any, Choose: refused})
			chosen := make(map[uint32]bool)
			var want []string
			var conns []uint32
			for _, c := range all.conns {
				if chosen[c.ID], _ = refused(&c); chosen[c.ID] && wants&WantConnections != 0 {
					conns = append(conns, c.ID)
				}
			}
			for _, l := range all.lines {
				var n int
				var conn uint32
				if _, err := fmt.Sscanf(l, "#%d conn %d", &n, &conn); err != nil {
					if _, err = fmt.Sscanf(l, "  #%d conn %d", &n, &conn); err != nil {
						t.Fatal(err)
					}
				}
				if chosen[conn] {
					want = append(want, l)
				}
			}
			if !slices.Equal(got.lines, want) {
				t.Errorf("wants %b: got %q, want %q", wants, got.lines, want)
			}
			var ids []uint32
			for _, c := range got.conns {
				ids = append(ids, c.ID)
			}
			slices.Sort(ids)
			slices.Sort(conns)
			if !slices.Equal(ids, conns) {
				t.Errorf("wants %b: connections %v, want %v", wants, ids, conns)
			}
			if got.capture.Connections != all.capture.Connections || got.capture.TCP != all.capture.TCP {
				t.Errorf("the capture's record counts what was not chosen too: %+v", got.capture)
			}
		}
	}
}

// TestChooseInOnePass picks among the records.
func TestChooseInOnePass(t *testing.T) {
	got := busy(5).run(t, Options{Wants: wantAll, OnePass: true, Choose: refused})
	if len(got.conns) != 5 || len(got.lines) == 0 {
		t.Errorf("%d records, %d lines", len(got.conns), len(got.lines))
	}
}

// TestChooseFails ends the run with the error.
func TestChooseFails(t *testing.T) {
	broken := errors.New("no such thing")
	for _, opt := range []Options{
		{Wants: wantAll}, {Wants: WantConnections}, {Wants: WantConnections, AnyOrder: true}, {Wants: wantAll, OnePass: true}, {Wants: WantPackets},
	} {
		opt.Choose = func(*Connection) (bool, error) { return false, broken }
		if err := Run(context.Background(), opt, busy(2).open, &transcript{}); !errors.Is(err, broken) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

// TestBare gives the packets without observing anything, unless something else
// needs it.
func TestBare(t *testing.T) {
	s := busy(3)
	bare := s.run(t, Options{Wants: WantBare})
	if len(bare.lines) != len(s.packets) || len(bare.conns) != 0 || bare.capture.TCP != uint64(len(s.packets)) {
		t.Errorf("%d lines of %d packets, %d connections", len(bare.lines), len(s.packets), len(bare.conns))
	}
	if has(bare.lines, "conn 1 ") {
		t.Error("a bare packet has a connection")
	}
	for _, opt := range []Options{{Wants: WantBare | WantNotes}, {Wants: WantBare | WantConnections, OnePass: true}, {Wants: WantBare, Choose: refused}} {
		with := opt
		with.Wants = opt.Wants&^WantBare | WantPackets
		if a, b := s.run(t, opt), s.run(t, with); !slices.Equal(a.lines, b.lines) || len(a.conns) != len(b.conns) {
			t.Errorf("wants %b gives other packets than %b", opt.Wants, with.Wants)
		}
	}
}
