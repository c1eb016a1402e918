package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
)

// TestLinesEqualTcpdump prints many generated packets both ways.
func TestLinesEqualTcpdump(t *testing.T) {
	for _, c := range []struct {
		name string
		link analyzer.LinkType
		wrap func(r *rand.Rand, packet []byte) []byte
	}{
		{"ethernet", analyzer.LinkEthernet, wrapEthernet},
		{"raw", analyzer.LinkRaw, func(_ *rand.Rand, p []byte) []byte { return p }},
		{"null", analyzer.LinkNull, wrapNull},
		{"cooked", analyzer.LinkSLL, wrapCooked},
		{"cooked-2", analyzer.LinkSLL2, wrapCooked2},
		{"ppp", analyzer.LinkPPP, wrapPPP},
		{"ppp-hdlc", analyzer.LinkPPPHDLC, wrapPPPHDLC},
		{"cisco-hdlc", analyzer.LinkCHDLC, wrapCHDLC},
	} {
		r := rand.New(rand.NewPCG(7, uint64(c.link)))
		var ps []analyzer.Packet
		for range 2000 {
			segment := randomSegment(r)
			p := packet(c.link, c.wrap(r, randomIP(r, segment)))
			cutSome(r, &p, bytes.Index(p.Frame, segment[:16]))
			ps = append(ps, p)
		}
		numbered(ps)
		for _, switches := range [][]string{{}, {"-S"}, {"-e"}, {"-v"}, {"-vv", "-e", "-#"}, {"-vvv", "-S", "-t"},
			{"-tt"}, {"-ttt"}, {"-tttt"}, {"-ttttt"}} {
			t.Run(fmt.Sprint(c.name, switches), func(t *testing.T) {
				compare(t, realTcpdump(t, switches, ps), printAll(t, switches, ps), ps)
			})
		}
	}
}

// TestManyEndpoints prints more conversations than the printer remembers
// senders, each coming back several times.
func TestManyEndpoints(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ps []analyzer.Packet
	for range 12000 {
		s := seg{sport: uint16(1 + r.IntN(40)), dport: uint16(1 + r.IntN(40)), seq: r.Uint32(), ack: r.Uint32(), flags: bitACK, payload: "x"}
		p := ip4(s.bytes(), protoTCP)
		if r.IntN(2) == 0 {
			p = ip6(s.bytes(), protoTCP)
			p[23] = byte(r.IntN(4))
		}
		ps = append(ps, packet(analyzer.LinkRaw, p))
	}
	switches := []string{"-t"}
	compare(t, realTcpdump(t, switches, ps), printAll(t, switches, ps), ps)
}

func compare(t *testing.T, want, got []string, ps []analyzer.Packet) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("tcpdump prints %d lines, we %d", len(want), len(got))
	}
	shown := 0
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] && shown < 2 {
			shown++
			t.Errorf("packet %d, %d of %d octets %x\ntcpdump %q\nours    %q", i+1,
				len(ps[i].Frame), ps[i].WireLen, ps[i].Frame, want[i], got[i])
		}
	}
}

// cutSome cuts some frames short, as a snaplen does, but not before the place
// of the segment, and lets some be shorter or longer than the IP packet says.
func cutSome(r *rand.Rand, p *analyzer.Packet, segment int) {
	after := len(p.Frame) - segment
	switch r.IntN(6) {
	case 0:
		p.Frame = p.Frame[:segment+r.IntN(after)]
	case 1:
		p.Frame = p.Frame[:segment+r.IntN(min(after, 60))]
	case 2:
		p.Frame = p.Frame[:len(p.Frame)-r.IntN(min(after, 20))]
		p.WireLen = uint32(len(p.Frame))
	case 3:
		p.WireLen += uint32(r.IntN(2000))
	}
	p.CapLen = uint32(len(p.Frame))
}

