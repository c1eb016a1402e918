// Package output prints what became of checked captures: a short list for
// people, and JUnit, SARIF, TAP, Markdown and GitHub's annotations for
// machines. It decides nothing; the same reports give the same bytes.
package output

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/tcpstate/tcpstate/check"
)

// Writer prints reports as they come.
type Writer interface {
	// Report takes what became of one capture.
	Report(r *check.Report) error
	// Close ends the output; totals are printed now.
	Close() error
}

// Formats returns the names that New takes.
func Formats() []string { return []string{"github", "junit", "markdown", "sarif", "tap"} }

// New returns the writer of the named form, or nil when there is no such form.
func New(format string, w io.Writer) Writer {
	switch format {
	case "github":
		return newGitHub(w)
	case "junit":
		return newJUnit(w)
	case "markdown":
		return newMarkdown(w)
	case "sarif":
		return newSARIF(w)
	case "tap":
		return newTAP(w)
	}
	return nil
}

// totals count captures and expectations.
type totals struct {
	captures, failed, broken int
	met, unmet               int
	alone                    int // captures without a file of expectations
	policy                   string
}

func (t *totals) add(r *check.Report) {
	t.captures++
	n := len(r.Unmet())
	t.unmet += n
	t.met += len(r.Results) - n
	if r.Expect == "" && len(r.Results) > 0 {
		t.alone++
		t.policy = r.Results[0].At.File
	}
	switch {
	case r.Err != nil:
		t.broken++
	case n > 0:
		t.failed++
	}
}

// String returns the totals as a sentence without final period.
func (t *totals) String() string {
	s := fmt.Sprintf("%s: %d passed", plural(t.captures, "capture"), t.captures-t.failed-t.broken)
	if t.failed > 0 {
		s += fmt.Sprintf(", %d failed", t.failed)
	}
	if t.broken > 0 {
		s += fmt.Sprintf(", %d could not be checked", t.broken)
	}
	s += fmt.Sprintf("; %s met, %d not", plural(t.met, "expectation"), t.unmet)
	switch {
	case t.alone == t.captures && t.alone > 0:
		s += "; without expectations, judged by " + t.policy
	case t.alone > 0:
		s += fmt.Sprintf("; %d without expectations, judged by %s", t.alone, t.policy)
	}
	return s
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// clean replaces control characters, which a file name may hold and no
// consumer must meet.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// problem is one reason why a capture could not be checked, at its place.
type problem struct {
	at   check.Position
	text string
}

// problems returns what kept a capture from being checked: mistakes in
// expectations at their lines, all else at the capture.
func problems(r *check.Report) []problem {
	var list check.FileErrors
	if !errors.As(r.Err, &list) {
		list = check.FileErrors{r.Err}
	}
	var out []problem
	for _, err := range list {
		var one *check.FileError
		if errors.As(err, &one) {
			out = append(out, problem{one.At, clean(one.Error())})
			continue
		}
		for _, l := range errorLines(err) {
			out = append(out, problem{check.Position{File: r.Capture}, clean(l)})
		}
	}
	return out
}

// errorLines returns the lines of what kept a capture from being checked.
func errorLines(err error) []string {
	lines := strings.Split(err.Error(), "\n")
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" })
}
