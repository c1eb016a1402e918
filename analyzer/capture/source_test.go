package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/tcpstate/tcpstate/analyzer"
)

// gz and zst pack data.
func gz(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zst(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func lz(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func xzip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// store writes a file into a directory of the test.
func store(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tcpFrame is an Ethernet frame with a segment.
func tcpFrame() []byte { return eth(0x0800, ip4(6, tcpSeg(nil, repeat(10)))) }

// Packed data are known by their first octets, whatever the name says.
func TestPackedInput(t *testing.T) {
	plain := writePcap(t, 1, tcpFrame(), tcpFrame(), tcpFrame())
	want, _ := readAll(t, plain)
	half := len(gz(t, plain[:70]))
	for name, file := range map[string][]byte{
		"gzip":              gz(t, plain),
		"zstd":              zst(t, plain),
		"lz4":               lz(t, plain),
		"xz":                xzip(t, plain),
		"lz4 in two parts":  cat(lz(t, plain[:70]), lz(t, plain[70:])),
		"xz in two parts":   cat(xzip(t, plain[:70]), xzip(t, plain[70:])),
		"gzip in two parts": cat(gz(t, plain[:70]), gz(t, plain[70:])),
		"zstd in two parts": cat(zst(t, plain[:70]), zst(t, plain[70:])),
	} {
		packets, errs := readAll(t, file)
		if len(errs) > 0 || !slices.Equal(packets, want) {
			t.Errorf("%s: %d packets, errors %v", name, len(packets), errs)
		}
	}
	cut := cat(gz(t, plain[:70]), gz(t, plain[70:]))[:half+12]
	packets, errs := readAll(t, cut)
	if text := errorText(errs); len(packets) != 0 || !strings.Contains(text, "the gzip data are damaged") {
		t.Errorf("cut gzip: %d packets, error %q", len(packets), text)
	}
}

func TestNoCapture(t *testing.T) {
	text := []byte("No. Time Source Destination\n1 0.0 ein Bär, gefährlich weit draußen an der äußersten Küste\n")
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"text", text, "not a capture file (it looks like text)"},
		{"short text", []byte("hi"), "not a capture file (it looks like text)"},
		{"ELF", []byte("\x7fELF\x02\x01\x01\x00"), "not a capture file (it looks like an ELF program)"},
		{"packed text", gz(t, text), "no capture file inside the gzip data (it looks like text)"},
		{"packed twice", gz(t, zst(t, text)), "no capture file inside the gzip data (it looks like zstd data)"},
		{"packed nothing", gz(t, nil), "the file is empty once unpacked (gzip)"},
		{"gzip header", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, "the gzip header is damaged: gzip: invalid header"},
		{"zeros", make([]byte, 100), "not a capture file (it starts with zeros)"},
		{"binary", []byte{1, 2, 3, 4, 5}, "not a capture file (it starts with 01 02 03 04)"},
		{"zip", []byte("PK\x03\x04...."), "not a capture file (it looks like a zip archive; unpack it first)"},
		{"xz", []byte("\xfd7zXZ\x00..."), "the xz header is damaged: unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := store(t, "x.pcap", tt.file)
			s, err := Open(path)
			if s != nil || err == nil || err.Error() != path+": "+tt.want {
				t.Fatalf("Open: %v\nwant %s: %s", err, path, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) || e.Offset != NoOffset || e.File != path {
				t.Errorf("error %#v", err)
			}
		})
	}
}

func TestCannotOpen(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.pcap")
	escape := filepath.Join(dir, "a\n\x1b[2Jb")
	for path, want := range map[string]string{
		escape:  `"` + dir + `/a\n\x1b[2Jb": no such file`,
		missing: missing + ": no such file",
		dir:     dir + ": is a directory, not a capture file",
	} {
		if _, err := Open(path); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if os.Getuid() == 0 {
		t.Skip("the superuser is never denied")
	}
	path := store(t, "secret.pcap", writePcap(t, 1))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || err.Error() != path+": permission denied" {
		t.Errorf("error %v", err)
	}
}

// Damage in one file does not stop the next; packets are numbered through.
func TestManyFiles(t *testing.T) {
	good := writePcap(t, 1, tcpFrame(), tcpFrame())
	paths := []string{
		store(t, "a.pcap", good),
		store(t, "b.pcap", good[:len(good)-1]),
		filepath.Join(t.TempDir(), "missing.pcap"),
		Stdin,
		store(t, "c.pcap.gz", gz(t, writePcap(t, analyzer.LinkRaw, ip6(6, tcpSeg(nil, nil))))),
		store(t, "empty.pcap", nil),
	}
	s := OpenAll(paths, bytes.NewReader(writePcap(t, 147, repeat(60), repeat(60))))
	type seen struct {
		number uint64
		file   uint16
		skip   analyzer.Skip
	}
	var got []seen
	var p analyzer.Packet
	for {
		err := s.Next(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, seen{p.Number, p.File, p.Skip})
	}
	want := []seen{{1, 0, 0}, {2, 0, 0}, {3, 1, 0}, {4, 3, analyzer.SkipLink}, {5, 3, analyzer.SkipLink}, {6, 4, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("packets %v, want %v", got, want)
	}
	st := s.Stats()
	wantErrs := []string{
		paths[1] + ": byte 104, after packet 1: the record is cut short (the header promises 64 octets, 63 are left)",
		paths[2] + ": no such file",
		"standard input: link type 147 is not decoded; its packets are only counted",
		paths[5] + ": the file is empty",
	}
	if !slices.Equal(st.Errors, wantErrs) {
		t.Errorf("errors\n%s\nwant\n%s", strings.Join(st.Errors, "\n"), strings.Join(wantErrs, "\n"))
	}
	if !slices.Equal(st.LinkTypes, []analyzer.LinkType{1, 147, 101}) || !slices.Equal(st.Files, paths) {
		t.Errorf("link types %v, files %v", st.LinkTypes, st.Files)
	}
	if err := s.Next(&p); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// A pipe that fails in the middle is reported with what the system says.
func TestReadError(t *testing.T) {
	file := writePcap(t, 1, tcpFrame(), tcpFrame())
	r := io.MultiReader(bytes.NewReader(file[:110]), iotestError{})
	s := OpenAll([]string{Stdin}, r)
	var p analyzer.Packet
	if err := s.Next(&p); err != nil {
		t.Fatal(err)
	}
	if err := s.Next(&p); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if text := errorText(s.Errors()); text != "byte 110, after packet 1: reading failed: the line dropped" {
		t.Errorf("error %q", text)
	}
}

// iotestError is a reader that fails.
type iotestError struct{}

func (iotestError) Read([]byte) (int, error) { return 0, errors.New("the line dropped") }

// A packet that a pipe has delivered is returned without waiting for more.
func TestPipeIsNotHeldUp(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		file := writePcap(t, 1, tcpFrame())
		w.Write(file[:24])
		w.Write(file[24:]) // the pipe stays open
	}()
	s := OpenAll([]string{Stdin}, r)
	var p analyzer.Packet
	if err := s.Next(&p); err != nil || p.Number != 1 {
		t.Errorf("packet %d, error %v", p.Number, err)
	}
	r.Close()
}

func TestOpenReadsOn(t *testing.T) {
	s, err := Open(store(t, "a.pcap", writePcap(t, 1, tcpFrame())))
	if err != nil {
		t.Fatal(err)
	}
	var p analyzer.Packet
	if err := s.Next(&p); err != nil || !p.HasTCP || p.Number != 1 {
		t.Errorf("packet %+v, error %v", p, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Next(&p); !errors.Is(err, io.EOF) {
		t.Errorf("after Close: %v", err)
	}
}

// The link types that files declare are listed, packets or not; a hostile file
// cannot make the list long.
func TestDeclaredLinkTypes(t *testing.T) {
	file := cat(ngLE.section(), ngLE.iface(101, 0), ngLE.iface(1, 0), ngLE.iface(101, 0))
	for i := range 1000 {
		file = append(file, ngLE.iface(uint16(1000+i), 0)...)
	}
	s := OpenAll([]string{Stdin}, bytes.NewReader(file))
	var p analyzer.Packet
	if err := s.Next(&p); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	l := s.Stats().LinkTypes
	if len(l) != maxLinks || l[0] != 101 || l[1] != 1 || l[2] != 1000 {
		t.Errorf("link types %v", l)
	}
}

// Errors are kept up to a bound and counted beyond it.
func TestManyErrors(t *testing.T) {
	paths := make([]string, maxErrors+5)
	for i := range paths {
		paths[i] = Stdin
	}
	s := OpenAll(paths, bytes.NewReader(nil))
	var p analyzer.Packet
	if err := s.Next(&p); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if e := s.Stats().Errors; len(e) != maxErrors+1 || e[maxErrors] != "5 more errors" {
		t.Errorf("%d errors, the last %q", len(e), e[len(e)-1])
	}
}

func TestRereadable(t *testing.T) {
	file := store(t, "a.pcap", nil)
	for _, tt := range []struct {
		paths []string
		want  bool
	}{
		{[]string{file, file}, true},
		{[]string{file, Stdin}, false},
		{[]string{filepath.Dir(file)}, false},
		{[]string{os.DevNull}, false},
		{[]string{file + ".missing"}, false},
	} {
		if got := Rereadable(tt.paths); got != tt.want {
			t.Errorf("Rereadable(%v) = %t", tt.paths, got)
		}
	}
}

func TestInterfaceName(t *testing.T) {
	file := cat(ngLE.section(), ngLE.iface(1, 0), ngLE.iface(1, 0, ngLE.option(optIfName, []byte("veth0")...)), ngLE.packet(1, 1, repeat(60), 60))
	s := OpenAll([]string{Stdin}, bytes.NewReader(file))
	var p analyzer.Packet
	if name := s.InterfaceName(&p); name != "" {
		t.Errorf("before the first packet: %q", name)
	}
	if err := s.Next(&p); err != nil {
		t.Fatal(err)
	}
	if name := s.InterfaceName(&p); name != "veth0" {
		t.Errorf("name %q", name)
	}
}
