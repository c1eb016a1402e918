package output

import (
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/tcpstate/tcpstate/check"
)

// sarifWriter writes SARIF 2.1.0: a result for each expectation that was not
// met, at its line; the capture is a related location.
type sarifWriter struct {
	w   io.Writer
	run *sarif.Run
}

func newSARIF(w io.Writer) Writer {
	run := sarif.NewRunWithInformationURI("tcpstate", "https://github.com/tcpstate/tcpstate")
	run.Results = []*sarif.Result{} // no result is an empty list, not null
	return &sarifWriter{w: w, run: run}
}

// Report adds what failed in one capture.
func (s *sarifWriter) Report(r *check.Report) error {
	if r.Err != nil {
		for _, x := range problems(r) {
			s.result("input", "A capture or its expectations could not be read", x.text, x.at, r.Capture)
		}
	}
	for i := range r.Results {
		res := &r.Results[i]
		if res.Met {
			continue
		}
		at := res.At
		if at.Line == 0 {
			at = check.Position{File: r.Capture}
		}
		text := clean(res.Expect) + "; seen: " + clean(res.What())
		if c := res.ContextText(""); c != "" {
			text += "\n" + c
		}
		s.result(res.Code, "Expectation of kind "+res.Code, text, at, r.Capture)
	}
	return nil
}

func (s *sarifWriter) result(rule, about, text string, at check.Position, capture string) {
	s.run.AddRule(rule).WithDescription(about)
	res := s.run.CreateResultForRule(rule).WithLevel("error").WithMessage(sarif.NewTextMessage(text))
	res.AddLocation(location(at))
	if at.File != capture {
		related := location(check.Position{File: capture}).WithMessage(sarif.NewTextMessage("the capture"))
		res.AddRelatedLocation(related)
	}
}

func location(at check.Position) *sarif.Location {
	p := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri(at.File)))
	if at.Line > 0 {
		p.WithRegion(sarif.NewRegion().WithStartLine(at.Line).WithStartColumn(max(at.Column, 1)))
	}
	return sarif.NewLocationWithPhysicalLocation(p)
}

// uri writes a path as a relative or file URI; on Windows one with a drive is
// absolute.
func uri(path string) string {
	volume := filepath.VolumeName(path)
	if path = filepath.ToSlash(path); volume != "" {
		path = "/" + path
	}
	u := url.URL{Path: path}
	if strings.HasPrefix(path, "/") {
		u.Scheme = "file"
	}
	return u.String()
}

// Close writes the document.
func (s *sarifWriter) Close() error {
	report := sarif.NewReport()
	report.AddRun(s.run)
	if err := report.PrettyWrite(s.w); err != nil {
		return err
	}
	_, err := io.WriteString(s.w, "\n")
	return err
}
