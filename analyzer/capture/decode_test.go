package capture

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// hbh builds an extension header of 8 octets, padded by PadN.
func hbh(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }

// fragHead6 builds an IPv6 fragment header.
func fragHead6(next byte, offset int, more byte) []byte {
	return cat([]byte{next, 0}, u16(offset<<3|int(more)), u32(77))
}

func TestDecode(t *testing.T) {
	seg := tcpSeg(nil, repeat(5))
	v4, v6 := ip4(6, seg), ip6(6, seg)
	frag4 := func(field int, body []byte) []byte { return set(ip4(6, body), 6, u16(field)...) }
	sll := func(proto int, body []byte) []byte {
		return cat(u16(0), u16(1), u16(6), make([]byte, 8), u16(proto), body)
	}
	sll2 := func(proto int, body []byte) []byte {
		return cat(u16(proto), u16(0), u32(3), u16(1), []byte{4, 6}, make([]byte, 8), body)
	}
	snap := func(oui byte, etherType int, body []byte) []byte {
		return cat([]byte{0xaa, 0xaa, 3, 0, 0, oui}, u16(etherType), body)
	}
	ah := func(next byte) []byte { return cat([]byte{next, 4}, make([]byte, 22)) }
	routing := cat([]byte{6, 2, 4, 0}, make([]byte, 20)) // SRv6, type 4
	jumbo := cat([]byte{6, 0, 0xc2, 4}, u32(8+25+70000))

	tests := []struct {
		name     string
		link     analyzer.LinkType
		frame    []byte
		wire     int
		skip     analyzer.Skip
		hasTCP   bool
		segLen   int
		length   statemachine.Size
		fragment bool
	}{
		{"ethernet", 1, eth(0x0800, v4), 0, 0, true, 25, 5, false},
		{"ethernet IPv6", 1, eth(0x86dd, v6), 0, 0, true, 25, 5, false},
		{"trailer is not payload", 1, cat(eth(0x0800, v4), repeat(9)), 0, 0, true, 25, 5, false},
		{"trailer is not payload, IPv6", 1, cat(eth(0x86dd, ip6(0, cat(hbh(6), seg))), repeat(9)), 0, 0, true, 25, 5, false},
		{"VLAN", 1, eth(0x8100, cat(u16(5), u16(0x0800), v4)), 0, 0, true, 25, 5, false},
		{"QinQ", 1, eth(0x88a8, cat(u16(5), u16(0x8100), u16(6), u16(0x86dd), v6)), 0, 0, true, 25, 5, false},
		{"VLAN 9100 and 9200", 1, eth(0x9100, cat(u16(5), u16(0x9200), u16(6), u16(0x0800), v4)), 0, 0, true, 25, 5, false},
		{"VLAN cut", 1, eth(0x8100, []byte{0}), 0, analyzer.SkipTruncated, false, 0, 0, false},
		{"802.3 SNAP", 1, eth(8+len(v4), snap(0, 0x0800, v4)), 0, 0, true, 25, 5, false},
		{"802.3 SNAP bridged", 1, eth(8+len(v4), snap(0xf8, 0x0800, v4)), 0, 0, true, 25, 5, false},
		{"802.3 SNAP of a vendor", 1, eth(8+len(v4), snap(0x0c, 0x0800, v4)), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"802.3 LLC IP", 1, eth(3+len(v4), cat([]byte{6, 6, 3}, v4)), 0, 0, true, 25, 5, false},
		{"spanning tree", 1, eth(38, cat([]byte{0x42, 0x42, 3}, repeat(35))), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"LLC cut", 1, eth(38, []byte{0xaa, 0xaa, 3, 0}), 0, analyzer.SkipTruncated, false, 0, 0, false},
		{"ARP", 1, eth(0x0806, repeat(28)), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"type field 1535", 1, eth(1535, repeat(40)), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"runt", 1, repeat(13), 0, analyzer.SkipTruncated, false, 0, 0, false},

		{"cooked", 113, sll(0x0800, v4), 0, 0, true, 25, 5, false},
		{"cooked VLAN", 113, sll(0x8100, cat(u16(5), u16(0x86dd), v6)), 0, 0, true, 25, 5, false},
		{"cooked, address length 65535", 113, set(sll(0x0800, v4), 4, 0xff, 0xff), 0, 0, true, 25, 5, false},
		{"cooked LLC", 113, sll(4, snap(0, 0x0800, v4)), 0, 0, true, 25, 5, false},
		{"cooked netlink", 113, sll(0, repeat(30)), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"cooked cut", 113, repeat(15), 0, analyzer.SkipTruncated, false, 0, 0, false},
		{"cooked v2", 276, sll2(0x86dd, v6), 0, 0, true, 25, 5, false},
		{"cooked v2 cut", 276, repeat(19), 0, analyzer.SkipTruncated, false, 0, 0, false},
		{"raw 12", 12, v4, 0, 0, true, 25, 5, false},
		{"raw 14", 14, v6, 0, 0, true, 25, 5, false},
		{"raw 101", 101, v6, 0, 0, true, 25, 5, false},
		{"raw 228", 228, v4, 0, 0, true, 25, 5, false},
		{"raw 229", 229, v6, 0, 0, true, 25, 5, false},
		{"raw 228 with IPv6", 228, v6, 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"raw empty", 101, nil, 0, analyzer.SkipTruncated, false, 0, 0, false},
		{"raw version 5", 101, set(v4, 0, 0x55), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"null, little-endian", 0, cat([]byte{2, 0, 0, 0}, v4), 0, 0, true, 25, 5, false},
		{"null, big-endian", 0, cat([]byte{0, 0, 0, 2}, v4), 0, 0, true, 25, 5, false},
		{"null, 10", 0, cat([]byte{10, 0, 0, 0}, v6), 0, 0, true, 25, 5, false},
		{"null, 24", 0, cat([]byte{24, 0, 0, 0}, v6), 0, 0, true, 25, 5, false},
		{"null, 28", 0, cat([]byte{28, 0, 0, 0}, v6), 0, 0, true, 25, 5, false},
		{"loop, 30", 108, cat([]byte{0, 0, 0, 30}, v6), 0, 0, true, 25, 5, false},
		{"null, another family", 0, cat([]byte{7, 0, 0, 0}, v4), 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"PPP", 9, cat([]byte{0xff, 3, 0, 0x21}, v4), 0, 0, true, 25, 5, false},
		{"PPP, protocol in one octet", 9, cat([]byte{0x57}, v6), 0, 0, true, 25, 5, false},
		{"PPP with direction", 9, cat([]byte{1, 3, 0, 0x21}, v4), 0, 0, true, 25, 5, false},
		{"PPP LCP", 9, []byte{0xff, 3, 0xc0, 0x21, 1, 1, 0, 4}, 0, analyzer.SkipNotIP, false, 0, 0, false},
		{"PPP cut", 9, []byte{0xff, 3, 0}, 0, analyzer.SkipTruncated, false, 0, 0, false},
		{"PPP-HDLC", 50, cat([]byte{0xff, 3, 0, 0x57}, v6), 0, 0, true, 25, 5, false},
		{"PPP-HDLC, Cisco inside", 50, cat([]byte{0x0f, 0, 8, 0}, v4), 0, 0, true, 25, 5, false},
		{"Cisco HDLC", 104, cat([]byte{0x8f, 0, 0x86, 0xdd}, v6), 0, 0, true, 25, 5, false},
		{"another link", 147, v4, 0, analyzer.SkipLink, false, 0, 0, false},

		{"IPv4 options", 101, ip4Options(6, []byte{0x94, 4, 0, 0}, seg), 0, 0, true, 25, 5, false},
		{"IPv4 option of length 2", 101, ip4Options(6, []byte{0x94, 2, 1, 1}, seg), 0, 0, true, 25, 5, false},
		{"IPv4 option of length 0", 101, ip4Options(6, []byte{0x94, 0, 1, 1}, seg), 0, 0, true, 25, 5, false},
		{"IPv4 options cut", 101, ip4Options(6, []byte{0x94, 4, 0, 0}, seg)[:22], 49, analyzer.SkipTruncated, false, 0, 0, false},
		{"IPv4 cut", 101, v4[:19], 45, analyzer.SkipTruncated, false, 0, 0, false},
		{"IPv4 version", 1, eth(0x0800, set(v4, 0, 0x65)), 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"IPv4 header length", 101, set(v4, 0, 0x44), 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"IPv4 total length", 101, set(v4, 2, 0, 19), 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"offload, length 0", 1, eth(0x0800, set(v4, 2, 0, 0)), 0, 0, true, 25, 5, false},
		{"offload, 70000 octets cut at 96", 101, set(v4, 2, 0, 0), 70000, 0, true, 70000 - 20, 70000 - 40, false},
		{"offload, 65536 octets", 101, set(v4, 2, 0, 0), 65536, 0, true, 65536 - 20, 65536 - 40, false},
		{"IPv4 AH", 101, ip4(51, cat(ah(6), seg)), 0, 0, true, 25, 5, false},
		{"IPv4 with an IPv6 extension header", 101, ip4(0, cat(hbh(6), seg)), 0, analyzer.SkipNotTCP, false, 0, 0, false},
		{"first fragment", 101, frag4(0x2000, seg[:24]), 0, analyzer.SkipFragment, true, 24, 4, true},
		{"first fragment of no multiple of 8", 101, frag4(0x2000, seg), 0, analyzer.SkipMalformed, true, 25, 5, true},
		{"later fragment", 101, frag4(0x2003, seg[:24]), 0, analyzer.SkipFragment, false, 0, 0, false},
		{"last fragment", 101, frag4(3, seg), 0, analyzer.SkipFragment, false, 0, 0, false},
		{"don't fragment", 101, frag4(0x4000, seg), 0, 0, true, 25, 5, false},
		{"later fragment of UDP", 101, set(frag4(3, seg), 9, 17), 0, analyzer.SkipFragment, false, 0, 0, false},
		{"later fragment of GRE", 101, set(frag4(3, seg), 9, 47), 0, analyzer.SkipFragment, false, 0, 0, false},
		{"later fragment of ICMP", 101, set(frag4(3, seg), 9, 1), 0, analyzer.SkipNotTCP, false, 0, 0, false},
		{"fragment beyond 65535", 101, frag4(0x1fff, seg), 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"first fragment of 8 octets", 101, frag4(0x2000, seg[:8]), 0, analyzer.SkipFragment, true, 8, 0, true},
		{"first fragment ends in the options", 101, frag4(0x2000, tcpSeg(make([]byte, 20), nil)[:24]), 0, analyzer.SkipFragment, true, 24, 0, true},
		{"UDP", 101, ip4(17, cat(u16(53), u16(53), u16(8), u16(0))), 0, analyzer.SkipNotTCP, false, 0, 0, false},
		{"UDP cut", 101, ip4(17, cat(u16(53), u16(53), u16(8), u16(0)))[:23], 28, analyzer.SkipNotTCP, false, 0, 0, false},

		{"IPv6 cut", 101, v6[:39], 65, analyzer.SkipTruncated, false, 0, 0, false},
		{"IPv6 version", 1, eth(0x86dd, set(v6, 0, 0x40)), 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"IPv6 hop-by-hop", 101, ip6(0, cat(hbh(6), seg)), 0, 0, true, 25, 5, false},
		{"IPv6 hop-by-hop, routing type 4", 101, ip6(0, cat(hbh(43), routing, seg)), 0, 0, true, 25, 5, false},
		{"IPv6 destination twice", 101, ip6(60, cat(hbh(60), hbh(6), seg)), 0, 0, true, 25, 5, false},
		{"IPv6 AH", 101, ip6(51, cat(ah(6), seg)), 0, 0, true, 25, 5, false},
		{"IPv6 atomic fragment", 101, ip6(44, cat(fragHead6(6, 0, 0), seg)), 0, 0, true, 25, 5, false},
		{"IPv6 first fragment", 101, ip6(44, cat(fragHead6(6, 0, 1), seg[:24])), 0, analyzer.SkipFragment, true, 24, 4, true},
		{"IPv6 later fragment", 101, ip6(44, cat(fragHead6(6, 4, 0), seg)), 0, analyzer.SkipFragment, false, 0, 0, false},
		{"IPv6 jumbogram", 101, set(ip6(0, cat(jumbo, seg)), 4, 0, 0), 40 + 8 + 25 + 70000, 0, true, 25 + 70000, 5 + 70000, false},
		{"IPv6 length 0, offload", 101, set(v6, 4, 0, 0), 70000, 0, true, 70000 - 40, 70000 - 60, false},
		{"IPv6 length 0, hop-by-hop without jumbo", 101, set(ip6(0, cat(hbh(6), seg)), 4, 0, 0), 0, 0, true, 25, 5, false},
		{"IPv6 jumbogram behind padding", 101, set(ip6(0, cat([]byte{6, 1, 0, 0, 1, 0, 0xc2, 4}, u32(16+25+70000), []byte{1, 2, 0, 0}, seg)), 4, 0, 0), 0, 0, true, 25 + 70000, 5 + 70000, false},
		{"IPv6 nothing", 101, set(ip6(59, nil), 4, 0, 0), 70000, analyzer.SkipNotTCP, false, 0, 0, false},
		{"IPv6 no next header", 101, ip6(59, nil), 0, analyzer.SkipNotTCP, false, 0, 0, false},
		{"IPv6 extension cut", 101, ip6(0, cat(hbh(6), seg))[:44], 73, analyzer.SkipTruncated, false, 0, 0, false},
		{"IPv6 packet ends in an extension", 101, ip6(60, hbh(6)[:6]), 0, analyzer.SkipMalformed, false, 0, 0, false},
		{"IPv6 long extension cut", 101, ip6(60, cat([]byte{6, 3, 0, 0, 0, 0, 0, 0}, repeat(24), seg))[:60], 97, analyzer.SkipTruncated, false, 0, 0, false},
		{"IPv6 extension beyond the packet", 101, ip6(60, cat([]byte{6, 9, 0, 0, 0, 0, 0, 0}, seg)), 0, analyzer.SkipMalformed, false, 0, 0, false},

		{"TCP cut below its header", 101, v4[:39], 45, analyzer.SkipTruncated, true, 25, 0, false},
		{"TCP cut to nothing", 101, v4[:20], 45, analyzer.SkipTruncated, true, 25, 0, false},
		{"TCP payload cut", 101, v4[:41], 45, 0, true, 25, 5, false},
		{"IP packet too short for TCP", 101, ip4(6, seg[:12]), 0, analyzer.SkipMalformed, true, 12, 0, false},
		{"data offset 4", 101, ip4(6, set(seg, 12, 0x40)), 0, analyzer.SkipMalformed, true, 25, 0, false},
		{"data offset beyond the segment", 101, ip4(6, set(seg, 12, 0xf0)), 0, analyzer.SkipMalformed, true, 25, 0, false},
		{"port 443", 101, ip4(6, set(seg, 2, 443>>8, 443&0xff)), 0, 0, true, 25, 5, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := decode(tt.link, tt.frame, tt.wire)
			if p.Skip != tt.skip || p.HasTCP != tt.hasTCP || p.Fragment != tt.fragment {
				t.Fatalf("skip %v, has TCP %t, fragment %t; want %v, %t, %t", p.Skip, p.HasTCP, p.Fragment, tt.skip, tt.hasTCP, tt.fragment)
			}
			if p.SegLen != tt.segLen || p.Segment.Len != tt.length {
				t.Errorf("segment %d, payload %d octets; want %d, %d", p.SegLen, p.Segment.Len, tt.segLen, tt.length)
			}
			if tt.skip == analyzer.NotSkipped {
				checkSegment(t, &p)
			}
		})
	}
}

