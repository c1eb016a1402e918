package report

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// summaryRows is how many connections the table shows unless all are asked
// for. A table of 200,000 rows helps nobody.
const summaryRows = 50

// summary keeps the rows that will be shown, and counts the rest.
type summary struct {
	w        io.Writer
	opt      Options
	rows     []*row
	total    uint64 // connections
	findings [statemachine.NumCodes]uint64
}

// row is what the table needs to know of one connection.
type row struct {
	standing
	ends       [2]analyzer.EndpointRecord
	verdict    analyzer.Verdict
	detail     string
	findings   []codeCount
	evicted    bool
	retransmit uint64
}

type codeCount struct {
	code  statemachine.Code
	count uint64
}

// standing orders connections: gravest findings first, then the number of those,
// then the connection's own number.
type standing struct {
	rank
	id uint32
}

// rank is the gravest severity of a connection's findings.
type rank struct {
	severity int // -1 without findings
	count    int
}

// add adds n findings of a code.
func (r *rank) add(code statemachine.Code, n int) {
	switch severity := int(code.Info().Severity); {
	case severity > r.severity:
		*r = rank{severity, n}
	case severity == r.severity:
		r.count += n
	}
}

// compare orders ranks, the gravest first.
func (r rank) compare(o rank) int {
	if r.severity != o.severity {
		return o.severity - r.severity
	}
	return o.count - r.count
}

func newSummary(w io.Writer, o Options) *summary { return &summary{w: w, opt: o} }

// Packet has nothing to do: the table is of connections.
func (s *summary) Packet(*analyzer.Observation) error { return nil }

// Connection counts a connection and keeps its row if it may be shown.
func (s *summary) Connection(c *analyzer.Connection) error {
	s.total++
	r := rank{severity: -1}
	for code, n := range c.Findings {
		s.findings[code] += uint64(n)
		r.add(code, n)
	}
	if s.opt.All || len(s.rows) < summaryRows {
		s.rows = append(s.rows, newRow(c, r))
		if !s.opt.All && len(s.rows) == summaryRows {
			slices.SortFunc(s.rows, compareRows)
		}
		return nil
	}
	s.replaceLast(c, r)
	return nil
}

// replaceLast puts a connection among the rows, which are full and in order,
// if it outranks the last of them.
func (s *summary) replaceLast(c *analyzer.Connection, r rank) {
	candidate := standing{r, c.ID}
	if candidate.compare(s.rows[len(s.rows)-1].standing) >= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(s.rows, candidate, func(x *row, p standing) int { return x.compare(p) })
	s.rows = slices.Insert(s.rows[:len(s.rows)-1], at, newRow(c, r))
}

// sieve keeps of one worker's connections those that may be among the rows.
type sieve struct {
	rows int
	best []candidate // in order, at most as many as rows
}

// candidate is a connection without its number.
type candidate struct {
	rank
	born analyzer.Birth
}

func (a candidate) compare(b candidate) int {
	if c := a.rank.compare(b.rank); c != 0 {
		return c
	}
	return a.born.Compare(b.born)
}

// Sieve returns a sieve that holds back what cannot be among the rows.
func (s *summary) Sieve() analyzer.Sieve { return &sieve{rows: summaryRows} }

// Rest counts what the sieves held back.
func (s *summary) Rest(connections uint64, findings *[statemachine.NumCodes]uint64) {
	s.total += connections
	for code, n := range findings {
		s.findings[code] += n
	}
}

// Keep reports whether a connection may be among the rows: fewer than there are
// rows outrank it so far.
func (s *sieve) Keep(findings []analyzer.FindingCount, born analyzer.Birth) bool {
	c := candidate{rank{severity: -1}, born}
	for _, f := range findings {
		c.add(f.Code, int(f.Count))
	}
	if len(s.best) == s.rows {
		if c.compare(s.best[s.rows-1]) >= 0 {
			return false
		}
		s.best = s.best[:s.rows-1]
	}
	at, _ := slices.BinarySearchFunc(s.best, c, candidate.compare)
	s.best = slices.Insert(s.best, at, c)
	return true
}

