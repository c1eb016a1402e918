package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
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

// ng builds the blocks of one byte order.
type ng struct{ binary.AppendByteOrder }

var (
	ngLE = ng{binary.LittleEndian}
	ngBE = ng{binary.BigEndian}
)

// block builds a block around a body, padded to four octets.
func (o ng) block(kind uint32, parts ...[]byte) []byte {
	body := cat(parts...)
	body = append(body, make([]byte, -len(body)&3)...)
	n := uint32(len(body) + 12)
	return cat(o.AppendUint32(o.AppendUint32(nil, kind), n), body, o.AppendUint32(nil, n))
}

// option builds an option, padded.
func (o ng) option(code uint16, v ...byte) []byte {
	b := o.AppendUint16(o.AppendUint16(nil, code), uint16(len(v)))
	return cat(b, v, make([]byte, -len(v)&3))
}

// section builds a section header with a comment among its options.
func (o ng) section() []byte {
	b := o.AppendUint32(nil, ngOrderMagic)
	b = o.AppendUint16(b, 1)
	b = o.AppendUint16(b, 0)
	b = o.AppendUint64(b, math.MaxUint64)
	return o.block(blockSection, b, o.option(1, 'h', 'i', '!'), o.option(0))
}

// iface builds an interface description.
func (o ng) iface(link uint16, snaplen uint32, options ...[]byte) []byte {
	b := o.AppendUint16(nil, link)
	b = o.AppendUint16(b, 0)
	return o.block(blockInterface, o.AppendUint32(b, snaplen), cat(options...))
}

// packet builds an enhanced packet block.
func (o ng) packet(id uint32, ticks uint64, frame []byte, wire uint32, options ...[]byte) []byte {
	b := o.AppendUint32(nil, id)
	b = o.AppendUint32(b, uint32(ticks>>32))
	b = o.AppendUint32(b, uint32(ticks))
	b = o.AppendUint32(b, uint32(len(frame)))
	b = o.AppendUint32(b, wire)
	return o.block(blockEnhanced, b, frame, make([]byte, -len(frame)&3), cat(options...))
}

// oldPacket builds an obsolete packet block.
func (o ng) oldPacket(id, lost uint16, ticks uint64, frame []byte) []byte {
	b := o.AppendUint16(nil, id)
	b = o.AppendUint16(b, lost)
	b = o.AppendUint32(b, uint32(ticks>>32))
	b = o.AppendUint32(b, uint32(ticks))
	b = o.AppendUint32(b, uint32(len(frame)))
	b = o.AppendUint32(b, uint32(len(frame)))
	return o.block(blockOldPacket, b, frame)
}

// simple builds a simple packet block.
func (o ng) simple(frame []byte, wire uint32) []byte {
	return o.block(blockSimple, o.AppendUint32(nil, wire), frame)
}

// statistics builds an interface statistics block with both drop counts.
func (o ng) statistics(id uint32, ifdrop, osdrop uint64) []byte {
	b := o.AppendUint32(nil, id)
	b = o.AppendUint64(b, 0)
	return o.block(blockStatistics, b, o.option(optISBIfDrop, o.AppendUint64(nil, ifdrop)...),
		o.option(optISBOSDrop, o.AppendUint64(nil, osdrop)...), o.option(0))
}

// Several sections of both byte orders, interfaces with their own link types
// and clocks, all packet blocks, unknown blocks between them.
func TestPcapng(t *testing.T) {
	var file []byte
	for _, o := range []ng{ngLE, ngBE} {
		file = cat(file, o.section(),
			o.iface(1, 0, o.option(optIfName, 'e', 't', 'h', '0'), o.option(0)),
			o.block(0xbad, repeat(33)),
			o.packet(0, 1_500_000, repeat(61), 100),
			o.iface(276, 20, o.option(optIfTsresol, 9), o.option(optIfTsoffset, o.AppendUint64(nil, 10)...)),
			o.packet(1, 7, repeat(20), 20),
			o.simple(repeat(30), 30),
			o.oldPacket(1, math.MaxUint16, 1<<32+1, repeat(5)),
			o.simple(repeat(40)[:40], 90))
	}
	one := []got{
		{1_500_000_000, 1, 0, string(repeat(61)), 100},
		{10_000_000_007, 276, 1, string(repeat(20)), 20},
		{10_000_000_007, 1, 0, string(repeat(30)), 30},
		{10_000_000_000 + 1<<32 + 1, 276, 1, string(repeat(5)), 5},
		{10_000_000_000 + 1<<32 + 1, 1, 0, string(repeat(40)), 90},
	}
	packets, errs := readAll(t, file)
	if len(errs) > 0 || !slices.Equal(packets, slices.Concat(one, one)) {
		t.Errorf("errors %v, packets %+v", errs, packets)
	}
}

