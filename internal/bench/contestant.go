package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

// output is what a program is compared for: like with like.
type output uint8

const (
	summaries output = iota // one line or less for each connection
	lines                   // a line for each packet
)

// String returns how the tables name the output.
func (o output) String() string { return [...]string{"summary", "lines"}[o] }

// contestant is a program with the arguments that make it print an output.
type contestant struct {
	name   string
	kind   output
	ours   bool
	argv   []string
	slow   bool   // one run is enough, and it is counted in that one
	writes string // a file that it would append to
	counts counter
	times  []float64 // seconds
	cpu    []float64 // seconds of all processors
	peaks  []float64 // MB
}

// counter finds in a program's output how many packets and connections it met;
// -1 where it does not tell.
type counter func(out []byte) (packets, connections int)

// floodMemory is what tcptrace takes for the flood, in GB, with room for the rest
// of the machine.
const floodMemory = 19

// contestants returns who is measured on a scene. tcpdump's table of relative
// sequence numbers has 919 chains, so that with 200,000 connections it takes
// minutes, which says nothing of printing: lines are compared on bulk only,
// and tshark is left out of the flood.
func contestants(o *options, s capgen.Scene, file string) []contestant {
	argus := filepath.Join(o.dir, "argus.out")
	list := []contestant{
		{name: "tcpstate -f summary", ours: true, argv: []string{o.tool, "analyze", "-f", "summary", file}, counts: countSummary},
		{name: "tcptrace -n", argv: []string{"tcptrace", "-n", file}, counts: countTcptrace, slow: s == capgen.Flood},
		{name: "argus", writes: argus, argv: []string{"argus", "-F", "/dev/null", "-r", file, "-w", argus}, counts: func([]byte) (int, int) { return countArgus(argus) }},
		{name: "tcpstate, each connection", ours: true, counts: countNDJSON,
			argv: []string{o.tool, "analyze", "-f", "ndjson", "--events", "connection,capture", file}},
	}
	if s == capgen.Flood {
		list[2].slow = true
		if free := awaitMemory(floodMemory); free < floodMemory {
			fmt.Fprintf(os.Stderr, "tcptrace needs 17 GB for the flood, %.0f GB are free: left out\n", free)
			list = slices.Delete(list, 1, 2)
		}
		return list
	}
	list = append(list, contestant{name: "tshark -z conv,tcp", slow: true, argv: []string{"tshark", "-n", "-q", "-z", "conv,tcp", "-r", file}, counts: countConv})
	if s != capgen.Bulk {
		return list
	}
	return append(list,
		contestant{name: "tcpstate", kind: lines, ours: true, argv: []string{o.tool, "analyze", file}, counts: countTimeline},
		contestant{name: "tcpdump -nn", kind: lines, argv: []string{"tcpdump", "-nn", "-r", file}, counts: countLines},
		contestant{name: "tshark -n", kind: lines, slow: true, argv: []string{"tshark", "-n", "-r", file}, counts: countLines},
	)
}

// available leaves out the programs that are not installed, and says so.
func available(list []contestant) []contestant {
	return slices.DeleteFunc(list, func(c contestant) bool {
		_, err := exec.LookPath(c.argv[0])
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s is not installed: left out\n", c.argv[0])
		}
		return err != nil
	})
}

// check runs the program once and compares what it counted. Slow ones are
// counted when they are measured.
func (c *contestant) check(s capgen.Scene, packets int) error {
	if c.slow {
		return nil
	}
	if err := c.prepare(); err != nil {
		return err
	}
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	return c.agrees(s, packets, out)
}

// agrees compares what the program counted, where it tells, with what the
// capture has.
func (c *contestant) agrees(s capgen.Scene, packets int, out []byte) error {
	p, n := c.counts(out)
	if p >= 0 && p != packets {
		return fmt.Errorf("%d packets, not %d", p, packets)
	}
	if want := s.Connections(packets); n >= 0 && n != want {
		return fmt.Errorf("%d connections, not %d", n, want)
	}
	return nil
}

