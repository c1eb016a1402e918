package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpstate/tcpstate/check"
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

// mdText escapes what Markdown and HTML take for their own.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]|#~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Close writes the document.
func (m *markdown) Close() error {
	mark := "✓"
	if m.totals.failed+m.totals.broken > 0 {
		mark = "✗"
	}
	_, err := fmt.Fprintf(m.w, "## %s tcpstate check\n\n%s.\n%s", mark, m.totals.String(), m.body.String())
	return err
}
