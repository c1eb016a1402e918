package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// newInterfacesCommand lists what can be captured at.
func newInterfacesCommand(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "interfaces",
		Short: "List the interfaces that live can capture at",
		Long:  "List the interfaces that live can capture at, as tcpdump -D does. A device is\nnamed by what stands behind the number.",
		Example: `  tcpstate interfaces
  sudo tcpstate live -i any`,
		DisableFlagsInUseLine: true,
		Args:                  noArguments,
		RunE: func(*cobra.Command, []string) error {
			list, err := capture.Devices()
			if err != nil {
				return &exitError{code: exitRights, lines: []string{err.Error()}}
			}
			var b strings.Builder
			for i := range list {
				writeDevice(&b, i+1, &list[i])
			}
			_, err = fmt.Fprint(s.out, b.String())
			return err
		},
	}
}

// writeDevice writes one line as tcpdump -D does.
func writeDevice(b *strings.Builder, number int, d *capture.Device) {
	fmt.Fprintf(b, "%d.%s", number, printable(d.Name))
	if d.Description != "" {
		fmt.Fprintf(b, " (%s)", printable(d.Description))
	}
	if d.Flags != 0 {
		fmt.Fprintf(b, " [%s]", strings.Join(d.Flags.Words(), ", "))
	}
	b.WriteByte('\n')
}

// printable escapes what could steer a terminal.
func printable(s string) string {
	q := quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
