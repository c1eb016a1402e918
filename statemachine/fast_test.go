package statemachine_test

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Segments of data that flows take a short way through Observe. All captures
// of this repository are observed with it and without, and the words must be
// the same: they may only be settled later.
func TestShortWayEqualsLongWay(t *testing.T) {
	captures, conns := 0, 0
	err := filepath.WalkDir("../testdata", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") {
			return err
		}
		captures++
		for _, c := range talksOf(t, name) {
			conns++
			short, long := c.words(false), c.words(true)
			if strings.Contains(name, forged) {
				forgetCertainty(short.steps)
				forgetCertainty(long.steps)
			}
			if !slices.Equal(short.steps, long.steps) {
				t.Errorf("%s %s: steps\n%+v, by the long way\n%+v", name, c.name, short.steps, long.steps)
			}
			if !slices.Equal(short.findings, long.findings) {
				t.Errorf("%s %s: findings\n%+v, by the long way\n%+v", name, c.name, short.findings, long.findings)
			}
		}
		return nil
	})
	if err != nil || captures < 300 || conns < 300 {
		t.Errorf("%d captures, %d four-tuples, %v", captures, conns, err)
	}
}

// forged is the scenario in which the two ways are not equally sure: a forged
// FIN was taken, and the true sender's reset left. By the long way the log still
// holds the data before, which casts doubt on the reset's origin; the short way
// has settled it. The states are the same.
const forged = "/spoof-fin-exact/"

func forgetCertainty(steps []statemachine.Step) {
	for i := range steps {
		steps[i].Certainty = statemachine.Uncertain
	}
}

// captured is the conversation of one four-tuple.
type captured struct {
	name string
	ends [2]netip.AddrPort
	seen []capturedSegment
}

type capturedSegment struct {
	at   statemachine.Moment
	side statemachine.Side
	seg  statemachine.Segment
}

// talksOf reads a capture, each SYN with a new number as the start of a
// connection: whose segments the stragglers are is not what this is about.
func talksOf(t *testing.T, name string) []*captured {
	t.Helper()
	src, err := capture.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	type key [2]netip.AddrPort
	index := make(map[key]*captured)
	var all []*captured
	var p analyzer.Packet
	for {
		if err := src.Next(&p); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return all
		}
		if p.Skip != analyzer.NotSkipped {
			continue
		}
		c := index[key{p.Src, p.Dst}]
		if c == nil || c.isOther(&p) {
			c = &captured{name: p.Src.String() + " > " + p.Dst.String(), ends: [2]netip.AddrPort{p.Src, p.Dst}}
			index[key{p.Src, p.Dst}], index[key{p.Dst, p.Src}] = c, c
			all = append(all, c)
		}
		side := statemachine.Client
		if p.Src != c.ends[statemachine.Client] {
			side = statemachine.Server
		}
		c.seen = append(c.seen, capturedSegment{statemachine.Moment{Packet: p.Number, Time: p.Time}, side, p.Segment})
	}
}

// isOther reports a SYN with another ISN than that of its sender's first.
func (c *captured) isOther(p *analyzer.Packet) bool {
	if !p.Segment.IsSYN() {
		return false
	}
	for i := range c.seen {
		s := &c.seen[i]
		if c.ends[s.side] == p.Src && s.seg.Flags.Has(statemachine.SYN) {
			return s.seg.Seq != p.Segment.Seq
		}
	}
	return len(c.seen) > 0
}

// words observes the conversation and returns all that is said of it, in an
// order that does not depend on when it was said.
func (c *captured) words(slow bool) (said struct {
	steps    []statemachine.Step
	findings []statemachine.Finding
}) {
	m := statemachine.NewMachine(statemachine.Linux())
	if slow {
		m.SetSlow()
	}
	var conn statemachine.Conn
	take := func() {
		said.steps = append(said.steps, m.Steps()...)
		said.findings = append(said.findings, m.Findings()...)
	}
	for i := range c.seen {
		s := &c.seen[i]
		m.Advance(&conn, s.at)
		take()
		m.Observe(&conn, s.at, s.side, &s.seg)
		take()
	}
	m.Finish(&conn, c.seen[len(c.seen)-1].at)
	take()
	slices.SortStableFunc(said.steps, func(a, b statemachine.Step) int {
		return cmp.Or(cmp.Compare(a.Side, b.Side), cmp.Compare(a.Place, b.Place))
	})
	slices.SortStableFunc(said.findings, func(a, b statemachine.Finding) int {
		return cmp.Or(cmp.Compare(a.At.Packet, b.At.Packet), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Side, b.Side))
	})
	return said
}
