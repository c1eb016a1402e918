//go:build linux

// Package host makes network namespaces and runs functions inside them.
//
// A namespace lives as long as its thread and the descriptors opened in it, so
// nothing is left behind when the program ends, however it ends.
package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is one network namespace with an operating-system thread of its own.
type Host struct {
	Name string
	work chan func()
	tid  int
}

// hashBuckets is the size of a host's table of connections: a small one makes
// each dump of inet_diag cheap, since a dump walks every bucket.
const hashBuckets = "1024"

// New makes a namespace with the loopback device up.
func New(name string) (*Host, error) {
	h := &Host{Name: name, work: make(chan func())}
	started := make(chan error)
	go h.serve(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return h, h.Run("ip", "link", "set", "lo", "up")
}

// serve is the life of the host's thread. It never unlocks the thread, so the
// runtime ends it together with the goroutine.
func (h *Host) serve(started chan<- error) {
	runtime.LockOSThread()
	// Two steps: the size of a table is a setting of the namespace in
	// which the new one is made.
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		err = os.WriteFile("/proc/sys/net/ipv4/tcp_child_ehash_entries", []byte(hashBuckets), 0)
	}
	if err == nil {
		err = unix.Unshare(unix.CLONE_NEWNET)
	}
	h.tid = unix.Gettid()
	started <- err
	if err != nil {
		return
	}
	for f := range h.work {
		f()
	}
}

// Do runs f on the host's thread and waits for it: sockets that f opens and
// programs that it starts belong to the host.
func (h *Host) Do(f func()) {
	done := make(chan struct{})
	h.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// Close ends the thread. The namespace goes when its last descriptor does.
func (h *Host) Close() { close(h.work) }

// NetNS returns the path under which other programs can name the namespace.
func (h *Host) NetNS() string {
	return fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), h.tid)
}

// Run runs a program in the namespace and waits for its end.
func (h *Host) Run(name string, args ...string) error {
	var out []byte
	var err error
	h.Do(func() { out, err = exec.Command(name, args...).CombinedOutput() })
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w: %s", h.Name, name, strings.Join(args, " "), err, out)
	}
	return nil
}

// Start starts a program in the namespace.
func (h *Host) Start(cmd *exec.Cmd) error {
	var err error
	h.Do(func() { err = cmd.Start() })
	return err
}

// Batch gives ip(8) a list of commands.
func (h *Host) Batch(lines ...string) error {
	var out []byte
	var err error
	h.Do(func() {
		cmd := exec.Command("ip", "-batch", "-")
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		out, err = cmd.CombinedOutput()
	})
	if err != nil {
		return fmt.Errorf("%s: ip -batch: %w: %s", h.Name, err, out)
	}
	return nil
}

// NFT loads rules of nftables.
func (h *Host) NFT(rules string) error { return h.Run("nft", rules) }

// Sysctl sets net.KEY, dots or slashes between the words.
func (h *Host) Sysctl(key, value string) error {
	path := filepath.Join("/proc/sys/net", strings.ReplaceAll(key, ".", "/"))
	var err error
	h.Do(func() { err = os.WriteFile(path, []byte(value), 0) })
	return err
}

// Counters reads the namespace's TCP counters of /proc/net/snmp and
// /proc/net/netstat by name.
func (h *Host) Counters() (map[string]int64, error) {
	out := map[string]int64{}
	var err error
	h.Do(func() {
		for _, f := range []string{"snmp", "netstat"} {
			var text []byte
			text, err = os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/net/%s", os.Getpid(), unix.Gettid(), f))
			if err != nil {
				return
			}
			parseCounters(string(text), out)
		}
	})
	return out, err
}

// parseCounters reads the pairs of lines, names above numbers.
func parseCounters(text string, out map[string]int64) {
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) == 0 || len(names) != len(values) || !strings.HasPrefix(names[0], "Tcp") {
			continue
		}
		for j := 1; j < len(names); j++ {
			var v int64
			fmt.Sscan(values[j], &v)
			out[names[j]] = v
		}
	}
}
