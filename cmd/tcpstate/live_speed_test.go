//go:build linux

package main

import (
	"encoding/binary"
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

// blaster sends segments of many connections as fast as it can, in order and
// without loss: two of data, one ACK.
type blaster struct {
	fd     int
	frames [][3][]byte // by connection
	seq    []uint32
	sent   uint64
}

const blastPayload = 1000

// newBlaster sends at an interface.
func newBlaster(t *testing.T, ifname string, conns int) *blaster {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Skip("no packet socket:", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		t.Fatal(err)
	}
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	b := &blaster{fd: fd, seq: make([]uint32, conns)}
	for i := range conns {
		port := uint16(10000 + i)
		b.frames = append(b.frames, [3][]byte{
			frameOf(port, 80, 0x18, blastPayload), frameOf(port, 80, 0x18, blastPayload), frameOf(80, port, 0x10, 0),
		})
	}
	return b
}

// frameOf returns an Ethernet frame of a segment, its numbers left at 0.
func frameOf(src, dst uint16, flags byte, payload int) []byte {
	f := make([]byte, 14+20+20+payload)
	copy(f, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\x45\x00")
	binary.BigEndian.PutUint16(f[16:], uint16(40+payload))
	f[22], f[23] = 64, 6
	from, to := byte(1), byte(2)
	if src < dst {
		from, to = to, from
	}
	copy(f[26:], []byte{10, 9, 0, from, 10, 9, 0, to})
	binary.BigEndian.PutUint16(f[34:], src)
	binary.BigEndian.PutUint16(f[36:], dst)
	f[46], f[47] = 5<<4, flags
	binary.BigEndian.PutUint16(f[48:], 1024)
	return f
}

// run sends until the time is over, at most so many packets a second where
// pace is not 0.
func (b *blaster) run(t *testing.T, d time.Duration, pace int) {
	t.Helper()
	start := time.Now()
	for k := 0; time.Since(start) < d; k++ {
		i := k % len(b.frames)
		fs := &b.frames[i]
		for j, f := range fs {
			seq, ack := b.seq[i], uint32(1)
			if j == 2 {
				seq, ack = 1, b.seq[i]
			} else {
				b.seq[i] += blastPayload
			}
			binary.BigEndian.PutUint32(f[38:], seq)
			binary.BigEndian.PutUint32(f[42:], ack)
			if _, err := unix.Write(b.fd, f); err != nil && err != unix.ENOBUFS {
				t.Fatal(err)
			}
			b.sent++
		}
		if pace > 0 {
			due := time.Duration(b.sent) * time.Second / time.Duration(pace)
			time.Sleep(due - time.Since(start))
		}
	}
}

// veth makes a pair of interfaces without addresses.
func veth(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"link add va type veth peer name vb", "link set va up", "link set vb up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v %s", line, err, out)
		}
	}
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/vb/disable_ipv6", []byte("1"), 0o644) // less noise, where there is IPv6
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

// TestLiveSpeed compares what live drops with what tcpdump -w drops while both
// watch the same packets, sent as fast as the machine can.
func TestLiveSpeed(t *testing.T) {
	d := speedTime(t)
	if !inNamespace(t) {
		return
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	veth(t)
	program := build(t)
	dir := t.TempDir()
	for _, form := range [][]string{{"-f", "summary"}, {"-f", "ndjson", "-o", "/dev/null"}, {"-o", "/dev/null"}, {"-f", "summary", "-w", filepath.Join(dir, "ours.pcapng")}} {
		live := exec.Command(program, append([]string{"live", "-i", "vb"}, form...)...)
		dump := exec.Command("tcpdump", "-i", "vb", "-B", "32768", "-w", filepath.Join(dir, "dump.pcap"))
		var liveText, dumpText lockedBuffer
		live.Stderr, dump.Stderr = &liveText, &dumpText
		for _, c := range []*exec.Cmd{live, dump} {
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		b := newBlaster(t, "va", 64)
		b.run(t, d, 0)
		time.Sleep(2 * time.Second)
		for _, c := range []*exec.Cmd{live, dump} {
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err != nil {
				t.Errorf("%v: %v", c.Args, err)
			}
		}
		ours := counted(t, liveText.String(), `captured \d+ packets?; dropped (\d+) by the kernel`)
		theirs := counted(t, dumpText.String(), `(\d+) packets dropped by kernel`)
		n := float64(b.sent)
		t.Logf("%v: %.0f packets at %.0f/s; live dropped %.1f%%, tcpdump -w %.1f%%",
			form, n, n/d.Seconds(), 100*ours/n, 100*theirs/n)
	}
}
