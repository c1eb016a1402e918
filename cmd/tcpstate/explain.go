package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/internal/sample"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

// newExplainCommand tells what findings mean.
func newExplainCommand(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE…]",
		Short: "Tell what a finding means",
		Long: `Tell what findings mean: the rule and its RFC, the usual causes, what to look at
next, and a timeline that shows it. Without CODE, list them all.`,
		Example:               "  tcpstate explain\n  tcpstate explain half-open rst-inexact",
		DisableFlagsInUseLine: true,
		ValidArgs:             findingNames(),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := s.out.Write(appendFindingList(nil))
				return err
			}
			for i, name := range args {
				code, ok := statemachine.ParseCode(name)
				if !ok {
					return &usageError{text: "unknown finding " + quote(name), hint: nameHint(name, findingNames())}
				}
				text, err := explanation(c.Context(), code)
				if err != nil {
					return err
				}
				if i > 0 {
					text = "\n" + text
				}
				if _, err := io.WriteString(s.out, text); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// appendFindingList lists all findings, a line each.
func appendFindingList(b []byte) []byte {
	for _, code := range statemachine.Codes() {
		info := code.Info()
		b = fmt.Appendf(b, "%-24s %-8s %s\n", info.Name, info.Severity, info.Title)
	}
	return append(b, "\ntcpstate explain CODE says more of one.\n"...)
}

// explanation is the long form of a finding.
func explanation(ctx context.Context, code statemachine.Code) (string, error) {
	info := code.Info()
	sample, err := sampleTimeline(ctx, code)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n%s.\n", info.Name, info.Severity, sentence(info.Title))
	if info.Cite != "" {
		fmt.Fprintf(&b, "See %s.\n", info.Cite)
	}
	fmt.Fprintf(&b, "\n%s\n", wrap(info.What, "", textWidth))
	fmt.Fprintf(&b, "\nUsual causes\n%s\n", wrap(info.Causes, "  ", textWidth))
	fmt.Fprintf(&b, "\nLook at next\n%s\n", wrap(info.Next, "  ", textWidth))
	fmt.Fprintf(&b, "\nFor example\n%s", sample)
	return b.String(), nil
}

// textWidth is the width of running text.
const textWidth = 78

// sentence makes the first letter large.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// wrap breaks text into lines of at most width columns that begin with indent.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// sampleTimeline analyses the finding's sample and returns the timeline of the
// first connection and of the one that shows the finding.
func sampleTimeline(ctx context.Context, code statemachine.Code) (string, error) {
	open, err := sample.Opener(code.Info().Sample)
	if err != nil {
		return "", fmt.Errorf("the sample of %s: %w", code, err)
	}
	find := &sampleFilter{code: code}
	options := analyzer.Options{Wants: analyzer.WantPackets | analyzer.WantNotes}
	if err := analyzer.Run(ctx, options, open, find); err != nil {
		return "", err
	}
	if !find.found {
		return "", fmt.Errorf("the sample of %s does not show it", code)
	}
	var b bytes.Buffer
	lines := report.New(&b, report.Timeline, report.Options{
		Tcpdump: report.TcpdumpOptions{Location: time.UTC, Number: true}, Prompt: true,
	})
	if err := analyzer.Run(ctx, options, open, &sampleFilter{Sink: lines, out: &b, code: code, conn: find.conn}); err != nil {
		return "", err
	}
	return b.String(), nil
}

// sampleFilter passes on the packets of connection 1, conn and 0. Without a Sink
// it looks for the connection that shows the finding.
type sampleFilter struct {
	analyzer.Sink
	out   *bytes.Buffer
	code  statemachine.Code
	conn  uint32
	found bool
	last  uint64 // packet passed on last
}

// Packet passes on or looks for the finding.
func (f *sampleFilter) Packet(o *analyzer.Observation) error {
	if f.Sink == nil {
		for i := range o.Notes {
			if n := &o.Notes[i]; n.Kind == analyzer.FindingNote && n.Finding.Code == f.code && !f.found {
				f.conn, f.found = n.Conn, true
			}
		}
		return nil
	}
	if o.Packet == nil {
		for i := range o.Notes {
			if o.Notes[i].Conn == f.conn {
				return f.Sink.Packet(o)
			}
		}
		return nil
	}
	if o.Conn > 1 && o.Conn != f.conn {
		return nil
	}
	if f.last != 0 && o.Packet.Number > f.last+1 {
		f.out.WriteString("    …\n")
	}
	f.last = o.Packet.Number
	return f.Sink.Packet(o)
}

// Connection has no place in a sample.
func (f *sampleFilter) Connection(*analyzer.Connection) error { return nil }

// Capture has no place in a sample.
func (f *sampleFilter) Capture(*analyzer.Capture) error { return nil }

// findingsDocument is docs/findings.md.
func findingsDocument(ctx context.Context) (string, error) {
	var b strings.Builder
	b.WriteString(`# Findings

Generated from the table in statemachine/finding_table.go; make golden renews it. ` + "`tcpstate explain CODE`" + ` prints one of them,
` + "`tcpstate analyze --fail-on CODE,…`" + ` makes them count for the exit code. The names are stable.

| code | severity | see | in short |
|---|---|---|---|
`)
	for _, code := range statemachine.Codes() {
		info := code.Info()
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", info.Name, info.Name, info.Severity, info.Cite, info.Title)
	}
	for _, code := range statemachine.Codes() {
		info := code.Info()
		sample, err := sampleTimeline(ctx, code)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s. (%s", info.Name, sentence(info.Title), info.Severity)
		if info.Cite != "" {
			fmt.Fprintf(&b, ", %s", info.Cite)
		}
		fmt.Fprintf(&b, ")\n\n%s\n\n**Usual causes.** %s\n\n**Look at next.** %s\n\n```\n%s```\n", info.What, info.Causes, info.Next, sample)
	}
	return b.String(), nil
}