func octets(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// randomSegment makes a segment between few endpoints, so that they meet
// again, with any options.
func randomSegment(r *rand.Rand) []byte {
	s := seg{
		sport: uint16(40000 + r.IntN(3)), dport: pick[uint16](r, 40000, 40001, 4430),
		seq: r.Uint32(), ack: r.Uint32(), win: uint16(r.Uint32()), urg: uint16(r.IntN(3)),
		flags:   pick(r, byte(r.Uint32()), byte(bitACK), bitSYN, bitSYN|bitACK, bitRST|bitACK, bitACK|bitPSH),
		payload: string(octets(r, pick(r, 0, 0, 1, 7, 100))),
	}
	if r.IntN(4) == 0 { // as most segments of today begin
		s.opt = append([]byte{1, 1, 8, 10}, octets(r, 8)...)
	}
	for range r.IntN(4) {
		s.opt = append(s.opt, randomOption(r)...)
	}
	if len(s.opt) > 40 {
		s.opt = s.opt[:40]
	}
	if r.IntN(30) == 0 {
		s.offset = 1 + r.IntN(15)
	}
	return s.bytes()
}

func randomOption(r *rand.Rand) []byte {
	kind := pick[byte](r, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 19, 20, 28, 29, 30, 30, 30, 30, 34, 253, 254, byte(r.Uint32()))
	if kind <= 1 {
		return []byte{kind}
	}
	right := map[byte]int{2: 4, 3: 3, 4: 2, 5: 2 + 8*r.IntN(5), 6: 6, 7: 6, 8: 10, 11: 6, 12: 6, 13: 6, 19: 18, 20: 4, 28: 4}
	size, ok := right[kind]
	if !ok || r.IntN(8) == 0 {
		size = pick(r, r.IntN(41), 3, 4, 8, 10, 12, 16, 18, 20, 22, 24, 26, 28, 30)
	}
	b := append([]byte{kind, byte(size)}, octets(r, max(size-2, 0))...)
	switch {
	case kind == 254 && size >= 4 && r.IntN(2) == 0:
		b[2], b[3] = 0xf9, 0x89
	case kind == 30 && size >= 4:
		b[2] = byte(r.IntN(10))<<4 | pick[byte](r, 0, 1, 4, 6, byte(r.IntN(16)))
	}
	return b
}

func randomIP(r *rand.Rand, segment []byte) []byte {
	if r.IntN(2) == 0 {
		return randomIP6(r, segment)
	}
	var opt []byte
	if r.IntN(6) == 0 {
		opt = randomIP4Options(r)
	}
	b := ip4(segment, protoTCP, opt...)
	b[1], b[8] = byte(r.Uint32()), byte(r.Uint32())
	be.PutUint16(b[6:], pick[uint16](r, 0, 0x4000, 0x4000, 0x2000, 0x8000, 0xe000, 0x2003, 5))
	fixSums4(r, b)
	return b
}

func fixSums4(r *rand.Rand, b []byte) {
	header := int(b[0]&15) * 4
	if r.IntN(4) > 0 {
		be.PutUint16(b[10:], 0)
		be.PutUint16(b[10:], ^onesComplement(0, b[:header]))
	}
	if seg := b[header:]; len(seg) >= 20 && r.IntN(4) > 0 {
		sum := onesComplement(protoTCP+uint32(len(seg)), b[12:20])
		be.PutUint16(seg[16:], ^onesComplement(uint32(sum), seg))
	}
}

func randomIP4Options(r *rand.Rand) (b []byte) {
	for range 1 + r.IntN(3) {
		kind := pick[byte](r, 0, 1, 7, 68, 82, 130, 131, 137, 148, byte(r.Uint32()))
		if kind <= 1 {
			b = append(b, kind)
			continue
		}
		size := pick(r, 3, 4, 7, 8, 11, 12, r.IntN(16))
		o := append([]byte{kind, byte(size)}, octets(r, max(size-2, 0))...)
		if size > 3 && r.IntN(4) > 0 {
			o[2] = byte(r.IntN(size + 3))
			if kind == 68 {
				o[3] = byte(r.IntN(4)) | byte(r.IntN(2))<<4
			}
		}
		b = append(b, o...)
	}
	return b[:min(len(b), 40)]
}

func randomIP6(r *rand.Rand, segment []byte) []byte {
	next, body := byte(protoTCP), slices.Clone(segment)
	for range max(r.IntN(6)-3, 0) {
		var h []byte
		switch kind := pick[byte](r, protoHopByHop, protoDestOpts, protoRouting, protoFragment); kind {
		case protoFragment:
			h = append([]byte{next, 0, 0, byte(r.IntN(2))}, octets(r, 4)...)
			if r.IntN(6) == 0 {
				h[2] = 3
			}
			next = kind
		case protoRouting:
			n := r.IntN(5)
			h = append([]byte{next, byte(n), pick[byte](r, 0, 2, 4, 9), byte(r.IntN(3)), 0, 0, 0, byte(r.IntN(2))}, octets(r, 8*n)...)
			next = kind
		default:
			h = append([]byte{next, 0}, randomIP6Options(r)...)
			h = append(h, make([]byte, (8-len(h)%8)%8)...)
			h[1] = byte(len(h)/8 - 1)
			next = kind
		}
		body = append(h, body...)
	}
	b := ip6(body, next)
	if r.IntN(3) == 0 {
		be.PutUint32(b, 0x60000000|r.Uint32()&0xfffffff)
	}
	if r.IntN(3) == 0 {
		copy(b[8:], pick(r, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 16),
			[]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 100, 255}, []byte{15: 7, 12: 1},
			[]byte{0xfe, 0x80, 0, 0, 0, 5, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0}, octets(r, 16)))
	}
	if next == protoTCP && r.IntN(4) > 0 {
		sum := onesComplement(protoTCP+uint32(len(body)), b[8:40])
		be.PutUint16(body[16:], 0)
		be.PutUint16(b[40+16:], ^onesComplement(uint32(sum), body))
	}
	return b
}

