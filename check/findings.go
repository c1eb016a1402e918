package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// FindingSet is a choice of findings: by code, or all of a severity and
// graver.
type FindingSet struct {
	codes map[statemachine.Code]bool
	from  statemachine.Severity // with some: this severity and graver
	some  bool
	words []string // as written
}

// groupWords are the names that stand for many findings.
func groupWords() []string { return []string{"any", "note", "warning", "error"} }

// findingWords returns every word that a FindingSet takes.
func findingWords() []string { return append(groupWords(), findingNames()...) }

func findingNames() []string {
	var names []string
	for c := statemachine.NoFinding + 1; c < statemachine.NumCodes; c++ {
		names = append(names, c.String())
	}
	return names
}

// add puts a word into the set and reports whether it is known.
func (f *FindingSet) add(word string) bool {
	level := map[string]statemachine.Severity{
		"any": statemachine.Note, "note": statemachine.Note, "warning": statemachine.Warning, "error": statemachine.Error,
	}
	if s, ok := level[word]; ok {
		if !f.some || s < f.from {
			f.from = s
		}
		f.some = true
		f.words = append(f.words, word)
		return true
	}
	i := slices.Index(findingNames(), word)
	if i < 0 {
		return false
	}
	if f.codes == nil {
		f.codes = make(map[statemachine.Code]bool)
	}
	f.codes[statemachine.NoFinding+1+statemachine.Code(i)] = true
	f.words = append(f.words, word)
	return true
}

// has reports whether the finding is chosen.
func (f *FindingSet) has(c statemachine.Code) bool {
	return f.codes[c] || f.some && c.Info().Severity >= f.from
}

// requireRule demands a finding.
func requireRule(code statemachine.Code) rule {
	return rule{"finding:" + code.String(), "finding " + code.String() + " occurs", func(c *Connection) outcome {
		for i := range c.Findings {
			if c.Findings[i].Code == code {
				return met()
			}
		}
		return outcome{seen: foundWords(c.Findings), packet: c.Last.Packet, value: code.String()}
	}}
}

// forbidRule forbids findings, except those allowed.
func forbidRule(forbid, allow *FindingSet) rule {
	expect := "no finding of " + strings.Join(forbid.words, ", ")
	if slices.Contains(forbid.words, "any") {
		expect = "no finding"
	}
	if len(allow.words) > 0 {
		expect += " but " + strings.Join(allow.words, ", ")
	}
	return rule{"findings", expect, func(c *Connection) outcome {
		var bad []Noticed
		for _, f := range c.Findings {
			if forbid.has(f.Code) && !allow.has(f.Code) {
				bad = append(bad, f)
			}
		}
		if len(bad) == 0 {
			return met()
		}
		first := &bad[0]
		seen := fmt.Sprintf("%s: %s", first.Code, first.Code.Info().Title)
		if more := len(bad) - 1; more > 0 {
			seen += fmt.Sprintf(", and %d more: %s", more, foundWords(bad[1:]))
		}
		return outcome{seen: seen, packet: first.Packet, value: codesOf(bad)}
	}}
}

// codesOf returns the names of findings, each once, in the order of the
// alphabet.
func codesOf(list []Noticed) []string {
	var words []string
	for _, f := range list {
		words = append(words, f.Code.String())
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// foundWords lists findings by code with their packets.
func foundWords(list []Noticed) string {
	if len(list) == 0 {
		return "no finding"
	}
	var b strings.Builder
	for i, f := range list {
		if i == 5 {
			fmt.Fprintf(&b, ", … (%d in all)", len(list))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s at #%d", f.Code, f.Packet)
	}
	return b.String()
}
