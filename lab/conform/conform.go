// Package conform holds the observer against the kernel's own record: for each
// recorded scenario, each endpoint and each tap it compares the sequence of
// state changes.
package conform

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// taps are the three taps in the order of the path.
var taps = [...]string{truth.Client, truth.Middle, truth.Server}

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
	// Shown is Want without the steps that no segment shows even at the
	// end's own tap (truth.Step.Silent).
	Shown []string
	// Right tells that the sequences agree, Unshown that they do once those
	// steps are left out.
	Right, Unshown bool
	// Died is DiedBefore or DiedBehind where the sequences would agree but for
	// segments that died before the tap, or behind it when the end had fallen
	// silent there; measured from the packets of all three taps (unseen.go).
	// Empty for those that are Right or Unshown.
	Died Reason
	// Short tells that the observer's sequence is a beginning of the
	// kernel's: it says less, but nothing false.
	Short bool
	// False are the states marked witnessed or proven that the end was never
	// in, or not in that order.
	False []Got
	// Listed tells that an Exception names the disagreement.
	Listed bool
	void   bool
}

// Got is one state of the observer's sequence with how sure it was.
type Got struct {
	State     statemachine.State
	Certainty statemachine.Certainty
	Cause     uint64
}

// Report is one recorded scenario compared at its three taps.
type Report struct {
	File   *truth.File
	States []Result
	// Ours and Tshark are the retransmissions of each kernel end at each
	// tap; Tshark is nil when tshark was not asked.
	Ours, Tshark []Again
	Resets       []Reset
}

// Compare compares one recorded scenario at its three taps. With tshark it
// asks that program too.
func Compare(dir string, tshark *Tshark) (*Report, error) {
	f, err := truth.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	at := map[string]*sight{}
	for _, tap := range taps {
		if at[tap], err = observe(filepath.Join(dir, f.Captures[tap])); err != nil {
			return nil, err
		}
	}
	rep := &Report{File: f}
	own := ownTaps(f, at)
	ways := map[string][]passage{}
	for tap, s := range at {
		ways[tap] = follow(s, own)
	}
	for _, tap := range taps {
		judges := map[*[]Again]namer{&rep.Ours: ours}
		if tshark != nil {
			if judges[&rep.Tshark], err = tshark.read(filepath.Join(dir, f.Captures[tap])); err != nil {
				return nil, err
			}
		}
		for i := range f.Connections {
			c := &f.Connections[i]
			rep.end(tap, truth.Client, &c.Client, c.Server.Addr, at, ways, judges)
			rep.end(tap, truth.Server, &c.Server, c.Client.Addr, at, ways, judges)
		}
	}
	return rep, nil
}

// ownTaps returns the function that finds the tap of a packet's sender: nil
// where no kernel stands behind it.
func ownTaps(f *truth.File, at map[string]*sight) func(*packet) *sight {
	hosts := map[string]*sight{}
	for i := range f.Connections {
		c := &f.Connections[i]
		hosts[host(c.Client.Addr)] = at[truth.Client]
		hosts[host(c.Server.Addr)] = at[truth.Server]
	}
	return func(p *packet) *sight { return hosts[p.src.Addr().String()] }
}

// host returns the address without its port.
func host(addr string) string {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	return a.Addr().String()
}

// end compares one end at one tap.
func (rep *Report) end(tap, side string, e *truth.Endpoint, peer string, at map[string]*sight, ways map[string][]passage, judges map[*[]Again]namer) {
	if e.Raw {
		return
	}
	f := rep.File
	view := Far
	switch tap {
	case side:
		view = Own
	case truth.Middle:
		view = Middle
	}
	if e.Doubt == "" {
		r := compare(e, peer, statemachine.Time(f.End.UnixNano()), at[tap].steps)
		if r.Side = side; !r.void {
			if view != Own && f.Link != "veth" { // there packets change their size on the way
				r.explain(e, newCourse(key{e.Addr, peer}, at[tap], at[side], ways[tap], ways[side]))
			}
			r.Scenario, r.Tap, r.View = f.Scenario, tap, view
			rep.States = append(rep.States, r)
		}
		b := Reset{Scenario: f.Scenario, Tap: tap, View: view, Side: side}
		rep.Resets = append(rep.Resets, resets(b, e, peer, at[tap], at[side], ways[tap], ways[side])...)
	}
	for list, named := range judges {
		a := Again{Scenario: f.Scenario, Tap: tap, View: view, Side: side}
		*list = append(*list, again(a, e, peer, at[tap], at[side], ways[tap], f.Link == "veth", named))
	}
}

