package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand writes the manual pages. It is for those who package the
// program, and not listed.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into a directory",
		Hidden: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{text: "man needs one directory"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return &exitError{code: exitInput, lines: []string{"cannot write " + plainPathError(err)}}
			}
			keepTables(c.Root())
			if err := doc.GenManTree(c.Root(), manHeader(), args[0]); err != nil {
				return &exitError{code: exitInput, lines: []string{"cannot write " + plainPathError(err)}}
			}
			return nil
		},
	}
}

// keepTables marks the indented lines of all descriptions as what must not be
// filled: the generator takes descriptions for Markdown.
func keepTables(c *cobra.Command) {
	var b strings.Builder
	table := false
	for line := range strings.SplitSeq(c.Long, "\n") {
		if indented := strings.HasPrefix(line, "  "); indented != table {
			table = indented
			b.WriteByte('\n')
		}
		if table {
			b.WriteString("  ")
		}
		b.WriteString(line + "\n")
	}
	c.Long = b.String()
	for _, sub := range c.Commands() {
		keepTables(sub)
	}
}

// manHeader names the version and the day of SOURCE_DATE_EPOCH or, where the
// build knows it, of the commit, so that the same build writes the same pages.
func manHeader() *doc.GenManHeader {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	day := time.Unix(seconds, 0).UTC()
	if err == nil {
		return manHeaderOf(day)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if at, err := time.Parse(time.RFC3339, setting.Value); setting.Key == "vcs.time" && err == nil {
				day = at
			}
		}
	}
	return manHeaderOf(day)
}

func manHeaderOf(day time.Time) *doc.GenManHeader {
	return &doc.GenManHeader{Title: "TCPSTATE", Section: "1", Source: "tcpstate " + buildVersion(), Manual: "tcpstate", Date: &day}
}
