//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listen listens at a port that is lower than any that clients get.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:999")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func connect(t *testing.T, l net.Listener) (client, server *net.TCPConn) {
	t.Helper()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// forge sends a segment with SYN and FIN in the name of a connection's client.
func forge(t *testing.T, c *net.TCPConn) {
	t.Helper()
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_TCP)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(s)
	src, dst := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
	segment := make([]byte, 20)
	segment[0], segment[1] = byte(src.Port>>8), byte(src.Port)
	segment[2], segment[3] = byte(dst.Port>>8), byte(dst.Port)
	segment[12], segment[13] = 5<<4, 3 // the checksum is wrong: the kernel ignores it
	if err := syscall.Sendto(s, segment, 0, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
}

// TestLiveMetrics scrapes a live run.
func TestLiveMetrics(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := watch(t, "-i", "lo", "--metrics", ":9188", "-f", "summary")
	l := listen(t)
	var kept []any // a connection that nothing refers to would be closed by the collector
	for i := range 10 {
		a, b := connect(t, l)
		talk(t, a, b)
		leave(t, i, a, b)
		kept = append(kept, a, b)
	}
	if _, err := net.Dial("tcp4", "127.0.0.1:9"); err == nil {
		t.Fatal("somebody listens at port 9")
	}
	time.Sleep(500 * time.Millisecond)
	r, err := http.Get("http://127.0.0.1:9188/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(kept)
	for _, want := range []string{
		// The scrape itself may have been seen as one more open connection.
		`tcpstate_endpoints{side="client",state="ESTABLISHED"} [23]`,
		`tcpstate_endpoints{side="client",state="FIN-WAIT-2"} 2`,
		`tcpstate_endpoints{side="server",state="CLOSE-WAIT"} 2`,
		`tcpstate_endpoints{side="client",state="TIME-WAIT"} 2`,
		`tcpstate_endpoints{side="server",state="TIME-WAIT"} 2`,
		`tcpstate_handshakes_total{outcome="completed"} 1[01]`,
		`tcpstate_handshakes_total{outcome="refused"} 1`,
		`tcpstate_resets_total{reason="established"} 2`,
		`tcpstate_resets_total{reason="refused"} 1`,
		`tcpstate_handshake_rtt_seconds_count 1[01]`,
		`tcpstate_dropped_packets_total{by="kernel"} 0`,
		`tcpstate_findings_total{code="syn-fin",severity="warning"} 0`,
	} {
		if !regexp.MustCompile("(?m)^" + strings.ReplaceAll(want, "{", `\{`) + "$").Match(text) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
	// Every address of 127/8 is this host's; only that of localhost answers.
	if c, err := net.Dial("tcp4", "127.0.0.2:9188"); err == nil {
		c.Close()
		t.Error("the metrics answer at other addresses than the loopback's")
	}
	w.end(t)
}

// TestLiveCount ends by itself.
func TestLiveCount(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := watch(t, "-i", "lo", "-c", "3", "-t")
	connect(t, listen(t))
	select {
	case code := <-w.code:
		if lines := regexp.MustCompile(`(?m)^IP `).FindAllString(w.out.String(), -1); code != exitDone || len(lines) != 3 {
			t.Errorf("exit code %d, %d packets:\n%s", code, len(lines), w.out.String())
		}
	case <-time.After(5 * time.Second):
		t.Fatal("live does not end after three packets")
	}
	start := time.Now()
	w = watch(t, "-i", "lo", "--duration", "300ms")
	if code := <-w.code; code != exitDone || time.Since(start) > 3*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(start))
	}
}

// TestLiveProgram runs the program itself, in a network namespace.
func TestLiveProgram(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	program := build(t)
	t.Run("without rights", func(t *testing.T) { withoutRights(t, program) })
	t.Run("granted rights", func(t *testing.T) { grantedRights(t, program) })
	t.Run("becomes a user", func(t *testing.T) { becomesUser(t, program) })
	t.Run("screens", func(t *testing.T) { screens(t, program) })
}

// withoutRights tells an ordinary user how to get the rights.
func withoutRights(t *testing.T, program string) {
	c := exec.Command(program, "live", "-i", "lo")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); err == nil || code != int(exitRights) || !strings.Contains(string(out), "setcap cap_net_raw,cap_net_admin=eip "+program) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// grantedRights grants the rights as the message and docs/live.md have it.