func TestPcapngSimpleObeysSnaplen(t *testing.T) {
	file := cat(ngLE.section(), ngLE.iface(1, 21), ngLE.simple(cat(repeat(21), make([]byte, 3)), 500))
	packets, errs := readAll(t, file)
	if len(errs) > 0 || !slices.Equal(packets, []got{{0, 1, 0, string(repeat(21)), 500}}) {
		t.Errorf("errors %v, packets %+v", errs, packets)
	}
}

func TestPcapngTimes(t *testing.T) {
	tests := []struct {
		name    string
		options []byte
		ticks   uint64
		want    statemachine.Time
	}{
		{"microseconds by default", nil, 1_234_567_890_123_456, 1_234_567_890_123_456_000},
		{"seconds, named by 0", ngLE.option(optIfTsresol, 0), 1_234_567_890, 1_234_567_890_000_000_000},
		{"an empty option keeps the default", ngLE.option(optIfTsresol), 5, 5000},
		{"nanoseconds", ngLE.option(optIfTsresol, 9), 1_234_567_890_123_456_789, 1_234_567_890_123_456_789},
		{"picoseconds", ngLE.option(optIfTsresol, 12), 1_234_567_890_123_456_789, 1_234_567_890_123_456},
		{"10^-19", ngLE.option(optIfTsresol, 19), 10_000_000_000_000_000_000, 1_000_000_000},
		{"2^-10", ngLE.option(optIfTsresol, 0x8a), 1024*1_000_000_000 + 512, 1_000_000_000_500_000_000},
		{"2^-20", ngLE.option(optIfTsresol, 0x94), 3<<20 + 1<<19 + 1, 3_500_000_953},
		{"2^-32", ngLE.option(optIfTsresol, 0xa0), 5<<32 + 1<<31, 5_500_000_000},
		{"2^-63", ngLE.option(optIfTsresol, 0xbf), 1<<63 + 1<<62, 1_500_000_000},
		{"2^-0", ngLE.option(optIfTsresol, 0x80), 3, 3_000_000_000},
		{"offset", ngLE.option(optIfTsoffset, ngLE.AppendUint64(nil, 1_000_000)...), 1, 1_000_000_000_001_000},
		{"negative offset", ngLE.option(optIfTsoffset, ngLE.AppendUint64(nil, math.MaxUint64)...), 3_000_000, 2_000_000_000},
		{"beyond the last time", ngLE.option(optIfTsresol, 0), math.MaxUint64, maxTime},
		{"offset beyond the last time", cat(ngLE.option(optIfTsresol, 0), ngLE.option(optIfTsoffset, ngLE.AppendUint64(nil, 1)...)), math.MaxUint64, maxTime},
		{"absurd offset is not used", ngLE.option(optIfTsoffset, ngLE.AppendUint64(nil, 1<<62)...), 1, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := cat(ngLE.section(), ngLE.iface(1, 0, tt.options), ngLE.packet(0, tt.ticks, nil, 0))
			packets, errs := readAll(t, file)
			if len(errs) > 0 || len(packets) != 1 || packets[0].Time != tt.want {
				t.Errorf("errors %v, packets %+v, want time %d", errs, packets, tt.want)
			}
		})
	}
}

