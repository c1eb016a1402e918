// Command score holds the observer against the kernel's own record and prints
// how it did, beside tshark where that is installed. With -record it first
// records all scenarios anew and random traffic of fresh seeds, which needs
// root and network namespaces.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/lab/conform"
)

func main() {
	o := options{out: os.Stdout, log: os.Stderr}
	flag.StringVar(&o.dir, "dir", "testdata/truth", "recorded scenarios")
	flag.BoolVar(&o.record, "record", false, "record all scenarios and random sets anew, into a temporary directory")
	flag.StringVar(&o.keep, "keep", "", "directory that keeps what is recorded")
	flag.IntVar(&o.sets, "sets", 4, "how many random sets to record")
	flag.StringVar(&o.only, "only", "", "scenarios to record, as in the lab's -only")
	flag.StringVar(&o.write, "write", "", "file whose table is replaced by this one")
	flag.BoolVar(&o.verbose, "v", false, "name each disagreement that no exception lists, and of random traffic each one")
	flag.BoolVar(&o.noTshark, "no-tshark", false, "do not ask tshark")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1)
	}
}

// options are a run's choices.
type options struct {
	dir, only, write string
	keep             string
	record           bool
	sets             int
	verbose          bool
	noTshark         bool
	out, log         io.Writer
}

// run records where asked and possible, compares and prints.
func (o *options) run() error {
	origin := "the recordings of " + o.dir
	if o.record {
		tmp := o.keep
		if tmp == "" {
			var err error
			if tmp, err = os.MkdirTemp("", "truth-"); err != nil {
				return err
			}
			defer os.RemoveAll(tmp)
		}
		seeds, err := o.recordAll(tmp)
		if err != nil {
			fmt.Fprintf(o.log, "not recorded anew (%v); using %s\n", err, o.dir)
		} else {
			o.dir = tmp
			origin = "scenarios recorded anew and random traffic of the fresh seeds " + strings.Join(seeds, " and ")
		}
	}
	var tshark *conform.Tshark
	reader := "tshark is not installed"
	if !o.noTshark {
		if tshark = conform.FindTshark(); tshark != nil {
			reader = tshark.Version
		}
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "From %s; %s.\n\n", origin, reader)
	bad, err := o.compare(&text, tshark)
	if err != nil {
		return err
	}
	if _, err := o.out.Write(text.Bytes()); err != nil {
		return err
	}
	if o.write != "" {
		if err := replaceTable(o.write, text.String()); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d disagreements that no exception lists", bad)
	}
	return nil
}

// recordAll runs the lab. It returns the seeds of the random sets.
func (o *options) recordAll(dir string) ([]string, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("recording needs root")
	}
	lab := filepath.Join(dir, ".lab")
	if err := o.command("go", "build", "-o", lab, "./lab"); err != nil {
		return nil, err
	}
	args := []string{"-o", dir}
	if o.only != "" {
		args = append(args, "-only", o.only)
	}
	if err := o.command(lab, args...); err != nil {
		if len(conform.Dirs(dir)) == 0 {
			return nil, err
		}
		fmt.Fprintln(o.log, "not all scenarios could be recorded; the table has those that were")
	}
	var seeds []string
	for range o.sets {
		seeds = append(seeds, strconv.FormatUint(1+rand.Uint64N(1<<31), 10))
	}
	if o.sets == 0 {
		return nil, nil
	}
	return seeds, o.command(lab, "-o", dir, "-random", strings.Join(seeds, ","))
}

// command runs a program and shows what it printed when it failed.
func (o *options) command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		fmt.Fprintf(o.log, "%s\n", bytes.TrimSpace(out))
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// compare compares all recordings and prints the tables. It returns the number
// of unlisted disagreements.
func (o *options) compare(w io.Writer, tshark *conform.Tshark) (bad int, err error) {
	dirs := conform.Dirs(o.dir)
	if len(dirs) == 0 {
		return 0, fmt.Errorf("%s: no recordings", o.dir)
	}
	ledger := conform.NewLedger(conform.Exceptions())
	var reports []*conform.Report
	for _, dir := range dirs {
		rep, err := conform.Compare(dir, tshark)
		if err != nil {
			return 0, err
		}
		unlisted := ledger.Apply(rep)
		bad += len(unlisted)
		for _, line := range unlisted {
			fmt.Fprintln(o.log, line)
		}
		if o.verbose {
			o.name(rep)
		}
		reports = append(reports, rep)
	}
	if err := conform.Sum(reports).Write(w); err != nil {
		return 0, err
	}
	counts := ledger.Count()
	reasons := make([]string, 0, len(counts))
	for r := range counts {
		reasons = append(reasons, string(r))
	}
	sort.Strings(reasons)
	fmt.Fprintln(w, "\nListed exceptions, by what keeps a reader of the capture from knowing:")
	fmt.Fprintln(w)
	for _, r := range reasons {
		fmt.Fprintf(w, "- %s: %d\n", r, counts[conform.Reason(r)])
	}
	return bad, nil
}

// name prints what a reader of the sums wants to look at: of random traffic
// each disagreement, and everywhere the states that are sure and false.
func (o *options) name(rep *conform.Report) {
	for i := range rep.States {
		r := &rep.States[i]
		if rep.File.Seed != 0 && !r.Right {
			fmt.Fprintln(o.log, r)
		}
		for _, g := range r.False {
			fmt.Fprintf(o.log, "    sure and false: %s %s-tap %s %s, packet %d, %s\n", r.Scenario, r.Tap, r.Side, g.State, g.Cause, g.Certainty)
		}
	}
	for i := range rep.Ours {
		if a := &rep.Ours[i]; rep.File.Seed != 0 && len(a.Missed)+len(a.Invented) > 0 {
			fmt.Fprintln(o.log, a)
		}
	}
	for i := range rep.Resets {
		if r := &rep.Resets[i]; rep.File.Seed != 0 && r.Want != r.Got {
			fmt.Fprintln(o.log, r)
		}
	}
}

// The table in a document stands between these lines.
const (
	tableBegin = "<!-- table of make truth -->\n"
	tableEnd   = "<!-- end of table -->\n"
)

// replaceTable puts text in the place of the table in the document.
func replaceTable(path, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(b), tableBegin)
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no place for the table", path)
	}
	return os.WriteFile(path, []byte(head+tableBegin+"\n"+strings.TrimRight(text, "\n")+"\n\n"+tableEnd+tail), 0o644)
}