// prepare removes what an earlier run wrote.
func (c *contestant) prepare() error {
	if c.writes == "" {
		return nil
	}
	if err := os.Remove(c.writes); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// measure runs the program once under hyperfine and GNU time. What it prints
// goes nowhere, but for a slow one's, which is counted.
func (c *contestant) measure(dir string, s capgen.Scene, packets int) error {
	if err := c.prepare(); err != nil {
		return err
	}
	memory, export := filepath.Join(dir, "memory"), filepath.Join(dir, "time.json")
	command := append([]string{"/usr/bin/time", "-o", memory, "-f", "%M,%U,%S"}, c.argv...)
	printed := os.DevNull
	if c.slow {
		printed = filepath.Join(dir, "printed")
		defer func() { _ = os.Remove(printed) }() // the next run writes it anew
	}
	h := exec.Command("hyperfine", "--shell=none", "--runs", "1", "--style", "none", "--output", printed, "--export-json", export, strings.Join(command, " "))
	if out, err := h.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if c.slow {
		out, err := os.ReadFile(printed)
		if err != nil {
			return err
		}
		if err := c.agrees(s, packets, out); err != nil {
			return err
		}
	}
	var report struct {
		Results []struct{ Times []float64 }
	}
	b, err := os.ReadFile(export)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &report); err != nil || len(report.Results) != 1 || len(report.Results[0].Times) != 1 {
		return fmt.Errorf("hyperfine's report is not understood: %s", b)
	}
	kb, err := os.ReadFile(memory)
	if err != nil {
		return err
	}
	var n, user, system float64
	if _, err := fmt.Sscanf(string(kb), "%f,%f,%f", &n, &user, &system); err != nil {
		return fmt.Errorf("GNU time's report is not understood: %s", kb)
	}
	c.times = append(c.times, report.Results[0].Times[0])
	c.peaks = append(c.peaks, n*1024/1e6)
	c.cpu = append(c.cpu, user+system)
	return nil
}

func (c *contestant) time() float64 { return median(c.times) }

func (c *contestant) processor() float64 { return median(c.cpu) }

func (c *contestant) peak() float64 { return median(c.peaks) }

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// number returns the number that the first group of re matches in b, without
// blanks between its digits, or -1.
func number(re *regexp.Regexp, b []byte) int {
	m := re.FindSubmatch(b)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(strings.NewReplacer(" ", "", "\u202f", "", "\u00a0", "").Replace(string(m[1])))
	if err != nil {
		return -1
	}
	return n
}

var (
	summaryPackets  = regexp.MustCompile(`([0-9]+(?:\s[0-9]+)*)\sTCP segments`)
	summaryConns    = regexp.MustCompile(`in ([0-9]+(?:\s[0-9]+)*)\sconnections?`)
	tcptracePackets = regexp.MustCompile(`(?m)^([0-9]+) packets seen`)
	capturePackets  = regexp.MustCompile(`"packets":([0-9]+)`)
	racountPackets  = regexp.MustCompile(`sum\s+[0-9]+\s+([0-9]+)`)
)

func countSummary(out []byte) (packets, connections int) {
	return number(summaryPackets, out), number(summaryConns, out)
}

func countTcptrace(out []byte) (packets, connections int) {
	return number(tcptracePackets, out), bytes.Count(out, []byte(" - "))
}

func countNDJSON(out []byte) (packets, connections int) {
	last := out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:]
	return number(capturePackets, last), bytes.Count(out, []byte(`{"type":"connection"`))
}

// countArgus counts the packets of argus's records, of which it writes several
// for one connection.
func countArgus(file string) (packets, connections int) {
	out, err := exec.Command("racount", "-r", file).Output()
	if err != nil {
		return -1, -1
	}
	return number(racountPackets, out), -1
}

func countConv(out []byte) (packets, connections int) { return -1, bytes.Count(out, []byte(" <-> ")) }

func countLines(out []byte) (packets, connections int) { return bytes.Count(out, []byte("\n")), -1 }

// countTimeline counts the lines that are tcpdump's: those that are not
// indented, before the table.
func countTimeline(out []byte) (packets, connections int) {
	for line := range bytes.Lines(out) {
		if len(line) == 1 {
			break
		}
		if line[0] != ' ' {
			packets++
		}
	}
	return packets, -1
}
