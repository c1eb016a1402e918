package statemachine

import (
	"fmt"
	"strings"
)

// StatesDocument returns the text of docs/states.md: the diagram and the list
// of all transitions, made from the table that the machine runs on.
func StatesDocument() string {
	var b strings.Builder
	b.WriteString("# States and transitions\n\n")
	b.WriteString("Made from the transition table in `statemachine/transitions.go` (`make golden` writes it anew; a test fails when it is stale).\n\n")
	b.WriteString("The eleven states are those of RFC 9293 §3.3.2. Rows out of `unknown` belong to captures that begin in mid-stream.\n")
	b.WriteString("Events named `send-…` are departures: the capture shows them. Events named `recv-…` are arrivals: they take effect where the evidence places them.\n\n")
	b.WriteString("## Diagram\n\nResets, time-outs and lost state lead to CLOSED from everywhere and are left out; the list has them.\n\n```mermaid\nstateDiagram-v2\n")
	for _, t := range transitions {
		if t.From == Unknown || t.Event == SendRST || t.Event == RecvRST && t.To == Closed || t.Event >= StateLost {
			continue
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", mermaidName(t.From), mermaidName(t.To), t.Event)
	}
	b.WriteString("```\n\n## Transitions\n\n| from | event | only | to | rule | source |\n|---|---|---|---|---|---|\n")
	for _, t := range transitions {
		r := t.Rule.Info()
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", t.From, t.Event, t.Guard, t.To, r.Name, r.Cite)
	}
	b.WriteString("\n## What does not move an end\n\n| event | in | because |\n|---|---|---|\n")
	for _, p := range IgnoredPairs() {
		names := make([]string, len(p.States))
		for i, s := range p.States {
			names[i] = s.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.Event, strings.Join(names, ", "), p.Reason)
	}
	b.WriteString("\n## Rules\n\n| rule | says | source |\n|---|---|---|\n")
	for r := NoRule + 1; r < numRules; r++ {
		i := r.Info()
		fmt.Fprintf(&b, "| %s | %s | %s |\n", i.Name, i.Title, i.Cite)
	}
	return b.String()
}

// mermaidName spells a state without the hyphens that the notation forbids.
func mermaidName(s State) string { return strings.ReplaceAll(s.String(), "-", "_") }