func newRow(c *analyzer.Connection, r rank) *row {
	out := &row{standing: standing{r, c.ID}, ends: c.Ends, verdict: c.Verdict, detail: c.Detail, evicted: c.Evicted}
	for code := range statemachine.Code(statemachine.NumCodes) {
		if n := c.Findings[code]; n > 0 {
			out.findings = append(out.findings, codeCount{code, uint64(n)})
		}
	}
	slices.SortStableFunc(out.findings, graverFirst)
	for _, e := range c.Ends {
		for _, n := range e.Retransmissions {
			out.retransmit += uint64(n)
		}
	}
	return out
}

func compareRows(a, b *row) int { return a.compare(b.standing) }

func (p standing) compare(o standing) int {
	return cmp.Or(p.rank.compare(o.rank), cmp.Compare(p.id, o.id))
}

func graverFirst(a, b codeCount) int {
	return int(b.code.Info().Severity) - int(a.code.Info().Severity)
}

// Capture prints the totals, the table and the findings by count; nothing when
// there was no input to speak of.
func (s *summary) Capture(c *analyzer.Capture) error {
	if c.Packets == 0 && len(c.Errors) > 0 {
		return nil
	}
	var b bytes.Buffer
	for code, n := range c.Findings {
		s.findings[code] += uint64(n)
	}
	s.totals(&b, c)
	if len(s.rows) > 0 {
		slices.SortFunc(s.rows, compareRows)
		b.WriteByte('\n')
		if err := s.table(&b); err != nil {
			return err
		}
		s.leftOut(&b)
		s.byCount(&b)
	}
	_, err := s.w.Write(b.Bytes())
	return err
}

// totals prints what was read.
func (s *summary) totals(b *bytes.Buffer, c *analyzer.Capture) {
	b.WriteString(inputs(c.Files))
	b.WriteString(count(c.Packets, "packet") + ", " + count(c.TCP, "TCP segment") +
		" in " + count(c.Connections, "connection"))
	if s.total != c.Connections {
		b.WriteString(", ")
		b.Write(appendGrouped(b.AvailableBuffer(), s.total))
		b.WriteString(" chosen")
	}
	if c.Packets > 0 {
		zone := s.opt.Tcpdump.Location
		if zone == nil {
			zone = time.Local
		}
		b.WriteString("\nfrom " + time.Unix(0, int64(c.First.Time)).In(zone).Format("2006-01-02 15:04:05.000000 MST"))
		if d := c.Last.Time - c.First.Time; d > 0 {
			b.WriteString(", for " + string(appendElapsed(nil, d)))
		}
	}
	b.WriteByte('\n')
	var skipped []string
	for reason, n := range c.Skipped {
		if n > 0 {
			skipped = append(skipped, string(appendGrouped(nil, n))+" "+analyzer.Skip(reason).String())
		}
	}
	if len(skipped) > 0 {
		b.WriteString("not followed: " + strings.Join(skipped, ", ") + "\n")
	}
	if c.Drops > 0 {
		b.WriteString("the capture itself reports " + count(c.Drops, "dropped packet") + "\n")
	}
	if c.Fragments > 0 {
		b.WriteString("fragments are missing of " + count(c.Fragments, "IP datagram") + "\n")
	}
	if c.Aggregated > 0 {
		b.WriteString("not followed inside 802.11 aggregates: " + count(c.Aggregated, "frame") + "\n")
	}
	for _, text := range c.Comments {
		b.WriteString("comment: " + clean(text) + "\n")
	}
	if c.Commented > 0 {
		b.WriteString("with a comment: " + count(c.Commented, "packet") + "\n")
	}
	if c.Evicted > 0 {
		b.WriteString("written out early because of a limit: " + count(c.Evicted, "connection") + "\n")
	}
	for _, e := range c.Errors {
		b.WriteString("problem: " + clean(e) + "\n")
	}
}

// namedFiles is how many files the totals name; more are counted.
const namedFiles = 3

// inputs returns the beginning of the totals.
func inputs(files []string) string {
	switch {
	case len(files) == 0:
		return ""
	case len(files) > namedFiles:
		return count(uint64(len(files)), "file") + ": "
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = clean(f)
	}
	return strings.Join(names, ", ") + ": "
}

