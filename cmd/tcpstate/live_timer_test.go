//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestLiveTimers has each timer fire by the clock while nothing arrives: what
// it ends stands in the output before the run is over.
func TestLiveTimers(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := listen(t)
	for _, c := range []struct {
		name  string
		flags []string
		leave int      // how the connection is left
		want  []string // what the output says then, in this order
	}{
		{"TIME-WAIT", []string{"--time-wait", "500ms"}, 2, []string{`"event":"time-wait-expiry"`, `"type":"connection"`}},
		{"idle", []string{"--idle", "500ms"}, 0, []string{`"type":"connection".*"evicted":true`}},
	} {
		for _, device := range []string{"lo", "any"} {
			t.Run(c.name+" at "+device, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "x.ndjson")
				w := watch(t, append([]string{"-i", device, "-f", "ndjson", "-o", file}, c.flags...)...)
				a, b := connect(t, l)
				talk(t, a, b)
				leave(t, c.leave, a, b)
				time.Sleep(200 * time.Millisecond) // the last delayed ACK
				quiet := traffic(t)
				fires(t, file, c.want)
				if traffic(t) != quiet {
					t.Error("something arrived meanwhile")
				}
				w.end(t)
				runtime.KeepAlive([]any{a, b})
			})
		}
	}
}

// fires waits until a file says all that is wanted, in that order.
func fires(t *testing.T, file string, want []string) {
	t.Helper()
	all := regexp.MustCompile("(?s)" + strings.Join(want, ".*\n.*"))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if all.Match(text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %s in\n%s", want, text)
		}
	}
}

// traffic is what the interfaces of this namespace have counted so far.
func traffic(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLiveFinWait2 tells when an end gave up waiting for its peer's FIN. That
// it did shows only when the peer speaks again and is answered with RST; an end
// that has merely closed its direction waits for ever, and looks the same.
func TestLiveFinWait2(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_fin_timeout", []byte("1"), 0o644); err != nil {
		t.Skip("cannot shorten FIN-WAIT-2:", err)
	}
	w := watch(t, "-i", "lo", "-f", "ndjson", "--fin-wait-2", "1s")
	a, b := connect(t, listen(t))
	talk(t, a, b)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if _, err := b.Write([]byte("anybody there?\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	out := w.end(t)
	if !regexp.MustCompile(`"packet":0,.*"role":"client","from":"FIN-WAIT-2","to":"CLOSED","event":"fin-wait-2-timeout","certainty":"timer"`).Match(out) {
		t.Errorf("no end of FIN-WAIT-2:\n%s", out)
	}
}
