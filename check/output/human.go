package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpstate/tcpstate/check"
)

// HumanOptions choose what people are shown.
type HumanOptions struct {
	Color bool
	// Verbose 1 shows the captures that passed too, and every expectation
	// that was not met instead of the first 20 of a capture; 2 shows those
	// that were met as well.
	Verbose int
}

// shownUnmet is how many unmet expectations of a capture are shown where people
// read.
const shownUnmet = 20

type human struct {
	w      io.Writer
	opt    HumanOptions
	totals totals
}

// NewHuman returns a writer for people: each expectation that was not met
// with what was seen instead, and the totals.
func NewHuman(w io.Writer, o HumanOptions) Writer { return &human{w: w, opt: o} }

// paint puts text into a colour of ECMA-48.
func (h *human) paint(code, s string) string {
	if !h.opt.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const (
	red   = "31"
	green = "32"
	faint = "2"
)

// Report prints one capture.
func (h *human) Report(r *check.Report) error {
	h.totals.add(r)
	var b strings.Builder
	unmet := r.Unmet()
	switch {
	case r.Failed():
		h.heading(&b, r, len(unmet))
	case r.Update != "" && r.Update != "unchanged":
		fmt.Fprintf(&b, "%s %s: %s %s (%s)\n", h.paint(green, "✓"), clean(r.Capture), clean(r.Expect), r.Update, plural(len(r.Results), "expectation"))
	case h.opt.Verbose > 0:
		fmt.Fprintf(&b, "%s %s: %s met%s\n", h.paint(green, "✓"), clean(r.Capture), plural(len(r.Results), "expectation"), h.by(r))
	}
	shown := 0
	for i := 0; i < len(r.Results); i++ {
		switch res := &r.Results[i]; {
		case !res.Met && h.opt.Verbose == 0 && shown == shownUnmet:
			fmt.Fprintf(&b, "  … and %d more; -v shows them all\n", len(unmet))
			i = len(r.Results)
		case !res.Met:
			shown++
			unmet = unmet[1:]
			// Neighbours of one packet share its lines, behind the last.
			h.result(&b, res, len(unmet) == 0 || unmet[0].Packet != res.Packet)
		case h.opt.Verbose > 1:
			fmt.Fprintf(&b, "  %s %s: %s\n", h.paint(green, "✓"), clean(res.At.String()), clean(res.Expect))
		}
	}
	_, err := io.WriteString(h.w, b.String())
	return err
}

// by names what judged a capture without expectations.
func (h *human) by(r *check.Report) string {
	if r.Expect == "" && len(r.Results) > 0 {
		return " (" + r.Results[0].At.String() + ")"
	}
	return ""
}

func (h *human) heading(b *strings.Builder, r *check.Report, unmet int) {
	fmt.Fprintf(b, "%s %s", h.paint(red, "✗"), clean(r.Capture))
	if unmet > 0 {
		fmt.Fprintf(b, ": %d of %s not met", unmet, plural(len(r.Results), "expectation"))
	}
	if r.Update != "" && r.Update != "unchanged" {
		fmt.Fprintf(b, ", %s %s", clean(r.Expect), r.Update)
	}
	if r.Err != nil {
		for _, l := range errorLines(r.Err) {
			fmt.Fprintf(b, "\n  %s %s", h.paint(red, "✗"), clean(l))
		}
	}
	b.WriteByte('\n')
}

func (h *human) result(b *strings.Builder, r *check.Result, context bool) {
	fmt.Fprintf(b, "  %s %s: %s\n", h.paint(red, "✗"), clean(r.At.String()), clean(r.Expect))
	fmt.Fprintf(b, "      seen: %s\n", clean(r.What()))
	if text := r.ContextText("      "); text != "" && context {
		b.WriteString(h.paintLines(text))
	}
}

// paintLines makes whole lines faint.
func (h *human) paintLines(text string) string {
	if !h.opt.Color {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(h.paint(faint, strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// Close prints the totals.
func (h *human) Close() error {
	_, err := fmt.Fprintln(h.w, h.totals.String())
	return err
}
