package statemachine

// Brief is what an Orderly keeps of a segment whose header has nothing but what
// most have: ACK and perhaps FIN, PSH, ECE and CWR, no urgent pointer, no options or
// timestamps alone.
type Brief struct {
	Seq, Ack     Seq
	TSVal, TSEcr uint32 // meaningful with BriefStamped
	Len          uint16 // octets of payload
	Window       uint16 // as sent, unscaled
	IPID         uint16 // meaningful with BriefIPID
	Sum          uint16 // with BriefUnsummed the checksum field, else Segment.Sum
	TTL          uint8
	Bits         BriefBits
}

// BriefBits are the control bits of a Brief, with facts about it in the places of
// those that it has not, or always.
type BriefBits uint8

// The bits.
const (
	BriefFlags    = BriefBits(FIN | PSH | ECE | CWR) // as they were sent
	BriefStamped  = BriefBits(RST)                   // it has timestamps
	BriefIPID     = BriefBits(URG)                   // it has an IP ID
	BriefUnsummed = BriefBits(ACK)                   // its payload has yet to be summed by its checksum

	briefServer = BriefBits(SYN) // of an OrderlySegment: the server sent it
)

// Set makes b that of seg, and reports whether seg can be one.
func (b *Brief) Set(seg *Segment) bool {
	if seg.Flags&^Flags(BriefFlags) != ACK || seg.Options.Set&^OptTimestamp != 0 || seg.Urgent != 0 || seg.Len >= maxPlainLen {
		return false
	}
	*b = Brief{
		Seq: seg.Seq, Ack: seg.Ack, TSVal: seg.Options.TSVal, TSEcr: seg.Options.TSEcr, Len: uint16(seg.Len),
		Window: seg.Window, IPID: seg.IPID, Sum: seg.Sum, TTL: seg.TTL, Bits: BriefBits(seg.Flags) & BriefFlags,
	}
	if seg.Options.Set != 0 {
		b.Bits |= BriefStamped
	}
	if seg.HasIPID {
		b.Bits |= BriefIPID
	}
	return true
}

// SumBase is what the checksums of a connection cover beside its segments (RFC 9293
// §3.1), in sums of 16-bit words: the addresses and the protocol number, of the
// pseudo-header, and the ports.
type SumBase struct{ Pseudo, Ports uint32 }

// PayloadSum returns the sum of a segment's payload by its checksum field: what is
// missing to zero beside the headers, from 1 to 65535; 0 when the field does not tell.
// It takes sums of 16-bit words: of the pseudo-header without the length, and of the
// TCP header with the field; and the length of both in octets. A host that leaves
// checksums to its network card puts the pseudo-header's sum in the field, with or
// without the length.
func PayloadSum(field uint16, pseudo, header uint64, length int) uint16 {
	whole := pseudo + uint64(length)
	if uint64(field) == foldSum(whole) || uint64(field) == foldSum(pseudo) {
		return 0
	}
	// Modulo 65535 zero is 0xffff, so that 0 can mean not known.
	if sum := uint16(0xffff - foldSum(whole+header)); sum != 0 {
		return sum
	}
	return 0xffff
}

// foldSum brings a sum of 16-bit words to 16 bits with end-around carry (RFC 1071
// §1).
func foldSum(s uint64) uint64 {
	s = s&0xffffffff + s>>32
	s = s&0xffff + s>>16
	s = s&0xffff + s>>16
	return s&0xffff + s>>16
}

// payloadSum returns Segment.Sum of g, which was unsummed, at seq.
func (g *OrderlySegment) payloadSum(seq Seq, base SumBase) uint16 {
	const fixed, stamps = 20, 12 // octets: the header; NOP, NOP and timestamps (RFC 7323 appendix A)
	if g.n == 0 {
		return 0
	}
	size := fixed
	header := uint64(base.Ports) + uint64(g.sum) + uint64(g.window) + twoWords(uint32(seq)) + twoWords(uint32(g.ack))
	if g.bits&BriefStamped != 0 {
		size += stamps
		header += twoWords(0x0101080a) + twoWords(g.tsval) + twoWords(g.tsecr)
	}
	header += uint64(size)<<10 | uint64(g.flags()) // data offset and control bits
	return PayloadSum(g.sum, uint64(base.Pseudo), header, size+int(g.n))
}

// twoWords adds the two 16-bit words of x.
func twoWords(x uint32) uint64 { return uint64(x>>16 + x&0xffff) }
