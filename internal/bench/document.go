package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

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
func (r *result) table(w io.Writer, limit float64) {
	s, list := r.scene, r.list
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
				kind, name, c.time(), c.processor(), c.peak(), ratio, len(c.times))
		}
	}
	fmt.Fprintf(w, "\nAll that tell counted %d packets and %d connections. Medians; a program that took longer than %.0f s, or of which that is known, was run once.\n",
		scenePackets, s.Connections(scenePackets), limit)
	fmt.Fprintf(w, "%d processors; load behind the last run: %s.\n\n", runtime.NumCPU(), r.load)
}

// ratios writes our time / its time of each peer, each time that all was
// measured.
func ratios(w io.Writer, times [][]result) {
	fmt.Fprintf(w, "### Our time / its time, each of %d times\n\n| scene | output | program |%s\n|---|---|---|%s\n", len(times), strings.Repeat(" |", len(times)), strings.Repeat("--:|", len(times)))
	for k, r := range times[0] {
		for i := range r.list {
			c := &r.list[i]
			if c.ours {
				continue
			}
			fmt.Fprintf(w, "| %s | %s | %s |", r.scene, c.kind, c.name)
			for _, t := range times {
				list := t[k].list
				own := slices.IndexFunc(list, func(o contestant) bool { return o.ours && o.kind == c.kind })
				peer := slices.IndexFunc(list, func(o contestant) bool { return o.name == c.name && o.kind == c.kind })
				if peer < 0 {
					fmt.Fprintf(w, " left out |")
					continue
				}
				fmt.Fprintf(w, " %.3f |", list[own].time()/list[peer].time())
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintln(w)
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

// awaitMemory waits a while for so much memory, in GB, which may take some time to
// become free when a large program has ended, and returns how much there is.
func awaitMemory(enough float64) (free float64) {
	for range 30 {
		if free = availableMemory(); free >= enough {
			break
		}
		time.Sleep(time.Second)
	}
	return free
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
