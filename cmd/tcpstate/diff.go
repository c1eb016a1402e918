package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/check"
)

// diffOptions are the flags of diff, as given.
type diffOptions struct {
	streams *streams
	detail  string
	color   string
}

const diffLong = `Tell what changed between two recordings of the same exchange.

Addresses, ports, sequence numbers, windows and times are left out of the
comparison, so that two runs of a sound test compare as the same. Connections
are compared in their order. Lines that only the first recording has begin with
-, those of the second with +; #A and #B are the packets.`

// newDiffCommand compares two captures.
func newDiffCommand(s *streams) *cobra.Command {
	o := &diffOptions{streams: s}
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Tell what changed between two recordings",
		Long:  diffLong + "\n\nExit codes:\n" + exitHelp(),
		Example: `  tcpstate diff yesterday.pcap today.pcap
  tcpstate diff --by states before.pcap after.pcap`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{text: "diff needs two captures"}
			}
			return nil
		},
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
		ValidArgsFunction: cobra.FixedCompletions(captureEndings(), cobra.ShellCompDirectiveFilterFileExt),
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.detail, "by", "segments", "how closely: "+strings.Join(check.DetailNames(), ", "))
	f.StringVar(&o.color, "color", "auto", "colour: auto, always, never; auto obeys NO_COLOR")
	complete(c, "by", check.DetailNames())
	complete(c, "color", colorModes())
	return c
}

func (o *diffOptions) run(ctx context.Context, a, b string) error {
	detail, ok := check.ParseDetail(o.detail)
	if !ok {
		return &usageError{text: "cannot compare by " + quote(o.detail), hint: nameHint(o.detail, check.DetailNames())}
	}
	color, err := (&analyzeOptions{streams: o.streams, color: o.color}).useColor()
	if err != nil {
		return err
	}
	var traces [2]*check.Trace
	for i, path := range []string{a, b} {
		if traces[i], err = check.ReadTrace(ctx, path, detail); err != nil {
			return err
		}
		if traces[i].Connections() == 0 {
			return &exitError{code: exitInput, lines: []string{path + ": no TCP connection to compare"}}
		}
	}
	lines := check.Compare(traces[0], traces[1])
	if len(lines) == 0 {
		return nil
	}
	if err := o.print(lines, color, a, b); err != nil {
		return err
	}
	return &exitError{code: exitUnmet}
}

// print writes the differences in the manner of a unified diff.
func (o *diffOptions) print(lines []check.DiffLine, color bool, a, b string) error {
	styles := map[byte]string{'-': "31", '+': "32", '@': "36"}
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", printable(a), printable(b))
	for _, l := range lines {
		text := l.Text
		if l.Sign == '@' {
			text = "@@ " + text
		} else {
			text = fmt.Sprintf("%c %-5s %-5s %s", l.Sign, packetName(l.A), packetName(l.B), text)
		}
		if s := styles[l.Sign]; color && s != "" {
			text = "\x1b[" + s + "m" + text + "\x1b[0m"
		}
		out.WriteString(text + "\n")
	}
	_, err := fmt.Fprint(o.streams.out, out.String())
	return err
}

func packetName(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("#%d", n)
}
