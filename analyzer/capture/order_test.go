package capture

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// later returns a pcap file moved by some seconds.
func later(file []byte, seconds uint32) []byte {
	file = slices.Clone(file)
	for off := 24; off < len(file); {
		b := file[off:]
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+seconds)
		off += 16 + int(binary.LittleEndian.Uint32(b[8:]))
	}
	return file
}

// A rotated set is read in order of time, whatever its names.
func TestByTime(t *testing.T) {
	dir := t.TempDir()
	file := writePcap(t, 1, tcpFrame())
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two, ten := put("x1", later(file, 100)), put("x2", gz(t, later(file, 200))), put("x10", later(file, 1000))
	empty, none := put("none", file[:24]), put("text", []byte("no capture"))
	for _, c := range []struct{ given, want []string }{
		{[]string{one, ten, two}, []string{one, two, ten}},
		{[]string{ten, empty, none, two, one}, []string{one, two, ten, empty, none}},
		{[]string{ten}, []string{ten}},
		{[]string{ten, filepath.Join(dir, "missing"), one}, []string{ten, filepath.Join(dir, "missing"), one}},
		{[]string{ten, Stdin, one}, []string{ten, Stdin, one}},
	} {
		if got := ByTime(c.given); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.given, got, c.want)
		}
	}
}

// An xz file that asks for more memory than there may be is refused.
func TestXZMemory(t *testing.T) {
	b := xzip(t, writePcap(t, 1, tcpFrame()))
	if n := xzDictionary(b); n != 8<<20 {
		t.Errorf("dictionary of %d octets", n)
	}
	b[12+2+2] = 40
	_, errs := readAll(t, b)
	if text := errorText(errs); text != "the xz data need 4294967296 octets of memory to unpack (at most 134217728)" {
		t.Errorf("error %q", text)
	}
}

func TestMayTellLosses(t *testing.T) {
	plain := store(t, "a", writePcap(t, 1, tcpFrame()))
	ng := store(t, "b", gz(t, cat(ngLE.section(), ngLE.iface(1, 0))))
	if MayTellLosses([]string{plain, store(t, "c", repeat(9))}) || !MayTellLosses([]string{plain, ng}) || MayTellLosses([]string{Stdin, ng}) {
		t.Error("which formats tell of losses")
	}
}
