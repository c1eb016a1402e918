package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newVersionCommand prints what was built.
func newVersionCommand(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  tcpstate version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(s.out, "tcpstate %s, %s, %s/%s\n",
				buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// release is the version of a release. Only the linker writes it: the build's own
// information lacks it where the sources are no clone of the repository.
var release string

// buildVersion returns the release or the module's version, with the commit
// where it is known.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown version)"
	}
	version := cmp.Or(release, info.Main.Version, "(devel)")
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			version += " commit " + setting.Value[:min(12, len(setting.Value))]
		}
	}
	return version
}

// noArguments refuses arguments in our words.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{text: c.Name() + " takes no argument, got " + quote(args[0])}
}
