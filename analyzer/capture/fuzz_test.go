package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Any octets as a file: no panic, no hang, no more packets than could fit,
// errors of one line, and the same answer twice.
func FuzzReader(f *testing.F) {
	f.Add(writePcap(f, 1, tcpFrame(), tcpFrame()))
	f.Add(cat(ngBE.section(), ngBE.iface(1, 96), ngBE.packet(0, 5, tcpFrame(), 80), ngBE.simple(tcpFrame(), 64)))
	f.Add(gz(f, writePcap(f, 101, ip6(6, tcpSeg(nil, nil)))))
	f.Add(zst(f, writePcap(f, 276, repeat(60))))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		packets, errs := readAll(t, file)
		if len(packets) > len(file)/16 && !bytes.HasPrefix(file, []byte{0x1f, 0x8b}) && !bytes.HasPrefix(file, []byte{0x28, 0xb5}) {
			t.Errorf("%d packets from %d octets", len(packets), len(file))
		}
		for _, e := range errs {
			if s := e.Error(); strings.ContainsAny(s, "\n\r") || s == "" {
				t.Errorf("error %q", s)
			}
		}
		again, errsAgain := readAll(t, file)
		if !reflect.DeepEqual(packets, again) || !reflect.DeepEqual(errs, errsAgain) {
			t.Error("the second reading differs from the first")
		}
	})
}

// Any octets as a frame: no panic, lengths that hold together, the same answer
// twice, and gopacket's answer wherever gopacket has one.
func FuzzDecode(f *testing.F) {
	f.Add(uint16(1), uint16(0), tcpFrame())
	f.Add(uint16(1), uint16(9), eth(0x8100, cat(u16(5), u16(0x86dd), ip6(0, cat(hbh(6), tcpSeg([]byte{2, 4, 5, 0xb4, 1, 1, 4, 2}, nil))))))
	f.Add(uint16(101), uint16(0), ip4Options(6, []byte{1, 1, 1, 0}, tcpSeg([]byte{1, 1, 5, 2}, repeat(3))))
	f.Add(uint16(113), uint16(7), repeat(40))
	for _, e := range encapsulations {
		f.Add(uint16(e.link), uint16(0), e.frame(ip4(6, tcpSeg(nil, repeat(5))), ip6(6, tcpSeg(nil, nil))))
	}
	f.Add(uint16(101), uint16(0), icmpError(3, 3, 0, ip4(6, tcpSeg(nil, nil))))
	f.Fuzz(func(t *testing.T, link, more uint16, frame []byte) {
		if len(frame) > 1<<16 {
			return
		}
		p := decode(analyzer.LinkType(link), frame, len(frame)+int(more))
		if q := decode(analyzer.LinkType(link), frame, len(frame)+int(more)); !samePacket(&p, &q) {
			t.Errorf("first %+v\nthen %+v", p, q)
		}
		checkHolds(t, &p)
		if p.Link == analyzer.LinkEthernet && p.Skip == analyzer.NotSkipped && more == 0 && p.Tunnel == 0 {
			checkGopacket(t, &p)
		}
	})
}

// Any octets as an option list: no panic, the same answer twice, and padding
// behind a list that is whole changes nothing.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, uint8(0))
	f.Add([]byte{1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4}, uint8(4))
	f.Add([]byte{34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 254, 4, 0xf9, 0x89, 3, 3, 99}, uint8(0))
	f.Fuzz(func(t *testing.T, list []byte, more uint8) {
		if len(list) > 39 {
			return
		}
		read := func(b []byte, full int) (o statemachine.Options) {
			options(&o, b, full)
			return o
		}
		cut := read(list, len(list)+int(more))
		if again := read(list, len(list)+int(more)); cut != again || cut.NSACK > 4 {
			t.Errorf("first %+v, then %+v", cut, again)
		}
		whole := read(list, len(list))
		if padded := read(append(bytes.Clone(list), kindNop), len(list)+1); !whole.Has(statemachine.OptBad) && padded != whole {
			t.Errorf("%+v, padded %+v", whole, padded)
		}
		if more > 0 && !whole.Has(statemachine.OptBad) && cut.Set&^statemachine.OptCut != whole.Set {
			t.Errorf("whole %+v, cut %+v", whole, cut)
		}
	})
}

