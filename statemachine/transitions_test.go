package statemachine

import (
	"regexp"
	"strings"
	"testing"
)

// pair is one question to the transition table.
type pair struct {
	state State
	event Event
}

// rowsByPair collects the rows of the table.
func rowsByPair() map[pair][]Transition {
	rows := map[pair][]Transition{}
	for _, row := range transitions {
		k := pair{row.From, row.Event}
		rows[k] = append(rows[k], row)
	}
	return rows
}

// TestEveryPairIsConsidered holds that each pair of state and event has either
// rows in the table or a reason why it moves nothing.
func TestEveryPairIsConsidered(t *testing.T) {
	rows := rowsByPair()
	ignored := map[pair]int{}
	for _, entry := range IgnoredPairs() {
		if entry.Reason == "" || strings.HasSuffix(entry.Reason, ".") {
			t.Errorf("%s: the reason %q is no sentence without period", entry.Event, entry.Reason)
		}
		for _, s := range entry.States {
			ignored[pair{s, entry.Event}]++
		}
	}
	for _, s := range States() {
		for e := NoEvent + 1; e < numEvents; e++ {
			k := pair{s, e}
			switch {
			case len(rows[k]) == 0 && ignored[k] == 0:
				t.Errorf("%s in %s: neither a row nor a reason", e, s)
			case len(rows[k]) > 0 && ignored[k] > 0:
				t.Errorf("%s in %s: a row and a reason why there is none", e, s)
			case ignored[k] > 1:
				t.Errorf("%s in %s: %d reasons", e, s, ignored[k])
			}
		}
	}
	if want := int(numStates) * int(numEvents-1); len(rows)+len(ignored) != want {
		t.Errorf("%d pairs are named, want %d", len(rows)+len(ignored), want)
	}
}

// TestGuardsDivide holds that the rows of a pair exclude each other and leave
// no end out: one row for all, or one for each opening.
func TestGuardsDivide(t *testing.T) {
	for k, rows := range rowsByPair() {
		switch {
		case len(rows) == 1 && rows[0].Guard == Always:
		case len(rows) == 2 && rows[0].Guard == Passive && rows[1].Guard == Active:
		default:
			t.Errorf("%s in %s has the rows %v", k.event, k.state, rows)
		}
	}
}

// TestMachineRunsOnTheTable holds that the machine's own form of the table
// answers as the rows do, for both openings, and nothing more.
func TestMachineRunsOnTheTable(t *testing.T) {
	m := NewMachine(Linux())
	rows := rowsByPair()
	for _, s := range States() {
		for e := NoEvent; e < numEvents; e++ {
			for _, o := range [...]opening{openingUnknown, passive, active} {
				var want target
				for _, row := range rows[pair{s, e}] {
					if row.Guard.admits(o) {
						want = target{to: row.To, rule: row.Rule, ok: true}
					}
				}
				if got := m.table[s][e][o.row()]; got != want {
					t.Errorf("%s in %s, opening %d: %+v, want %+v", e, s, o, got, want)
				}
			}
		}
	}
}

// TestRowsMakeSense holds what is true of every row.
func TestRowsMakeSense(t *testing.T) {
	for _, row := range transitions {
		if row.From == row.To || row.To == Unknown {
			t.Errorf("%s in %s leads to %s", row.Event, row.From, row.To)
		}
		if row.Rule == NoRule || row.Event == NoEvent {
			t.Errorf("%s in %s has no rule or no event", row.Event, row.From)
		}
	}
}

