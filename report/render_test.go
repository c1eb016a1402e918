package report_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// annotations returns the indented lines of the made-up timeline.
func annotations(t *testing.T, o report.Options) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(renderObservations(t, report.Timeline, o)) {
		if line == "\n" {
			break
		}
		if rest, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, strings.TrimSuffix(rest, "\n"))
		}
	}
	return lines
}

func TestTimelineWords(t *testing.T) {
	want := []string{
		"client CLOSED → SYN-SENT               witnessed     ISN 4294967295, SYN takes one number: next is 0",
		"server ESTABLISHED → CLOSE-WAIT        proven by #3  FIN at number 1002",
		"client FIN-WAIT-1 → FIN-WAIT-2         presumed      ACK of FIN, so far",
		"! fin-moved: two FINs at different numbers: one of them is old or forged; here at 7, the other at 9 (see #1)",
		"#1: lost after the tap: sent again as #2",
		"RST: at the number expected, the client must take it, and presumably did (in ESTABLISHED); " +
			"sent because the server's application aborted with nothing left to read (SO_LINGER 0 or the like)",
		"retransmission (rto) of #1, 0.204 s later, 2nd try, spurious: it had arrived before",
		"[1] server ESTABLISHED → CLOSE-WAIT        confirmed     step of #2: proven by #3",
		"[1] client FIN-WAIT-1 → FIN-WAIT-2         withdrawn     step of #2 did not happen",
		"[2] client TIME-WAIT → CLOSED              timer         at 00:01:01.000000, 2MSL are over",
		"[2] duplicate ACK, 3rd in a row, spurious: it had arrived before, the gap before it was lost before the tap, " +
			"the gap before it was not captured, yet acknowledged, acknowledges octets that were not captured, " +
			"fills the peer's window, offers no window, part new, part sent before, lost after the tap, " +
			"other octets at the same numbers",
		"not followed: the captured octets end within the TCP header",
		"[2] client TIME-WAIT → CLOSED              timer         at 00:01:01.000000, 2MSL are over",
	}
	got := annotations(t, report.Options{})
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("too much: %s", got[i])
		case got[i] != want[i]:
			t.Errorf("\n got %s\nwant %s", got[i], want[i])
		}
	}
}

// TestColourOnlyAdds proves that colour changes nothing but adds escapes, and
// none to tcpdump's lines.
func TestColourOnlyAdds(t *testing.T) {
	plain := renderObservations(t, report.Timeline, report.Options{})
	coloured := renderObservations(t, report.Timeline, report.Options{Color: true})
	if !escapes.MatchString(coloured) {
		t.Fatal("no colour at all")
	}
	if got := escapes.ReplaceAllString(coloured, ""); got != plain {
		t.Errorf("colour changed the text:\n%s\nwithout:\n%s", got, plain)
	}
	for line := range strings.Lines(coloured) {
		if !strings.HasPrefix(line, "    ") && strings.Contains(line, "\x1b") {
			t.Errorf("colour in tcpdump's line: %q", line)
		}
	}
}

// TestNoEscapesFromNames proves that a file's name cannot steer the terminal.
func TestNoEscapesFromNames(t *testing.T) {
	for _, f := range []report.Format{report.Timeline, report.Summary, report.NDJSON} {
		if out := renderObservations(t, f, report.Options{Segments: true}); strings.Contains(out, "\x1b") {
			t.Errorf("%s lets an escape through", f)
		}
	}
}

// TestSummaryFits demands at most 100 columns on a narrow terminal, and no
// blanks at the ends of lines.
func TestSummaryFits(t *testing.T) {
	for _, width := range []int{0, 100} {
		table := renderObservations(t, report.Summary, report.Options{Width: width})
		_, table, _ = strings.Cut(table, "\n\n")
		table, _, _ = strings.Cut(table, "\n\n")
		for line := range strings.Lines(table) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); width > 0 && n > width {
				t.Errorf("%d columns: %s", n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("blanks at the end: %q", line)
			}
		}
	}
}

// TestSummaryOnNarrowTerminal keeps the rows of IPv4 connections within 80
// columns, with the states of both ends, whatever was counted.
func TestSummaryOnNarrowTerminal(t *testing.T) {
	for _, file := range captures(t) {
		out := render(t, file, report.Summary, report.Options{Width: 80}, false)
		_, table, _ := strings.Cut(out, "\n\n")
		table, _, _ = strings.Cut(table, "\n\n")
		for line := range strings.Lines(table) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !strings.Contains(table, "[") {
				t.Errorf("%s: %d columns: %s", filepath.Base(file), n, line)
			}
		}
		if !strings.Contains(table, "client is") && !strings.Contains(table, "client state") || !strings.Contains(table, "verdict") {
			t.Errorf("%s: columns are missing:\n%s", filepath.Base(file), table)
		}
	}
}

