package check

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Options say how files are checked.
type Options struct {
	// Expect is the file of expectations for every capture; when empty it is
	// the one beside each (ExpectationsPath).
	Expect string
	// Policy judges the captures that have no expectations; without it, their
	// lack is an error.
	Policy *Policy
	// Always, when not nil, judges the captures that have expectations besides
	// those.
	Always *Policy
	// Update writes expectations that are missing and changes those that are
	// not met. Captures that share a file of expectations (a.pcap and a.pcapng)
	// are refused.
	Update bool
	// Jobs is how many captures are read at a time; as many as there are
	// processors when 0.
	Jobs int
	// Zone is that of printed times; local when nil.
	Zone *time.Location
}

// Report is what became of one capture.
type Report struct {
	Capture string
	Expect  string // the file of expectations, empty when there is none
	Results []Result
	// Err is what kept the capture or its expectations from being read
	// whole: FileErrors or *FileError for expectations.
	Err error
	// Update says what became of the file of expectations: "written", "changed
	// in N places", "unchanged"; nothing when it was not to be updated.
	Update string
	// Observed is what the capture showed, nil when it could not be read.
	Observed *Observed
}

// Unmet returns the results that were not met.
func (r *Report) Unmet() []Result { return Unmet(r.Results) }

// Failed reports whether something was not met or could not be read.
func (r *Report) Failed() bool { return r.Err != nil || len(r.Unmet()) > 0 }

// BadExpectations reports whether the file of expectations is the reason why
// nothing was checked.
func (r *Report) BadExpectations() bool {
	var list FileErrors
	var one *FileError
	return errors.As(r.Err, &list) || errors.As(r.Err, &one)
}

// Files checks captures side by side and gives each report to each, in the
// order of the captures. A path without a capture (Find hands on such) is
// reported like one that cannot be read. Files returns the first error of each,
// or that of ctx.
func Files(ctx context.Context, captures []string, opt Options, each func(*Report) error) error {
	ctx, cancel := context.WithCancel(ctx)
	reports, wait := start(ctx, captures, &opt)
	defer wait()
	defer cancel()
	for _, done := range reports {
		select {
		case r := <-done:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := each(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// start checks captures side by side until the context ends. It returns where
// their reports will come, and what waits for the last of them.
func start(ctx context.Context, captures []string, opt *Options) (reports []chan *Report, wait func()) {
	shared := sharers(captures)
	reports = make([]chan *Report, len(captures))
	next := make(chan int, len(captures))
	for i := range reports {
		reports[i] = make(chan *Report, 1)
		next <- i
	}
	close(next)
	jobs := opt.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	var workers sync.WaitGroup
	for range min(jobs, len(captures)) {
		workers.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					return
				}
				reports[i] <- checkOne(ctx, captures[i], shared, opt)
			}
		})
	}
	return reports, workers.Wait
}

// checkOne checks one of several captures, unless it is none, or its file of
// expectations is to be written and not its own.
func checkOne(ctx context.Context, path string, shared map[string][]string, opt *Options) *Report {
	if err := absent(path); err != nil {
		return &Report{Capture: path, Err: err}
	}
	file := ExpectationsPath(path)
	if list := shared[filepath.Clean(file)]; opt.Update && opt.Expect == "" && len(list) > 1 {
		return &Report{Capture: path, Expect: file, Err: &FileError{
			At: Position{File: file}, Text: "belongs to " + strings.Join(list, " and ") + ": it cannot be written for each of them", Hint: "rename the captures",
		}}
	}
	return checkFile(ctx, path, opt)
}

// checkFile checks one capture.
func checkFile(ctx context.Context, path string, opt *Options) *Report {
	r := &Report{Capture: path}
	x, file, err := expectationsFor(path, opt)
	timers := statemachine.Linux()
	if x != nil {
		r.Expect, timers = file, x.Timers
	}
	if err != nil {
		r.Expect, r.Err = file, err
		return r
	}
	if r.Observed, r.Err = Observe(ctx, path, timers); r.Observed == nil {
		return r
	}
	if opt.Update && r.Err == nil {
		if x, r.Update, err = update(x, file, r.Observed); err != nil {
			r.Err = err
			return r
		}
		r.Expect = file
	}
	r.judge(x, opt)
	if err := AddContext(ctx, path, timers, opt.Zone, r.Results); err != nil && r.Err == nil {
		r.Err = err
	}
	return r
}

// judge fills in the results.
func (r *Report) judge(x *Expectations, opt *Options) {
	switch {
	case x == nil && opt.Policy == nil:
		if r.Err == nil {
			r.Err = notThere(ExpectationsPath(r.Capture))
		}
	case x == nil:
		r.Results = opt.Policy.Check(r.Observed)
	case opt.Always != nil:
		r.Results = append(x.Check(r.Observed), opt.Always.Check(r.Observed)...)
	default:
		r.Results = x.Check(r.Observed)
	}
}

// notThere is the mistake that a file of expectations does not exist.
func notThere(file string) error {
	return &FileError{At: Position{File: file}, Text: "no such file", Hint: "tcpstate check --update writes it"}
}

// expectationsFor finds and loads the expectations of a capture; nil when
// there are none.
func expectationsFor(capture string, opt *Options) (*Expectations, string, error) {
	file := opt.Expect
	if file == "" {
		file = ExpectationsPath(capture)
	}
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) && (opt.Expect == "" || opt.Update) {
		return nil, file, nil
	}
	x, err := Load(file)
	return x, file, err
}