// checkSegment compares the fields that all of TestDecode's segments share.
func checkSegment(t *testing.T, p *analyzer.Packet) {
	t.Helper()
	src, dst, ttl := "10.0.0.1:4970", "10.0.0.2", uint8(64)
	if p.IPVersion == 6 {
		src, dst, ttl = "[2001:db8::1]:4970", "2001:db8::2", 63
	}
	if p.Src.String() != src || p.Dst.Addr().String() != dst || p.Dst.Port() != 23 && p.Dst.Port() != 443 {
		t.Errorf("from %v to %v", p.Src, p.Dst)
	}
	s := &p.Segment
	if s.Seq != 1000 || s.Ack != 2000 || s.Window != 512 || s.Urgent != 7 || s.Flags != statemachine.PSH|statemachine.ACK {
		t.Errorf("segment %+v", s)
	}
	if s.TTL != ttl || s.HasIPID != (p.IPVersion == 4) || s.HasIPID && s.IPID != 0x1234 {
		t.Errorf("TTL %d, IP ID %#x %t", s.TTL, s.IPID, s.HasIPID)
	}
	if v := p.Frame[p.NetOff] >> 4; v != p.IPVersion {
		t.Errorf("NetOff %d points to version %d", p.NetOff, v)
	}
	if be16(p.Frame[p.SegOff:]) != 4970 {
		t.Errorf("SegOff %d does not point to the TCP header", p.SegOff)
	}
}

