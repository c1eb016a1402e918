//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// evil steers a terminal: it clears the screen and sets the title.
const evil = "\x1b[2J\x1b]0;x\a"

// steers reports whether text holds what a terminal obeys. Line breaks, and the
// tabs of Zeek's form, are all that may be in it.
func steers(text []byte) bool {
	return bytes.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
}

// TestLiveEscapes lets nothing through to the terminal: not from the name of an
// interface, not from packets, not from what the user typed.
func TestLiveEscapes(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const name = "\x1b[31mevil\a"
	for _, args := range [][]string{{"add", name, "type", "veth", "peer", "name", "vb"}, {"set", name, "up"}, {"set", "vb", "up"}} {
		if out, err := exec.Command("ip", append([]string{"link"}, args...)...).CombinedOutput(); err != nil {
			t.Skipf("no interface of that name: %v %s", err, out)
		}
	}
	for _, args := range [][]string{
		{"-i", name, "-e", "-vv"}, {"-i", "any", "-e", "-v"}, {"-i", name, "-f", "summary"},
		{"-i", name, "-f", "ndjson", "--segments"}, {"-i", name, "-f", "zeek"},
	} {
		w := watch(t, args...)
		sendEvil(t, name)
		time.Sleep(300 * time.Millisecond)
		out := w.end(t)
		if len(out) == 0 || !strings.Contains(w.err.String(), "captured ") {
			t.Errorf("%q: nothing was captured: %s", args, w.err.String())
		}
		if steers(out) || steers([]byte(w.err.String())) {
			t.Errorf("%q steers the terminal:\n%q\n%q", args, out, w.err.String())
		}
	}
	for _, args := range [][]string{
		{"-i", evil}, {"-i", "lo", evil}, {"-i", "lo", "host", evil}, {"-i", "lo", "--user", evil}, {"-i", "lo", "--metrics", evil},
		{"-i", "lo", "-w", filepath.Join(evil, "x")}, {"-i", "lo", "--rotate-size", evil, "-w", "x"}, {"-i", "lo", "--" + evil},
	} {
		var text bytes.Buffer
		s := &streams{in: strings.NewReader(""), out: &text, err: &text, env: func(string) string { return "" }}
		if code := run(context.Background(), s, append([]string{"live"}, args...)); code == exitDone || text.Len() == 0 {
			t.Errorf("%q: exit code %d", args, code)
		}
		if steers(text.Bytes()) {
			t.Errorf("%q steers the terminal: %q", args, text.String())
		}
	}
}

// sendEvil sends segments whose options, payload and addresses are made of
// escape sequences.
func sendEvil(t *testing.T, ifname string) {
	t.Helper()
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Ifindex: i.Index}
	const ethernet, ip = 14, 20
	for header := 20; header <= 60; header += 4 {
		f := bytes.Repeat([]byte(evil), 20)[:ethernet+ip+header+100]
		binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IP)
		copy(f[ethernet:], []byte{0x45, 0x1b})
		binary.BigEndian.PutUint16(f[ethernet+2:], uint16(ip+header+100))
		copy(f[ethernet+6:], []byte{0, 0, 64, unix.IPPROTO_TCP})
		f[ethernet+ip+12] = byte(header/4) << 4
		for _, flags := range []byte{0x02, 0x12, 0x10, 0x18, 0x1b} {
			f[ethernet+ip+13] = flags
			if err := unix.Sendto(fd, f, 0, to); err != nil {
				t.Fatal(err)
			}
		}
	}
}
