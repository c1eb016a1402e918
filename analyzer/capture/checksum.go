package capture

import "github.com/tcpstate/tcpstate/analyzer"

// VerifyChecksums has Next verify the checksums of IPv4 headers and of TCP, of
// segments that were captured whole. To be called before the first Next.
func (s *Source) VerifyChecksums(on bool) { s.decoder.verify = on }

// verify verifies the checksums of the segment that was reached (RFC 9293
// §3.1, RFC 8200 §8.1).
func verify(p *analyzer.Packet) {
	const sumAt = 16
	if p.SegOff+p.SegLen > len(p.Frame) {
		return
	}
	p.Sums = analyzer.SumChecked
	h := p.Frame[p.NetOff:]
	var addresses uint64
	if p.IPVersion == 6 {
		addresses = uint64(fold16(sumOf(h[8:40])))
	} else {
		addresses = uint64(fold16(sumOf(h[12:20])))
		if n := int(h[0]&0x0f) * 4; fold16(sumOf(h[:n])) != 0xffff {
			p.Sums |= analyzer.SumBad
			if h[10]|h[11] == 0 {
				p.Sums |= analyzer.SumPartial
			}
			return
		}
	}
	pseudo := addresses + protoTCP
	length := uint64(p.SegLen)>>16 + uint64(p.SegLen)&0xffff
	if fold16(pseudo+length+sumOf(p.Frame[p.SegOff:p.SegOff+p.SegLen])) == 0xffff {
		return
	}
	p.Sums |= analyzer.SumBad
	// Linux leaves the pseudo-header's sum, some drivers that without length.
	if s := be16(p.Frame[p.SegOff+sumAt:]); s == fold16(pseudo+length) || s == fold16(pseudo) {
		p.Sums |= analyzer.SumPartial
	}
}
