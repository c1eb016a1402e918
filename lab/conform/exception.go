package conform

import (
	"fmt"
	"slices"
	"strings"
)

// Subject is what an exception is about.
type Subject string

// The subjects.
const (
	States          Subject = "states"
	Retransmissions Subject = "retransmissions"
	Resets          Subject = "resets"
)

// Reason is why nobody who has only the capture can know better.
type Reason string

// The reasons. There is none for a mistake.
const (
	// Clock: a clock of the host, or its application, made the step and
	// nothing passed the wire.
	Clock Reason = "a clock or the application, with nothing on the wire"
	// DiedBefore: the segment that shows the step died before this tap.
	DiedBefore Reason = "the segment died before this tap"
	// DiedBehind: a segment passed this tap, died behind it, and nothing
	// that follows tells.
	DiedBehind Reason = "the segment died behind this tap and nothing follows"
	// Elsewhere: a forged segment came into the path behind this tap.
	Elsewhere Reason = "a forged segment that did not pass this tap"
	// Setting: a setting of the host that no segment shows.
	Setting Reason = "a setting of the host that no segment shows"
	// Forged: a forged segment that passed this tap bears the numbers that
	// its alleged sender used afterwards.
	Forged Reason = "a forged segment bears the same numbers"
	// Alike: two histories leave the same segments at this tap.
	Alike Reason = "another history leaves the same segments at this tap"
)

// Exception is one disagreement that cannot be helped: in these scenarios, at
// these taps, about this end.
type Exception struct {
	Scenario string
	Taps     string // separated by blanks
	Side     string
	Subject  Subject
	Reason   Reason
	// Got is what the program is expected to say: states separated by blanks;
	// "missed N, invented N" of retransmissions; the words for a RST, in order.
	Got string
}

// Ledger applies exceptions to reports and counts their use.
type Ledger struct {
	list []Exception
	used map[string]int // by index and tap
}

// NewLedger returns a ledger of the exceptions.
func NewLedger(list []Exception) *Ledger { return &Ledger{list, map[string]int{}} }

// find returns whether an exception stands for what was said.
func (l *Ledger) find(scenario, tap, side string, subject Subject, got string) bool {
	for i := range l.list {
		e := &l.list[i]
		if e.Scenario == scenario && e.Side == side && e.Subject == subject && e.Got == got && slices.Contains(strings.Fields(e.Taps), tap) {
			l.used[fmt.Sprint(i, " ", tap)]++
			return true
		}
	}
	return false
}

// Apply marks what an exception lists and returns the other disagreements.
func (l *Ledger) Apply(rep *Report) (unlisted []string) {
	if rep.File.Seed != 0 {
		return nil // random traffic is held to shares, not to a list
	}
	check := func(listed *bool, tap, side string, subject Subject, what disagreement) {
		if *listed = l.find(rep.File.Scenario, tap, side, subject, what.said()); !*listed {
			unlisted = append(unlisted, what.String())
		}
	}
	for i := range rep.States {
		if r := &rep.States[i]; !r.Right {
			check(&r.Listed, r.Tap, r.Side, States, r)
		}
	}
	for i := range rep.Ours {
		if a := &rep.Ours[i]; len(a.Missed) > 0 || len(a.Invented) > 0 {
			check(&a.Listed, a.Tap, a.Side, Retransmissions, a)
		}
	}
	for i := range rep.Resets {
		if r := &rep.Resets[i]; r.Want != r.Got {
			check(&r.Listed, r.Tap, r.Side, Resets, r)
		}
	}
	return unlisted
}

// disagreement is what the program says otherwise than the kernel.
type disagreement interface {
	said() string // as Exception.Got has it
	String() string
}

// Stale returns the exceptions that stood for nothing at one of their taps.
func (l *Ledger) Stale() []string {
	var out []string
	for i := range l.list {
		e := &l.list[i]
		for _, tap := range strings.Fields(e.Taps) {
			if l.used[fmt.Sprint(i, " ", tap)] == 0 {
				out = append(out, fmt.Sprintf("%s %s-tap %s %s: %s", e.Scenario, tap, e.Side, e.Subject, e.Got))
			}
		}
	}
	return out
}

// Count returns how many disagreements were listed, by reason.
func (l *Ledger) Count() map[Reason]int {
	out := map[Reason]int{}
	for i := range l.list {
		for _, tap := range strings.Fields(l.list[i].Taps) {
			out[l.list[i].Reason] += l.used[fmt.Sprint(i, " ", tap)]
		}
	}
	return out
}

// said is the sequence in one line.
func (r *Result) said() string {
	s := make([]string, len(r.Got))
	for i := range r.Got {
		s[i] = r.Got[i].State.String()
	}
	return strings.Join(s, " ")
}

func (a *Again) said() string {
	return fmt.Sprintf("missed %d, invented %d", len(a.Missed), len(a.Invented))
}

// String prints what was missed and invented.
func (a *Again) String() string {
	return fmt.Sprintf("%s %s-tap %s: retransmissions missed %v, invented %v", a.Scenario, a.Tap, a.Side, a.Missed, a.Invented)
}

func (r *Reset) said() string { return string(r.Got) }

// String prints both words.
func (r *Reset) String() string {
	v := &r.Verdict
	return fmt.Sprintf("%s %s-tap RST to the %s %s from %s, packet %d: the kernel's word is %s, ours %s, sure %v (%s, %s %s in %s, %s)", r.Scenario, r.Tap, r.Side,
		r.Addr, r.Peer, r.Packet, r.Want, r.Got, r.Sure, v.Fit, v.Outcome, v.Sure, v.State, v.Reason)
}