func grantedRights(t *testing.T, program string) {
	setcap, err := exec.LookPath("setcap")
	if err != nil {
		t.Skip("setcap is not installed")
	}
	copied, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	program += "-granted"
	if err := os.WriteFile(program, copied, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(setcap, "cap_net_raw,cap_net_admin=eip", program).CombinedOutput(); err != nil {
		t.Skipf("setcap: %v %s", err, out)
	}
	c := exec.Command(program, "live", "-i", "lo", "--duration", "300ms")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "captured 0 packets") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestLiveErrors says what is wrong with a capture that cannot begin, and how to
// mend it.
func TestLiveErrors(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	type mistake struct {
		args []string
		code exitCode
		want string
	}
	mistakes := []mistake{
		{[]string{"-i", "nosuch"}, exitRights, "tcpstate: nosuch: no such interface\nhint: tcpstate interfaces lists them\n"},
		{[]string{"-i", "lo0"}, exitRights, "tcpstate: lo0: no such interface\nhint: did you mean lo?\n"},
		{[]string{"-i", "lo", "--user", "nosuch"}, exitRights, "tcpstate: cannot become user \"nosuch\": no such user\n"},
		{[]string{"-i", "lo", "--metrics", "9188"}, exitUsage, "tcpstate: --metrics \"9188\" is no address\nhint: as :9188 or 192.0.2.1:9188\n"},
		{[]string{"-i", "lo", "-w", "/nosuch/x"}, exitInput, "tcpstate: cannot write /nosuch/x: no such file\n"},
	}
	if withLibpcap {
		mistakes = append(mistakes,
			mistake{[]string{"-i", "lo", "tcp", "and", "prot", "80"}, exitUsage,
				"tcpstate: filter \"tcp and prot 80\": syntax error at \"prot\", position 9\nhint: pcap-filter(7) has the syntax\n"},
			mistake{[]string{"-i", "lo", "tcp and"}, exitUsage,
				"tcpstate: filter \"tcp and\": syntax error at its end\nhint: pcap-filter(7) has the syntax\n"},
			mistake{[]string{"lo", "port", "80"}, exitUsage,
				"tcpstate: filter \"lo port 80\": syntax error at \"lo\", position 1\nhint: did you mean -i lo?\n"})
	} else {
		mistakes = append(mistakes, mistake{[]string{"-i", "lo", "tcp", "port", "80"}, exitUsage,
			"tcpstate: lo: this tcpstate was built without libpcap, which filter expressions need\nhint: " + libpcapHint + "\n"})
	}
	for _, m := range mistakes {
		var text bytes.Buffer
		s := &streams{in: strings.NewReader(""), out: &text, err: &text, env: func(string) string { return "" }}
		if code := run(context.Background(), s, append([]string{"live"}, m.args...)); code != m.code || text.String() != m.want {
			t.Errorf("%q: exit code %d:\n%s\nwant %d:\n%s", m.args, code, text.String(), m.code, m.want)
		}
	}
}

// becomesUser gives the rights of root up once the device is open.
func becomesUser(t *testing.T, program string) {
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "x.pcapng")
	c := exec.Command(program, "live", "-i", "lo", "--user", "nobody", "-w", file, "--duration", "5s")
	var text lockedBuffer
	c.Stderr = &text
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); !strings.Contains(text.String(), "listening") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil || !strings.Contains(text.String(), "captured ") {
		t.Errorf("SIGTERM: %v, %s", err, text.String())
	}
	for _, want := range []string{`(?m)^Uid:\s+65534\s+65534\s+65534\s+65534$`, `(?m)^CapEff:\s+0+$`, `(?m)^CapPrm:\s+0+$`} {
		if !regexp.MustCompile(want).Match(status) {
			t.Errorf("no %s in:\n%s", want, status)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("the file is not the user's: %v", err)
	}
}

// build builds the program where any user may execute it.
func build(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tcpstate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "tcpstate")
	args := []string{"build", "-o", program}
	if withLibpcap {
		args = append(args, "-tags", "libpcap")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
