package report

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/figure"
)

// markdown writes a report to paste into an issue: the totals, the table of
// connections that the summary shows, and for each of them its verdict, its
// findings and its figure.
type markdown struct {
	*drawn
	table   *summary
	figures map[uint32]string
}

// figureLines is how many lines of a figure are shown before the rest of it
// is folded away.
const figureLines = 60

func newMarkdown(w io.Writer, o Options) *markdown {
	m := &markdown{table: newSummary(w, o), figures: make(map[uint32]string)}
	m.drawn = newDrawn(w, o, func(b []byte, t *figure.Talk) []byte {
		m.figures[t.Conn] = string(figure.AppendRFC(nil, t, o.Tcpdump.Absolute))
		return b
	})
	return m
}

// Connection keeps the connection's row and figure, and forgets figures of
// connections that will not be shown.
func (m *markdown) Connection(c *analyzer.Connection) error {
	if err := m.table.Connection(c); err != nil {
		return err
	}
	if err := m.drawn.Connection(c); err != nil {
		return err
	}
	if len(m.figures) < 2*len(m.table.rows) {
		return nil
	}
	shown := make(map[uint32]string, len(m.table.rows))
	for i := range m.table.rows {
		id := m.table.rows[i].id
		shown[id] = m.figures[id]
	}
	m.figures = shown
	return nil
}

// Capture writes the report.
func (m *markdown) Capture(c *analyzer.Capture) error {
	var b, totals bytes.Buffer
	m.table.totals(&totals, c)
	b.WriteString("# TCP connections\n\n")
	for line := range strings.Lines(totals.String()) {
		b.WriteString(EscapeMarkdown(strings.TrimSuffix(line, "\n")) + "  \n")
	}
	slices.SortFunc(m.table.rows, compareRows)
	if len(m.table.rows) > 0 {
		b.WriteByte('\n')
		if err := m.rows(&b); err != nil {
			return err
		}
	}
	var left bytes.Buffer
	m.table.leftOut(&left)
	if left.Len() > 0 {
		b.WriteString("\n" + left.String())
	}
	for i := range m.table.rows {
		m.section(&b, m.table.rows[i])
	}
	_, err := m.out.w.Write(b.Bytes())
	return err
}

// rows writes the table.
func (m *markdown) rows(b *bytes.Buffer) error {
	t := tablewriter.NewTable(b,
		tablewriter.WithRenderer(renderer.NewMarkdown()),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(summaryAlign()),
	)
	t.Header(summaryHeader)
	for i := range m.table.rows {
		cells := m.table.rows[i].cells()
		for k := range cells {
			cells[k] = EscapeMarkdown(cells[k])
		}
		if err := t.Append(cells); err != nil {
			return err
		}
	}
	return t.Render()
}

// section writes what is to be said of one connection.
func (m *markdown) section(b *bytes.Buffer, r *row) {
	cells := r.cells()
	b.WriteString("\n## Connection " + cells[colNumber] + ": " + EscapeMarkdown(cells[colClient]+" → "+cells[colServer]) + "\n\n")
	b.WriteString(EscapeMarkdown(r.sentence()) + "\n")
	if len(r.findings) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range r.findings {
		info := f.code.Info()
		b.WriteString("- `" + info.Name + "` (" + info.Severity.String() + ", " + count(f.count, "time") + "): " + EscapeMarkdown(info.Title) + "\n")
	}
	text := m.figures[r.id]
	long := strings.Count(text, "\n") > figureLines
	if long {
		b.WriteString("\n<details><summary>" + count(uint64(strings.Count(text, "\n")), "line") + "</summary>\n")
	}
	b.WriteString("\n```text\n" + text + "```\n")
	if long {
		b.WriteString("\n</details>\n")
	}
}

// EscapeMarkdown returns s with what Markdown and HTML take for their own escaped.
func EscapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
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
