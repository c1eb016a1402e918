package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// payloadSum takes the sum of the payload from the checksum of the segment b with
// a header of n octets (statemachine.PayloadSum). Two copies of one segment have the
// same, so that other octets at the same numbers show without the octets.
func payloadSum(p *analyzer.Packet, b []byte, n int) {
	if p.Segment.Len == 0 || p.Fragment || n > len(b) || p.Sums&analyzer.SumBad != 0 {
		return
	}
	from, size := p.NetOff+12, 8
	if p.IPVersion == 6 {
		from, size = p.NetOff+8, 32
	}
	if p.IPVersion == 0 || from+size > p.SegOff {
		return
	}
	pseudo := sumWords(p.Frame[from:from+size]) + protoTCP
	p.Segment.Sum = statemachine.PayloadSum(be16(b[16:]), pseudo, sumWords(b[:n]), p.SegLen)
}

// sumWords adds the 16-bit words of b, a header whose length is a multiple of four,
// modulo 65535 (RFC 1071 §2). The result is below 2^18.
func sumWords(b []byte) uint64 {
	var s uint64 // of words of 32 bits: no carry is lost
	for ; len(b) >= 8; b = b[8:] {
		w := binary.BigEndian.Uint64(b)
		s += w>>32 + w&0xffffffff
	}
	if len(b) >= 4 {
		s += uint64(binary.BigEndian.Uint32(b))
	}
	s = s>>32 + s&0xffffffff
	return s>>16 + s&0xffff
}
