//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

// speedEnv asks for the long tests; its value is how long each of them lasts.
const speedEnv = "TCPSTATE_TEST_SPEED"

func speedTime(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(os.Getenv(speedEnv))
	if err != nil {
		t.Skipf("a long test: %s=10s asks for it", speedEnv)
	}
	return d
}

// The replay of TestLiveSpeed: so many packets, or so many for each second of
// the long test.
const (
	replayPackets = 20_000
	replayRate    = 100_000
)

// replay sends the packets of a capture at an interface as fast as it can, each
// as long as it was on the wire, and returns how many there were.
func replay(t *testing.T, ifname string, capture []byte) (sent float64) {
	t.Helper()
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Skip("no packet socket:", err)
	}
	defer unix.Close(fd)
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}),
	); err != nil {
		t.Fatal(err)
	}
	const fileHeader, recordHeader, captured, length = 24, 16, 8, 12 // of pcap
	var frame [1 << 16]byte                                          // what was cut off is sent as zeros
	for at := fileHeader; at < len(capture); sent++ {
		kept := int(binary.LittleEndian.Uint32(capture[at+captured:]))
		wire := int(binary.LittleEndian.Uint32(capture[at+length:]))
		at += recordHeader
		copy(frame[:], capture[at:at+kept])
		at += kept
		for {
			_, err := unix.Write(fd, frame[:wire])
			if err == nil {
				break
			}
			if !errors.Is(err, unix.ENOBUFS) {
				t.Fatal(err)
			}
		}
	}
	return sent
}

// veth makes a pair of interfaces without addresses.
func veth(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"link add va mtu 1600 type veth peer name vb mtu 1600", "link set va up", "link set vb up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v %s", line, err, out)
		}
	}
}

