//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideEnv tells a test process that it has a network namespace of its own.
const insideEnv = "TCPSTATE_TEST_NAMESPACE"

// inNamespace runs the calling test again in a process with a network
// namespace of its own, whose only interface is the loopback. It returns true
// there, and false in the first process once that one has ended.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		if err := raiseLoopback(); err != nil {
			t.Fatal("raising the loopback:", err)
		}
		return true
	}
	c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-update=%v", *update))
	c.Env = append(os.Environ(), insideEnv+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET}
	out, err := c.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skip("no network namespace can be made here:", err)
	}
	if err != nil {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("in the namespace:\n%s", out)
	}
	t.Logf("in the namespace:\n%s", out)
	return false
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// watching is a live command that runs in this process.
type watching struct {
	stop context.CancelFunc
	code chan exitCode
	out  bytes.Buffer
	err  lockedBuffer
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// watch starts live and waits until it listens.
func watch(t *testing.T, args ...string) *watching {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &watching{stop: stop, code: make(chan exitCode, 1)}
	s := &streams{in: strings.NewReader(""), out: &w.out, err: &w.err, env: func(string) string { return "" }}
	go func() { w.code <- run(ctx, s, append([]string{"live"}, args...)) }()
	for end := time.Now().Add(5 * time.Second); !strings.Contains(w.err.String(), "listening"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("live does not listen: %s", w.err.String())
		}
	}
	return w
}

// end interrupts live and returns what it printed.
func (w *watching) end(t *testing.T) []byte {
	t.Helper()
	w.stop()
	select {
	case code := <-w.code:
		if code != exitDone && code != exitInterrupted {
			t.Fatalf("exit code %d: %s", code, w.err.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("live does not end")
	}
	return w.out.Bytes()
}

// pairs opens connections over the loopback and returns both ends of each.
func pairs(t *testing.T, host string, n int) (clients, servers []*net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp4", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	for range n {
		c, err := d.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c.(*net.TCPConn))
		servers = append(servers, s.(*net.TCPConn))
	}
	return clients, servers
}

// talk sends a line each way.
func talk(t *testing.T, a, b *net.TCPConn) {
	t.Helper()
	buf := make([]byte, 16)
	for _, d := range [][2]*net.TCPConn{{a, b}, {b, a}} {
		if _, err := d[0].Write([]byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAtLeast(d[1], buf, 6); err != nil {
			t.Fatal(err)
		}
	}
}

// leave brings a connection to one of five ends, by its number.
func leave(t *testing.T, i int, client, server *net.TCPConn) {
	t.Helper()
	buf := make([]byte, 1)
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	switch i % 5 {
	case 0: // stays open
	case 1: // half-closed by the client
		check(client.CloseWrite())
		if _, err := server.Read(buf); !errors.Is(err, io.EOF) {
			t.Fatal("no end of the stream:", err)
		}
	case 2, 3: // closed, by the client or the server first
		first, second := client, server
		if i%5 == 3 {
			first, second = server, client
		}
		check(first.CloseWrite())
		if _, err := second.Read(buf); !errors.Is(err, io.EOF) {
			t.Fatal("no end of the stream:", err)
		}
		check(second.Close())
		if _, err := first.Read(buf); !errors.Is(err, io.EOF) {
			t.Fatal("no end of the stream:", err)
		}
		check(first.Close())
	case 4: // reset
		check(client.SetLinger(0))
		check(client.Close())
		if _, err := server.Read(buf); err == nil {
			t.Fatal("no reset")
		}
		check(server.Close())
	}
}

// procStates are the states of /proc/net/tcp (include/net/tcp_states.h).
var procStates = [...]string{
	1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT",
	7: "CLOSED", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING",
}

// kernelStates returns the kernel's word on each end, by "local peer".
func kernelStates(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	states := make(map[string]string)
	for _, line := range strings.Split(string(text), "\n")[1:] {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		n, err := strconv.ParseUint(f[3], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		states[procAddr(t, f[1])+" "+procAddr(t, f[2])] = procStates[n]
	}
	return states
}

// procAddr turns an address of /proc/net/tcp, in the machine's byte order
// (little-endian where this runs), into text.
func procAddr(t *testing.T, s string) string {
	t.Helper()
	var a uint32
	var port uint16
	if _, err := fmt.Sscanf(s, "%08X:%04X", &a, &port); err != nil {
		t.Fatal(s, err)
	}
	return fmt.Sprintf("%d.%d.%d.%d:%d", byte(a), byte(a>>8), byte(a>>16), byte(a>>24), port)
}

// lastWords follows an NDJSON stream as a consumer does and returns the states
// that each end went through by the last words, the number of connections, and
// the drops.
func lastWords(t *testing.T, out []byte) (paths map[string][]string, connections, drops int) {
	t.Helper()
	type step struct {
		Type, Endpoint, Peer, From, To, Event, Status string
		Packet                                        uint64
		Drops                                         int
	}
	said := make(map[string][]step)
	in := bufio.NewScanner(bytes.NewReader(out))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var s step
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			t.Fatal(err, in.Text())
		}
		key := s.Endpoint + " " + s.Peer
		switch s.Type {
		case "transition":
			said[key] = append(said[key], s)
		case "revision":
			said[key] = revise(t, said[key], s.Status == "withdrawn", func(o step) bool {
				return o.Packet == s.Packet && o.From == s.From && o.To == s.To && o.Event == s.Event
			})
		case "connection":
			connections++
		case "capture":
			drops = s.Drops
		}
	}
	paths = make(map[string][]string)
	for key, steps := range said {
		for _, s := range steps {
			paths[key] = append(paths[key], s.To)
		}
	}
	return paths, connections, drops
}

