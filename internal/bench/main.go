// Bench measures tcpstate beside the programs that people use today, on
// captures that internal/capgen makes, and writes the figures into
// docs/performance.md and docs/growth.svg:
//
//	go run ./internal/bench -tool bin/tcpstate
//
// hyperfine takes the times and GNU time the memory. Programs take turns, one
// run each in a round, so that what else the machine does falls on all alike;
// the medians of the rounds are compared.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

// options are the flags.
type options struct {
	tool   string
	dir    string
	out    string
	rounds int
	repeat int
	limit  float64
	growth bool
	scenes string
	less   string
}

func main() {
	var o options
	flag.StringVar(&o.tool, "tool", "bin/tcpstate", "the program to measure")
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "tcpstate-bench"), "where captures are kept")
	flag.StringVar(&o.out, "out", "docs", "where performance.md is, and growth.svg goes")
	flag.IntVar(&o.rounds, "rounds", 5, "runs of each program")
	flag.IntVar(&o.repeat, "repeat", 1, "how often all of it is done; the figures are the last time's, the ratios are told of each")
	flag.Float64Var(&o.limit, "limit", 15, "a program that took longer than this, in seconds, is not run again")
	flag.BoolVar(&o.growth, "growth", false, "measure how cost grows instead, for growth.svg")
	flag.StringVar(&o.scenes, "scenes", "bulk,short,flood", "the scenes to measure")
	flag.StringVar(&o.less, "without", "", "programs to leave out")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run() error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	if o.growth {
		return o.grow()
	}
	var text bytes.Buffer
	var times [][]result
	for range o.repeat {
		results, err := o.measure()
		if err != nil {
			return err
		}
		times = append(times, results)
	}
	for _, r := range times[len(times)-1] {
		r.table(&text, o.limit)
	}
	if len(times) > 1 {
		ratios(&text, times)
	}
	return replaceSection(filepath.Join(o.out, "performance.md"), "figures", text.Bytes())
}

// result is what was measured of one scene.
type result struct {
	scene capgen.Scene
	list  []contestant
	load  string // of the machine behind the last run
}

// measure measures all scenes.
func (o *options) measure() ([]result, error) {
	var all []result
	for _, name := range strings.Split(o.scenes, ",") {
		scene, err := capgen.ParseScene(name)
		if err != nil {
			return nil, err
		}
		file, err := o.capture(scene, scenePackets)
		if err != nil {
			return nil, err
		}
		list, err := o.scene(scene, file)
		if err != nil {
			return nil, err
		}
		all = append(all, result{scene, list, load()})
	}
	return all, nil
}

// scenePackets is the length of the captures that are compared.
const scenePackets = 2_000_000

// capture makes the capture of a scene unless it is there. Its name tells how it
// begins, so that one that an older generator made is not taken for it.
func (o *options) capture(s capgen.Scene, packets int) (string, error) {
	beginning := fnv.New32a()
	if err := s.Write(beginning, min(packets, 1000)); err != nil {
		return "", err
	}
	name := filepath.Join(o.dir, fmt.Sprintf("%s-%d-%08x.pcap", s, packets, beginning.Sum32()))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	fmt.Fprintln(os.Stderr, "making", name)
	f, err := os.Create(name + ".part")
	if err != nil {
		return "", err
	}
	if err := s.Write(f, packets); err != nil {
		_ = f.Close()
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return name, os.Rename(name+".part", name)
}

// scene measures one scene.
func (o *options) scene(s capgen.Scene, file string) ([]contestant, error) {
	list := available(contestants(o, s, file))
	list = slices.DeleteFunc(list, func(c contestant) bool { return slices.Contains(strings.Split(o.less, ","), c.argv[0]) })
	for i := range list {
		if err := list[i].check(s, scenePackets); err != nil {
			return nil, fmt.Errorf("%s on %s: %w", list[i].name, s, err)
		}
	}
	for round := range o.rounds {
		for i := range list {
			c := &list[i]
			if round > 0 && (c.slow || c.times[0] > o.limit) {
				continue
			}
			if err := c.measure(o.dir, s, scenePackets); err != nil {
				return nil, fmt.Errorf("%s on %s: %w", c.name, s, err)
			}
			fmt.Fprintf(os.Stderr, "%s %-24s %8.2f s %8.1f MB\n", s, c.name, c.times[len(c.times)-1], c.peak())
		}
	}
	return list, nil
}
