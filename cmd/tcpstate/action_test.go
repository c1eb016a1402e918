package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const actionFile = "../../action.yml"

// readYAML reads a file of the repository's root.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// action is what the tests need of action.yml.
type action struct {
	Inputs map[string]struct {
		Description string
		Default     string
		Required    bool
	}
	Runs struct {
		Using string
		Steps []struct {
			ID, Shell, Run string
			Env            map[string]string
		}
	}
}

// TestActionPassesItsInputs holds the variables of the action's step to its
// inputs, and to what the entry script reads.
func TestActionPassesItsInputs(t *testing.T) {
	var a action
	readYAML(t, actionFile, &a)
	step := a.Runs.Steps[len(a.Runs.Steps)-1]
	script, err := os.ReadFile("../../internal/action/entry.sh")
	if err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || !strings.Contains(step.Run, "internal/action/entry.sh") {
		t.Errorf("the action runs %q", step.Run)
	}
	for name, input := range a.Inputs {
		variable := "INPUT_" + strings.ToUpper(name)
		if step.Env[variable] != "${{ inputs."+name+" }}" {
			t.Errorf("%s is %q", variable, step.Env[variable])
		}
		if input.Description == "" {
			t.Errorf("%s has no description", name)
		}
		if !strings.Contains(string(script), "${"+variable) {
			t.Errorf("the entry script does not read %s", variable)
		}
	}
}

// entry runs the action's entry script with a program that prints its
// arguments in place of tcpstate, and returns what it wrote.
func entry(t *testing.T, program string, env ...string) (out string, outputs string, code int) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	script, err := filepath.Abs("../../internal/action/entry.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fake := filepath.Join(dir, "fake")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\n"+program), 0o755); err != nil {
		t.Fatal(err)
	}
	outFile := filepath.Join(dir, "outputs")
	cmd := exec.Command(bash, script)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TCPSTATE=" + fake, "GITHUB_OUTPUT=" + outFile}, env...)
	text, err := cmd.CombinedOutput()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	saved, _ := os.ReadFile(outFile)
	return string(text), string(saved), code
}

// TestActionEntry runs the script as GitHub does.
func TestActionEntry(t *testing.T) {
	show := `for a in "$@"; do echo "[$a]"; done; exit 0`
	out, outputs, code := entry(t, show, "INPUT_FILES=captures/*.pcap\nmore dir", "INPUT_POLICY=strict",
		"INPUT_ALLOW=reset,mid-stream", "INPUT_REPORT=junit=a b.xml", "INPUT_ARGS=-v --jobs 2", "INPUT_EXPECT=", "INPUT_FORBID=")
	want := "[check]\n[--policy=strict]\n[--allow=reset,mid-stream]\n[--report=junit=a b.xml]\n[-v]\n[--jobs]\n[2]\n[--]\n[captures/*.pcap]\n[more]\n[dir]\n"
	if out != want || code != 0 || outputs != "exit-code=0\n" {
		t.Errorf("code %d, outputs %q\n%s", code, outputs, out)
	}
	if out, outputs, code = entry(t, "exit 1", "INPUT_FILES=x"); code != 1 || outputs != "exit-code=1\n" {
		t.Errorf("a failing check: code %d, outputs %q\n%s", code, outputs, out)
	}
	if out, _, code = entry(t, show); code != 2 || !strings.Contains(out, "the input files is empty") {
		t.Errorf("no files: code %d\n%s", code, out)
	}
	if out, _, code = entry(t, show, "INPUT_FILES=$(touch pwned) `id` ;ls"); code != 0 || !strings.Contains(out, "[$(touch]\n[pwned)]\n[`id`]\n[;ls]") {
		t.Errorf("hostile input: code %d\n%s", code, out)
	}
}

// TestActionEntryBuilds lets the script build the program and check a bundled
// capture.
func TestActionEntryBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	summary := filepath.Join(t.TempDir(), "summary")
	cmd := exec.Command(bash, filepath.Join(root, "internal", "action", "entry.sh"))
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "ACTION_PATH="+root, "RUNNER_TEMP="+t.TempDir(), "INPUT_FILES=testdata/pcaps/close-*.pcap",
		"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+summary,
		"GOOS=plan9", "GOFLAGS=-tags=nothing")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3 captures: 3 passed") {
		t.Fatalf("%v\n%s", err, out)
	}
	if text, err := os.ReadFile(summary); err != nil || !strings.Contains(string(text), "3 captures: 3 passed") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestPreCommitHook holds the hook's pattern against names of files.
func TestPreCommitHook(t *testing.T) {
	var hooks []struct{ ID, Entry, Language, Files string }
	readYAML(t, "../../.pre-commit-hooks.yaml", &hooks)
	if len(hooks) != 1 || hooks[0].ID != "tcpstate-check" || hooks[0].Entry != "tcpstate check" || hooks[0].Language != "golang" {
		t.Fatalf("%+v", hooks)
	}
	files := regexp.MustCompile(hooks[0].Files)
	for name, want := range map[string]bool{
		"a.pcap": true, "A.PCAP": true, "d/a.pcapng.gz": true, "a.cap": true, "a.pcap.xz": true, "a.expect.yaml": true, "a.yaml": false, "a.pcap.txt": false, "a.go": false,
	} {
		if files.MatchString(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
