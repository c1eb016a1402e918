package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Policy judges captures for which nothing else is said.
type Policy struct {
	Name     string
	findings FindingSet
	allowed  FindingSet
	verdicts map[analyzer.Verdict]bool // forbidden ones
	clean    bool                      // no retransmission, no state that the capture cannot tell
}

// PolicyNames returns the names of the policies, the most demanding first.
func PolicyNames() []string { return []string{"strict", "default", "lenient"} }

// NewPolicy returns the policy of the given name, nil when there is none:
//
//	lenient  no finding of severity error
//	default  no finding of severity warning or error; every connection was
//	         established, and none ended reset, half-closed or timed out
//	strict   no finding at all, no retransmission, no state that the capture
//	         cannot tell; every connection was seen from its first SYN and closed
func NewPolicy(name string) *Policy {
	p := &Policy{Name: name, verdicts: make(map[analyzer.Verdict]bool)}
	bad := []analyzer.Verdict{
		analyzer.VerdictRefused, analyzer.VerdictRefusedByICMP, analyzer.VerdictUnanswered, analyzer.VerdictHalfOpen, analyzer.VerdictReset,
		analyzer.VerdictHalfClosed, analyzer.VerdictTimedOut, analyzer.VerdictScan,
	}
	switch name {
	case "lenient":
		p.findings.add("error")
		bad = nil
	case "default":
		p.findings.add("warning")
	case "strict":
		p.findings.add("any")
		p.clean = true
		bad = append(bad, analyzer.VerdictNone, analyzer.VerdictOpenAtEnd, analyzer.VerdictMidStreamOpen, analyzer.VerdictMidStreamClosed,
			analyzer.VerdictOneWay)
	default:
		return nil
	}
	for _, v := range bad {
		p.verdicts[v] = true
	}
	return p
}

// Forbidding returns a policy that lets everything pass but what Forbid
// refuses.
func Forbidding() *Policy {
	return &Policy{Name: "--forbid", verdicts: make(map[analyzer.Verdict]bool)}
}

// Codes returns the names that Forbid and Allow take: those of findings and
// of verdicts.
func Codes() []string {
	names := append(findingWords(), verdictNames()...)
	slices.Sort(names)
	return slices.Compact(names)
}

// Suggest returns advice for a name that is not among the known ones.
func Suggest(name string, known []string) string { return didYouMean(name, known) }

// Forbid makes the policy refuse a finding or verdict. It reports whether the
// name is known.
func (p *Policy) Forbid(name string) bool {
	known := p.findings.add(name)
	if i := slices.Index(verdictNames(), name); i >= 0 {
		p.verdicts[analyzer.Verdict(i)] = true
		known = true
	}
	if known {
		p.allowed.drop(name)
	}
	return known
}

// Allow makes the policy let a finding or verdict pass. It reports whether the
// name is known.
func (p *Policy) Allow(name string) bool {
	known := p.allowed.add(name)
	if i := slices.Index(verdictNames(), name); i >= 0 {
		delete(p.verdicts, analyzer.Verdict(i))
		known = true
	}
	return known
}

// drop takes a single code out of the set.
func (f *FindingSet) drop(word string) {
	if i := slices.Index(findingNames(), word); i >= 0 {
		delete(f.codes, statemachine.NoFinding+1+statemachine.Code(i))
	}
	f.words = slices.DeleteFunc(f.words, func(w string) bool { return w == word })
}

// Check judges a capture: one Result for each demand that every connection
// meets, and one for each connection that does not.
func (p *Policy) Check(o *Observed) []Result { return p.check(o, Position{File: "policy " + p.Name}) }

func (p *Policy) check(o *Observed, at Position) []Result {
	if len(o.Connections) == 0 {
		return []Result{{
			At: at, Code: "policy", Expect: "the capture has a connection",
			Seen: fmt.Sprintf("%d packets, none of TCP that can be followed", o.Capture.Packets),
		}}
	}
	var out []Result
	subject := func(c *Connection) string { return fmt.Sprintf("connection %d", c.ID) }
	for _, r := range p.rules() {
		out = append(out, applied(&r, at, o.Connections, subject, nil)...)
	}
	if len(o.Stray) > 0 {
		// Only what the policy says of findings can hold for them.
		r := forbidRule(&p.findings, &p.allowed)
		stray := []*Connection{{capture: o, Findings: o.Stray}}
		out = append(out, applied(&r, at, stray, func(*Connection) string { return "segments of no connection" }, nil)...)
	}
	return out
}

// rules are what the policy demands of each connection.
func (p *Policy) rules() []rule {
	var out []rule
	if p.findings.some || len(p.findings.codes) > 0 {
		out = append(out, forbidRule(&p.findings, &p.allowed))
	}
	if len(p.verdicts) > 0 {
		out = append(out, p.verdictRule())
	}
	if p.clean {
		out = append(out, boundRule(tally("retransmissions", bothSides(), func(e *End) []uint64 { return e.Resent }), Exactly(0)),
			knownRule())
	}
	return out
}

func (p *Policy) verdictRule() rule {
	var names []string
	for i, n := range verdictNames() {
		if p.verdicts[analyzer.Verdict(i)] {
			names = append(names, n)
		}
	}
	return rule{"verdict", "verdict is none of " + strings.Join(names, ", "), func(c *Connection) outcome {
		if !p.verdicts[c.Verdict] {
			return met()
		}
		return outcome{seen: fmt.Sprintf("%s (%s)", c.Verdict, c.Detail), packet: c.telling()}
	}}
}

// knownRule demands that the capture tells the state of both ends.
func knownRule() rule {
	return rule{"known", "the states of both ends are known", func(c *Connection) outcome {
		for _, side := range bothSides() {
			if c.Ends[side].State == statemachine.Unknown {
				return outcome{seen: "that of the " + side.String() + " is not", packet: c.Last.Packet}
			}
		}
		return met()
	}}
}
