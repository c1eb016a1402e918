//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLiveTerminal ends the full-screen view in every way it can end, and finds
// the terminal as it was.
func TestLiveTerminal(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	program, self := build(t), executable(t)
	m := openTerminal(t)
	before := m.settings()
	view := func(command, said string, end func()) {
		m.t.Helper()
		m.keys("clear; "+command, "Enter")
		m.await("no findings so far")
		end()
		m.leaves(before, said)
	}
	live := program + " live -i lo --top"
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		view(live, "tcpstate: captured", func() {
			if err := syscall.Kill(child(t, program), sig); err != nil {
				t.Fatal(err)
			}
		})
	}
	view("timeout 3 "+live, "tcpstate: captured", func() {}) // two signals at once
	view(live, "tcpstate: captured", func() { m.keys("C-c") })
	view(live, "tcpstate: captured", func() { m.keys("q") })
	view(live, "tcpstate: captured", func() { m.keys("/", "C-c") })
	view(live+" --duration 2s", "tcpstate: captured", func() {})
	for _, part := range []string{"analysis", "view"} {
		view("(exec -a tcpstate-breaks "+self+" "+part+")", "the "+part+" broke", func() {})
	}
}

func executable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// settings returns what the terminal line is set to, and whether the other
// screen is shown, in one line.
func (m *terminal) settings() string {
	m.t.Helper()
	// Quoted so that the typed line is not taken for its answer.
	m.keys(`clear; echo "set""tings:" $(stty -g) "e""nd"`, "Enter")
	s := m.await(" end\n")
	s = s[strings.Index(s, "settings: "):]
	return s[:strings.Index(s, " end")] + m.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{keypad_flag} #{keypad_cursor_flag} #{wrap_flag} #{mouse_any_flag} #{pane_in_mode}")
}

// leaves checks that the view is gone, the summary stands there, and the
// terminal is as it was.
func (m *terminal) leaves(before, words string) {
	m.t.Helper()
	m.awaitIn(words, "-S", "-200")
	if after := m.settings(); after != before {
		m.t.Errorf("the terminal is left as %q, it was %q", after, before)
	}
}

// child returns the process that runs the program.
func child(t *testing.T, program string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		var pid int
		if target, err := os.Readlink(l); err == nil && target == program {
			if _, err := fmt.Sscanf(l, "/proc/%d/exe", &pid); err == nil {
				return pid
			}
		}
	}
	t.Fatal("the program does not run")
	return 0
}
