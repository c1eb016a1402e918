package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// timed writes a capture with packets at the given seconds; what distinguishes
// them is their length.
func timed(t *testing.T, seconds ...int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seconds {
		if err := w.Write(statemachine.Time(s)*1e9, tcpFrame(), len(tcpFrame())); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// merged reads files merged by time and returns their packets as FILE@SECOND,
// and how many files were open at most.
func merged(t *testing.T, paths []string) (packets []string, open int, errs []*Error) {
	t.Helper()
	s := OpenAll(ByTime(paths), nil)
	defer s.Close()
	s.Merge()
	var p analyzer.Packet
	for {
		if err := s.Next(&p); errors.Is(err, io.EOF) {
			return packets, open, s.Errors()
		} else if err != nil {
			t.Fatal(err)
		}
		open = max(open, len(s.open))
		name := filepath.Base(s.paths[p.File])
		packets = append(packets, fmt.Sprintf("%s@%d", name, p.Time/1e9))
		if p.Number != uint64(len(packets)) || p.Skip != analyzer.NotSkipped {
			t.Errorf("packet %d: %+v", len(packets), p)
		}
	}
}

func TestMerge(t *testing.T) {
	dir := t.TempDir()
	damaged := timed(t, 2, 4, 6)
	for _, c := range []struct {
		name  string
		files map[string][]byte
		want  string
		open  int // files at once, at most
		errs  int
	}{
		{"overlapping", map[string][]byte{"a": timed(t, 1, 3, 5), "b": timed(t, 2, 3, 4, 9)}, "a@1 b@2 a@3 b@3 b@4 a@5 b@9", 2, 0},
		{"one inside the other", map[string][]byte{"a": timed(t, 1, 9), "b": gz(t, timed(t, 4, 5))}, "a@1 b@4 b@5 a@9", 2, 0},
		{"a rotated set", map[string][]byte{"x1": timed(t, 1, 2), "x2": timed(t, 2, 3), "x10": timed(t, 4, 5)}, "x1@1 x1@2 x2@2 x2@3 x10@4 x10@5", 2, 0},
		{"not sorted inside", map[string][]byte{"a": timed(t, 1, 7, 2, 8), "b": timed(t, 3, 6)}, "a@1 b@3 b@6 a@7 a@2 a@8", 2, 0},
		{"the first is not the earliest", map[string][]byte{"a": timed(t, 1, 5), "b": timed(t, 4, 2, 6)}, "a@1 b@4 b@2 a@5 b@6", 2, 0},
		{"same times", map[string][]byte{"a": timed(t, 1, 1), "b": timed(t, 1, 1)}, "a@1 a@1 b@1 b@1", 1, 0},
		{"damage", map[string][]byte{"a": timed(t, 1, 3, 5), "b": damaged[:len(damaged)-7]}, "a@1 b@2 a@3 b@4 a@5", 2, 1},
		{"nothing in one, another no capture", map[string][]byte{"a": timed(t, 1, 3), "b": timed(t), "c": []byte("text"), "d": timed(t, 2)}, "a@1 d@2 a@3", 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var paths []string
			for name, b := range c.files {
				sub := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-"))
				if err := os.MkdirAll(sub, 0o700); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(sub, name)
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			slices.Sort(paths)
			packets, open, errs := merged(t, paths)
			if got := strings.Join(packets, " "); got != c.want || open > c.open || len(errs) != c.errs {
				t.Errorf("%s, %d open, errors %v\nwant %s", got, open, errs, c.want)
			}
		})
	}
}

// The packets of a capture dealt out to files in any way come back in order,
// also with more files than are read at once, where each is short.
func TestMergeGivesBack(t *testing.T) {
	const n = 400
	r := rand.New(rand.NewPCG(1, 2))
	for _, files := range []int{2, 3, 17, maxOpen, 3 * maxOpen} {
		seconds := make([][]int, files)
		for i := range n {
			k := r.IntN(files)
			if files > maxOpen { // neighbours in time
				k = min(i*files/n+r.IntN(maxOpen/2), files-1)
			}
			seconds[k] = append(seconds[k], i)
		}
		dir := t.TempDir()
		var paths []string
		for k, s := range seconds {
			paths = append(paths, filepath.Join(dir, fmt.Sprint(k)))
			if err := os.WriteFile(paths[k], timed(t, s...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		packets, open, errs := merged(t, paths)
		if len(packets) != n || len(errs) > 0 || open > maxOpen {
			t.Fatalf("%d files: %d packets, %d open, %v", files, len(packets), open, errs)
		}
		for i, p := range packets {
			if _, at, _ := strings.Cut(p, "@"); at != fmt.Sprint(i) {
				t.Fatalf("%d files: packet %d is %s", files, i, p)
			}
		}
	}
}

// More files at once than may be open: none is left out.
func TestMergeBound(t *testing.T) {
	file := timed(t, 1, 50, 100)
	dir := t.TempDir()
	var paths []string
	for k := range maxOpen + 9 {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(k)))
		if err := os.WriteFile(paths[k], later(file, uint32(k)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packets, open, errs := merged(t, paths)
	if len(packets) != 3*len(paths) || open != maxOpen || len(errs) > 0 {
		t.Errorf("%d packets, %d files open, %v", len(packets), open, errs)
	}
}

// What a file tells of its interfaces and losses is that of the packet's file.
func TestMergeKeepsFilesApart(t *testing.T) {
	name := func(s string) []byte { return ngLE.option(2, []byte(s)...) }
	a := cat(ngLE.section(), ngLE.iface(1, 0, name("eth0")), ngLE.packet(0, 1e6, tcpFrame(), 64), ngLE.packet(0, 3e6, tcpFrame(), 64))
	b := cat(ngLE.section(), ngLE.iface(1, 0, name("eth1")), ngLE.packet(0, 2e6, tcpFrame(), 64))
	s := OpenAll([]string{store(t, "a", a), store(t, "b", b)}, nil)
	defer s.Close()
	s.Merge()
	var p analyzer.Packet
	for _, want := range []string{"eth0", "eth1", "eth0"} {
		if err := s.Next(&p); err != nil {
			t.Fatal(err)
		}
		if got := s.InterfaceName(&p); got != want {
			t.Errorf("interface %q, want %q", got, want)
		}
	}
}

// Reading merged files allocates nothing per packet either.
func TestMergeAllocations(t *testing.T) {
	s := OpenAll([]string{store(t, "a", steady(t, 6000, false)), store(t, "b", steady(t, 6000, false))}, nil)
	defer s.Close()
	s.Merge()
	var p analyzer.Packet
	read := func() {
		if err := s.Next(&p); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		read() // opens the files
	}
	if n := testing.AllocsPerRun(5000, read); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}
