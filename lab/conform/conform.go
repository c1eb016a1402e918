// Package conform holds the observer against the kernel's own record: for each
// recorded scenario, each endpoint and each tap it compares the sequence of
// state changes.
package conform

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// View is where a tap stands for the end whose sequence is compared.
type View string

// The views: at the end's own host, in the middle, at the other host.
const (
	Own    View = "own"
	Middle View = "middle"
	Far    View = "far"
)

// Result is one endpoint at one tap.
type Result struct {
	Scenario string
	Tap      string
	View     View
	Side     string // truth.Client or truth.Server
	Addr     string
	Peer     string
	Want     []string // the kernel's states, the first one included
	Got      []Got
	// Right tells that the sequences agree.
	Right bool
	// Short tells that the observer's sequence is a beginning of the
	// kernel's: it says less, but nothing false.
	Short bool
	// Overclaimed counts steps marked witnessed or proven that lie beyond
	// the point where the sequences part.
	Overclaimed int
}

// Got is one state of the observer's sequence with how sure it was.
type Got struct {
	State     statemachine.State
	Certainty statemachine.Certainty
	Cause     uint64
}

// key names one end of a four-tuple.
type key struct{ addr, peer string }

// Observe runs the program's own analysis over a capture and returns the
// steps of each end, those of all connections of a four-tuple in order.
func Observe(path string) (map[key][]statemachine.Step, error) {
	c := &collector{steps: map[key][]statemachine.Step{}}
	open := func() (analyzer.Source, error) { return capture.Open(path) }
	err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantNotes}, open, c)
	return c.steps, err
}

// collector is a sink that keeps steps by endpoint.
type collector struct {
	steps map[key][]statemachine.Step
}

func (c *collector) Packet(o *analyzer.Observation) error {
	for i := range o.Notes {
		n := &o.Notes[i]
		if n.Kind != analyzer.StepNote {
			continue
		}
		me, peer := n.Ends[n.Step.Side], n.Ends[n.Step.Side.Peer()]
		k := key{spell(me), spell(peer)}
		c.steps[k] = append(c.steps[k], n.Step)
	}
	return nil
}

func (c *collector) Connection(*analyzer.Connection) error { return nil }
func (c *collector) Capture(*analyzer.Capture) error       { return nil }

func spell(a netip.AddrPort) string { return a.String() }

// Scenario compares one recorded scenario at its three taps.
func Scenario(dir string) ([]Result, error) {
	names, err := filepath.Glob(filepath.Join(dir, "truth.json*"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("%s: no truth.json", dir)
	}
	f, err := truth.Load(names[0])
	if err != nil {
		return nil, err
	}
	end := statemachine.Time(f.End.UnixNano())
	var out []Result
	for _, tap := range []string{truth.Client, truth.Middle, truth.Server} {
		steps, err := Observe(filepath.Join(dir, f.Captures[tap]))
		if err != nil {
			return nil, err
		}
		for i := range f.Connections {
			c := &f.Connections[i]
			out = append(out,
				compare(f.Scenario, tap, truth.Client, &c.Client, c.Server.Addr, end, steps),
				compare(f.Scenario, tap, truth.Server, &c.Server, c.Client.Addr, end, steps))
		}
	}
	return slices.DeleteFunc(out, func(r Result) bool { return r.Side == "" }), nil
}

// compare holds one end against its record; the zero Result when the record
// proves nothing.
func compare(scenario, tap, side string, e *truth.Endpoint, peer string, end statemachine.Time, all map[key][]statemachine.Step) Result {
	if e.Raw || e.Doubt != "" {
		return Result{}
	}
	r := Result{Scenario: scenario, Tap: tap, Side: side, Addr: e.Addr, Peer: peer, View: Far}
	switch tap {
	case side:
		r.View = Own
	case truth.Middle:
		r.View = Middle
	}
	r.Want = chain(e.Steps)
	steps := all[key{e.Addr, peer}]
	for i := range steps {
		s := &steps[i]
		if s.Cause.Time > end {
			continue // behind the end of the kernel's record
		}
		if len(r.Got) == 0 || r.Got[len(r.Got)-1].State != s.From {
			r.Got = append(r.Got, Got{State: s.From, Cause: s.Cause.Packet})
		}
		r.Got = append(r.Got, Got{s.To, s.Certainty, s.Cause.Packet})
	}
	if len(r.Want) == 0 && e.Listening && embryoOnly(r.Got) {
		// A request socket that lived between two looks at inet_diag leaves
		// no trace: the kernel's record says nothing here.
		return Result{}
	}
	r.judge()
	return r
}

// embryoOnly reports a sequence that never left the handshake of a passive
// open.
func embryoOnly(g []Got) bool {
	return !slices.ContainsFunc(g, func(g Got) bool {
		return g.State != statemachine.Listen && g.State != statemachine.SynReceived
	})
}

// chain writes steps as a list of states, with a new beginning wherever a
// step does not leave the state before it.
func chain(steps []truth.Step) []string {
	var out []string
	for i := range steps {
		s := &steps[i]
		if len(out) == 0 || out[len(out)-1] != s.From {
			out = append(out, s.From)
		}
		out = append(out, s.To)
	}
	return out
}

// judge fills in the verdict.
func (r *Result) judge() {
	n := 0
	for n < len(r.Want) && n < len(r.Got) && r.Want[n] == r.Got[n].State.String() {
		n++
	}
	r.Right = n == len(r.Want) && n == len(r.Got)
	r.Short = n == len(r.Got)
	for _, g := range r.Got[n:] {
		if g.Certainty >= statemachine.Proven {
			r.Overclaimed++
		}
	}
}

// String prints the disagreement on one line.
func (r *Result) String() string {
	var got []string
	for _, g := range r.Got {
		w := g.State.String()
		if g.Cause != 0 {
			w = fmt.Sprintf("%s(#%d %.3s)", w, g.Cause, g.Certainty)
		}
		got = append(got, w)
	}
	return fmt.Sprintf("%s %s-tap %s %s>%s\n    want %s\n    got  %s", r.Scenario, r.Tap, r.Side, r.Addr, r.Peer,
		strings.Join(r.Want, " "), strings.Join(got, " "))
}

// Dirs returns the scenario directories under root, by name.
func Dirs(root string) []string {
	found, _ := filepath.Glob(filepath.Join(root, "*", "truth.json*"))
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	sort.Strings(found)
	return slices.Compact(found)
}
