package capture

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// split4 cuts the IPv4 packet into fragments of at most n octets of payload,
// a multiple of 8.
func split4(packet []byte, n int) (out [][]byte) {
	body := packet[20:]
	for at := 0; at < len(body); at += n {
		part := body[at:min(at+n, len(body))]
		field := at / 8
		if at+n < len(body) {
			field |= 0x2000
		}
		h := set(set(packet[:20], 2, u16(20+len(part))...), 6, u16(field)...)
		out = append(out, cat(h, part))
	}
	return out
}

// split6 does the same to an IPv6 packet, behind its extension header if it
// has one of 8 octets.
func split6(packet []byte, n int) (out [][]byte) {
	head, next := 40, 6
	if packet[6] == 0 {
		head, next = 48, 40
	}
	body := packet[head:]
	for at := 0; at < len(body); at += n {
		part := body[at:min(at+n, len(body))]
		more := byte(0)
		if at+n < len(body) {
			more = 1
		}
		h := set(set(packet[:head], 4, u16(head-40+8+len(part))...), next, 44)
		out = append(out, cat(h, fragHead6(packet[next], at/8, more), part))
	}
	return out
}

// decodeAll decodes frames with one decoder, a millisecond apart, and returns
// what each gave, with frames of their own.
func decodeAll(link analyzer.LinkType, frames ...[]byte) (all []analyzer.Packet) {
	var d Decoder
	for i, f := range frames {
		p := analyzer.Packet{Link: link, Frame: f, CapLen: uint32(len(f)), WireLen: uint32(len(f)), Time: statemachine.Time(i) * 1e6}
		d.Decode(&p)
		p.Frame = bytes.Clone(p.Frame)
		all = append(all, p)
	}
	return all
}

// segments returns the packets with a segment.
func segments(all []analyzer.Packet) (with []analyzer.Packet) {
	for _, p := range all {
		if p.Skip == analyzer.NotSkipped {
			with = append(with, p)
		}
	}
	return with
}

// A datagram is put together whatever the order of its fragments and whatever
// came twice: exactly once, with all its octets.
func TestFragmentsAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 3000)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	seg := tcpSeg([]byte{2, 4, 5, 0xb4}, data)
	for round := range 400 {
		size := 8 * (1 + r.IntN(200))
		whole, parts := ip4(6, seg), [][]byte(nil)
		switch round % 3 {
		case 0:
			parts = split4(whole, size)
		case 1:
			whole = ip6(6, seg)
			parts = split6(whole, size)
		case 2:
			whole = ip6(0, cat(hbh(6), seg))
			parts = split6(whole, size)
		}
		order := r.Perm(len(parts))
		for i := len(order) / 2; i > 0 && len(order) > 1; i -= 9 {
			order = append(order[:i], append([]int{order[0]}, order[i:]...)...) // the first again
		}
		var frames [][]byte
		for _, i := range order {
			frames = append(frames, parts[i])
		}
		with := segments(decodeAll(101, frames...))
		if len(with) != 1 {
			t.Fatalf("round %d: %d segments", round, len(with))
		}
		p := &with[0]
		if p.Segment.Len != 3000 || p.Segment.Seq != 1000 || p.Src.Port() != 4970 || p.Overlap || !p.Segment.Options.Has(statemachine.OptMSS) {
			t.Fatalf("round %d: %+v", round, p.Segment)
		}
		if p.Reassembled && len(parts) > 1 && !bytes.Equal(p.Frame[p.SegOff:p.SegOff+p.SegLen], seg) {
			t.Fatalf("round %d: other octets", round)
		}
		if p.Reassembled && p.IPVersion == 4 && fold16(sumOf(p.Frame[:20])) != 0xffff {
			t.Fatalf("round %d: header checksum", round)
		}
		if p.Reassembled && p.IPVersion == 6 && int(be16(p.Frame[4:])) != len(p.Frame)-40 {
			t.Fatalf("round %d: payload length", round)
		}
	}
}

