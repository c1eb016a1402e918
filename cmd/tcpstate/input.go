package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/pflag"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// inputOptions are the flags of analyze that say how files are read and how
// much of them may be in memory.
type inputOptions struct {
	follow    bool
	asGiven   bool
	merge     bool // by time; known once the order is
	checksums bool
	maxConns  int
	maxMemory string
}

func (o *inputOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.follow, "follow", false, "wait for more at the end of the last file, until interrupted")
	f.BoolVar(&o.asGiven, "as-given", false, "read several files one after another in the order given, not merged by time")
	f.BoolVar(&o.checksums, "checksums", false, "verify the checksums of IPv4 and TCP")
	f.IntVar(&o.maxConns, "max-connections", 0, "live connections at most; the longest idle are written out early; 0 for any number")
	f.StringVar(&o.maxMemory, "max-memory", "", "memory for live connections, as 500M or 2G; the longest idle are written out early")
}

// order returns the files in the order in which they are to be read.
func (o *inputOptions) order(files []string) []string {
	if o.asGiven || o.follow {
		return files
	}
	o.merge = capture.Rereadable(files)
	return capture.ByTime(files)
}

// prepare sets up a source.
func (o *inputOptions) prepare(ctx context.Context, src *capture.Source) {
	if o.follow {
		src.Follow(ctx)
	}
	if o.merge {
		src.Merge()
	}
	src.VerifyChecksums(o.checksums)
}

// limit puts the limits into the options of the run.
func (o *inputOptions) limit(run *analyzer.Options, files []string) error {
	if o.maxConns < 0 {
		return &usageError{text: "--max-connections cannot be negative"}
	}
	run.MaxConnections = o.maxConns
	if o.maxMemory != "" {
		n, err := parseSize(o.maxMemory)
		if err != nil {
			return err
		}
		if n <= 0 {
			return &usageError{text: "--max-memory must be more than nothing", hint: "for example 500M"}
		}
		run.MaxMemory = n
	}
	if o.follow && !capture.Rereadable(files[len(files)-1:]) && !slices.Contains(files, capture.Stdin) {
		return &usageError{text: "--follow needs a regular file", hint: "a pipe is waited for anyway"}
	}
	return nil
}

// Percentages of garbage, of what is in use, at which the collector sets in for
// captures that are read to their end: so that the first time is at 64 MiB, since Go
// counts 4 MiB as in use before, and from then on.
const (
	firstCollection = 1600
	lazyCollector   = 400
)

// easeCollector makes Go's collector set in later, for the rest of the program. What a
// run keeps of its connections has no pointers and leaves no garbage, so there is next
// to nothing to collect, but each time all that the packages hold is followed. It leaves
// runs alone whose memory is bounded or that may go on for ever, and GOGC.
func (o *inputOptions) easeCollector(run *analyzer.Options) {
	if run.MaxMemory > 0 || run.MaxConnections > 0 || o.follow || os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(firstCollection)
	type garbage struct{ _ *garbage }
	runtime.AddCleanup(new(garbage), func(percent int) { debug.SetGCPercent(percent) }, lazyCollector) // once it has set in
}
