package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpstate/tcpstate/check"
)

// tap writes the Test Anything Protocol, version 13: a test for each
// expectation, the plan at the end.
type tap struct {
	w     io.Writer
	n     int
	begun bool
}

func newTAP(w io.Writer) Writer { return &tap{w: w} }

// Report writes the tests of one capture.
func (t *tap) Report(r *check.Report) error {
	var b strings.Builder
	t.begin(&b)
	if r.Err != nil {
		t.n++
		fmt.Fprintf(&b, "not ok %d - %s can be checked\n", t.n, tapText(r.Capture))
		for _, l := range errorLines(r.Err) {
			fmt.Fprintf(&b, "# %s\n", clean(l))
		}
	}
	for i := range r.Results {
		res := &r.Results[i]
		t.n++
		word := "ok"
		if !res.Met {
			word = "not ok"
		}
		fmt.Fprintf(&b, "%s %d - %s: %s\n", word, t.n, tapText(r.Capture), tapText(res.Expect))
		if !res.Met {
			fmt.Fprintf(&b, "# %s\n# seen: %s\n%s", clean(res.At.String()), clean(res.What()), res.ContextText("# "))
		}
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

func (t *tap) begin(b *strings.Builder) {
	if !t.begun {
		t.begun = true
		b.WriteString("TAP version 13\n")
	}
}

// tapText escapes what begins a directive.
func tapText(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(clean(s), `\`, `\\`), "#", `\#`)
}

// Close writes the plan.
func (t *tap) Close() error {
	var b strings.Builder
	t.begin(&b)
	fmt.Fprintf(&b, "1..%d\n", t.n)
	_, err := io.WriteString(t.w, b.String())
	return err
}
