//go:build linux

// Command lab records TCP connections between real kernels in network
// namespaces, together with the kernel's own account of the states of both
// ends. It needs root; docs/truth.md describes what it writes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/ktrace"
	"github.com/tcpstate/tcpstate/lab/truth"
)

func main() {
	out := flag.String("o", "", "directory that receives one folder for each scenario")
	only := flag.String("only", "", "comma-separated names, or prefixes that end in *")
	list := flag.Bool("list", false, "list the scenarios and stop")
	jobs := flag.Int("j", 4, "scenarios at a time")
	pcaps := flag.String("pcaps", "", "copy the captures that testdata/pcaps holds into this directory")
	seeds := flag.String("random", "", "record random traffic of these comma-separated seeds instead")
	flag.Parse()
	if err := run(*out, *only, *list, *jobs, *pcaps, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

// run records the chosen scenarios.
func run(out, only string, list bool, jobs int, pcaps, seeds string) error {
	chosen := choose(scenarios(), only)
	if seeds != "" {
		chosen = nil
		for _, s := range strings.Split(seeds, ",") {
			n, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				return fmt.Errorf("seed %q: %w", s, err)
			}
			chosen = append(chosen, random(n))
		}
		jobs = 1 // the wire must not fall behind
	}
	if list {
		for _, sc := range chosen {
			fmt.Printf("%-28s %s\n", sc.name, sc.desc)
		}
		return nil
	}
	if out == "" {
		return errors.New("-o DIR is missing")
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no scenario is called %q; -list shows them", only)
	}
	tr, err := ktrace.Open()
	if err != nil {
		return err
	}
	defer tr.Close()
	err = errors.Join(all(chosen, tr, out, jobs), index(out))
	if err == nil && pcaps != "" {
		err = publish(out, pcaps)
	}
	return err
}

// choose picks scenarios by name.
func choose(all []*scenario, only string) []*scenario {
	if only == "" {
		return all
	}
	var out []*scenario
	for _, sc := range all {
		for _, name := range strings.Split(only, ",") {
			prefix, star := strings.CutSuffix(name, "*")
			if sc.name == name || star && strings.HasPrefix(sc.name, prefix) {
				out = append(out, sc)
				break
			}
		}
	}
	return out
}

// attempts is how often a scenario is recorded before it counts as failed: a
// busy machine may leave the kernel's record open to doubt.
const attempts = 4

// all records the scenarios, the slow ones beside the others.
func all(chosen []*scenario, tr *ktrace.Trace, out string, jobs int) error {
	free := make(chan bool, jobs)
	slow := make(chan bool, slowJobs)
	// Begin where no run of the last minutes has been: see lab.setup.
	var number atomic.Int64
	number.Store(time.Now().Unix() * 5 % numbers)
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	order := append([]*scenario(nil), chosen...)
	sort.SliceStable(order, func(i, j int) bool { return order[i].slow && !order[j].slow })
	for _, sc := range order {
		room := free
		if sc.slow {
			room = slow
		}
		wg.Go(func() {
			room <- true
			defer func() { <-room }()
			line, err := attempt(sc, tr, filepath.Join(out, sc.name), &number)
			mu.Lock()
			defer mu.Unlock()
			fmt.Println(line)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", sc.name, err))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// numbers is how many recordings have addresses of their own.
const numbers = 25000

// slowJobs is how many scenarios that wait for long timers run beside the
// others.
const slowJobs = 16

// attempt records one scenario, again where the record leaves doubt.
func attempt(sc *scenario, tr *ktrace.Trace, dir string, number *atomic.Int64) (string, error) {
	var f *truth.File
	var err error
	for range attempts {
		f, err = record(sc, tr, dir, int(number.Add(1)))
		if err == nil {
			err = doubts(f)
		}
		if err == nil {
			return summary(f), nil
		}
	}
	return sc.name + ": failed: " + err.Error(), err
}

// doubtful is the share of ends that may be in doubt among many.
const doubtful = 0.01

// doubts returns an error when the kernel's record of an end is not whole; in
// random traffic, when there are too many such ends.
func doubts(f *truth.File) error {
	var errs []error
	for _, c := range f.Connections {
		for _, e := range []truth.Endpoint{c.Client, c.Server} {
			if e.Doubt != "" {
				errs = append(errs, fmt.Errorf("%s: %s", e.Addr, e.Doubt))
			}
			for _, r := range e.Retransmits {
				if r.Packet == 0 {
					errs = append(errs, fmt.Errorf("%s: a retransmission without its packet", e.Addr))
				}
			}
			for _, r := range e.ResetsSent {
				if r.Packet == 0 {
					errs = append(errs, fmt.Errorf("%s: a reset without its packet", e.Addr))
				}
			}
		}
	}
	if f.Seed != 0 && float64(len(errs)) <= doubtful*2*float64(len(f.Connections)) {
		return nil
	}
	return errors.Join(errs...)
}

// summary is the line that is printed when a scenario is done.
func summary(f *truth.File) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", f.Scenario)
	for i, c := range f.Connections {
		if i == 3 {
			fmt.Fprintf(&b, "\n    … %d connections", len(f.Connections))
			break
		}
		for _, e := range []struct {
			side string
			truth.Endpoint
		}{{"client", c.Client}, {"server", c.Server}} {
			fmt.Fprintf(&b, "\n    %s %-22s %s", e.side, e.Addr, sequence(e.Endpoint))
			if n := len(e.Retransmits); n > 0 {
				fmt.Fprintf(&b, ", %d retransmitted", n)
			}
			for _, r := range e.ResetsReceived {
				fmt.Fprintf(&b, ", RST %s", r.Verdict)
			}
		}
	}
	return b.String()
}

// sequence writes an end's states in one line.
func sequence(e truth.Endpoint) string {
	if e.Raw {
		return "(no kernel TCP)"
	}
	if len(e.Steps) == 0 {
		if e.Listening {
			return "LISTEN"
		}
		return "CLOSED"
	}
	var b strings.Builder
	b.WriteString(e.Steps[0].From)
	last := e.Steps[0].From
	for _, s := range e.Steps {
		if s.From != last {
			b.WriteString(" / " + s.From)
		}
		b.WriteString(" → " + s.To)
		last = s.To
	}
	return b.String()
}
