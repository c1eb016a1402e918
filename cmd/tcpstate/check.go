package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/check/output"
)

// checkOptions are the flags of check, as given.
type checkOptions struct {
	streams *streams

	expect  string
	update  bool
	policy  string
	forbid  []string
	allow   []string
	reports []string
	jobs    int
	verbose int
	color   string
	changed func(flag string) bool
}

const checkLong = `Hold captures against what is expected of them.

Expectations stand in a YAML file beside each capture (capture.expect.yaml for
capture.pcap), or in the file of --expect; docs/check.md has every field.
--update writes that file from the capture, or changes in it what is not met.
A capture without expectations is judged by a policy:

  lenient  no finding of severity error
  default  no finding of severity warning or error; every connection was
           established, and none ended reset, half-closed or timed out
  strict   no finding at all, no retransmission, no state that the capture
           cannot tell; every connection was seen from its first SYN and closed

--policy, when given, judges the captures with expectations too, and so does
--forbid. --forbid and --allow take findings and verdicts; --allow changes the
policy only, not the files.

Arguments may be files, directories (all captures below them) and patterns.`

// newCheckCommand judges captures for a pipeline that must stop on a failure.
func newCheckCommand(s *streams) *cobra.Command {
	o := &checkOptions{streams: s}
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Hold captures against expectations",
		Long:  checkLong + "\n\nExit codes:\n" + exitHelp(),
		Example: `  tcpstate check handshake.pcap              # by the default policy
  tcpstate check --update handshake.pcap     # writes handshake.expect.yaml
  tcpstate check testdata/                   # all captures below
  tcpstate check --policy strict --allow mid-stream trace.pcap
  tcpstate check --report junit=check.xml,sarif=check.sarif testdata/`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{text: "check needs a capture file or a directory"}
			}
			if slices.Contains(args, "-") {
				return &usageError{text: "check reads files only, since it reads them twice", hint: "save the capture first"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.changed = c.Flags().Changed
			return o.run(c.Context(), args)
		},
		ValidArgsFunction: cobra.FixedCompletions(captureEndings(), cobra.ShellCompDirectiveFilterFileExt),
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.expect, "expect", "", "expectations for every capture, instead of the file beside each")
	f.BoolVar(&o.update, "update", false, "write the expectations that are missing, change those that are not met")
	f.StringVar(&o.policy, "policy", "default", "judge by a policy: "+strings.Join(check.PolicyNames(), ", "))
	f.StringSliceVar(&o.forbid, "forbid", nil, "findings or verdicts that must not occur")
	f.StringSliceVar(&o.allow, "allow", nil, "findings or verdicts that the policy lets pass")
	f.StringSliceVar(&o.reports, "report", nil, "reports for machines, FORM=FILE or FORM for standard output: "+strings.Join(output.Formats(), ", "))
	f.IntVarP(&o.jobs, "jobs", "j", 0, "captures read at a time, 0 for one on each processor")
	f.CountVarP(&o.verbose, "verbose", "v", "name the captures that pass too, and all that is not met; -vv each expectation")
	f.StringVar(&o.color, "color", "auto", "colour: auto, always, never; auto obeys NO_COLOR")
	complete(c, "policy", check.PolicyNames())
	complete(c, "forbid", check.Codes())
	complete(c, "allow", check.Codes())
	complete(c, "report", output.Formats())
	complete(c, "color", colorModes())
	return c
}

// run checks the flags, then the captures.
func (o *checkOptions) run(ctx context.Context, args []string) error {
	opt := check.Options{Expect: o.expect, Update: o.update, Jobs: o.jobs}
	var err error
	if opt.Policy, opt.Always, err = o.policies(); err != nil {
		return err
	}
	color, err := (&analyzeOptions{streams: o.streams, color: o.color}).useColor()
	if err != nil {
		return err
	}
	captures := check.Find(args, o.expect == "")
	if o.update && o.expect != "" && len(captures) > 1 {
		return &usageError{text: "--update with --expect goes with one capture only", hint: "without --expect each capture gets its own file"}
	}
	outs, err := o.open(color, o.inputs(captures))
	if err != nil {
		return err
	}
	var tally outcomes
	err = check.Files(ctx, captures, opt, func(r *check.Report) error {
		tally.add(r)
		return outs.report(r)
	})
	if err := firstError(err, outs.close()); err != nil {
		return err
	}
	return tally.err()
}

// inputs returns all files that are read, which no report may overwrite.
func (o *checkOptions) inputs(captures []string) []string {
	if o.expect != "" {
		return append([]string{o.expect}, captures...)
	}
	out := slices.Clone(captures)
	for _, c := range captures {
		out = append(out, check.ExpectationsPath(c))
	}
	return out
}

