package check_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/check/output"
)

var update = flag.Bool("update", false, "write the expectations of the bundled captures that are missing or not met")

const pcaps = "../testdata/pcaps"

// TestCaptures holds every bundled capture against the expectations beside it.
func TestCaptures(t *testing.T) {
	files := check.Find([]string{pcaps}, true)
	err := check.Files(context.Background(), files, check.Options{Update: *update, Zone: time.UTC}, func(r *check.Report) error {
		t.Run(filepath.Base(r.Capture), func(t *testing.T) {
			if _, err := os.Stat(check.ExpectationsPath(r.Capture)); err != nil {
				t.Fatalf("%v; make golden writes it", err)
			}
			if len(r.Results) < 5 {
				t.Errorf("only %d expectations", len(r.Results))
			}
			if r.Failed() {
				t.Error(people(t, r))
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// people returns what people are shown of a report.
func people(t *testing.T, r *check.Report) string {
	t.Helper()
	var b strings.Builder
	w := output.NewHuman(&b, output.HumanOptions{})
	if err := w.Report(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