// revise finds the step that a revision is about, and removes it if withdrawn.
func revise[S any](t *testing.T, steps []S, withdrawn bool, same func(S) bool) []S {
	t.Helper()
	for i := len(steps) - 1; i >= 0; i-- {
		if same(steps[i]) {
			if withdrawn {
				return append(steps[:i], steps[i+1:]...)
			}
			return steps
		}
	}
	t.Error("a revision of a step that was not said")
	return steps
}

// TestLiveThousandConnections watches a real client and a real server, and
// compares the states of all ends with the kernel's at the same moment.
func TestLiveThousandConnections(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const n = 1000
	raiseFiles(t, 3*n)
	// Addresses of this process's own tell its sockets from others in the
	// kernel's trace, which is of the whole machine.
	host := fmt.Sprintf("127.%d.%d.1", 100+os.Getpid()>>8%100, os.Getpid()%256)
	kernel := startTrace(t, host)
	w := watch(t, "-i", "lo", "-f", "ndjson")
	clients, servers := pairs(t, host, n)
	for i := range n {
		talk(t, clients[i], servers[i])
		leave(t, i, clients[i], servers[i])
	}
	time.Sleep(500 * time.Millisecond) // the last delayed ACKs
	want := kernelStates(t)
	kernel.read()
	paths, connections, drops := lastWords(t, w.end(t))
	if connections != n || drops != 0 {
		t.Errorf("%d connections, %d drops, want %d and none", connections, drops, n)
	}
	for i := range n {
		a, b := clients[i].LocalAddr().String(), clients[i].RemoteAddr().String()
		for _, key := range []string{a + " " + b, b + " " + a} {
			k := want[key]
			if k == "" {
				k = "CLOSED"
			}
			path := paths[key]
			if len(path) == 0 || path[len(path)-1] != k {
				t.Errorf("connection %d, %s: %v, the kernel has %s", i, key, path, k)
			}
			if traced := kernel.path(key); kernel != nil && strings.Join(path, " ") != traced {
				t.Errorf("connection %d, %s: %v, the kernel's trace has %s", i, key, path, traced)
			}
		}
	}
	runtime.KeepAlive(clients) // what is collected is closed
	runtime.KeepAlive(servers)
	t.Logf("%d connections, %d drops, %s", connections, drops, strings.TrimSpace(w.err.String()))
}

// raiseFiles allows this process so many open files, or skips the test.
func raiseFiles(t *testing.T, n uint64) {
	t.Helper()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		t.Skip("cannot open enough files:", err)
	}
}
