package capture

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// pcapHeader builds a pcap file header.
func pcapHeader(o binary.AppendByteOrder, magic uint32, minor uint16, snaplen, link uint32) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(b, 2)
	b = o.AppendUint16(b, minor)
	b = o.AppendUint32(b, 0)
	b = o.AppendUint32(b, 0)
	b = o.AppendUint32(b, snaplen)
	return o.AppendUint32(b, link)
}

// pcapRecord builds a record; extra stands between header and frame.
func pcapRecord(o binary.AppendByteOrder, second, fraction, captured, wire uint32, extra, frame []byte) []byte {
	b := o.AppendUint32(nil, second)
	b = o.AppendUint32(b, fraction)
	b = o.AppendUint32(b, captured)
	b = o.AppendUint32(b, wire)
	return cat(b, extra, frame)
}

func TestPcapForms(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	frame := repeat(54)
	rec := func(o binary.AppendByteOrder, extra []byte) []byte {
		return pcapRecord(o, 100, 250_000, 54, 60, extra, frame)
	}
	micro := got{100_250_000_000, 1, 0, string(frame), 60}
	nano := micro
	nano.Time = 100_000_250_000
	sll2 := micro
	sll2.Link = analyzer.LinkSLL2
	tests := []struct {
		name string
		file []byte
		want got
	}{
		{"micro, little-endian", cat(pcapHeader(le, pcapMicro, 4, 65535, 1), rec(le, nil)), micro},
		{"micro, big-endian", cat(pcapHeader(be, pcapMicro, 4, 65535, 1), rec(be, nil)), micro},
		{"nano, little-endian", cat(pcapHeader(le, pcapNano, 4, 65535, 1), rec(le, nil)), nano},
		{"nano, big-endian", cat(pcapHeader(be, pcapNano, 4, 65535, 1), rec(be, nil)), nano},
		{"modified, little-endian", cat(pcapHeader(le, pcapModified, 4, 65535, 1), rec(le, make([]byte, 8))), micro},
		{"modified, big-endian", cat(pcapHeader(be, pcapModified, 4, 65535, 1), rec(be, make([]byte, 8))), micro},
		{"version 2.3 swapped", cat(pcapHeader(le, pcapMicro, 3, 65535, 1), pcapRecord(le, 100, 250_000, 60, 54, nil, frame)), micro},
		{"version 2.2", cat(pcapHeader(le, pcapMicro, 2, 65535, 1), pcapRecord(le, 100, 250_000, 60, 54, nil, frame)), micro},
		{"snaplen 0", cat(pcapHeader(le, pcapMicro, 4, 0, 1), rec(le, nil)), micro},
		{"captured beyond the snaplen", cat(pcapHeader(le, pcapMicro, 4, 10, 1), rec(le, nil)), micro},
		{"snaplen 2^31-1", cat(pcapHeader(le, pcapMicro, 4, 0x7fffffff, 1), rec(le, nil)), micro},
		{"link type of nine bits", cat(pcapHeader(le, pcapMicro, 4, 65535, 276), rec(le, nil)), sll2},
		{"length of a check sequence above the link type", cat(pcapHeader(le, pcapMicro, 4, 65535, 0x24000001), rec(le, nil)), micro},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			packets, errs := readAll(t, tt.file)
			if len(errs) > 0 || !slices.Equal(packets, []got{tt.want}) {
				t.Errorf("got %+v, errors %v; want %+v", packets, errs, tt.want)
			}
		})
	}
}

// A wire length below the captured one, and microseconds beyond a second, are
// read on: the records after them keep their places.
func TestPcapOddRecords(t *testing.T) {
	le := binary.LittleEndian
	file := cat(pcapHeader(le, pcapMicro, 4, 65535, 101),
		pcapRecord(le, 1, 4_294_967_295, 30, 10, nil, repeat(30)),
		pcapRecord(le, 4_294_967_295, 0, 20, 20, nil, repeat(20)))
	want := []got{
		{1_000_000_000 + 4_294_967_295_000, 101, 0, string(repeat(30)), 10},
		{4_294_967_295_000_000_000, 101, 0, string(repeat(20)), 20},
	}
	if packets, errs := readAll(t, file); len(errs) > 0 || !slices.Equal(packets, want) {
		t.Errorf("got %+v, errors %v", packets, errs)
	}
}

