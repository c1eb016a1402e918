package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeIsReal demands that the README's timeline is output of the
// program: its lines stand in the golden file one behind the other.
func TestReadmeIsReal(t *testing.T) {
	readme, err := os.ReadFile(filepath.FromSlash("../README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```\n")
	block, _, ok := strings.Cut(block, "```")
	if !ok {
		t.Fatal("the README has no timeline")
	}
	golden, err := os.ReadFile(filepath.FromSlash("testdata/golden/lost-last-ack.timeline.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(golden), block) {
		t.Errorf("the timeline of the README is not in the golden file:\n%s", block)
	}
}