func TestPcapngDamage(t *testing.T) {
	head := cat(ngLE.section(), ngLE.iface(1, 0), ngLE.packet(0, 1, repeat(60), 60))
	at := len(head) // 40 + 20 + 92
	with := func(b []byte) []byte { return cat(head, b) }
	next := ngLE.packet(0, 2, repeat(60), 60)
	tests := []struct {
		name    string
		file    []byte
		packets int
		want    string
	}{
		{"whole", head, 1, ""},
		{"cut in a block header", with(next[:5]), 1, "byte 152, after packet 1: the block header is cut short (8 octets needed, 5 left)"},
		{"cut in a packet", with(next[:50]), 1, "byte 152, after packet 1: the block is cut short (92 octets needed, 50 left)"},
		{"cut in an unknown block", with(ngLE.block(77, repeat(40))[:30]), 1, "byte 152, after packet 1: the block is cut short (52 octets needed, 30 left)"},
		{"block length 4", with(set(next, 4, 4, 0, 0, 0)), 1, "byte 152, after packet 1: the block length 4 is impossible"},
		{"block length 93", with(set(next, 4, 93)), 1, "byte 152, after packet 1: the block length 93 is impossible"},
		{"block length 2^31", with(set(next, 4, 0, 0, 0, 0x80)), 1, "byte 152, after packet 1: the block length 2147483648 is implausible (at most 16777216)"},
		{"lengths disagree", with(set(next, 88, 96)), 1, "byte 152, after packet 1: the block says it has 92 octets at its start and 96 at its end"},
		{"packet length beyond the block", with(set(next, 20, 0, 0, 0, 0x30)), 1, "byte 152, after packet 1: the packet length 805306368 exceeds its block (room for 60)"},
		{"unknown interface", with(set(next, 8, 1)), 1, "byte 152, after packet 1: a packet of interface 1, which the section does not describe"},
		{"interface of an earlier section", cat(head, ngBE.section(), ngBE.packet(0, 1, nil, 0)), 1, "byte 192, after packet 1: a packet of interface 0, which the section does not describe"},
		{"packet block too short", with(ngLE.block(blockEnhanced, repeat(16))), 1, "byte 152, after packet 1: the packet block is too short for its fields"},
		{"old packet block too short", with(ngLE.block(blockOldPacket, repeat(16))), 1, "byte 152, after packet 1: the packet block is too short for its fields"},
		{"simple packet block too short", with(ngLE.block(blockSimple)), 1, "byte 152, after packet 1: the packet block is too short for its fields"},
		{"interface too short", with(ngLE.block(blockInterface, repeat(4))), 1, "byte 152, after packet 1: the interface description is too short for its fields"},
		{"resolution 2^-64", with(ngLE.iface(1, 0, ngLE.option(optIfTsresol, 0xc0))), 1, "byte 152, after packet 1: the interface's time resolution 0xc0 is impossible"},
		{"resolution 10^-20", with(ngLE.iface(1, 0, ngLE.option(optIfTsresol, 20))), 1, "byte 152, after packet 1: the interface's time resolution 0x14 is impossible"},
		{"section without magic", with(set(ngLE.section(), 8, 9)), 1, "byte 152, after packet 1: the section header has no byte-order magic"},
		{"section version 2", with(set(ngLE.section(), 12, 2)), 1, "byte 152, after packet 1: pcapng version 2.0 is not known (only 1.x)"},
		{"section length", with(set(ngLE.section(), 4, 24)), 1, "byte 152, after packet 1: the section header's length 24 is impossible"},
		{"section cut", ngLE.section()[:20], 0, "byte 0: the section header is cut short (24 octets needed, 20 left)"},
		{"section options cut", ngLE.section()[:36], 0, "byte 0: the block is cut short (40 octets needed, 36 left)"},
	}
	if at != 152 {
		t.Fatalf("the head has %d octets; the offsets below are for 152", at)
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

func TestPcapngDrops(t *testing.T) {
	drop := ngLE.option(optEPBDropCount, ngLE.AppendUint64(nil, 3)...)
	tests := []struct {
		name string
		file []byte
		want uint64
	}{
		{"none", cat(ngLE.section(), ngLE.iface(1, 0)), 0},
		{"the last statistics of each interface", cat(ngLE.section(), ngLE.iface(1, 0), ngLE.iface(1, 0),
			ngLE.statistics(0, 1, 2), ngLE.statistics(0, 5, 6), ngLE.statistics(1, 100, 0)), 111},
		{"not known", cat(ngLE.section(), ngLE.iface(1, 0), ngLE.statistics(0, math.MaxUint64, 4)), 4},
		{"of no interface", cat(ngLE.section(), ngLE.statistics(0, 4, 4)), 0},
		{"in packets", cat(ngLE.section(), ngLE.iface(1, 0), ngLE.packet(0, 1, repeat(3), 3, drop), ngLE.oldPacket(0, 2, 1, nil)), 5},
		{"in packets and statistics", cat(ngLE.section(), ngLE.iface(1, 0), ngLE.packet(0, 1, nil, 0, drop), ngLE.statistics(0, 3, 4)), 7},
		{"in two sections", cat(ngLE.section(), ngLE.iface(1, 0), ngLE.statistics(0, 3, 4), ngBE.section(), ngBE.iface(1, 0), ngBE.statistics(0, 3, 4)), 14},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := OpenAll([]string{Stdin, "/nonexistent"}, bytes.NewReader(tt.file))
			var p analyzer.Packet
			for s.Next(&p) == nil {
			}
			if got := s.Stats().Drops; got != tt.want {
				t.Errorf("%d drops, want %d", got, tt.want)
			}
		})
	}
}

