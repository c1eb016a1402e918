package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// shuffled returns a pcap file with its records in another order.
func shuffled(r *rand.Rand, file []byte) []byte {
	var records [][]byte
	for off := 24; off+16 <= len(file); {
		n := 16 + int(binary.LittleEndian.Uint32(file[off+8:]))
		if n > len(file)-off {
			break
		}
		records = append(records, file[off:off+n])
		off += n
	}
	r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	return append(bytes.Clone(file[:24]), bytes.Join(records, nil)...)
}

// Damaged captures are survived by every form of output: exit code 0, or 3
// where the damage shows, soon, and no failure of the decoder.
func TestDamagedCaptures(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/pcaps/*.pcap")
	if err != nil || len(paths) == 0 {
		t.Fatal("no captures", err)
	}
	forms := [][]string{
		{}, {"-S", "-e", "-v"}, {"-f", "summary", "--checksums"}, {"-f", "ndjson", "--segments"}, {"-f", "zeek"},
		{"--max-connections", "1", "-f", "summary"},
	}
	r := rand.New(rand.NewPCG(3, 5))
	path := filepath.Join(t.TempDir(), "damaged")
	for i := range 12 * len(paths) {
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
			if code != exitDone && code != exitInput || bytes.Contains(out.Bytes(), []byte("decoder-failure")) {
				t.Errorf("%v of %s, damage %d: exit %d", args[2:], paths[i%len(paths)], i, code)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%v of %s, damage %d: no end", args[2:], paths[i%len(paths)], i)
		}
	}
}