func TestFlagBits(t *testing.T) {
	for bit := range 12 {
		seg := tcpSeg(nil, nil)
		seg = set(seg, 12, u16(0x5000|1<<bit)...)
		if p := decode(101, ip4(6, seg), 0); p.Segment.Flags != 1<<bit {
			t.Errorf("bit %d reads as %#x", bit, uint16(p.Segment.Flags))
		}
	}
}

// A packet must not keep anything of the packet before it.
func TestDecoderForgets(t *testing.T) {
	var d Decoder
	full := eth(0x0800, ip4(6, tcpSeg([]byte{2, 4, 5, 0xb4, 1, 1, 4, 2}, repeat(9))))
	for _, frame := range [][]byte{eth(0x86dd, ip6(6, tcpSeg(nil, nil))), eth(0x0806, repeat(28)), repeat(3)} {
		p := analyzer.Packet{Link: 1, Frame: full, WireLen: uint32(len(full))}
		d.Decode(&p)
		p.Frame, p.WireLen = frame, uint32(len(frame))
		d.Decode(&p)
		fresh := decode(1, frame, 0)
		fresh.CapLen = 0
		p.Frame, fresh.Frame = nil, nil
		if !samePacket(&p, &fresh) {
			t.Errorf("reused %+v\nfresh %+v", p, fresh)
		}
	}
}

