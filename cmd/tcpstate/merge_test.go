package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// dealt deals the records of a pcap file out to n files, by turns of two.
func dealt(file []byte, n int) [][]byte {
	files := make([][]byte, n)
	for i := range files {
		files[i] = bytes.Clone(file[:24])
	}
	for i, off := 0, 24; off+16 <= len(file); i++ {
		size := 16 + int(binary.LittleEndian.Uint32(file[off+8:]))
		k := i / 2 % n
		files[k] = append(files[k], file[off:off+size]...)
		off += size
	}
	return files
}

// sorted reports that the packets of a pcap file have different, rising times.
func sorted(file []byte) bool {
	last := uint64(0)
	for off := 24; off+16 <= len(file); {
		at := uint64(binary.LittleEndian.Uint32(file[off:]))<<32 | uint64(binary.LittleEndian.Uint32(file[off+4:]))
		if at <= last {
			return false
		}
		last, off = at, off+16+int(binary.LittleEndian.Uint32(file[off+8:]))
	}
	return true
}

// A capture in pieces that overlap in time gives the timeline of the whole.
func TestOverlappingCaptures(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/pcaps/*.pcap")
	if err != nil || len(paths) == 0 {
		t.Fatal("no captures", err)
	}
	timeline := func(files []string) string {
		var out bytes.Buffer
		s := &streams{in: bytes.NewReader(nil), out: &out, err: io.Discard, env: func(string) string { return "" }}
		if code := run(t.Context(), s, append([]string{"analyze", "-#", "-e"}, files...)); code != exitDone {
			t.Errorf("%v: exit %d", files, code)
		}
		return strings.ReplaceAll(out.String(), strings.Join(capture.ByTime(files), ", "), "FILES")
	}
	compared := 0
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !sorted(file) {
			continue
		}
		compared++
		dir := t.TempDir()
		var parts []string
		for i, b := range dealt(file, 3) {
			parts = append(parts, filepath.Join(dir, string(rune('c'-i)))) // the names do not tell the order
			if err := os.WriteFile(parts[i], b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if timeline(parts) != timeline([]string{path}) {
			t.Errorf("%s in three files differs", path)
		}
	}
	if compared < len(paths)/3 {
		t.Errorf("only %d of %d captures could be dealt out", compared, len(paths))
	}
}
