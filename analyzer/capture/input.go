package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// How many octets tell a file's kind: the first tell captures and packed data,
// and no more are asked for, since a pipe may be slow to give them; the second
// tell what a file that is no capture looks like.
const (
	magicLen = 4
	sniffLen = 64
)

// unpackBuffer is how much packed data a decompressor is given at once.
const unpackBuffer = 128 << 10

// maxWindow bounds the memory that a zstd or xz file may ask for, in octets: it
// is the window of zstd --long, and twice the dictionary of xz -9.
const maxWindow = 128 << 20

// newRecords returns the reader of the records of r, which nobody else reads.
// What the file says of itself goes to said. release, never nil, frees the
// decompressor.
func newRecords(r io.Reader, name string, said *declared) (rec records, release func(), err error) {
	u, err := unpack(r, name)
	if err != nil {
		return nil, func() {}, err
	}
	rec, err = formatOf(stream{blocks: newBlocks(u.tap), name: name, declared: said}, u.format)
	return rec, u.tap.leave, err
}

// unpacking is a stream whose packing, if any, was undone.
type unpacking struct {
	tap    *tap
	format string // "" when it was not packed
}

// unpack finds out whether r holds packed data, by the first octets and not by
// its name, and undoes that once. The decompressor is freed when the last tap of
// the stream leaves.
func unpack(r io.Reader, name string) (unpacking, error) {
	raw, t := newShared(r, nil)
	head := raw.head()
	b := newBlocks(t)
	damaged := func(format string, err error) (unpacking, error) {
		return unpacking{}, &Error{File: name, Offset: NoOffset, Reason: "the " + format + " header is damaged: " + err.Error()}
	}
	by := func(z io.Reader, format string, free func()) (unpacking, error) {
		_, t := newShared(unpacked{z, format}, free)
		return unpacking{t, format}, nil
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bufio.NewReaderSize(b, unpackBuffer))
		if err != nil {
			return damaged("gzip", err)
		}
		return by(z, "gzip", nil)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return damaged("zstd", err)
		}
		return by(z, "zstd", z.Close)
	case bytes.HasPrefix(head, []byte{0x04, 0x22, 0x4d, 0x18}):
		return by(lz4.NewReader(b), "lz4", nil)
	case bytes.HasPrefix(head, []byte("\xfd7zX")):
		if n := xzDictionary(b.view(xzHeadLen)); n > maxWindow {
			return unpacking{}, &Error{File: name, Offset: NoOffset, Reason: fmt.Sprintf("the xz data need %d octets of memory to unpack (at most %d)", n, maxWindow)}
		}
		z, err := xz.NewReader(bufio.NewReaderSize(b, unpackBuffer))
		if err != nil {
			return damaged("xz", err)
		}
		return by(z, "xz", nil)
	}
	return unpacking{tap: t}, nil
}

// xzHeadLen is the length of an xz stream's header with the part of the first
// block's header that names one filter.
const xzHeadLen = 12 + 2 + 16 + 3

// xzDictionary returns the size of the dictionary that the first block of an
// xz file asks for (The .xz File Format §3.1, §5.3.1); 0 when it is not told.
func xzDictionary(head []byte) uint64 {
	const streamHeader, sizes, filterLZMA2 = 12, 0xc0, 0x21
	if len(head) < xzHeadLen {
		return 0
	}
	flags := head[streamHeader+1]
	b := head[streamHeader+2:]
	for f := flags & sizes; f != 0; f &= f - 1 { // two sizes, each there or not
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return 0
		}
		b = b[n:]
	}
	if len(b) < 3 || b[0] != filterLZMA2 || b[1] != 1 || b[2] > 40 {
		return 0
	}
	return uint64(2|b[2]&1) << (b[2]/2 + 11)
}

// unpacked is a decompressor that says whose data are damaged.
type unpacked struct {
	r      io.Reader
	format string
}

// Read reads unpacked data. A decompressor that fails on damage does not take
// the program with it.
func (u unpacked) Read(b []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, fmt.Errorf("the %s data are damaged: %v", u.format, r)
		}
	}()
	n, err = u.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("the %s data are damaged: %w", u.format, err)
	}
	return n, err
}

// formatOf chooses the reader by the magic number.
func formatOf(s stream, packed string) (records, error) {
	head := s.view(magicLen)
	fail := func(reason string) (records, error) {
		return nil, &Error{File: s.name, Offset: NoOffset, Reason: reason}
	}
	switch {
	case len(head) == 0 && s.cause() != nil:
		return fail(openReason(s.cause()))
	case len(head) == 0 && packed == "":
		return fail("the file is empty")
	case len(head) == 0:
		return fail("the file is empty once unpacked (" + packed + ")")
	case len(head) == magicLen && pcapOrder(head) != nil:
		return newPcap(s)
	case bytes.HasPrefix(head, []byte{0x0a, 0x0d, 0x0d, 0x0a}):
		return newPcapng(s)
	}
	reason := "not a capture file"
	if packed != "" {
		reason = "no capture file inside the " + packed + " data"
	}
	return fail(reason + " (" + looksLike(s.view(sniffLen)) + ")")
}

// looksLike says what the first octets of a file that is no capture suggest.
func looksLike(head []byte) string {
	for _, k := range []struct{ magic, name string }{
		{"\x7fELF", "it looks like an ELF program"},
		{"\x1f\x8b", "it looks like gzip data"},
		{"\x28\xb5\x2f\xfd", "it looks like zstd data"},
		{"\xfd7zXZ\x00", "it looks like xz data"},
		{"BZh", "it looks like bzip2 data; unpack it first"},
		{"\x04\x22\x4d\x18", "it looks like lz4 data"},
		{"PK\x03\x04", "it looks like a zip archive; unpack it first"},
		{"7z\xbc\xaf\x27\x1c", "it looks like a 7-zip archive; unpack it first"},
		{"snoop\x00\x00\x00", "it looks like a snoop capture, which is not read; editcap converts it"},
		{"GMBU", "it looks like a Network Monitor capture, which is not read; editcap converts it"},
		{"btsnoop\x00", "it looks like a Bluetooth capture"},
		{"%PDF", "it looks like a PDF document"},
		{"\x89PNG", "it looks like a PNG image"},
		{"\xff\xd8\xff", "it looks like a JPEG image"},
		{"<!DOCTYPE", "it looks like an HTML page"},
		{"<html", "it looks like an HTML page"},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name
		}
	}
	if isText(head) {
		return "it looks like text"
	}
	if len(bytes.Trim(head, "\x00")) == 0 {
		return "it starts with zeros"
	}
	return fmt.Sprintf("it starts with % x", head[:min(len(head), 4)])
}

// isText reports whether b is printable UTF-8, its last character perhaps cut.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(b)
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return false
		}
		b = b[n:]
	}
	return true
}
