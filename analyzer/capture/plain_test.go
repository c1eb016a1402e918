package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// bothWays decodes a frame in place where that goes, and by the layers alone,
// and compares. It reports whether it went in place; of just those frames the
// flow must be known beforehand.
func bothWays(t *testing.T, link analyzer.LinkType, wire int, frame []byte) bool {
	t.Helper()
	fast := analyzer.Packet{Number: 3, Link: link, Frame: frame, CapLen: uint32(len(frame)), WireLen: uint32(wire)}
	slow := fast
	inPlace := fast
	(&Decoder{}).Decode(&fast)
	(&Decoder{slow: true}).Decode(&slow)
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("frame % x\nin place  %+v\nby layers %+v", frame, fast, slow)
	}
	h, known := plainHeadersOf(frame)
	known = known && link == analyzer.LinkEthernet
	ok := plain(&inPlace)
	if known != ok {
		t.Fatalf("frame % x: headers known %t, decoded in place %t", frame, known, ok)
	}
	if !known {
		return false
	}
	var ends analyzer.Ends
	if h.ends(frame, &ends); ends.Sum() != analyzer.SumOf(fast.Src, fast.Dst) {
		t.Fatalf("frame % x: flow %#x, from %v to %v", frame, ends.Sum(), fast.Src, fast.Dst)
	}
	asBrief(t, &fast)
	return ok
}

// asBrief compares what is kept of a plain packet's segment in an orderly connection
// when it is read as a Brief, and when it is decoded first. It reports whether it
// could be read so.
func asBrief(t *testing.T, p *analyzer.Packet) bool {
	t.Helper()
	if p.IPVersion != 4 {
		return false
	}
	o := analyzer.RunRecord{Brief: statemachine.Brief{TSVal: 7, TSEcr: 8, Bits: 0xff}, Short: true, Cut: true}
	if (*plainFrame)(p.Frame).brief(p.Frame[leastPlain:], &o); !o.Short {
		return false
	}
	if cut := p.SegOff+p.SegLen > len(p.Frame); o.Cut != cut {
		t.Fatalf("frame % x: cut %t; decoded %+v", p.Frame, o.Cut, p)
	}
	seg := &p.Segment
	ack := statemachine.Segment{Seq: seg.Seq, Ack: seg.Ack, Flags: statemachine.ACK}
	var base statemachine.SumBase
	for _, a := range []uint64{sumWords(p.Frame[ethernetLen+12 : ethernetLen+20]), protoTCP} {
		base.Pseudo += uint32(a)
	}
	base.Ports = uint32(p.Src.Port()) + uint32(p.Dst.Port())
	var kept [2]statemachine.Held
	for i := range kept {
		var k statemachine.Orderly
		at := statemachine.Moment{Packet: p.Number, Time: p.Time}
		k.Begin(at, seg.Ack-1, seg.Seq)
		var b statemachine.Brief
		ok := b.Set(&ack) && k.Add(at, statemachine.Client, &b)
		if i == 0 {
			ok = ok && k.Add(at, statemachine.Client, &o.Brief)
		} else {
			ok = ok && b.Set(seg) && k.Add(at, statemachine.Client, &b)
		}
		if !ok {
			t.Fatalf("frame % x: not kept, %+v, Brief %+v", p.Frame, seg, o.Brief)
		}
		for r := k.Reader(base); k.Next(&r, &kept[i]); {
		}
	}
	if kept[0] != kept[1] || kept[0].Segment != *seg {
		t.Fatalf("frame % x\nas Brief %+v\nkept     %+v\ndecoded  %+v", p.Frame, kept[0], kept[1], seg)
	}
	return true
}

// The decoder's short way and its long one agree, on frames that are nearly
// plain above all.
func TestPlainAsByLayers(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	options := [][]byte{nil, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, {2, 4, 5, 0xb4, 4, 2, 3, 3}, {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9}, {1, 1, 5, 7}}
	plainOnes, briefs := 0, 0
	for range 200_000 {
		seg := tcpSeg(options[r.IntN(len(options))], repeat(r.IntN(30)))
		seg[16], seg[17] = byte(r.Uint32()), byte(r.Uint32())
		if r.IntN(3) > 0 {
			seg[18], seg[19] = 0, 0 // no urgent pointer
		}
		frame := eth(0x0800, ip4(6, seg))
		if whole := sumWords(frame[26:34]) + protoTCP + uint64(len(seg)); r.IntN(10) == 0 {
			binary.BigEndian.PutUint16(frame[34+16:], uint16(whole%0xffff)) // left to the network card
		}
		if r.IntN(2) == 0 {
			frame = eth(0x86dd, ip6(6, seg))
		}
		for range r.IntN(4) {
			frame[r.IntN(len(frame))] = byte(r.Uint32())
		}
		wire := len(frame)
		if r.IntN(3) == 0 {
			frame = frame[:r.IntN(len(frame)+1)]
		}
		if bothWays(t, analyzer.LinkEthernet, wire, frame) {
			plainOnes++
			p := analyzer.Packet{Number: 3, Link: analyzer.LinkEthernet, Frame: frame, CapLen: uint32(len(frame)), WireLen: uint32(wire)}
			if (&Decoder{}).Decode(&p); asBrief(t, &p) {
				briefs++
			}
		}
	}
	if plainOnes < 50_000 || briefs < 10_000 {
		t.Errorf("only %d of 200,000 frames went the short way, %d as a Brief", plainOnes, briefs)
	}
}

// Any frame is decoded alike both ways.
func FuzzPlain(f *testing.F) {
	f.Add(uint16(1), uint16(0), tcpFrame())
	f.Add(uint16(1), uint16(0), eth(0x0800, ip4(6, cat(tcpSeg([]byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, nil)[:18], u16(0), []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, repeat(5)))))
	f.Add(uint16(1), uint16(7), eth(0x86dd, ip6(6, tcpSeg(nil, repeat(3)))))
	f.Fuzz(func(t *testing.T, link, more uint16, frame []byte) {
		if len(frame) < 1<<16 {
			bothWays(t, analyzer.LinkType(link), len(frame)+int(more), frame)
		}
	})
}