// The columns of the table.
const (
	colNumber = iota
	colClient
	colServer
	colClientState
	colServerState
	colPackets
	colBytes
	colRetrans
	colFindings
	colVerdict

	numColumns = iota
)

var summaryHeader = []string{
	"#", "client", "server", "client state", "server state", "packets", "bytes", "retrans", "findings", "verdict",
}

// summaryAlign puts numbers to the right.
func summaryAlign() tw.Alignment {
	align := tw.MakeAlign(numColumns, tw.AlignLeft)
	for _, c := range []int{colNumber, colPackets, colBytes, colRetrans} {
		align[c] = tw.AlignRight
	}
	return align
}

// table prints the rows.
func (s *summary) table(b *bytes.Buffer) error {
	cells := make([][]string, 0, len(s.rows)+1)
	cells = append(cells, slices.Clone(summaryHeader))
	for i := range s.rows {
		cells = append(cells, s.rows[i].cells())
	}
	columns := s.fit(cells)
	for i := range cells {
		cells[i] = at(cells[i], columns)
	}
	t := tablewriter.NewTable(&trimWriter{w: b},
		tablewriter.WithRendition(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{
				Separators: tw.Separators{
					BetweenColumns: tw.Off, BetweenRows: tw.Off, ShowHeader: tw.Off, ShowFooter: tw.Off,
				},
				Lines: tw.Lines{ShowTop: tw.Off, ShowBottom: tw.Off, ShowHeaderLine: tw.Off, ShowFooterLine: tw.Off},
			},
		}),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithAlignment(at(summaryAlign(), columns)),
	)
	t.Header(cells[0])
	if err := t.Bulk(cells[1:]); err != nil {
		return err
	}
	return t.Render()
}

func (r *row) cells() []string {
	out := make([]string, numColumns)
	client, server := &r.ends[statemachine.Client], &r.ends[statemachine.Server]
	out[colNumber] = strconv.FormatUint(uint64(r.id), 10)
	out[colClient] = string(appendEndpoint(nil, client.Addr))
	out[colServer] = string(appendEndpoint(nil, server.Addr))
	out[colClientState] = client.State.String()
	out[colServerState] = server.State.String()
	out[colVerdict] = r.sentence()
	out[colPackets] = strconv.FormatUint(client.Packets+server.Packets, 10)
	out[colBytes] = strconv.FormatUint(client.Bytes+server.Bytes, 10)
	out[colRetrans] = strconv.FormatUint(r.retransmit, 10)
	out[colFindings] = r.findingList()
	return out
}

func (r *row) sentence() string {
	text := r.verdict.String()
	if r.detail != "" {
		text = clean(r.detail)
	}
	if r.evicted {
		text += " (written out early)"
	}
	return text
}

func (r *row) findingList() string {
	var b []byte
	for i, f := range r.findings {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, f.code.String()...)
		if f.count > 1 {
			b = strconv.AppendUint(append(b, " ×"...), f.count, 10)
		}
	}
	return string(b)
}

// What columns that are cut to fit keep at least.
const (
	leastWidth   = 8
	leastAddress = 21 // an IPv4 endpoint
)

// fit makes the cells, header first, narrow enough for the terminal, and returns
// the columns that are shown: first the verdict's sentence gives way to its
// name, then columns are left out, then findings and verdict are cut, at last
// IPv6 addresses in their middle. Numbers never are.
func (s *summary) fit(cells [][]string) []int {
	columns := make([]int, numColumns)
	for i := range columns {
		columns[i] = i
	}
	if s.over(cells, columns) <= 0 {
		return columns
	}
	for i := range s.rows {
		cells[i+1][colVerdict] = s.rows[i].verdict.String()
	}
	cells[0][colPackets], cells[0][colRetrans] = "pkts", "retr"
	if s.over(cells, columns) > 0 {
		cells[0][colClientState], cells[0][colServerState] = "client is", "server is"
		columns = s.shed(cells, columns)
	}
	for _, c := range []struct {
		column, least int
		cut           func(text []rune, width int) string
	}{
		{colFindings, leastWidth, cutEnd}, {colVerdict, leastWidth, cutEnd},
		{colClient, leastAddress, cutMiddle}, {colServer, leastAddress, cutMiddle},
	} {
		over := s.over(cells, columns)
		if over <= 0 || !slices.Contains(columns, c.column) {
			continue
		}
		to := max(width(cells, c.column)-over, c.least)
		for _, r := range cells {
			if text := []rune(r[c.column]); len(text) > to {
				r[c.column] = c.cut(text, to)
			}
		}
	}
	return columns
}