// TestSummaryRows demands 50 rows at most, the gravest first, whatever the
// order of arrival, and a word about the rest.
func TestSummaryRows(t *testing.T) {
	const total = 120
	firstRow := func(o report.Options, up bool) (first string, rows int, out string) {
		var b strings.Builder
		sink := report.New(&b, report.Summary, o)
		for i := range uint32(total) {
			id := i + 1
			if !up {
				id = total - i
			}
			var codes map[statemachine.Code]int
			if id == 77 {
				codes = map[statemachine.Code]int{statemachine.FINMoved: 1}
			} else if id%10 == 0 {
				codes = map[statemachine.Code]int{statemachine.BareFIN: int(id)}
			}
			if err := sink.Connection(connection(id, codes)); err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Capture(&analyzer.Capture{Packets: 1}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			fields := strings.Fields(line)
			if len(fields) > 8 && fields[1] == "10.0.0.1:4970" {
				if rows == 0 {
					first = fields[0]
				}
				rows++
			}
		}
		return first, rows, b.String()
	}
	for _, up := range []bool{true, false} {
		first, rows, out := firstRow(report.Options{}, up)
		if first != "77" || rows != 50 || !strings.Contains(out, "… and 70 more connections; --all shows every one\n") {
			t.Errorf("up %v: first %s, %d rows\n%s", up, first, rows, out)
		}
		if _, rows, out := firstRow(report.Options{All: true}, up); rows != total || strings.Contains(out, "--all") {
			t.Errorf("with All: %d rows", rows)
		}
	}
	_, _, a := firstRow(report.Options{}, true)
	if _, _, b := firstRow(report.Options{}, false); a != b {
		t.Error("the order of arrival shows")
	}
}

// failing refuses every write.
type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

// TestWriteErrors demands that no renderer swallows an error of its writer.
func TestWriteErrors(t *testing.T) {
	for _, f := range []report.Format{report.Timeline, report.Summary, report.NDJSON} {
		sink := report.New(failing{}, f, report.Options{})
		if err := sink.Connection(connection(1, nil)); err != nil {
			t.Fatal(err)
		}
		if err := sink.Capture(&analyzer.Capture{Packets: 1, TCP: 1}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", f, err)
		}
	}
	sink := report.New(failing{}, report.Timeline, report.Options{Prompt: true})
	obs := observations()
	if err := sink.Packet(&obs[0]); !errors.Is(err, errFull) {
		t.Errorf("prompt: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, name := range report.Formats() {
		if f, err := report.ParseFormat(name); err != nil || f.String() != name {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	var unknown *report.NameError
	if _, err := report.ParseFormat("xml"); !errors.As(err, &unknown) || unknown.Name != "xml" {
		t.Errorf("xml: %v", err)
	}
	if _, err := report.ParseEvents([]string{"finding", "other"}); !errors.As(err, &unknown) || unknown.Name != "other" {
		t.Errorf("other: %v", err)
	}
}

func TestWants(t *testing.T) {
	parse := func(names ...string) report.EventSet {
		set, err := report.ParseEvents(names)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	const everything = analyzer.WantPackets | analyzer.WantNotes | analyzer.WantConnections
	for i, c := range []struct {
		form    report.Format
		options report.Options
		want    analyzer.Wants
	}{
		{report.Timeline, report.Options{}, everything},
		{report.Summary, report.Options{}, analyzer.WantConnections},
		{report.NDJSON, report.Options{}, analyzer.WantNotes | analyzer.WantConnections},
		{report.NDJSON, report.Options{Segments: true}, everything},
		{report.NDJSON, report.Options{Events: parse("connection")}, analyzer.WantConnections},
		{report.NDJSON, report.Options{Events: parse("capture")}, 0},
	} {
		if got := report.Wants(c.form, c.options); got != c.want {
			t.Errorf("%d: %b, want %b", i, got, c.want)
		}
	}
}

// TestRenderAllocations demands that a packet in the steady state costs no
// allocation in any form.
func TestRenderAllocations(t *testing.T) {
	obs := observations()[:3]
	for i := range obs {
		obs[i].Notes = obs[i].Notes[:min(1, len(obs[i].Notes))]
	}
	for _, f := range []report.Format{report.Timeline, report.NDJSON} {
		for _, color := range []bool{false, true} {
			sink := report.New(discard{}, f, report.Options{Segments: true, Color: color})
			all := func() {
				for i := range obs {
					if err := sink.Packet(&obs[i]); err != nil {
						t.Fatal(err)
					}
				}
			}
			all()
			if n := testing.AllocsPerRun(100, all); n != 0 {
				t.Errorf("%s, colour %s: %v allocations for three packets", f, strconv.FormatBool(color), n)
			}
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkRender measures the renderers over the made-up results.
func BenchmarkRender(b *testing.B) {
	obs := observations()
	for _, f := range []report.Format{report.Timeline, report.NDJSON} {
		b.Run(f.String(), func(b *testing.B) {
			sink := report.New(discard{}, f, report.Options{Segments: true})
			packets := 0
			b.ReportAllocs()
			for b.Loop() {
				for i := range obs[:4] {
					if err := sink.Packet(&obs[i]); err != nil {
						b.Fatal(err)
					}
				}
				packets += 4
			}
			b.ReportMetric(float64(packets)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}