// policies builds the policy for captures without expectations, and what
// judges every capture.
func (o *checkOptions) policies() (policy, always *check.Policy, err error) {
	if policy = check.NewPolicy(o.policy); policy == nil {
		return nil, nil, &usageError{text: "unknown policy " + quote(o.policy), hint: check.Suggest(o.policy, check.PolicyNames())}
	}
	extra := check.Forbidding()
	for _, name := range o.forbid {
		if !policy.Forbid(name) || !extra.Forbid(name) {
			return nil, nil, unknownCode(name)
		}
	}
	for _, name := range o.allow {
		if !policy.Allow(name) {
			return nil, nil, unknownCode(name)
		}
	}
	switch {
	case o.changed("policy"):
		always = policy
	case len(o.forbid) > 0:
		always = extra
	}
	return policy, always, nil
}

func unknownCode(name string) error {
	return &usageError{text: "unknown finding or verdict " + quote(name), hint: check.Suggest(name, check.Codes())}
}

// outputs are all places that reports go to.
type outputs struct {
	writers []output.Writer
	files   []io.Closer
}

// open makes the outputs: the list for people, those of --report, and in a
// GitHub workflow the annotations and the job's summary.
func (o *checkOptions) open(color bool, inputs []string) (*outputs, error) {
	outs := &outputs{}
	var toStdout, annotated bool
	var written []string
	for _, spec := range o.reports {
		form, file, named := strings.Cut(spec, "=")
		switch {
		case output.New(form, io.Discard) == nil:
			return nil, &usageError{text: "unknown form of report " + quote(form), hint: check.Suggest(form, output.Formats())}
		case named && slices.Contains(written, file):
			return nil, &usageError{text: "two reports cannot go to " + quote(file)}
		case named && file != "" && file != "-":
			if err := outs.create(form, file, inputs); err != nil {
				return nil, err
			}
			written = append(written, file)
			continue
		case named && file == "":
			return nil, &usageError{text: "--report " + form + "= names no file", hint: "leave the = away for standard output"}
		case toStdout:
			return nil, &usageError{text: "only one report can go to standard output", hint: "give " + form + "=FILE"}
		}
		toStdout, annotated = true, annotated || form == "github"
		outs.writers = append(outs.writers, output.New(form, o.streams.out))
	}
	if err := o.openGitHub(outs, annotated); err != nil {
		return nil, err
	}
	if !toStdout {
		list := output.NewHuman(o.streams.out, output.HumanOptions{Color: color, Verbose: o.verbose})
		outs.writers = append([]output.Writer{list}, outs.writers...)
	}
	return outs, nil
}

// create adds a report that goes to a file, which must be none that is read or
// written otherwise.
func (o *outputs) create(form, file string, taken []string) error {
	f, err := create("--report", file, taken)
	if err != nil {
		return err
	}
	o.files = append(o.files, f)
	o.writers = append(o.writers, output.New(form, f))
	return nil
}

// openGitHub adds what a workflow of GitHub shows by itself.
func (o *checkOptions) openGitHub(outs *outputs, annotated bool) error {
	env := o.streams.env
	if env("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if !annotated {
		// Commands are taken from either stream; standard output is for results.
		outs.writers = append(outs.writers, output.New("github", o.streams.err))
	}
	name := env("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return &exitError{code: exitInput, lines: []string{"cannot write " + plainPathError(err)}}
	}
	outs.files = append(outs.files, f)
	outs.writers = append(outs.writers, output.New("markdown", f))
	return nil
}

func (o *outputs) report(r *check.Report) error {
	for _, w := range o.writers {
		if err := w.Report(r); err != nil {
			return err
		}
	}
	return nil
}

func (o *outputs) close() error {
	var first error
	for _, w := range o.writers {
		first = firstError(first, w.Close())
	}
	for _, f := range o.files {
		first = firstError(first, f.Close())
	}
	return first
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// outcomes decide the exit code.
type outcomes struct {
	unmet, unreadable, unwritten, malformed int
}

func (t *outcomes) add(r *check.Report) {
	var write *check.WriteError
	switch {
	case errors.As(r.Err, &write):
		t.unwritten++
	case r.BadExpectations():
		t.malformed++
	case r.Err != nil:
		t.unreadable++
	case r.Failed():
		t.unmet++
	}
}

// err ranks what went wrong: what could not be written or read whole outranks
// a mistake in expectations, which outranks those that were not met.
func (t *outcomes) err() error {
	switch {
	case t.unwritten > 0:
		return &exitError{code: exitInput, lines: []string{fmt.Sprintf("the expectations of %s could not be written", captureCount(t.unwritten))}}
	case t.unreadable > 0:
		return &exitError{code: exitInput, lines: []string{fmt.Sprintf("%s could not be read whole", captureCount(t.unreadable))}}
	case t.malformed > 0:
		return &exitError{code: exitUsage, lines: []string{fmt.Sprintf("the expectations of %s could not be used", captureCount(t.malformed))}}
	case t.unmet > 0:
		return &exitError{code: exitUnmet, lines: nil}
	}
	return nil
}

func captureCount(n int) string {
	if n == 1 {
		return "1 capture"
	}
	return fmt.Sprintf("%d captures", n)
}
