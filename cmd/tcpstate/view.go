package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/report/page"
)

// newViewCommand writes the page of captures and shows it.
func newViewCommand(s *streams) *cobra.Command {
	o := &analyzeOptions{streams: s, format: report.HTML.String(), color: "never", timers: "linux", changed: func(string) bool { return false }}
	var stay bool
	c := &cobra.Command{
		Use:   "view FILE…",
		Short: "Show captures in the browser",
		Long: `Write the report of captures as one page of HTML, open it in the browser and
print where it is. Without -o it is a temporary file, which stays. The browser is
that of the variable BROWSER, or the system's; where there is none, the path is
all.

The page needs no network; docs/report.md tells what is on it. It is what
tcpstate analyze -f html -o FILE writes.`,
		Example:               "  tcpstate view capture.pcap\n  tcpstate view -o report.html --where 'verdict == \"reset\"' monday.pcap",
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{text: "view needs a capture file", hint: "- reads standard input"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.files = o.input.order(args)
			return o.view(c.Context(), stay)
		},
		ValidArgsFunction: cobra.FixedCompletions(captureEndings(), cobra.ShellCompDirectiveFilterFileExt),
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.output, "output", "o", "", "write the page to this file instead of a temporary one")
	f.BoolVar(&stay, "no-open", false, "do not open the browser")
	f.IntVar(&o.page, "page-segments", page.DefaultSegments, "how many segments to include, those of connections with findings first")
	f.BoolVarP(&o.absolute, "absolute", "S", false, "absolute sequence numbers")
	o.choice.addFlags(f)
	o.input.addFlags(f)
	return c
}

// view writes the page, prints its path and opens it. A capture that is damaged
// part-way is shown as far as it goes.
func (o *analyzeOptions) view(ctx context.Context, stay bool) error {
	if o.output == "" {
		f, err := os.CreateTemp("", "tcpstate-*.html")
		if err != nil {
			return &exitError{code: exitInput, lines: []string{"cannot write " + plainPathError(err)}}
		}
		o.output = f.Name()
		if err := f.Close(); err != nil {
			return err
		}
	}
	failed := o.run(ctx)
	info, err := os.Stat(o.output)
	if err != nil {
		return failed // it was never made
	}
	if info.Size() == 0 {
		return errors.Join(failed, os.Remove(o.output))
	}
	path, err := filepath.Abs(o.output)
	if err != nil {
		path = o.output
	}
	fmt.Fprintln(o.streams.out, path)
	if !stay && ctx.Err() == nil {
		if err := browse(path, o.streams.env); err != nil {
			o.streams.say("no browser was opened: " + err.Error())
		}
	}
	return failed
}

// browse starts a browser on a file and does not wait for it.
func browse(path string, env func(string) string) error {
	var tried []string
	for _, command := range browsers(path, env) {
		program, err := exec.LookPath(command[0])
		if err != nil {
			tried = append(tried, command[0]+" is not installed")
			continue
		}
		c := exec.Command(program, command[1:]...)
		if err := c.Start(); err != nil {
			tried = append(tried, err.Error())
			continue
		}
		return c.Process.Release()
	}
	if len(tried) == 0 {
		return errors.New("there is no display")
	}
	return errors.New(strings.Join(tried, ", "))
}

// browsers returns the commands that may show a file, the best first: those of
// BROWSER, a list whose entries may have %s in them, then the system's own.
func browsers(path string, env func(string) string) [][]string {
	var out [][]string
	for entry := range strings.SplitSeq(env("BROWSER"), string(os.PathListSeparator)) {
		words := strings.Fields(entry)
		if len(words) == 0 {
			continue
		}
		placed := false
		for i, w := range words {
			placed = placed || strings.Contains(w, "%s")
			words[i] = strings.ReplaceAll(w, "%s", path)
		}
		if !placed {
			words = append(words, path)
		}
		out = append(out, words)
	}
	switch runtime.GOOS {
	case "darwin":
		return append(out, []string{"open", path})
	case "windows":
		return append(out, []string{"rundll32", "url.dll,FileProtocolHandler", path})
	}
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return out // xdg-open would start and show nothing
	}
	return append(out, []string{"xdg-open", path})
}
