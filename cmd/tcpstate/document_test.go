package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// consoleFence begins a sample in a document: the command, then its output.
const consoleFence = "```console\n$ "

// TestTutorial holds each sample of the tutorial against what its command
// prints now.
func TestTutorial(t *testing.T) {
	for _, tool := range []string{"bash", "sed", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("samples are cut to size by %s, which is not here", tool)
		}
	}
	root, err := filepath.Abs(filepath.FromSlash("../.."))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "docs", "tutorial.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, samples := renewSamples(t, root, string(text))
	if samples < 10 {
		t.Errorf("only %d samples found", samples)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(text) {
		t.Errorf("docs/tutorial.md is stale: make golden renews it; %s", firstDifference(got, string(text)))
	}
}

// renewSamples returns the document with the output of each sample as it is
// now, and how many there are.
func renewSamples(t *testing.T, root, text string) (string, int) {
	t.Helper()
	var b strings.Builder
	n := 0
	for {
		before, rest, ok := strings.Cut(text, consoleFence)
		b.WriteString(before)
		if !ok {
			return b.String(), n
		}
		command, rest, _ := strings.Cut(rest, "\n")
		_, text, _ = strings.Cut(rest, "```\n")
		output := sampleOutput(t, root, command)
		if output == "" {
			t.Errorf("%s: prints nothing", command)
		}
		fmt.Fprintf(&b, "%s%s\n%s```\n", consoleFence, command, output)
		n++
	}
}

// sampleOutput runs a sample's command, its first words in this process.
func sampleOutput(t *testing.T, root, command string) string {
	t.Helper()
	t.Chdir(root)
	t.Setenv("TZ", "UTC")
	words, filter, piped := strings.Cut(command, " | ")
	args := strings.Fields(words)
	if len(args) == 0 || args[0] != "tcpstate" {
		t.Fatalf("%s: not a command of ours", command)
	}
	var out, problems bytes.Buffer
	s := &streams{in: strings.NewReader(""), out: &out, err: &problems, env: func(string) string { return "" }}
	if code := run(context.Background(), s, args[1:]); code != 0 || problems.Len() > 0 {
		t.Fatalf("%s: exit %d, %s", command, code, problems.String())
	}
	if !piped {
		return out.String()
	}
	cut := exec.Command("bash", "-c", filter)
	cut.Stdin = &out
	text, err := cut.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return string(text)
}

// firstDifference returns the first line of a that b has otherwise.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d is now %q", i+1, x[i])
		}
	}
	return fmt.Sprintf("%d lines are now %d", len(y), len(x))
}
