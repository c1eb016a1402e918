//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kernelTrace is what the kernel's tracepoint inet_sock_set_state tells of the
// sockets of one address.
type kernelTrace struct {
	t     *testing.T
	dir   string
	paths map[string][]string // by "local peer", once they are read
	host  string
}

// startTrace begins a trace in an instance of its own; nil where there is no
// tracefs.
func startTrace(t *testing.T, host string) *kernelTrace {
	t.Helper()
	k := &kernelTrace{t: t, host: host}
	k.dir = filepath.Join("/sys/kernel/tracing/instances", fmt.Sprintf("tcpstate-live-%d", os.Getpid()))
	if err := os.Mkdir(k.dir, 0o755); err != nil {
		t.Log("the kernel's trace is not compared:", err)
		return nil
	}
	t.Cleanup(func() {
		k.write("events/sock/inet_sock_set_state/enable", "0")
		if err := os.Remove(k.dir); err != nil {
			t.Error(err)
		}
	})
	k.write("buffer_size_kb", "16384")
	k.write("events/sock/inet_sock_set_state/enable", "1")
	return k
}

func (k *kernelTrace) write(file, text string) {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, file), []byte(text), 0o644); err != nil {
		k.t.Fatal(err)
	}
}

var traceLine = regexp.MustCompile(`inet_sock_set_state: .*sport=(\d+) dport=(\d+) saddr=(\S+) daddr=(\S+) .*oldstate=TCP_(\S+) newstate=TCP_(\S+)`)

// path returns the states that a socket went through, in the RFC's words and
// with a blank between them.
func (k *kernelTrace) path(key string) string {
	if k == nil {
		return ""
	}
	return strings.Join(k.paths[key], " ")
}

// read reads the trace so far. When a socket goes over into TIME-WAIT the kernel
// closes it and goes on with a smaller one, so its CLOSE behind FIN_WAIT2 or
// CLOSING is the RFC's TIME-WAIT.
func (k *kernelTrace) read() {
	if k == nil {
		return
	}
	text, err := os.ReadFile(filepath.Join(k.dir, "trace"))
	if err != nil {
		k.t.Fatal(err)
	}
	k.paths = make(map[string][]string)
	words := strings.NewReplacer("_", "-", "WAIT1", "WAIT-1", "WAIT2", "WAIT-2", "SYN_RECV", "SYN-RECEIVED")
	for _, m := range traceLine.FindAllStringSubmatch(string(text), -1) {
		if m[3] != k.host || m[2] == "0" {
			continue
		}
		to := words.Replace(m[6])
		switch {
		case m[6] == "CLOSE" && (m[5] == "FIN_WAIT2" || m[5] == "CLOSING"):
			to = "TIME-WAIT"
		case m[6] == "CLOSE":
			to = "CLOSED"
		}
		key := m[3] + ":" + m[1] + " " + m[4] + ":" + m[2]
		k.paths[key] = append(k.paths[key], to)
	}
}
