//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The traffic of the soak: rounds of four connections, of which one stays open
// until live has long given it up.
const (
	soakRound = 40 * time.Millisecond
	soakKept  = 600 // connections open at a time
	soakLeast = 12 * time.Minute
)

// soaking is a live run under steady traffic.
type soaking struct {
	t       *testing.T
	listen  net.Listener
	program *exec.Cmd
	text    lockedBuffer
	kept    []net.Conn // both ends of those that stay open, the oldest first
	conns   int
}

// TestLiveSoak has all that keeps something run at once, under connections that
// come and go, and holds the memory to what it was after the first sixth.
func TestLiveSoak(t *testing.T) {
	d := speedTime(t)
	if d < soakLeast {
		t.Skipf("memory takes two minutes to settle: %s=30m asks for a soak, %v at least", speedEnv, soakLeast)
	}
	if !inNamespace(t) {
		return
	}
	raiseFiles(t, 4*soakKept)
	s := &soaking{t: t, listen: listen(t)}
	s.start(build(t))
	limit, started := 0, time.Now()
	marks := []time.Duration{d / 6, d / 2, d}
	for i := 0; len(marks) > 0; i++ {
		s.round(i)
		time.Sleep(time.Until(started.Add(time.Duration(i) * soakRound)))
		if i%500 == 0 {
			limit = s.watch(limit, len(marks) < 3)
		}
		if time.Since(started) >= marks[0] {
			limit = s.watch(limit, len(marks) < 3)
			t.Logf("after %v: %d connections, %d KiB of its own, %d KiB resident", marks[0], s.conns,
				s.memory("RssAnon"), s.memory("VmRSS"))
			marks = marks[1:]
		}
	}
	s.end()
}

// start has live print, write, look back and count, within small bounds.
func (s *soaking) start(program string) {
	dir := s.t.TempDir()
	s.program = exec.Command(program, "live", "-i", "lo", "-o", "/dev/null", "--metrics", ":9188",
		"--time-wait", "2s", "--idle", "20s", "--max-connections", "600",
		"-w", filepath.Join(dir, "soak.pcapng"), "--only-findings", "--look-back", "4M", "--rotate-size", "1M", "--rotate-keep", "3")
	s.program.Stderr = &s.text
	if err := s.program.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.program.Process.Kill() }) // it has ended, unless the test failed
	for !strings.Contains(s.text.String(), "listening") {
		time.Sleep(10 * time.Millisecond)
	}
}

// round opens four connections: one is reset, two are closed in order, one of
// them behind a segment that is a finding, and one takes the place of the
// oldest of those that are open.
func (s *soaking) round(i int) {
	for k, how := range []int{4, 2, 3, 0} {
		a, b := connect(s.t, s.listen)
		talk(s.t, a, b)
		if k == 1 && i%10 == 0 {
			forge(s.t, a)
		}
		leave(s.t, how, a, b)
		if how == 0 {
			s.kept = append(s.kept, a, b)
		}
		s.conns++
	}
	for len(s.kept) > 2*soakKept {
		s.kept[0].Close()
		s.kept = s.kept[1:]
	}
}

// watch asks for the metrics and the memory, and returns the most that live
// had. Once it has settled that may grow by a tenth at most.
func (s *soaking) watch(most int, settled bool) int {
	s.t.Helper()
	r, err := http.Get("http://127.0.0.1:9188/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		s.t.Fatal(err)
	}
	kib := s.memory("RssAnon")
	if !settled {
		return max(most, kib)
	}
	if kib > most+most/10 {
		s.t.Errorf("after %d connections live has %d KiB, before it had %d at most", s.conns, kib, most)
	}
	return most
}

// memory is a line of live's /proc/PID/status, in KiB. RssAnon leaves the
// kernel's ring out, which has its size from the start.
func (s *soaking) memory(line string) int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.program.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return int(counted(s.t, string(text), line+`:\s+(\d+) kB`))
}

// end interrupts live, which must have missed nothing.
func (s *soaking) end() {
	if err := s.program.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	if err := s.program.Wait(); err != nil {
		s.t.Fatal(err, s.text.String())
	}
	text := s.text.String()
	if counted(s.t, text, `dropped (\d+) by the kernel`) != 0 {
		s.t.Error("packets were dropped")
	}
	s.t.Logf("%d connections; %s", s.conns, strings.TrimSpace(text))
}