// checkHolds checks what is true of every decoded packet.
func checkHolds(t *testing.T, p *analyzer.Packet) {
	t.Helper()
	switch {
	case p.Skip == analyzer.SkipPanic:
		t.Errorf("the decoder failed on % x", p.Frame)
	case p.Skip == analyzer.NotSkipped && !p.HasTCP:
		t.Error("neither skipped nor TCP")
	case p.HasTCP && (p.IPVersion == 0 || p.SegOff < p.NetOff+20 || p.SegOff > len(p.Frame)):
		t.Errorf("offsets %d and %d in a frame of %d", p.NetOff, p.SegOff, len(p.Frame))
	case p.SegLen < 0 || int(p.Segment.Len) > p.SegLen && !p.Fragment:
		t.Errorf("payload %d of a segment of %d", p.Segment.Len, p.SegLen)
	case p.Skip == analyzer.NotSkipped && (len(p.Frame) < p.SegOff+20 || !p.Src.IsValid() || !p.Dst.IsValid()):
		t.Errorf("a segment without header or addresses: %+v", p)
	case p.Segment.Options.NSACK > 4:
		t.Errorf("%d SACK blocks", p.Segment.Options.NSACK)
	}
}

// checkGopacket compares a packet with gopacket's own decoding of the frame,
// where that reaches a TCP layer without an error and without a tunnel.
func checkGopacket(t *testing.T, p *analyzer.Packet) {
	t.Helper()
	theirs := gopacket.NewPacket(p.Frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	tcp, ok := theirs.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok || theirs.ErrorLayer() != nil {
		return
	}
	if be16(p.Frame[p.NetOff+2:]) == 0 && p.IPVersion == 4 || len(tcp.Contents) < 20 {
		return // length 0: gopacket takes it modulo 65536
	}
	s := &p.Segment
	if uint32(s.Seq) != tcp.Seq || uint32(s.Ack) != tcp.Ack || s.Window != tcp.Window || s.Urgent != tcp.Urgent ||
		p.Src.Port() != uint16(tcp.SrcPort) || p.Dst.Port() != uint16(tcp.DstPort) || s.Flags&0xff != theirFlags(tcp) {
		t.Errorf("we read %+v\ngopacket %+v", p, tcp)
	}
	for _, o := range tcp.Options {
		if o.OptionType == layers.TCPOptionKindMSS && len(o.OptionData) == 2 && !s.Options.Has(statemachine.OptMSS) {
			t.Errorf("gopacket sees an MSS %v, we see %+v", o, s.Options)
		}
	}
}

// theirFlags puts gopacket's flags into one octet.
func theirFlags(tcp *layers.TCP) statemachine.Flags {
	var f statemachine.Flags
	for i, set := range []bool{tcp.FIN, tcp.SYN, tcp.RST, tcp.PSH, tcp.ACK, tcp.URG, tcp.ECE, tcp.CWR} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

// Every frame cut at every length and with every octet changed in turn is
// survived, on every link type.
func TestEveryCutAndChange(t *testing.T) {
	frames := [][]byte{
		tcpFrame(),
		eth(0x8100, cat(u16(5), u16(0x86dd), ip6(0, cat(hbh(44), fragHead6(6, 0, 0), tcpSeg([]byte{2, 4, 5, 0xb4}, nil))))),
		ip4Options(6, []byte{0x94, 4, 0, 0}, tcpSeg(cat([]byte{1, 1, 5, 10}, make([]byte, 8)), nil)),
	}
	links := []analyzer.LinkType{0, 1, 9, 12, 50, 101, 104, 108, 113, 228, 229, 276}
	for _, f := range frames {
		for _, l := range links {
			for n := range f {
				p := decode(l, f[:n], len(f))
				checkHolds(t, &p)
				for _, v := range []byte{0, 1, 0x7f, 0xff, f[n] ^ 0x10} {
					p := decode(l, set(f, n, v), 0)
					checkHolds(t, &p)
				}
			}
		}
	}
}

// A pcap file cut at every octet gives the packets before the cut, and an error
// unless the cut lies between two records.
func TestEveryFileCut(t *testing.T) {
	file := writePcap(t, 1, tcpFrame(), tcpFrame())
	n := 16 + len(tcpFrame())
	for cut := 1; cut < len(file); cut++ {
		packets, errs := readAll(t, file[:cut])
		whole := max(0, cut-24) / n
		clean := cut >= 24 && (cut-24)%n == 0
		if len(packets) != whole || (len(errs) == 0) != clean {
			t.Errorf("cut at %d: %d packets, errors %v", cut, len(packets), errs)
		}
	}
}

// steady is a capture of n packets like those of a download.
func steady(t testing.TB, n int, ngFile bool) []byte {
	t.Helper()
	ts := cat([]byte{1, 1, 8, 10}, u32(7), u32(8))
	frames := [][]byte{
		eth(0x0800, ip4(6, tcpSeg(ts, repeat(1400)))),
		eth(0x86dd, ip6(6, tcpSeg(ts, nil))),
		eth(0x0800, ip4(6, tcpSeg(cat(ts, []byte{1, 1, 5, 10}, u32(1), u32(2)), nil))),
		eth(0x8100, cat(u16(5), u16(0x0800), ip4(6, tcpSeg(ts, repeat(80))))),
	}
	var all [][]byte
	for i := range n {
		all = append(all, frames[i%len(frames)])
	}
	if !ngFile {
		return writePcap(t, 1, all...)
	}
	out := cat(ngLE.section(), ngLE.iface(1, 0))
	for i, f := range all {
		out = append(out, ngLE.packet(0, uint64(i), f, uint32(len(f)))...)
	}
	return out
}

func TestNoAllocations(t *testing.T) {
	for name, file := range map[string][]byte{"pcap": steady(t, 6000, false), "pcapng": steady(t, 6000, true)} {
		s := OpenAll([]string{Stdin}, bytes.NewReader(file))
		var p analyzer.Packet
		read := func() {
			if err := s.Next(&p); err != nil || p.Skip != 0 {
				t.Fatalf("%v, %v", err, p.Skip)
			}
		}
		read() // opens the file
		if n := testing.AllocsPerRun(5000, read); n != 0 {
			t.Errorf("%s: %v allocations per packet", name, n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	file := steady(b, 4, false)
	var frames [][]byte
	for off := 24; off < len(file); {
		n := int(binary.LittleEndian.Uint32(file[off+8:]))
		frames = append(frames, file[off+16:off+16+n])
		off += 16 + n
	}
	var d Decoder
	var p analyzer.Packet
	p.Link = analyzer.LinkEthernet
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Frame = frames[i&3]
		p.WireLen = uint32(len(p.Frame))
		d.Decode(&p)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

func BenchmarkReadPcap(b *testing.B)   { benchmarkRead(b, false) }
func BenchmarkReadPcapng(b *testing.B) { benchmarkRead(b, true) }

// benchmarkRead reads and decodes a capture from memory.
func benchmarkRead(b *testing.B, ngFile bool) {
	const n = 20_000
	file := steady(b, n, ngFile)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		s := OpenAll([]string{Stdin}, bytes.NewReader(file))
		var p analyzer.Packet
		for {
			if err := s.Next(&p); errors.Is(err, io.EOF) {
				break
			}
		}
		if p.Number != n {
			b.Fatalf("%d packets", p.Number)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}