// compare holds one end against its record; void when the record proves
// nothing.
func compare(e *truth.Endpoint, peer string, end statemachine.Time, all map[key][]statemachine.Step) Result {
	r := Result{Addr: e.Addr, Peer: peer}
	r.Want = chain(e.Steps)
	r.Shown = chain(shown(e.Steps, nil))
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
		r.void = true
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

// shown returns the steps that the wire can show: without those that no segment
// shows even at the end's own tap, and without the hidden ones, by index, if
// any. An end whose FIN does not show looks open, and one whose SYN does not
// looks as if it had been in LISTEN.
func shown(steps []truth.Step, hidden []bool) []truth.Step {
	var rest []truth.Step
	from, closed, listens := "", false, false // closed, listens: the FIN or the SYN of this socket does not show
	for i := range steps {
		s := steps[i]
		hide := s.Silent != "" || hidden != nil && hidden[i]
		if i == 0 || steps[i-1].Socket != s.Socket || steps[i-1].To != s.From {
			from, closed, listens = s.From, false, false
		}
		switch {
		case s.To == "SYN-SENT" && hide:
			from, listens = "LISTEN", true
		case s.To == "FIN-WAIT-1" || s.To == "LAST-ACK":
			closed = hide
		case closed && s.To == "CLOSING":
			s.To, hide = "CLOSE-WAIT", false
		case closed && s.To != "CLOSED":
			closed = false
		case listens && s.From == "SYN-RECEIVED" && s.To == "CLOSED":
			s.To = "LISTEN"
		}
		if hide {
			continue
		}
		s.From, from = from, s.To
		rest = append(rest, s)
	}
	return rest
}

// judge fills in the verdict.
func (r *Result) judge() {
	r.Right = r.is(r.Want)
	r.Unshown = !r.Right && r.is(r.Shown)
	n := 0
	for n < len(r.Want) && n < len(r.Got) && r.Want[n] == r.Got[n].State.String() {
		n++
	}
	r.Short = n == len(r.Got)
	at := "" // where the kernel is: to be back there after a presumed detour is not false
	if len(r.Want) == 0 && len(r.Got) > 0 {
		at = r.Got[0].State.String()
	}
	_, there := common(r.Want, r.Got)
	for i, ok := range there {
		switch g := r.Got[i]; {
		case ok:
			at = g.State.String()
		case g.Certainty >= statemachine.Proven && g.State.String() != at:
			r.False = append(r.False, g)
		}
	}
}

// explain says whether segments that died on either side of the tap are all that
// is between the two sequences. A word that was sure is not excused.
func (r *Result) explain(e *truth.Endpoint, c *course) {
	if r.Right || r.Unshown || len(r.False) > 0 {
		return
	}
	kept := shown(e.Steps, c.diedBefore(e))
	switch {
	case r.is(chain(kept)):
		r.Died = DiedBefore
	case c.diedBehind(r, kept):
		r.Died = DiedBehind
	}
}

// is reports that the observer's sequence is want.
func (r *Result) is(want []string) bool {
	return slices.EqualFunc(want, r.Got, func(w string, g Got) bool { return w == g.State.String() })
}

// common tells which states of both are in the longest sequence that they have
// in common.
func common(want []string, got []Got) (inWant, inGot []bool) {
	best := make([][]int, len(want)+1)
	for i := range best {
		best[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for k := len(got) - 1; k >= 0; k-- {
			best[i][k] = max(best[i+1][k], best[i][k+1])
			if want[i] == got[k].State.String() {
				best[i][k] = max(best[i][k], best[i+1][k+1]+1)
			}
		}
	}
	inWant, inGot = make([]bool, len(want)), make([]bool, len(got))
	for i, k := 0, 0; i < len(want) && k < len(got); {
		switch {
		case want[i] == got[k].State.String() && best[i][k] == best[i+1][k+1]+1:
			inWant[i], inGot[k] = true, true
			i++
			k++
		case best[i+1][k] >= best[i][k+1]:
			i++
		default:
			k++
		}
	}
	return inWant, inGot
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
	why := "nothing excuses it"
	switch {
	case r.Unshown:
		why = "no segment shows the rest"
	case r.Died != "":
		why = string(r.Died)
	}
	return fmt.Sprintf("%s %s-tap %s %s>%s\n    want %s\n    got  %s\n    why  %s", r.Scenario, r.Tap, r.Side, r.Addr, r.Peer,
		strings.Join(r.Want, " "), strings.Join(got, " "), why)
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
