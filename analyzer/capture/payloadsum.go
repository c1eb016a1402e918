package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
)

// payloadSum takes the sum of the payload from the checksum of the segment b with
// a header of n octets (RFC 9293 §3.1): what is missing to zero beside the
// headers. Two copies of one segment have the same, so that other octets at the
// same numbers show without the octets. A host that leaves checksums to its
// network card puts the pseudo-header's sum in the field, with or without the
// length; its segments tell nothing.
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
	field, whole := uint64(be16(b[16:])), pseudo+uint64(p.SegLen)
	if field == fold(whole) || field == fold(pseudo) {
		return
	}
	// Modulo 65535 zero is 0xffff, so that 0 can mean not known.
	p.Segment.Sum = uint16(0xffff - fold(whole+sumWords(b[:n])))
	if p.Segment.Sum == 0 {
		p.Segment.Sum = 0xffff
	}
}

// fold brings a sum of 16-bit words to 16 bits with end-around carry
// (RFC 1071 §1).
func fold(s uint64) uint64 {
	s = s&0xffffffff + s>>32
	s = s&0xffff + s>>16
	s = s&0xffff + s>>16
	return s&0xffff + s>>16
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