// The first fragment has tcpdump's line; the packet that completes the
// datagram has the segment.
func TestFragmentLines(t *testing.T) {
	parts := split4(ip4(6, tcpSeg(nil, repeat(100))), 40)
	all := decodeAll(101, parts...)
	if p := all[0]; !p.HasTCP || !p.Fragment || p.SegLen != 40 || p.Skip != analyzer.SkipFragment {
		t.Errorf("first: %+v", p)
	}
	if p := all[1]; p.HasTCP || p.Skip != analyzer.SkipFragment {
		t.Errorf("middle: %+v", p)
	}
	if p := all[2]; !p.HasTCP || !p.Reassembled || p.Fragment || p.SegLen != 120 || p.Segment.Len != 100 || p.Skip != 0 {
		t.Errorf("last: %+v", p)
	}
	all = decodeAll(101, parts[2], parts[1], parts[0])
	if p := all[2]; !p.HasTCP || p.Reassembled || !p.Fragment || p.SegLen != 40 || p.Segment.Len != 100 || p.Skip != 0 {
		t.Errorf("first fragment last: %+v", p)
	}
	// A TCP header in two fragments has no line before it is whole.
	all = decodeAll(101, split4(ip4(6, tcpSeg(nil, repeat(4))), 8)...)
	if p := all[2]; !p.Reassembled || p.Segment.Len != 4 || p.Skip != 0 {
		t.Errorf("tiny: %+v", p)
	}
	last := split4(ip4(6, tcpSeg(nil, repeat(4))), 8)
	if p := decodeAll(101, last[2], last[1], last[0])[2]; !p.Reassembled || p.Segment.Len != 4 || p.Skip != 0 || !p.HasTCP {
		t.Errorf("tiny, first fragment last: %+v", p)
	}
}

func TestFragmentsOverlap(t *testing.T) {
	parts := split4(ip4(6, tcpSeg(nil, repeat(100))), 40)
	other := set(parts[1], 30, 'y')
	long := split4(ip4(6, tcpSeg(nil, repeat(100))), 48)[0]
	for name, c := range map[string]struct {
		frames  [][]byte
		overlap bool
		n       int
	}{
		"plain":           {[][]byte{parts[0], parts[1], parts[2]}, false, 1},
		"same again":      {[][]byte{parts[0], parts[1], parts[1], parts[2]}, false, 1},
		"other octets":    {[][]byte{parts[0], parts[1], other, parts[2]}, true, 1},
		"longer":          {[][]byte{parts[0], long, parts[1], parts[2]}, true, 1},
		"another end":     {[][]byte{parts[2], set(parts[1], 6, 0, 15), parts[1], parts[0]}, true, 1},
		"one is missing":  {[][]byte{parts[0], parts[2]}, false, 0},
		"another ID":      {[][]byte{parts[0], set(parts[1], 4, 9), parts[2]}, false, 0},
		"another host":    {[][]byte{parts[0], set(parts[1], 15, 9), parts[2]}, false, 0},
		"all of it again": {[][]byte{parts[0], parts[1], parts[2], parts[0], parts[1], parts[2]}, false, 1},
	} {
		with := segments(decodeAll(101, c.frames...))
		if len(with) != c.n || c.n > 0 && with[0].Overlap != c.overlap {
			t.Errorf("%s: %d segments, %+v", name, len(with), with)
		}
	}
}

