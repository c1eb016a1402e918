package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/report"
)

// markdown writes a summary for a pull request or a job: the totals first,
// then what failed.
type markdown struct {
	w      io.Writer
	totals totals
	body   strings.Builder
}

func newMarkdown(w io.Writer) Writer { return &markdown{w: w} }

// Report adds one capture.
func (m *markdown) Report(r *check.Report) error {
	m.totals.add(r)
	if !r.Failed() {
		return nil
	}
	fmt.Fprintf(&m.body, "\n### ✗ %s\n\n", mdText(r.Capture))
	if r.Err != nil {
		for _, l := range errorLines(r.Err) {
			fmt.Fprintf(&m.body, "- %s\n", mdText(l))
		}
	}
	unmet := r.Unmet()
	for i := range unmet {
		if i == shownUnmet {
			fmt.Fprintf(&m.body, "- … and %d more\n", len(unmet)-i)
			break
		}
		res := &unmet[i]
		fmt.Fprintf(&m.body, "- **%s** (%s)  \n  seen: %s\n", mdText(res.Expect), mdText(res.At.String()), mdText(res.What()))
		if text := res.ContextText("  "); text != "" {
			fmt.Fprintf(&m.body, "\n  ```\n%s  ```\n", strings.ReplaceAll(text, "```", "'''"))
		}
	}
	return nil
}

// mdText returns a name or sentence as it can stand in the document.
func mdText(s string) string { return report.EscapeMarkdown(clean(s)) }

// Close writes the document.
func (m *markdown) Close() error {
	mark := "✓"
	if m.totals.failed+m.totals.broken > 0 {
		mark = "✗"
	}
	_, err := fmt.Fprintf(m.w, "## %s tcpstate check\n\n%s.\n%s", mark, m.totals.String(), m.body.String())
	return err
}