// shed leaves out columns where the table is too wide: those in which nothing
// stands, then, where cutting the others would not do, those of plain numbers.
func (s *summary) shed(cells [][]string, columns []int) []int {
	empty := func(column int, none string) bool {
		return !slices.ContainsFunc(cells[1:], func(r []string) bool { return r[column] != none })
	}
	without := func(column int) []int {
		return slices.DeleteFunc(columns, func(c int) bool { return c == column })
	}
	if s.over(cells, columns) > 0 && empty(colFindings, "") {
		columns = without(colFindings)
	}
	if s.over(cells, columns) > 0 && empty(colRetrans, "0") {
		columns = without(colRetrans)
	}
	for _, c := range []int{colBytes, colPackets} {
		slack := 0 // what cutting can gain
		for column, least := range map[int]int{colFindings: leastWidth, colClient: leastAddress, colServer: leastAddress} {
			if slices.Contains(columns, column) {
				slack += max(width(cells, column)-least, 0)
			}
		}
		if s.over(cells, columns) > slack {
			columns = without(c)
		}
	}
	return columns
}

// at returns the elements of a list at some places.
func at[S ~[]E, E any](list S, places []int) S {
	out := make(S, len(places))
	for i, p := range places {
		out[i] = list[p]
	}
	return out
}

func cutEnd(text []rune, width int) string { return string(text[:width-1]) + "…" }

// cutMiddle keeps the port, which stands at the end.
func cutMiddle(text []rune, width int) string {
	tail := width / 2
	return string(text[:width-1-tail]) + "…" + string(text[len(text)-tail:])
}

// over returns by how much the table of these columns is too wide.
func (s *summary) over(cells [][]string, columns []int) int {
	if s.opt.Width <= 0 {
		return 0
	}
	total := 2 * (len(columns) - 1)
	for _, c := range columns {
		total += width(cells, c)
	}
	return total - s.opt.Width
}

func width(cells [][]string, column int) int {
	w := 0
	for _, r := range cells {
		w = max(w, utf8.RuneCountInString(r[column]))
	}
	return w
}

// leftOut tells how many connections the table does not show.
func (s *summary) leftOut(b *bytes.Buffer) {
	if rest := s.total - uint64(len(s.rows)); rest > 0 {
		b.WriteString("… and " + count(rest, "more connection") + "; --all shows every one\n")
	}
}

// byCount prints the findings of all connections, the gravest and most
// frequent first.
func (s *summary) byCount(b *bytes.Buffer) {
	var list []codeCount
	for code, n := range s.findings {
		if n > 0 {
			list = append(list, codeCount{statemachine.Code(code), n})
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b codeCount) int {
		if d := graverFirst(a, b); d != 0 {
			return d
		}
		return int(min(b.count, 1<<30)) - int(min(a.count, 1<<30))
	})
	b.WriteString("\nfindings\n")
	for _, f := range list {
		info := f.code.Info()
		line := pad(appendPadded([]byte("  "), f.count, 6), 0, 10)
		line = pad(append(line, info.Severity.String()...), 0, 19)
		line = append(pad(append(line, info.Name...), 0, 43), info.Title...)
		b.Write(append(line, '\n'))
	}
}

// trimWriter drops the blanks at the ends of lines, which tablewriter pads
// out.
type trimWriter struct {
	w    *bytes.Buffer
	hold int // blanks seen that may end a line
}

// Write passes p on without the blanks before line ends.
func (t *trimWriter) Write(p []byte) (int, error) {
	for _, c := range p {
		if c == ' ' {
			t.hold++
			continue
		}
		if c != '\n' {
			for ; t.hold > 0; t.hold-- {
				t.w.WriteByte(' ')
			}
		}
		t.hold = 0
		t.w.WriteByte(c)
	}
	return len(p), nil
}
