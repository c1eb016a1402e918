// Package report turns the results of a run into bytes: the annotated
// timeline, the summary table and NDJSON. Each renderer is an analyzer.Sink;
// it analyses nothing, prints what the observer found and knows neither
// captures nor the terminal. The same results give the same bytes.
//
// What comes from packets is printed as numbers and fixed words only, and
// names of files with their control characters escaped, so that no input can
// steer a terminal.
package report

import (
	"fmt"
	"io"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Format names a form of output.
type Format uint8

// The forms.
const (
	Timeline Format = iota // tcpdump's line of each packet, and what changed under it
	Summary                // a table of connections
	NDJSON                 // one JSON object a line, see docs/json.md
	Zeek                   // conn.log as Zeek writes it, see docs/zeek.md
	ZeekJSON               // the same as JSON
	RFC                    // figures as RFC 9293 §3.5 draws them
	Mermaid                // a sequence diagram for Mermaid
	SVG                    // a ladder for each connection
	Markdown               // a report to paste into an issue
	HTML                   // a report of one file for a browser, see docs/report.md

	numFormats = iota
)

var formatNames = [numFormats]string{
	Timeline: "timeline", Summary: "summary", NDJSON: "ndjson", Zeek: "zeek", ZeekJSON: "zeek-json",
	RFC: "rfc", Mermaid: "mermaid", SVG: "svg", Markdown: "markdown",
	HTML: "html",
}

// String returns the name that the command takes.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return "invalid"
}

// Formats returns the names of all forms in the order of their declaration.
func Formats() []string { return append([]string(nil), formatNames[:]...) }

// ParseFormat returns the form with the given name, or an error that lists
// the names there are.
func ParseFormat(name string) (Format, error) {
	for f, n := range formatNames {
		if n == name {
			return Format(f), nil
		}
	}
	return Timeline, &NameError{What: "format", Name: name, Known: Formats()}
}

// NameError tells that a name is not one of those there are.
type NameError struct {
	What  string   // what was named: "format", "event"
	Name  string   // as given
	Known []string // the names there are
}

// Error names the mistake; Known is left to the caller to show.
func (e *NameError) Error() string { return fmt.Sprintf("unknown %s %q", e.What, e.Name) }

// Options choose what a renderer prints. The zero value is the plain form.
type Options struct {
	Tcpdump  TcpdumpOptions // how the timeline's own lines look; Verbose adds rules to the steps too
	Color    bool           // the annotations of the timeline in colour (ECMA-48 escapes)
	Width    int            // columns that a table may take, 0 for no limit
	All      bool           // every connection in the summary, not only the first 50
	Segments bool           // NDJSON: a record for each segment
	Events   EventSet       // NDJSON: the kinds of records; zero means all, segments only with Segments
	Prompt   bool           // write after each packet instead of in large pieces
	// PageSegments is how many segments a page of HTML has, page.DefaultSegments when 0.
	PageSegments int
}

// New returns the renderer of form f that writes to w. Its errors are those
// of w.
func New(w io.Writer, f Format, o Options) analyzer.Sink {
	switch f {
	case Summary:
		return newSummary(w, o)
	case NDJSON:
		return newNDJSON(w, o)
	case Zeek, ZeekJSON:
		return newZeekLog(w, o, f == ZeekJSON)
	case RFC:
		return newFigures(w, o)
	case Mermaid:
		return newMermaid(w, o)
	case SVG:
		return newLadders(w, o)
	case Markdown:
		return newMarkdown(w, o)
	case HTML:
		return newPages(w, o)
	case Timeline:
	}
	return newTimeline(w, o)
}

// Wants returns what a run must hand to the renderer of form f.
func Wants(f Format, o Options) analyzer.Wants {
	switch f {
	case Summary:
		return analyzer.WantConnections
	case NDJSON:
		return newEventSet(o).wants()
	case Zeek, ZeekJSON:
		return analyzer.WantBare
	case Timeline, RFC, Mermaid, SVG, Markdown, HTML:
	}
	return analyzer.WantPackets | analyzer.WantNotes | analyzer.WantConnections
}

// outputSize is how many octets are gathered before they are written.
const outputSize = 64 << 10

// output gathers lines and writes them in large pieces. b is appended to
// freely between calls of done.
type output struct {
	w      io.Writer
	b      []byte
	prompt bool
}

func newOutput(w io.Writer, prompt bool) output {
	return output{w: w, b: make([]byte, 0, outputSize+outputSize/8), prompt: prompt}
}

// done is called after each complete record with the grown buffer.
func (o *output) done(b []byte) error {
	o.b = b
	if len(b) < outputSize && !o.prompt {
		return nil
	}
	return o.flush()
}

// flush writes what was gathered.
func (o *output) flush() error {
	if len(o.b) == 0 {
		return nil
	}
	_, err := o.w.Write(o.b)
	o.b = o.b[:0]
	return err
}
