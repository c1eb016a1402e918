package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpstate/tcpstate/check"
)

// github writes workflow commands, which GitHub shows as annotations at the
// line of the expectation.
type github struct{ w io.Writer }

func newGitHub(w io.Writer) Writer { return &github{w: w} }

// Report writes an annotation for each thing that failed.
func (g *github) Report(r *check.Report) error {
	var b strings.Builder
	if r.Err != nil {
		for _, x := range problems(r) {
			annotation(&b, x.at, "cannot be checked", x.text)
		}
	}
	unmet := r.Unmet()
	for i := range unmet {
		if i == shownUnmet {
			annotation(&b, check.Position{File: r.Capture}, "and more", fmt.Sprintf("%d more expectations of %s are not met", len(unmet)-i, clean(r.Capture)))
			break
		}
		res := &unmet[i]
		at := res.At
		if at.Line == 0 {
			at = check.Position{File: r.Capture}
		}
		text := fmt.Sprintf("%s\nseen: %s\n%s", r.Capture, res.What(), res.ContextText(""))
		annotation(&b, at, res.Expect, strings.TrimRight(text, "\n"))
	}
	_, err := io.WriteString(g.w, b.String())
	return err
}

func annotation(b *strings.Builder, at check.Position, title, text string) {
	fmt.Fprintf(b, "::error file=%s", property(at.File))
	if at.Line > 0 {
		fmt.Fprintf(b, ",line=%d,col=%d", at.Line, max(at.Column, 1))
	}
	fmt.Fprintf(b, ",title=%s::%s\n", property(clean(title)), data(text))
}

// data escapes the text of a workflow command.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes a parameter of a workflow command.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// Close has nothing to add.
func (g *github) Close() error { return nil }