// counted finds a number in what a program said at its end.
func counted(t *testing.T, text, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in %s", pattern, text)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLiveSpeed has live and tcpdump -w watch the same packets, those of the
// bulk scene sent as fast as the machine can, and reports the share that each
// of them drops. Both must account for all packets, and live must say of
// connections with holes that the capture made them.
func TestLiveSpeed(t *testing.T) {
	packets := replayPackets
	if d, err := time.ParseDuration(os.Getenv(speedEnv)); err == nil {
		packets = int(d.Seconds() * replayRate)
	}
	if !inNamespace(t) {
		return
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	veth(t)
	var scene bytes.Buffer
	if err := capgen.Bulk.Write(&scene, packets); err != nil {
		t.Fatal(err)
	}
	program, dir := build(t), t.TempDir()
	for _, form := range [][]string{
		{"-f", "summary"},
		{"-f", "ndjson", "-o", filepath.Join(dir, "x.ndjson")},
		{"-o", "/dev/null"},
		{"-f", "summary", "-w", filepath.Join(dir, "ours.pcapng")},
	} {
		live := exec.Command(program, append([]string{"live", "-i", "vb"}, form...)...)
		dump := exec.Command("tcpdump", "-i", "vb", "-B", "32768", "-w", filepath.Join(dir, "dump.pcap"))
		liveText, dumpText := starts(t, live, "listening on"), starts(t, dump, "listening on")
		began := time.Now()
		sent := replay(t, "va", scene.Bytes())
		took := time.Since(began)
		settle(t, live.Process.Pid, dump.Process.Pid)
		ends(t, live)
		ends(t, dump)
		ours := counted(t, liveText.String(), `captured \d+ packets?; dropped (\d+) by the kernel`)
		theirs := counted(t, dumpText.String(), `(\d+) packets dropped by kernel`)
		// The kernel itself may send a packet or two of IPv6 when an interface
		// comes up.
		if n := ours + counted(t, liveText.String(), `captured (\d+) packets?`); n < sent || n > sent+20 {
			t.Errorf("%v: %.0f packets captured or dropped, %.0f were sent", form, n, sent)
		}
		t.Logf("%v: %.0f packets at %.0f/s; dropped, and processor time for each captured: live %.1f%%, %s; tcpdump -w %.1f%%, %s",
			form, sent, sent/took.Seconds(), 100*ours/sent, each(live, sent-ours), 100*theirs/sent, each(dump, sent-theirs))
		if ours > 0 && form[1] == "ndjson" {
			explains(t, form[3])
		}
	}
}

// TestLiveDrops stops live while more arrives than its buffer holds: it tells of
// the drops while it goes on, and of the connections that lack packets that the
// capture, not the network, lost them.
func TestLiveDrops(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	veth(t)
	var scene bytes.Buffer
	if err := capgen.Bulk.Write(&scene, replayPackets); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.ndjson")
	live := exec.Command(build(t), "live", "-i", "vb", "-B", "2048", "-f", "ndjson", "-o", file)
	text := starts(t, live, "listening on")
	parts := thirds(scene.Bytes())
	sent := replay(t, "va", parts[0])
	settle(t, live.Process.Pid)
	for _, s := range []os.Signal{unix.SIGSTOP, unix.SIGCONT} {
		if err := live.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if s == unix.SIGSTOP {
			sent += replay(t, "va", parts[1])
		}
	}
	settle(t, live.Process.Pid)
	sent += replay(t, "va", parts[2]) // behind what was dropped, so that the connections lack it
	settle(t, live.Process.Pid)
	ends(t, live)
	dropped := counted(t, text.String(), `captured \d+ packets; dropped (\d+) by the kernel`)
	if dropped == 0 || dropped > sent {
		t.Errorf("%.0f of %.0f packets dropped", dropped, sent)
	}
	if !strings.Contains(text.String(), " so far: ") {
		t.Errorf("no word of the drops before the end:\n%s", text.String())
	}
	explains(t, file)
}

// thirds divides a pcap file into three, between records.
func thirds(file []byte) (parts [3][]byte) {
	const fileHeader, recordHeader, captured = 24, 16, 8
	at := fileHeader
	for i := range parts {
		from := at
		for at < len(file) && (i == len(parts)-1 || at < (i+1)*len(file)/len(parts)) {
			at += recordHeader + int(binary.LittleEndian.Uint32(file[at+captured:]))
		}
		parts[i] = append(file[:fileHeader:fileHeader], file[from:at]...)
	}
	return parts
}

// each is the processor time that a program spent on each packet: its own, and
// the kernel's for it.
func each(c *exec.Cmd, packets float64) string {
	us := func(d time.Duration) float64 { return d.Seconds() * 1e6 / max(packets, 1) }
	return fmt.Sprintf("%.2f + %.2f µs", us(c.ProcessState.UserTime()), us(c.ProcessState.SystemTime()))
}

// explains looks for the finding that says that the capture dropped packets.
func explains(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"code":"capture-drops"`)) {
		t.Error("packets were dropped, and no connection has capture-drops")
	}
}

// starts starts a program and waits until it has said something.
func starts(t *testing.T, c *exec.Cmd, words string) *lockedBuffer {
	t.Helper()
	text := &lockedBuffer{}
	c.Stderr = text
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // it has ended, unless the test failed
	for end := time.Now().Add(10 * time.Second); !strings.Contains(text.String(), words); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v does not start: %s", c.Args, text.String())
		}
	}
	return text
}

// ends interrupts a program, which then ends in order.
func ends(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %v %s", c.Args, err, c.Stderr)
	}
}

// settle waits until processes have had nothing to do for a second.
func settle(t *testing.T, pids ...int) {
	t.Helper()
	used := func() (n int) {
		for _, pid := range pids {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err != nil {
				t.Fatal(err)
			}
			f := strings.Fields(string(text[bytes.LastIndexByte(text, ')'):]))
			for _, field := range f[12:14] { // utime and stime, of 10 ms
				v, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				n += v
			}
		}
		return n
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		before := used()
		time.Sleep(time.Second)
		if used() <= before+1 {
			return
		}
	}
}
