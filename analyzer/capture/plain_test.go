package capture

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
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
	return ok
}

// The decoder's short way and its long one agree, on frames that are nearly
// plain above all.
func TestPlainAsByLayers(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	options := [][]byte{nil, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, {2, 4, 5, 0xb4, 4, 2, 3, 3}, {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9}, {1, 1, 5, 7}}
	plainOnes := 0
	for range 200_000 {
		seg := tcpSeg(options[r.IntN(len(options))], repeat(r.IntN(30)))
		frame := eth(0x0800, ip4(6, seg))
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
		}
	}
	if plainOnes < 50_000 {
		t.Errorf("only %d of 200,000 frames went the short way", plainOnes)
	}
}

// Any frame is decoded alike both ways.
func FuzzPlain(f *testing.F) {
	f.Add(uint16(1), uint16(0), tcpFrame())
	f.Add(uint16(1), uint16(7), eth(0x86dd, ip6(6, tcpSeg(nil, repeat(3)))))
	f.Fuzz(func(t *testing.T, link, more uint16, frame []byte) {
		if len(frame) < 1<<16 {
			bothWays(t, analyzer.LinkType(link), len(frame)+int(more), frame)
		}
	})
}
