//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// terminal is a tmux server of its own with one window of 80×24.
type terminal struct {
	t    *testing.T
	name string
}

// openTerminal starts a shell in a terminal, or skips the test.
func openTerminal(t *testing.T) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
	m := &terminal{t: t, name: fmt.Sprintf("tcpstate-test-%d", os.Getpid())}
	m.tmux("new-session", "-d", "-x", "80", "-y", "24", "env PS1='$ ' bash --norc --noprofile")
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", m.name, "kill-server").Run() }) // already ended at worst
	m.await("$")
	return m
}

func (m *terminal) tmux(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-L", m.name, "-f", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (m *terminal) keys(keys ...string) { m.tmux(append([]string{"send-keys"}, keys...)...) }

func (m *terminal) screen(more ...string) string {
	return m.tmux(append([]string{"capture-pane", "-p"}, more...)...)
}

// await returns the screen once it contains the words.
func (m *terminal) await(words string) string {
	m.t.Helper()
	return m.awaitIn(words)
}

// awaitIn is await with more than the screen: what capture-pane takes.
func (m *terminal) awaitIn(words string, more ...string) string {
	m.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		s := m.screen(more...)
		if strings.Contains(s, words) {
			return s
		}
		if time.Now().After(end) {
			m.t.Fatalf("no %q on the screen:\n%s", words, s)
		}
	}
}

// volatile is what differs between two runs: times, rates and counts of the
// head, ages and round-trip times.
var volatile = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(?m)^((?:FROZEN  )?tcpstate live lo).*$`), "$1 HEAD"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d+)?`), "TIME"},
	{regexp.MustCompile(`(?m) +\d+s +(\S+) +[\d.]+(µs|ms|s)$`), " AGE $1 RTT"},
	{regexp.MustCompile(`#\d+`), "#N"},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// golden compares a screen with the file of that name, or writes it.
func (m *terminal) golden(name, screen string) {
	m.t.Helper()
	for _, v := range volatile {
		screen = v.re.ReplaceAllString(screen, v.by)
	}
	file := filepath.Join("testdata", "screens", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(screen), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	if screen != string(want) {
		m.t.Errorf("%s is:\n%s\nwant:\n%s", name, screen, want)
	}
}

// screens drives the full-screen view by its keys.
func screens(t *testing.T, program string) {
	// Without them the lines of a timeline have the same length in each run.
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_timestamps", []byte("0"), 0o644); err != nil {
		t.Skip("cannot switch TCP timestamps off:", err)
	}
	m := openTerminal(t)
	m.keys("clear; "+program+" live -i lo --top", "Enter")
	m.golden("first", m.await("no packets yet"))
	l := listen(t)
	for i := range 20 {
		a, b := connectFrom(t, l, 40000+i)
		talk(t, a, b)
		leave(t, i, a, b)
		if i == 0 {
			forge(t, a)
		}
		defer a.Close()
		defer b.Close()
	}
	m.await("FIN-WAIT-2       4     -")
	m.await("syn-fin")
	m.keys("f") // nothing moves from here on
	m.golden("overview", m.await("FROZEN"))
	m.keys("s", "s", "s", "s", "r", "Down")
	m.golden("sorted", m.await("sort:number"))
	m.keys("/")
	m.keys("-l", "close-wait")
	m.golden("typing", m.await("filter: close-wait_"))
	m.keys("Enter")
	m.golden("filtered", m.await("[close-wait] 4 of 20"))
	m.keys("/", "C-u")
	m.keys("-l", "nosuch")
	m.keys("Enter")
	m.golden("nothing", m.await("no connection matches"))
	m.keys("/", "C-u")
	m.keys("-l", "close-wait")
	m.keys("Enter")
	m.await("[close-wait] 4 of 20")
	m.keys("Enter")
	timeline := m.await("esc back")
	m.golden("timeline", timeline[strings.Index(timeline, "IP 127.0.0.1.999 >"):])
	m.keys("Escape")
	m.await("# CLIENT")

	m.keys("C-c")
	m.await("tcpstate: captured")
}

// connectFrom is connect with the client's port.
func connectFrom(t *testing.T, l net.Listener, port int) (client, server *net.TCPConn) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}}
	c, err := d.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}
