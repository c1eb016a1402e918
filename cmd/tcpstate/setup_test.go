package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeGo stands for Go in the shell functions of internal/setup.sh. It writes down
// what it is asked for, and fails as the file named fail says.
const fakeGo = `#!/usr/bin/env bash
echo "$1" >>calls
fail=$(cat fail 2>/dev/null)
while [ $# -gt 0 ]; do
	case $1 in
	-cpuprofile) echo half >"$2" ;;
	-o) echo program >"$2" ;;
	-pgo=*) cat "${1#-pgo=}" >>calls ;;
	build | test) now=$1 ;;
	esac
	shift
done
if [ "$now" = "$fail" ]; then
	echo "x.go:1:1: the cause"
	echo FAIL
	exit 1
fi
[ "$now" = build ] || [ "$fail" = nothing ] || echo "BenchmarkScenes/bulk/summary 1"
`

// A build of a release that fails says why, and where to read more; what it has
// made by half is not used later.
func TestBuildRelease(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	for _, c := range []struct {
		name    string
		fail    string // see fakeGo
		old     string // the profile that is there
		newer   string // what was changed after that
		ok      bool
		calls   string // of Go, with the profile that it builds by
		says    string
		profile string // that is there then
	}{
		{"first", "", "", "", true, "test build half", "built out as releases are", "half"},
		{"again", "", "whole", "", true, "build whole", "built out as releases are", "whole"},
		{"changed", "", "whole", "analyzer/a.go", true, "test build half", "built out", "half"},
		{"other module", "", "whole", "go.sum", true, "test build half", "built out", "half"},
		{"other script", "", "whole", "internal/setup.sh", true, "test build half", "built out", "half"},
		{"beside", "", "whole", "analyzer/a.golden", true, "build whole", "built out", "whole"},
		{"profile fails", "test", "whole", "go.mod", false, "test", "x.go:1:1: the cause\nall of it: build/profile.log\n", "whole"},
		{"no benchmark", "nothing", "whole", "go.mod", false, "test", "BenchmarkScenes did not run\nall of it: build/profile.log\n", "whole"},
		{"build fails", "build", "whole", "", false, "build whole", "x.go:1:1: the cause\nall of it: build/build.log\n", "whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string, hour int64) {
				t.Helper()
				name = filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
				when := time.Unix(hour*3600, 0)
				if err := os.Chtimes(name, when, when); err != nil {
					t.Fatal(err)
				}
			}
			script, err := os.ReadFile("../../internal/setup.sh")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"analyzer/a.go", "check/a.go", "cmd/a.go", "internal/capgen/a.go", "report/a.go", "statemachine/a.go", "go.mod", "go.sum"} {
				write(name, "", 1)
			}
			write("internal/setup.sh", string(script), 1)
			write("fake", fakeGo, 1)
			if c.fail != "" {
				write("fail", c.fail, 1)
			}
			if c.old != "" {
				write("build/tcpstate.pgo", c.old, 2)
			}
			if c.newer != "" {
				text := ""
				if c.newer == "internal/setup.sh" {
					text = string(script)
				}
				write(c.newer, text, 3)
			}
			// In a chain, as in the Makefile: set -e does not hold there.
			cmd := exec.Command(bash, "-c", ". internal/setup.sh && build_release out && echo done")
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GO=./fake"}
			said, err := cmd.CombinedOutput()
			if (err == nil) != c.ok || strings.Contains(string(said), "done") != c.ok || !strings.Contains(string(said), c.says) {
				t.Errorf("%v\n%s", err, said)
			}
			read := func(name string) string {
				b, _ := os.ReadFile(filepath.Join(dir, name))
				return strings.Join(strings.Fields(string(b)), " ")
			}
			if calls, profile := read("calls"), read("build/tcpstate.pgo"); calls != c.calls || profile != c.profile {
				t.Errorf("calls %q, want %q; profile %q, want %q", calls, c.calls, profile, c.profile)
			}
			for _, name := range []string{"build/scenes.test", "build/tcpstate.pgo.new"} {
				if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}
