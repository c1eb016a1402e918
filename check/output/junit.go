package output

import (
	"io"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/tcpstate/tcpstate/check"
)

// junitWriter writes JUnit's XML: a suite for each capture, a case for each
// expectation. No times are given, so that the same captures give the same
// bytes.
type junitWriter struct {
	w      io.Writer
	suites junit.Testsuites
}

func newJUnit(w io.Writer) Writer { return &junitWriter{w: w} }

// Report adds the suite of one capture.
func (j *junitWriter) Report(r *check.Report) error {
	s := junit.Testsuite{Name: clean(r.Capture), ID: len(j.suites.Suites), Time: "0"}
	if r.Err != nil {
		s.AddTestcase(junit.Testcase{
			Name: "can be checked", Classname: s.Name, Time: "0",
			Error: &junit.Result{Message: clean(errorLines(r.Err)[0]), Type: "input", Data: lines(errorLines(r.Err))},
		})
	}
	for i := range r.Results {
		res := &r.Results[i]
		c := junit.Testcase{Name: clean(res.Expect), Classname: s.Name, Time: "0"}
		if !res.Met {
			c.Failure = &junit.Result{
				Message: clean(res.What()), Type: res.Code,
				Data: clean(res.At.String()) + "\n" + res.ContextText(""),
			}
		}
		s.AddTestcase(c)
	}
	j.suites.AddSuite(s)
	return nil
}

func lines(list []string) string {
	var s string
	for _, l := range list {
		s += clean(l) + "\n"
	}
	return s
}

// Close writes the document.
func (j *junitWriter) Close() error {
	if _, err := io.WriteString(j.w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"); err != nil {
		return err
	}
	return j.suites.WriteXML(j.w)
}
