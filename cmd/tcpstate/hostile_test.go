package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// damage returns a damaged copy of a capture: bits flipped, pieces cut out,
// records shuffled, or octets overwritten and the end cut off.
func damage(r *rand.Rand, file []byte, how int) []byte {
	b := bytes.Clone(file)
	switch how % 4 {
	case 0:
		for range 1 + r.IntN(60) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
	case 1:
		for range 1 + r.IntN(4) {
			at := r.IntN(len(b))
			b = append(b[:at], b[min(len(b), at+1+r.IntN(90)):]...)
			if len(b) == 0 {
				return []byte{0}
			}
		}
	case 2:
		b = shuffled(r, b)
	case 3:
		for range 30 {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		b = b[:1+r.IntN(len(b))]
	}
	return b
}

// shuffled returns a capture file with its records, of pcapng its blocks behind
// the first, in another order.
func shuffled(r *rand.Rand, file []byte) []byte {
	head, fixed, at := 24, 16, 8 // of pcap: the file's header, a record's, where its length stands
	if bytes.HasPrefix(file, []byte{0x0a, 0x0d, 0x0d, 0x0a}) && len(file) > 12 {
		head, fixed, at = int(binary.LittleEndian.Uint32(file[4:])), 0, 4
	}
	head = min(max(head, 0), len(file))
	var records [][]byte
	for off := head; off+at+4 <= len(file); {
		n := fixed + int(binary.LittleEndian.Uint32(file[off+at:]))
		if n < 12 || n > len(file)-off {
			break
		}
		records = append(records, file[off:off+n])
		off += n
	}
	r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	return append(bytes.Clone(file[:head]), bytes.Join(records, nil)...)
}

var (
	damagedFrom = flag.String("captures", "", "a directory with other captures to damage, 50 of them")
	damagedRuns = flag.Int("copies", 0, "how many damaged copies to make; 12 of each capture when 0")
)

// toDamage returns the captures to damage.
func toDamage(t *testing.T) (paths []string) {
	t.Helper()
	if *damagedFrom == "" {
		paths, err := filepath.Glob("../../testdata/pcaps/*.pcap")
		if err != nil || len(paths) == 0 {
			t.Fatal("no captures", err)
		}
		return paths
	}
	err := filepath.WalkDir(*damagedFrom, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(filepath.Ext(path), "cap") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatal("no captures", err)
	}
	r := rand.New(rand.NewPCG(7, 11))
	r.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	return paths[:min(len(paths), 50)]
}

// Damaged captures are survived by every form of output: exit code 0, or 3
// where the damage shows, soon, and no failure of the decoder.
func TestDamagedCaptures(t *testing.T) {
	paths := toDamage(t)
	runs := *damagedRuns
	if runs == 0 {
		runs = 12 * len(paths)
	}
	forms := [][]string{
		{}, {"-S", "-e", "-v"}, {"-f", "summary", "--checksums"}, {"-f", "ndjson", "--segments"}, {"-f", "zeek"},
		{"--max-connections", "1", "-f", "summary"},
	}
	r := rand.New(rand.NewPCG(3, 5))
	path := filepath.Join(t.TempDir(), "damaged")
	ended := make(map[exitCode]int)
	for i := range runs {
		file, err := os.ReadFile(paths[i%len(paths)])
		if err != nil {
			t.Fatal(err)
		}
		b := damage(r, file[:min(len(file), 200_000)], i/len(paths))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"analyze", path}, forms[r.IntN(len(forms))]...)
		var out bytes.Buffer
		s := &streams{in: bytes.NewReader(nil), out: &out, err: io.Discard, env: func(string) string { return "" }}
		done := make(chan exitCode, 1)
		go func() { done <- run(t.Context(), s, args) }()
		select {
		case code := <-done:
			ended[code]++
			if code != exitDone && code != exitInput || bytes.Contains(out.Bytes(), []byte("decoder-failure")) {
				t.Errorf("%v of %s, damage %d: exit %d", args[2:], paths[i%len(paths)], i, code)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%v of %s, damage %d: no end", args[2:], paths[i%len(paths)], i)
		}
	}
	t.Logf("%d damaged copies of %d captures: %v", runs, len(paths), ended)
}