// Fragments are put together outside and inside of tunnels.
func TestFragmentsInTunnels(t *testing.T) {
	inner := ip4(6, tcpSeg(nil, repeat(100)))
	vxlan := func(p []byte) []byte {
		return ip4(17, udpTo(4789, cat(u32(0x08000000), u32(5001<<8), eth(0x0800, p))))
	}
	with := segments(decodeAll(101, split4(vxlan(inner), 64)...))
	if len(with) != 1 || with[0].Segment.Len != 100 || !with[0].Tunnelled {
		t.Errorf("fragments of the tunnel: %+v", with)
	}
	var frames [][]byte
	for _, part := range split4(inner, 64) {
		frames = append(frames, vxlan(part))
	}
	if with = segments(decodeAll(101, frames...)); len(with) != 1 || with[0].Segment.Len != 100 {
		t.Errorf("fragments in the tunnel: %+v", with)
	}
	frames = nil
	for i, part := range split4(inner, 64) {
		for _, f := range split4(vxlan(part), 32) {
			frames = append(frames, set(f, 4, byte(i)))
		}
	}
	if with = segments(decodeAll(101, frames...)); len(with) != 1 || with[0].Segment.Len != 100 {
		t.Errorf("fragments of fragments: %+v", with)
	}
	// Other UDP is dropped at its first fragment.
	for _, p := range decodeAll(101, split4(ip4(17, udpTo(53, repeat(100))), 64)[0]) {
		if p.Skip != analyzer.SkipNotTCP {
			t.Errorf("UDP: %v", p.Skip)
		}
	}
}

// A snaplen that cuts the fragments costs no segment.
func TestFragmentsCut(t *testing.T) {
	parts := split4(ip4(6, tcpSeg(nil, repeat(1000))), 400)
	var d Decoder
	var got []analyzer.Packet
	for _, f := range parts {
		p := analyzer.Packet{Link: 101, Frame: f[:60], CapLen: 60, WireLen: uint32(len(f))}
		d.Decode(&p)
		got = append(got, p)
	}
	if p := got[2]; p.Skip != 0 || p.Segment.Len != 1000 || p.Overlap {
		t.Errorf("%+v", p)
	}
}

// What never becomes whole is forgotten, and counted.
func TestFragmentsBounded(t *testing.T) {
	var d Decoder
	part := split4(ip4(6, tcpSeg(nil, repeat(60000))), 30000)[0]
	send := func(id int, at time.Duration) {
		f := set(part, 4, u16(id)...)
		p := analyzer.Packet{Link: 101, Frame: f, WireLen: uint32(len(f)), Time: statemachine.Time(at)}
		d.Decode(&p)
		if h := d.fragments.held; h > maxHeld+maxDatagram || len(d.fragments.order) > maxDatagrams {
			t.Fatalf("%d octets held in %d datagrams", h, len(d.fragments.order))
		}
	}
	for id := range 3000 {
		send(id, time.Duration(id)*time.Microsecond)
	}
	if n := d.fragments.incomplete(); n != 3000 {
		t.Errorf("%d incomplete of 3000", n)
	}
	send(9999, time.Minute)
	if n := len(d.fragments.order); n != 1 {
		t.Errorf("%d datagrams after a minute", n)
	}
	if n := d.fragments.incomplete(); n != 3001 {
		t.Errorf("%d incomplete of 3001", n)
	}
	if len(d.fragments.spare) > maxDatagrams {
		t.Errorf("%d spare", len(d.fragments.spare))
	}
}

// Any sequence of fragments: no panic, bounds kept, the same answer twice.
func FuzzFragments(f *testing.F) {
	f.Add([]byte{0, 0, 1, 3, 0, 3, 0, 4})
	f.Add([]byte{0, 0, 1, 8, 0, 4, 0, 8, 1, 0, 1, 8, 1, 8, 0, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		var frames [][]byte
		for ; len(script) >= 4 && len(frames) < 500; script = script[4:] {
			id, place, more, n := script[0], int(script[1]), int(script[2]&1), int(script[3])
			body := bytes.Repeat([]byte{script[2]}, n*8+int(script[2]>>4&7)*(1-more))
			if script[2]&2 != 0 {
				frames = append(frames, ip6(44, cat(set(fragHead6(6, place, byte(more)), 7, id), body)))
				continue
			}
			frames = append(frames, set(ip4(6, body), 4, 0, id, byte(more<<5|place>>8), byte(place)))
		}
		first, second := decodeAll(101, frames...), decodeAll(101, frames...)
		for i := range first {
			checkHolds(t, &first[i])
			if !samePacket(&first[i], &second[i]) {
				t.Errorf("packet %d: first %+v, then %+v", i, first[i], second[i])
			}
		}
	})
}

