//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcpstate/tcpstate/lab/truth"
)

const indexHead = `# Recorded scenarios

Each folder holds one recording of the lab (` + "`make lab`" + `): the captures of the three
taps and truth.json, the kernel's own account of both ends, as docs/truth.md
describes it. This list is written by the lab. After each name: how the hosts
were joined (tun: raw IP; tap: Ethernet; veth: Ethernet with offload and a
router), what happened, and the states of both ends.

`

// index writes the list of the recordings in dir.
func index(dir string) error {
	folders, err := filepath.Glob(filepath.Join(dir, "*", "truth.json*"))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(indexHead)
	for _, name := range folders {
		f, err := truth.Load(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "- **%s** (%s): %s.\n", f.Scenario, f.Link, f.Description)
		if len(f.Connections) > 3 {
			fmt.Fprintf(&b, "  %d connections.\n", len(f.Connections))
			continue
		}
		for _, c := range f.Connections {
			fmt.Fprintf(&b, "  client %s; server %s%s.\n", sequence(c.Client), sequence(c.Server), counts(c))
		}
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), b.Bytes(), 0o644)
}

// counts says what the kernel sent again and what it did with resets.
func counts(c truth.Connection) string {
	var out []string
	for i, e := range []truth.Endpoint{c.Client, c.Server} {
		if n := len(e.Retransmits); n > 0 {
			out = append(out, fmt.Sprintf("%s retransmitted %d", sides[i], n))
		}
		for _, r := range e.ResetsReceived {
			out = append(out, fmt.Sprintf("RST to the %s: %s", sides[i], r.Verdict))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, ", ")
}