func randomIP6Options(r *rand.Rand) (b []byte) {
	for range r.IntN(4) {
		kind := pick[byte](r, 0, 1, 5, 0xc2, 0xc9, byte(r.Uint32()))
		if kind == 0 {
			b = append(b, 0)
			continue
		}
		size, ok := map[byte]int{5: 2, 0xc2: 4, 0xc9: 16}[kind]
		if !ok || r.IntN(4) == 0 {
			size = r.IntN(20)
		}
		b = append(append(b, kind, byte(size)), octets(r, size)...)
	}
	return b
}

// etherTypeOf announces a packet.
func etherTypeOf(p []byte) []byte {
	if p[0]>>4 == 6 {
		return []byte{0x86, 0xdd}
	}
	return []byte{8, 0}
}

func wrapEthernet(r *rand.Rand, p []byte) []byte {
	kind := etherTypeOf(p)
	switch r.IntN(8) {
	case 0:
		return ether(p, append([]byte{0x81, 0, byte(r.Uint32()), byte(r.Uint32())}, kind...)...)
	case 1:
		return ether(p, append([]byte{0x88, 0xa8, byte(r.Uint32()), 1, 0x91, 0, 0x20, 2, 0x92, 0, 0, 0}, kind...)...)
	case 2: // RFC 1042
		n := len(p) + 8
		return ether(p, append([]byte{byte(n >> 8), byte(n), 0xaa, 0xaa, 3, 0, 0, 0}, kind...)...)
	case 3:
		return append(ether(p), make([]byte, r.IntN(12))...)
	}
	return ether(p)
}

func wrapNull(r *rand.Rand, p []byte) []byte {
	family := byte(2)
	if p[0]>>4 == 6 {
		family = pick[byte](r, 24, 28, 30)
	}
	if r.IntN(2) == 0 {
		return append([]byte{0, 0, 0, family}, p...)
	}
	return append([]byte{family, 0, 0, 0}, p...)
}

func wrapCooked(r *rand.Rand, p []byte) []byte {
	h := []byte{0, byte(r.IntN(6)), 0, 1, 0, pick[byte](r, 0, 6, 8), 2, 0, 0, 0, 0, 1, 0, 0}
	if r.IntN(4) == 0 {
		h = append(h, 0x81, 0, byte(r.Uint32()), byte(r.Uint32()))
	}
	return slices.Concat(h, etherTypeOf(p), p)
}

func wrapCooked2(r *rand.Rand, p []byte) []byte {
	kind, tag := etherTypeOf(p), []byte(nil)
	if r.IntN(4) == 0 {
		kind, tag = []byte{0x81, 0}, append([]byte{byte(r.Uint32()), byte(r.Uint32())}, kind...)
	}
	h := []byte{0, 0, 0x7f, 0xff, 0xff, byte(r.Uint32()), 0, 1, byte(r.IntN(6)), pick[byte](r, 0, 6), 2, 0, 0, 0, 0, 1, 0, 0}
	return slices.Concat(kind, h, tag, p)
}

func pppType(p []byte) byte {
	if p[0]>>4 == 6 {
		return 0x57
	}
	return 0x21
}

func wrapPPP(r *rand.Rand, p []byte) []byte {
	h := pick(r, []byte{}, []byte{0xff, 3}, []byte{0, 3}, []byte{1, 3})
	if r.IntN(2) == 0 {
		h = append(slices.Clone(h), 0)
	}
	return slices.Concat(h, []byte{pppType(p)}, p)
}

func wrapPPPHDLC(r *rand.Rand, p []byte) []byte {
	if r.IntN(3) == 0 {
		return wrapCHDLC(r, p)
	}
	return append([]byte{0xff, byte(r.Uint32()), 0, pppType(p)}, p...)
}

func wrapCHDLC(r *rand.Rand, p []byte) []byte {
	return slices.Concat([]byte{pick[byte](r, 0x0f, 0x8f), 0}, etherTypeOf(p), p)
}
