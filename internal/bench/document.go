package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

// about says what a scene is.
func about(s capgen.Scene) string {
	switch s {
	case capgen.Bulk:
		return "64 transfers at once, 2 000 000 packets"
	case capgen.Short:
		return "200 000 connections of 10 packets"
	case capgen.Flood:
		return "2 000 000 SYNs from as many sources"
	default:
		return "connections that stay open"
	}
}

// table writes the figures of one scene: time, memory, and how many times
// ours a peer took for the same kind of output.
func table(w io.Writer, s capgen.Scene, list []contestant, limit float64) {
	fmt.Fprintf(w, "### %s: %s\n\n", s, about(s))
	fmt.Fprintln(w, "| output | program | time | processor time | peak memory | our time / its time | runs |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|")
	for _, kind := range []output{summaries, lines} {
		var own *contestant
		for i := range list {
			c := &list[i]
			if c.kind != kind {
				continue
			}
			ratio := ""
			switch {
			case c.ours && own == nil:
				own = c
			case !c.ours && own != nil:
				ratio = fmt.Sprintf("%.3f", own.time()/c.time())
			}
			name := c.name
			if c.ours {
				name = "**" + name + "**"
			}
			fmt.Fprintf(w, "| %s | %s | %.2f s | %.2f s | %.0f MB | %s | %d |\n",
				[]string{"summary", "lines"}[kind], name, c.time(), c.processor(), c.peak(), ratio, len(c.times))
		}
	}
	fmt.Fprintf(w, "\nAll that tell counted %d packets and %d connections. Medians; a program that took longer than %.0f s, or of which that is known, was run once.\n",
		scenePackets, s.Connections(scenePackets), limit)
	fmt.Fprintf(w, "%d processors; load before the last run of all: %s.\n\n", runtime.NumCPU(), load())
}

// load returns the machine's load average, which says how far to trust times.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	f := strings.Fields(string(b))
	return f[0]
}

// availableMemory returns how much memory the machine has to spare, in GB.
func availableMemory() float64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "MemAvailable:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		return 0
	}
	return kb * 1024 / 1e9
}

// replaceSection puts text between the marks of a section in a document.
func replaceSection(file, name string, text []byte) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end of "+name+" -->")
	i, j := bytes.Index(b, begin), bytes.Index(b, end)
	if i < 0 || j < i {
		return fmt.Errorf("%s has no section %q", file, name)
	}
	out := append(bytes.Clone(b[:i+len(begin)]), '\n')
	out = append(append(out, text...), b[j:]...)
	return os.WriteFile(file, out, 0o644)
}