func TestPcapDamage(t *testing.T) {
	frames := [][]byte{repeat(60), repeat(70), repeat(80)}
	good := writePcap(t, 1, frames...)
	third := 24 + 16 + 60 + 16 + 70
	tests := []struct {
		name    string
		file    []byte
		packets int
		want    string // what follows "standard input: "
	}{
		{"cut behind the second record", good[:third], 2, ""},
		{"cut in a record header", good[:third+9], 2, "byte 186, after packet 2: the record header is cut short (16 octets needed, 9 left)"},
		{"cut right behind a record header", good[:third+16], 2, "byte 186, after packet 2: the record is cut short (the header promises 80 octets, 0 are left)"},
		{"cut in a frame", good[:third+16+79], 2, "byte 186, after packet 2: the record is cut short (the header promises 80 octets, 79 are left)"},
		{"length out of bounds", set(good, third+8, 0xff, 0xff, 0xff, 0x7f), 2, "byte 186, after packet 2: the record length 2147483647 is implausible (at most 262144)"},
		{"first record out of bounds", set(good, 24+8, 1, 0, 4, 0), 0, "byte 24: the record length 262145 is implausible (at most 262144)"},
		{"cut in the file header", good[:23], 0, "byte 0: the file header is cut short (24 octets needed, 23 left)"},
		{"version 3", set(good, 4, 3), 0, "byte 4: pcap version 3.4 is not known (only 2.x)"},
		{"empty capture", good[:24], 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			packets, errs := readAll(t, tt.file)
			if len(packets) != tt.packets {
				t.Errorf("%d packets, want %d", len(packets), tt.packets)
			}
			if text := errorText(errs); text != tt.want {
				t.Errorf("error %q\nwant  %q", text, tt.want)
			}
		})
	}
}

// errorText joins errors of standard input without its name.
func errorText(errs []*Error) string {
	var lines []string
	for _, e := range errs {
		lines = append(lines, strings.TrimPrefix(e.Error(), "standard input: "))
	}
	return strings.Join(lines, "\n")
}

// A length field alone must not make the reader take much memory: the largest
// that is believed costs no more than the data that are there, doubled.
func TestBufferGrowsWithData(t *testing.T) {
	le := binary.LittleEndian
	file := cat(pcapHeader(le, pcapMicro, 4, 0x7fffffff, 1), pcapRecord(le, 1, 0, maxRecordBound, maxRecordBound, nil, repeat(100)))
	b := blocksOf(bytes.NewReader(file))
	r, err := newPcap(stream{blocks: b, name: "x", declared: new(declared)})
	if err != nil {
		t.Fatal(err)
	}
	var p analyzer.Packet
	if err := r.next(&p); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("error %v", err)
	}
	if cap(b.joint) > blockSize {
		t.Errorf("the buffer grew to %d octets for a file of %d", cap(b.joint), len(file))
	}
}

// A frame that is larger than a block arrives whole.
func TestLargeFrame(t *testing.T) {
	le := binary.LittleEndian
	big := bytes.Repeat([]byte("0123456789"), blockSize/4)
	n := uint32(len(big))
	file := cat(pcapHeader(le, pcapMicro, 4, n, 1), pcapRecord(le, 1, 0, n, n, nil, big), pcapRecord(le, 2, 0, 60, 60, nil, repeat(60)))
	packets, errs := readAll(t, file)
	if len(errs) > 0 || len(packets) != 2 || packets[0].Frame != string(big) || packets[1].Frame != string(repeat(60)) {
		t.Errorf("%d packets, errors %v", len(packets), errs)
	}
}

// What pcapgo writes we read, and what we write pcapgo reads.
func TestPcapgoAgrees(t *testing.T) {
	var theirs bytes.Buffer
	w := pcapgo.NewWriterNanos(&theirs)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	var want []got
	for i := range 50 {
		frame, wire := repeat(40+i), 40+2*i
		at := time.Unix(int64(1000+i), int64(i)*19_999_999)
		ci := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(frame), Length: wire}
		if err := w.WritePacket(ci, frame); err != nil {
			t.Fatal(err)
		}
		want = append(want, got{statemachine.Time(at.UnixNano()), 1, 0, string(frame), uint32(wire)})
	}
	packets, errs := readAll(t, theirs.Bytes())
	if len(errs) > 0 || !slices.Equal(packets, want) {
		t.Fatalf("reading pcapgo's file: errors %v, %d packets", errs, len(packets))
	}
	var ours bytes.Buffer
	ow, err := NewWriter(&ours, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range want {
		if err := ow.Write(g.Time, []byte(g.Frame), int(g.Wire)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := pcapgo.NewReader(&ours)
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range want {
		data, ci, err := r.ReadPacketData()
		if err != nil || string(data) != g.Frame || ci.Timestamp.UnixNano() != int64(g.Time) || ci.Length != int(g.Wire) {
			t.Fatalf("pcapgo reads packet %d as %v %+v %v", i, data, ci, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := NewWriter(&bytes.Buffer{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if w.Write(-1, nil, 0) == nil || w.Write(1<<32*1e9, nil, 0) == nil {
		t.Error("a time that does not fit was taken")
	}
	if w.Write(0, repeat(10), 9) == nil || w.Write(0, repeat(minRecordBound+1), minRecordBound+1) == nil {
		t.Error("a length that does not fit was taken")
	}
}
