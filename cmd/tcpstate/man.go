package main

import (
	"os"
	"runtime/debug"
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
			if err := doc.GenManTree(c.Root(), manHeader(), args[0]); err != nil {
				return &exitError{code: exitInput, lines: []string{"cannot write " + plainPathError(err)}}
			}
			return nil
		},
	}
}

// manHeader names the version and, where the build knows it, the day of the
// commit, so that the same build writes the same pages.
func manHeader() *doc.GenManHeader {
	day := time.Unix(0, 0).UTC()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if at, err := time.Parse(time.RFC3339, setting.Value); setting.Key == "vcs.time" && err == nil {
				day = at
			}
		}
	}
	return &doc.GenManHeader{Title: "TCPSTATE", Section: "1", Source: "tcpstate " + buildVersion(), Manual: "tcpstate", Date: &day}
}
