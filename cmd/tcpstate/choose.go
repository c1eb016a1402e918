package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/analyzer/where"
)

// choice are the flags that choose connections and keep their packets.
type choice struct {
	where    string
	savePcap string
	filter   *where.Filter          // of where, nil without
	sources  []analyzer.StatsSource // one for each pass
}

func (c *choice) addFlags(f *pflag.FlagSet) {
	f.StringVar(&c.where, "where", "", "only connections for which this holds, such as 'verdict == \"reset\" && server.port == 443'; --where help lists the names")
	f.StringVar(&c.savePcap, "save-pcap", "", "write the packets of the connections to this file, pcapng or pcap by its name")
	f.SetNormalizeFunc(onlyIsWhere)
}

// whereHelp in place of an expression lists what one may consist of.
const whereHelp = "help"

// explainWhere lists the names, functions and words of expressions.
func explainWhere(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("--where 'EXPRESSION' shows the connections for which the expression holds, as\n" +
		"  verdict == \"reset\" && server.port == 443\n" +
		"  \"rst-ignored\" in findings or retransmissions > packets / 10\n\nNames:\n")
	for _, f := range where.Fields() {
		fmt.Fprintf(&b, "  %-23s %-15s %s\n", f.Name, f.Type, f.Doc)
	}
	b.WriteString("  server.…                as those of the client\n\nFunctions:\n" +
		"  host(\"10.0.0.0/8\")                  an end has the address, or one of the network\n" +
		"  port(443)                           an end has the port\n" +
		"  within(client.addr, \"10.0.0.0/8\")   the address is in the network\n")
	fmt.Fprintf(&b, "\nVerdicts: %s\n", strings.Join(where.Verdicts(), ", "))
	fmt.Fprintf(&b, "\nStates: %s\n", strings.Join(where.States(), ", "))
	b.WriteString("\nOperators: == != < <= > >=, and or not (&& || !), in, contains, startsWith, matches, + - * /\n" +
		"The language: https://expr-lang.org/docs/language-definition; more in docs/where.md\n")
	_, err := w.Write(b.Bytes())
	return err
}

// onlyIsWhere makes --only another name of --where.
func onlyIsWhere(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "only" {
		name = "where"
	}
	return pflag.NormalizedName(name)
}

// compile reads the expression. Where the input is read once, packets and notes
// come before it is known whose they are, so that only records can be chosen.
func (c *choice) compile(once bool, wants analyzer.Wants) error {
	if c.where == "" {
		return nil
	}
	var err error
	if c.filter, err = where.Compile(c.where); err != nil {
		return whereUsage(err)
	}
	if once && (wants&^analyzer.WantConnections != 0 || c.savePcap != "") {
		return &usageError{
			text: "--where needs an input that can be read twice, to know each connection's end at its beginning",
			hint: "write the input to a file first; from a pipe, -f summary and -f ndjson --events connection can choose",
		}
	}
	return nil
}

// passesBy reports an input that can be read only once.
func passesBy(files []string) bool {
	for _, name := range files {
		if name == capture.Stdin {
			return true
		}
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return true
		}
	}
	return false
}

// pick returns the choice for the run, nil for all connections.
func (c *choice) pick() func(*analyzer.Connection) (bool, error) {
	if c.filter == nil {
		return nil
	}
	return func(conn *analyzer.Connection) (bool, error) {
		ok, err := c.filter.Match(conn)
		if err != nil {
			return false, whereUsage(err)
		}
		return ok, nil
	}
}

// whereUsage shows a mistake in the expression with its place.
func whereUsage(err error) error {
	var e *where.Error
	if !errors.As(err, &e) {
		return err
	}
	u := &usageError{text: "--where: " + e.Error(), hint: "--where help lists the names"}
	const widest = 160
	if e.Column > 0 && len(e.Source) <= widest && !strings.ContainsAny(e.Source, "\t\n\r") {
		u.text += "\n    " + e.Source + "\n    " + strings.Repeat(" ", e.Column-1) + "^"
	}
	if e.Name != "" {
		u.hint = nameHint(e.Name, e.Known)
	}
	return u
}

// wants returns what the choice needs of the run.
func (c *choice) wants() analyzer.Wants {
	if c.savePcap != "" {
		return analyzer.WantPackets
	}
	return 0
}

// opened notes the source of a pass.
func (c *choice) opened(src analyzer.StatsSource) { c.sources = append(c.sources, src) }

// sink puts what writes the packets in front of the sink, and returns what
// closes it.
func (c *choice) sink(next analyzer.Sink, inputs []string, output string) (analyzer.Sink, func() error, error) {
	if c.savePcap == "" {
		return next, func() error { return nil }, nil
	}
	s, err := newSaver(c.savePcap, output, inputs)
	if err != nil {
		return nil, nil, err
	}
	s.Sink = next
	// The first pass has met all link types when the second one begins.
	s.links = func() int { return len(c.sources[0].Stats().LinkTypes) }
	return s, s.close, nil
}