// What a packet had is cleared field by field: none may be left out.
func TestClearDecodedClearsAll(t *testing.T) {
	keeps := map[string]bool{
		"Number": true, "Time": true, "CapLen": true, "WireLen": true, "File": true, "Interface": true, "Link": true, "Frame": true,
		"Comment": true, "Drops": true,
	}
	p := analyzer.Packet{
		Src: netip.MustParseAddrPort("192.0.2.1:80"), Dst: netip.MustParseAddrPort("192.0.2.2:80"),
		ICMP: analyzer.ICMPError{Quotes: true}, Segment: statemachine.Segment{Seq: 7},
	}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() { //nolint:exhaustive // a kind that is not set here fails below
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			f.SetUint(7)
		case reflect.Int, reflect.Int64:
			f.SetInt(7)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		default:
		}
		if v.Field(i).IsZero() {
			t.Fatalf("%s was not set", v.Type().Field(i).Name)
		}
	}
	clearDecoded(&p)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() == keeps[name] {
			t.Errorf("%s is %v", name, v.Field(i))
		}
	}
}

// samePacket compares two packets without their frames.
func samePacket(a, b *analyzer.Packet) bool {
	x, y := *a, *b
	x.Frame, y.Frame = nil, nil
	return x.Number == y.Number && x.Time == y.Time && x.CapLen == y.CapLen && x.WireLen == y.WireLen &&
		x.File == y.File && x.Interface == y.Interface && x.Link == y.Link && x.NetOff == y.NetOff &&
		x.IPVersion == y.IPVersion && x.SegOff == y.SegOff && x.SegLen == y.SegLen && x.HasTCP == y.HasTCP &&
		x.Tunnelled == y.Tunnelled && x.Tunnel == y.Tunnel && x.Fragment == y.Fragment && x.Reassembled == y.Reassembled && x.Overlap == y.Overlap && x.Skip == y.Skip && x.Src == y.Src &&
		x.Dst == y.Dst && x.Segment == y.Segment
}

// A decoder's panic stays with its packet.
func TestPanicIsContained(t *testing.T) {
	p := decode(1, eth(0x0800, ip4(6, tcpSeg(nil, nil))), 0)
	func() {
		defer contain(&p)
		panic("decoder")
	}()
	if p.Skip != analyzer.SkipPanic || p.HasTCP || p.Segment.Seq != 0 || len(p.Frame) == 0 {
		t.Errorf("packet after a panic: %+v", p)
	}
}

// Every step has a peeler.
func TestPeelers(t *testing.T) {
	for s, peel := range peelers {
		if (peel == nil) != (step(s) == stop) {
			t.Errorf("step %d: peeler %t", s, peel != nil)
		}
	}
}
