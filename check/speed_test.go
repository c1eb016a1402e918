package check_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tcpstate/tcpstate/check"
)

// many copies the bundled captures with their expectations until there are n.
func many(t testing.TB, n int) []string {
	t.Helper()
	files := check.Find([]string{pcaps}, false)
	dir := t.TempDir()
	var out []string
	for i := range n {
		from := files[i%len(files)]
		to := filepath.Join(dir, fmt.Sprintf("%03d.pcap", i))
		for a, b := range map[string]string{from: to, check.ExpectationsPath(from): check.ExpectationsPath(to)} {
			data, err := os.ReadFile(a)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, b, string(data))
		}
		out = append(out, to)
	}
	return out
}

// TestTwoHundred checks 200 captures side by side: all pass, and the reports
// come in order. BenchmarkTwoHundred has the time.
func TestTwoHundred(t *testing.T) {
	files := many(t, 200)
	var got []string
	err := check.Files(context.Background(), files, check.Options{}, func(r *check.Report) error {
		got = append(got, r.Capture)
		if r.Failed() || r.Expect == "" {
			t.Errorf("%s: %v", r.Capture, r.Err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, files) {
		t.Error("the reports are out of order")
	}
}

// TestStop shows that an error of the taker and the end of the context stop
// the run.
func TestStop(t *testing.T) {
	files := many(t, 20)
	stop := fmt.Errorf("enough")
	n := 0
	err := check.Files(context.Background(), files, check.Options{Jobs: 3}, func(*check.Report) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d reports", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := check.Files(ctx, files, check.Options{}, func(*check.Report) error { return nil }); err == nil {
		t.Error("a run goes on without its context")
	}
}

func BenchmarkTwoHundred(b *testing.B) {
	files := many(b, 200)
	for b.Loop() {
		err := check.Files(context.Background(), files, check.Options{}, func(*check.Report) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}