// What pcapgo writes we read.
func TestNgWriterAgrees(t *testing.T) {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.AddInterface(pcapgo.NgInterface{Name: "raw", LinkType: layers.LinkTypeRaw})
	if err != nil {
		t.Fatal(err)
	}
	var want []got
	for i := range 40 {
		at, frame, id, link := time.Unix(1_700_000_000, int64(i)*7_777_777), repeat(i), 0, analyzer.LinkEthernet
		if i%3 == 0 {
			id, link = raw, analyzer.LinkRaw
		}
		ci := gopacket.CaptureInfo{Timestamp: at, CaptureLength: i, Length: 2 * i, InterfaceIndex: id}
		if err := w.WritePacket(ci, frame); err != nil {
			t.Fatal(err)
		}
		want = append(want, got{statemachine.Time(at.UnixNano()), link, uint16(id), string(frame), uint32(2 * i)})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if packets, errs := readAll(t, b.Bytes()); len(errs) > 0 || !slices.Equal(packets, want) {
		t.Errorf("errors %v, packets %+v", errs, packets)
	}
}

// Comments on packets, sections and interfaces are kept, bounded.
func TestComments(t *testing.T) {
	remark := func(o ng, s string) []byte { return o.option(optComment, []byte(s)...) }
	long := strings.Repeat("x", 2*maxComment)
	for _, o := range []ng{ngLE, ngBE} {
		old := o.oldPacket(0, 0, 4, tcpFrame())
		file := cat(o.section(), o.iface(1, 0, remark(o, "over there"), o.option(optIfName, []byte("eth0")...), remark(o, "and here")),
			o.packet(0, 1, tcpFrame(), 64, remark(o, "first"), o.option(optEPBDropCount, o.AppendUint64(nil, 3)...), remark(o, "second\x1b[2J"), o.option(optEnd)),
			o.packet(0, 2, tcpFrame(), 64),
			o.packet(0, 3, tcpFrame(), 64, remark(o, long), remark(o, long)),
			o.block(blockOldPacket, old[8:len(old)-4], remark(o, "old")),
			o.simple(tcpFrame(), 64), o.section())
		s := OpenAll([]string{Stdin}, bytes.NewReader(file))
		var p analyzer.Packet
		for i, want := range []string{"first\nsecond\x1b[2J", "", long[:maxComment], "old", ""} {
			if err := s.Next(&p); err != nil {
				t.Fatal(err)
			}
			if string(p.Comment) != want || (p.Comment == nil) != (want == "") {
				t.Errorf("packet %d: comment %q", i+1, p.Comment)
			}
		}
		if err := s.Next(&p); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		st := s.Stats()
		if want := []string{"hi!", "eth0: over there", "eth0: and here"}; !slices.Equal(st.Comments, want) || st.Drops != 3 || len(st.Errors) > 0 {
			t.Errorf("%+v, want comments %q", st, want)
		}
	}
}
