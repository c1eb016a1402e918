//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// readFiles returns the TCP packets of captures, by their ports.
func readFiles(t *testing.T, pattern string) (files int, byPort map[uint16][]string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	byPort = make(map[uint16][]string)
	s := capture.OpenAll(names, nil)
	defer s.Close()
	for p := new(analyzer.Packet); ; {
		if err := s.Next(p); err != nil {
			if !errors.Is(err, io.EOF) || len(s.Errors()) > 0 {
				t.Fatal(err, s.Errors())
			}
			return len(names), byPort
		}
		if p.HasTCP {
			port := min(p.Src.Port(), p.Dst.Port())
			if p.Src.Port() == port || p.Dst.Port() == port {
				key := max(p.Src.Port(), p.Dst.Port())
				byPort[key] = append(byPort[key], p.Segment.Flags.String())
			}
		}
	}
}

// TestLiveWrites writes all packets while it analyses, and begins another file
// at SIGHUP.
func TestLiveWrites(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	w := watch(t, "-i", "lo", "-w", filepath.Join(dir, "x.pcapng"))
	l := listen(t)
	a, b := connect(t, l)
	talk(t, a, b)
	time.Sleep(400 * time.Millisecond)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(400 * time.Millisecond)
	leave(t, 2, a, b)
	time.Sleep(200 * time.Millisecond)
	out := string(w.end(t))
	files, ports := readFiles(t, filepath.Join(dir, "x*.pcapng"))
	got := strings.Join(ports[uint16(a.LocalAddr().(*net.TCPAddr).Port)], " ")
	if files != 2 || !strings.Contains(got, "S S. .") || strings.Count(got, "F.") != 2 {
		t.Errorf("%d files with %s", files, got)
	}
	if !strings.Contains(out, "the client closed first") {
		t.Errorf("no summary:\n%s", out)
	}
}

// TestLiveOnlyFindings writes the one connection that has a finding, from its
// handshake on.
func TestLiveOnlyFindings(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	w := watch(t, "-i", "lo", "-w", file, "--only-findings", "-f", "summary")
	l := listen(t)
	var ports []uint16
	for i := range 10 {
		a, b := connect(t, l)
		talk(t, a, b)
		if i == 7 {
			forge(t, a)
		}
		leave(t, 2, a, b)
		ports = append(ports, uint16(a.LocalAddr().(*net.TCPAddr).Port))
	}
	time.Sleep(300 * time.Millisecond)
	w.end(t)
	_, got := readFiles(t, file)
	seen := strings.Join(got[ports[7]], " ")
	if len(got) != 1 || !strings.HasPrefix(seen, "S S. .") || !strings.Contains(seen, "FS") || strings.Count(seen, "F.") != 2 {
		t.Errorf("written: %v, want the connection of port %d whole", got, ports[7])
	}
}

// TestLiveRotates begins files by size and by time, keeps the latest, and loses
// no packet between two of them.
func TestLiveRotates(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := listen(t)
	for _, c := range []struct {
		name  string
		flags []string
		rest  time.Duration // between two connections
		files [2]int        // at least and at most
		whole bool          // nothing was removed
	}{
		{"by size", []string{"--rotate-size", "4K"}, 0, [2]int{4, 1000}, true},
		{"by time", []string{"--rotate-time", "1s"}, 120 * time.Millisecond, [2]int{2, 1000}, true},
		{"the latest", []string{"--rotate-size", "4K", "--rotate-keep", "2"}, 0, [2]int{2, 2}, false},
	} {
		dir := t.TempDir()
		w := watch(t, append([]string{"-i", "lo", "-f", "summary", "-w", filepath.Join(dir, "x.pcapng")}, c.flags...)...)
		var ports []uint16
		for range 20 {
			a, b := connect(t, l)
			talk(t, a, b)
			leave(t, 2, a, b)
			ports = append(ports, portOf(a))
			time.Sleep(c.rest)
		}
		time.Sleep(300 * time.Millisecond)
		w.end(t)
		files, got := readFiles(t, filepath.Join(dir, "x_*.pcapng"))
		if files < c.files[0] || files > c.files[1] {
			t.Errorf("%s: %d files", c.name, files)
		}
		whole := 0
		for _, port := range ports {
			if seen := strings.Join(got[port], " "); strings.HasPrefix(seen, "S S. .") && strings.Count(seen, "F.") == 2 {
				whole++
			}
		}
		if c.whole != (whole == len(ports)) || got[ports[len(ports)-1]] == nil {
			t.Errorf("%s: %d of %d connections are whole: %v", c.name, whole, len(ports), got)
		}
		if c.flags[0] == "--rotate-size" {
			bounded(t, dir, 4<<10)
		}
	}
}

func portOf(c *net.TCPConn) uint16 { return uint16(c.LocalAddr().(*net.TCPAddr).Port) }

// bounded checks that no file is larger than it may be. The counts of losses
// at its end come on top.
func bounded(t *testing.T, dir string, size int64) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	const statistics = 64
	for _, e := range list {
		if info, err := e.Info(); err != nil || info.Size() > size+statistics {
			t.Errorf("%s: %v, %v", e.Name(), info.Size(), err)
		}
	}
}

// TestLiveLookBack writes a connection whose finding came at its end, from its
// SYN on, and nothing of the others. Others read the file as we do.
func TestLiveLookBack(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	w := watch(t, "-i", "lo", "-w", file, "--only-findings", "-f", "ndjson")
	l := listen(t)
	var ports []uint16
	for i := range 30 {
		a, b := connect(t, l)
		talk(t, a, b)
		ports = append(ports, portOf(a))
		if i == 11 {
			halfOpen(t, a, b)
			continue
		}
		leave(t, 2+i%3, a, b) // closed by either end, or reset
	}
	time.Sleep(500 * time.Millisecond)
	out := string(w.end(t))
	if !strings.Contains(out, `"code":"data-after-close"`) {
		t.Errorf("no finding:\n%s", out)
	}
	_, got := readFiles(t, file)
	seen := strings.Join(got[ports[11]], " ")
	if len(got) != 1 || !strings.HasPrefix(seen, "S S. .") || !strings.HasSuffix(seen, "R") {
		t.Errorf("written: %v, want the connection of port %d from its SYN to its RST", got, ports[11])
	}
	count := len(got[ports[11]])
	for _, reader := range [][]string{{"tcpdump", "-n", "-r", file}, {"tshark", "-n", "-r", file}} {
		if _, err := exec.LookPath(reader[0]); err != nil {
			t.Log(reader[0], "is not installed")
			continue
		}
		text, err := exec.Command(reader[0], reader[1:]...).Output()
		if n := strings.Count(string(text), "\n"); err != nil || n != count || strings.Count(string(text), fmt.Sprint(ports[11])) < n {
			t.Errorf("%s reads %d packets of %d: %v\n%s", reader[0], n, count, err, text)
		}
	}
}

// halfOpen has the server close for good while the client goes on to send: the
// server's kernel answers with RST.
func halfOpen(t *testing.T, client, server *net.TCPConn) {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatal("no end of the stream:", err)
	}
	if _, err := client.Write([]byte("too late\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	_ = client.Close() // it was reset
}