// icmpError builds an ICMP error about a packet; rest is its third word.
func icmpError(kind, code byte, rest uint32, about []byte) []byte {
	return ip4(1, cat([]byte{kind, code, 0, 0}, u32(rest), about))
}

func TestICMP(t *testing.T) {
	v4, v6 := ip4(6, tcpSeg(nil, nil)), ip6(6, tcpSeg(nil, nil))
	icmp6 := func(kind, code byte, rest uint32, about []byte) []byte {
		return ip6(58, cat([]byte{kind, code, 0, 0}, u32(rest), about))
	}
	for name, c := range map[string]struct {
		frame []byte
		want  analyzer.ICMPError
	}{
		"port unreachable":     {icmpError(3, 3, 0, v4), analyzer.ICMPError{Quotes: true, Type: 3, Code: 3, Seq: 1000, Len: 40}},
		"eight octets":         {icmpError(3, 3, 0, v4[:28]), analyzer.ICMPError{Quotes: true, Type: 3, Code: 3, Seq: 1000, Len: 40}},
		"seven octets":         {icmpError(3, 3, 0, v4[:27]), analyzer.ICMPError{}},
		"fragmentation needed": {icmpError(3, 4, 1400, v4), analyzer.ICMPError{Quotes: true, Type: 3, Code: 4, Seq: 1000, Len: 40, MTU: 1400}},
		"time exceeded":        {icmpError(11, 0, 0, v4), analyzer.ICMPError{Quotes: true, Type: 11, Seq: 1000, Len: 40}},
		"options":              {icmpError(3, 1, 0, ip4Options(6, []byte{1, 1, 1, 0}, tcpSeg(nil, nil))), analyzer.ICMPError{Quotes: true, Type: 3, Code: 1, Seq: 1000, Len: 44}},
		"echo":                 {icmpError(8, 0, 0, v4), analyzer.ICMPError{}},
		"about UDP":            {icmpError(3, 3, 0, ip4(17, udpTo(53, repeat(9)))), analyzer.ICMPError{}},
		"about a fragment":     {icmpError(3, 3, 0, set(v4, 6, 0, 9)), analyzer.ICMPError{}},
		"ICMPv6":               {icmp6(1, 4, 0, v6), analyzer.ICMPError{Quotes: true, Version6: true, Type: 1, Code: 4, Seq: 1000, Len: 60}},
		"packet too big":       {icmp6(2, 0, 1280, v6), analyzer.ICMPError{Quotes: true, Version6: true, Type: 2, Seq: 1000, Len: 60, MTU: 1280}},
		"extension headers":    {icmp6(1, 4, 0, ip6(0, cat(hbh(44), fragHead6(6, 0, 1), tcpSeg(nil, nil)))), analyzer.ICMPError{Quotes: true, Version6: true, Type: 1, Code: 4, Seq: 1000, Len: 76}},
		"neighbour discovery":  {icmp6(135, 0, 0, v6), analyzer.ICMPError{}},
	} {
		p := decode(101, c.frame, 0)
		if p.Skip != analyzer.SkipNotTCP || p.HasTCP || p.ICMP != c.want {
			t.Errorf("%s: skip %v, %+v", name, p.Skip, p.ICMP)
		}
		if p.ICMP.Quotes && (p.Src.Port() != 4970 || p.Dst.Port() != 23) {
			t.Errorf("%s: %v > %v", name, p.Src, p.Dst)
		}
		for n := range c.frame {
			if q := decode(101, c.frame[:n], len(c.frame)); q.Skip == analyzer.SkipPanic {
				t.Errorf("%s, cut at %d: the decoder failed", name, n)
			}
		}
	}
}
