package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `tcpstate reads captures of TCP traffic and tells, for both ends of each
connection, the state of RFC 9293 after every segment, what proves it, and what
went wrong.

Results go to standard output, everything else to standard error.`

// newRootCommand builds the whole command tree on the given streams.
func newRootCommand(s *streams) *cobra.Command {
	root := &cobra.Command{
		Use:               "tcpstate",
		Short:             "Tell the TCP states of both ends from a capture",
		Long:              rootLong + "\n\nExit codes:\n" + exitHelp(),
		Example:           "  tcpstate analyze capture.pcap\n  tcpdump -w - tcp | tcpstate analyze -",
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              unknownCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		DisableAutoGenTag: true,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newAnalyzeCommand(s), newViewCommand(s), newLiveCommand(s), newCheckCommand(s), newDiffCommand(s), newExplainCommand(s),
		newInterfacesCommand(s), newVersionCommand(s), newManCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// unknownCommand refuses words that are no command, with advice.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := &usageError{text: "unknown command " + quote(args[0])}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			names = append(names, sub.Name())
		}
	}
	e.hint = nameHint(args[0], names)
	if _, err := os.Stat(args[0]); err == nil {
		e.hint = "to read a capture: tcpstate analyze " + args[0]
	}
	return e
}

// flagError turns what the flag parser says into our words.
func flagError(c *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return &usageError{text: err.Error(), hint: "see tcpstate " + commandWords(c) + "--help"}
	}
	if short := missing.GetSpecifiedShortnames(); short != "" {
		return &usageError{
			text: "unknown flag -" + missing.GetSpecifiedName()[:1] + inGroup(short),
			hint: "see tcpstate " + commandWords(c) + "--help",
		}
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	e := &usageError{text: "unknown flag --" + missing.GetSpecifiedName()}
	if name := suggest(missing.GetSpecifiedName(), names); name != "" {
		e.hint = "did you mean --" + name + "?"
	} else {
		e.hint = "see tcpstate " + commandWords(c) + "--help"
	}
	return e
}

func inGroup(short string) string {
	if len(short) < 2 {
		return ""
	}
	return " in -" + short
}

// commandWords returns the command's name with a blank, empty for the root.
func commandWords(c *cobra.Command) string {
	if !c.HasParent() {
		return ""
	}
	return c.Name() + " "
}