// TestRulesAreComplete holds that each rule has a name, a citation and a
// title, and that the table uses it.
func TestRulesAreComplete(t *testing.T) {
	used := map[Rule]bool{}
	for _, row := range transitions {
		used[row.Rule] = true
	}
	cite := regexp.MustCompile(`^(RFC \d+ \d+(\.\d+)*|Linux \w+)$`)
	names := map[string]bool{"": true}
	for r := NoRule + 1; r < numRules; r++ {
		info := r.Info()
		if !kebab.MatchString(info.Name) || names[info.Name] {
			t.Errorf("rule %d: the name %q is bad or used twice", r, info.Name)
		}
		names[info.Name] = true
		if !cite.MatchString(info.Cite) {
			t.Errorf("rule %s: the citation %q names no section", info.Name, info.Cite)
		}
		if info.Title == "" || strings.HasSuffix(info.Title, ".") {
			t.Errorf("rule %s: the title %q is no sentence without period", info.Name, info.Title)
		}
		if !used[r] {
			t.Errorf("rule %s: no row has it", info.Name)
		}
	}
	if got := Rule(numRules).String(); got != "invalid" {
		t.Errorf("a rule that does not exist is called %q", got)
	}
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// TestNamesAreUnique holds that names can be told apart and read back.
func TestNamesAreUnique(t *testing.T) {
	events := map[string]bool{}
	for e := NoEvent; e < numEvents; e++ {
		if n := e.String(); !kebab.MatchString(n) || events[n] {
			t.Errorf("event %d: the name %q is bad or used twice", e, n)
		} else {
			events[n] = true
		}
	}
	for _, s := range States() {
		if back, ok := ParseState(s.String()); !ok || back != s {
			t.Errorf("ParseState(%q) = %v, %v", s, back, ok)
		}
	}
	if _, ok := ParseState("ESTAB"); ok {
		t.Error("ParseState takes ESTAB")
	}
	codes := map[string]bool{}
	for c := NoFinding; c < NumCodes; c++ {
		info := c.Info()
		if !kebab.MatchString(info.Name) || codes[info.Name] {
			t.Errorf("finding %d: the name %q is bad or used twice", c, info.Name)
		}
		codes[info.Name] = true
		if info.Title == "" || strings.HasSuffix(info.Title, ".") {
			t.Errorf("finding %s: the title %q is no sentence without period", info.Name, info.Title)
		}
	}
	for name, got := range map[string]string{
		"event": Event(numEvents).String(), "state": State(numStates).String(), "finding": Code(NumCodes).String(),
		"certainty": (Witnessed + 1).String(),
	} {
		if got != "invalid" {
			t.Errorf("a %s that does not exist is called %q", name, got)
		}
	}
}

// figure5 lists the edges of RFC 9293 figure 5 that a capture can show, with
// notes 1 to 3 of the figure: the reset of a passive open, FIN with the ACK
// of ours as two steps, and CLOSING.
var figure5 = []Transition{
	{From: Closed, Event: SendSYN, To: SynSent},
	{From: Listen, Event: RecvSYN, To: SynReceived},
	{From: Listen, Event: SendSYN, To: SynSent},
	{From: SynSent, Event: RecvSYN, To: SynReceived},
	{From: SynSent, Event: RecvSYNACK, To: Established},
	{From: SynReceived, Event: RecvACKOfSYN, To: Established},
	{From: SynReceived, Event: SendFIN, To: FinWait1},
	{From: SynReceived, Event: RecvRST, Guard: Passive, To: Listen},
	{From: Established, Event: SendFIN, To: FinWait1},
	{From: Established, Event: RecvFIN, To: CloseWait},
	{From: FinWait1, Event: RecvACKOfFIN, To: FinWait2},
	{From: FinWait1, Event: RecvFIN, To: Closing},
	{From: FinWait2, Event: RecvFIN, To: TimeWait},
	{From: Closing, Event: RecvACKOfFIN, To: TimeWait},
	{From: CloseWait, Event: SendFIN, To: LastAck},
	{From: LastAck, Event: RecvACKOfFIN, To: Closed},
	{From: TimeWait, Event: TimeWaitExpiry, To: Closed},
}

func TestTableHasFigure5(t *testing.T) {
	rows := rowsByPair()
	for _, want := range figure5 {
		found := false
		for _, row := range rows[pair{want.From, want.Event}] {
			found = found || row.Guard == want.Guard && row.To == want.To
		}
		if !found {
			t.Errorf("RFC 9293 figure 5 leads from %s at %s to %s; the table does not", want.From, want.Event, want.To)
		}
	}
}

// TestEveryStateIsReached walks the table from CLOSED, LISTEN and unknown to
// every state, and from every state back to CLOSED.
func TestEveryStateIsReached(t *testing.T) {
	reach := func(from ...State) map[State]bool {
		seen := map[State]bool{}
		for len(from) > 0 {
			s := from[0]
			from = from[1:]
			if seen[s] {
				continue
			}
			seen[s] = true
			for _, row := range transitions {
				if row.From == s {
					from = append(from, row.To)
				}
			}
		}
		return seen
	}
	opened := reach(Closed, Listen)
	for _, s := range States() {
		if s != Unknown && !opened[s] {
			t.Errorf("%s cannot be reached", s)
		}
		if !reach(s)[Closed] {
			t.Errorf("%s never ends", s)
		}
	}
}
