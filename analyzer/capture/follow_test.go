package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
)

// A file that grows is followed until the context ends; what is then half
// written is no damage.
func TestFollow(t *testing.T) {
	file := writePcap(t, 1, tcpFrame(), tcpFrame(), tcpFrame())
	record := (len(file) - 24) / 3
	path := filepath.Join(t.TempDir(), "grows")
	if err := os.WriteFile(path, file[:24+record+5], 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := OpenAll([]string{path}, nil)
	s.Follow(ctx)
	defer s.Close()
	var p analyzer.Packet
	if err := s.Next(&p); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(2 * pollGrowth)
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := f.Write(file[24+record+5 : len(file)-3]); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * pollGrowth)
		cancel()
	}()
	if err := s.Next(&p); err != nil || p.Number != 2 || p.Skip != analyzer.NotSkipped {
		t.Errorf("second packet: %v, %+v", err, p)
	}
	if err := s.Next(&p); !errors.Is(err, io.EOF) || len(s.Errors()) > 0 {
		t.Errorf("at the end: %v, %v", err, s.Errors())
	}
}

// following reads a followed file; each packet's second is sent to the channel,
// which is closed when cancel was called.
func following(t *testing.T, path string) (seconds <-chan int, errs func() []*Error, cancel func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := OpenAll([]string{path}, nil)
	s.Follow(ctx)
	out := make(chan int)
	go func() {
		defer close(out)
		var p analyzer.Packet
		for s.Next(&p) == nil {
			out <- int(p.Time / 1e9)
		}
	}()
	return out, s.Errors, stop
}

// await takes the seconds of the packets that are to come.
func await(t *testing.T, seconds <-chan int, want ...int) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-seconds:
			if got != w {
				t.Fatalf("packet of second %d, want %d", got, w)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no packet of second %d", w)
		}
	}
}

// atEnd stops following and returns what went wrong.
func atEnd(t *testing.T, seconds <-chan int, errs func() []*Error, cancel func()) string {
	t.Helper()
	cancel()
	for s := range seconds {
		t.Errorf("a packet of second %d too many", s)
	}
	var text []string
	for _, e := range errs() {
		text = append(text, e.Reason)
	}
	return strings.Join(text, "; ")
}

// grow appends to a file.
func grow(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every octet of a file may come alone: half a header, half a record.
func TestFollowOctets(t *testing.T) {
	file := timed(t, 1, 2)
	path := filepath.Join(t.TempDir(), "grows")
	put(t, path, nil)
	seconds, errs, cancel := following(t, path)
	for part := range slices.Chunk(file, 37) {
		grow(t, path, part)
		time.Sleep(pollGrowth / 10)
	}
	await(t, seconds, 1, 2)
	if text := atEnd(t, seconds, errs, cancel); text != "" {
		t.Errorf("errors %s", text)
	}
}

// A file that takes the name of the followed one is read from its beginning,
// once the old one is read to its end; half a record there is damage.
func TestFollowRotation(t *testing.T) {
	for _, half := range []int{0, 9} {
		dir := t.TempDir()
		path := filepath.Join(dir, "now")
		put(t, path, timed(t, 1))
		seconds, errs, cancel := following(t, path)
		await(t, seconds, 1)
		old := timed(t, 1, 2, 3)
		if err := os.Rename(path, filepath.Join(dir, "old")); err != nil {
			t.Fatal(err)
		}
		grow(t, filepath.Join(dir, "old"), old[len(timed(t, 1)):len(old)-half])
		put(t, filepath.Join(dir, "new"), timed(t, 4))
		if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
			t.Fatal(err)
		}
		want, text := []int{2, 3, 4}, ""
		if half > 0 {
			want, text = []int{2, 4}, "the record is cut short (the header promises 64 octets, 55 are left)"
		}
		await(t, seconds, want...)
		if got := atEnd(t, seconds, errs, cancel); got != text {
			t.Errorf("errors %q, want %q", got, text)
		}
	}
}

// A file that is truncated begins anew.
func TestFollowTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "now")
	put(t, path, timed(t, 1, 2, 3))
	seconds, errs, cancel := following(t, path)
	await(t, seconds, 1, 2, 3)
	put(t, path, timed(t, 4)) // which truncates it first
	await(t, seconds, 4)
	if text := atEnd(t, seconds, errs, cancel); text != "" {
		t.Errorf("errors %s", text)
	}
}
