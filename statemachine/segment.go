package statemachine

// Segment is one TCP segment as the machine takes it: header fields in host
// order, the payload only by its length.
type Segment struct {
	Seq     Seq    // SEG.SEQ
	Ack     Seq    // SEG.ACK; meaningful only with ACK
	Len     Size   // payload octets by the IP lengths, captured or not; SYN and FIN not counted
	Window  uint16 // SEG.WND as sent, unscaled
	Urgent  uint16 // SEG.UP; meaningful only with URG
	Flags   Flags
	IPID    uint16 // IPv4 identification; meaningful only with HasIPID
	Sum     uint16 // sum of the payload's 16-bit words modulo 65535 by the checksum field, 1 to 65535; 0 when not known
	TTL     uint8  // IPv4 TTL or IPv6 hop limit
	HasIPID bool
	Options Options
}

// SeqLen returns SEG.LEN of RFC 9293 §3.4: the octets of sequence space that
// the segment takes, SYN and FIN counted as one each.
func (s *Segment) SeqLen() Size {
	n := s.Len
	if s.Flags.Has(SYN) {
		n++
	}
	if s.Flags.Has(FIN) {
		n++
	}
	return n
}

// End returns the first number behind the segment: SEG.SEQ + SEG.LEN.
func (s *Segment) End() Seq { return s.Seq.Add(s.SeqLen()) }

// FINSeq returns the number that the segment's FIN takes; meaningful only
// with FIN.
func (s *Segment) FINSeq() Seq { return s.End() - 1 }

// IsSYN reports a SYN without ACK.
func (s *Segment) IsSYN() bool { return s.Flags&(SYN|ACK|RST|FIN) == SYN }

// IsSYNACK reports a SYN with ACK.
func (s *Segment) IsSYNACK() bool { return s.Flags&(SYN|ACK|RST|FIN) == SYN|ACK }

// IsPureACK reports a segment that takes no sequence space and carries ACK.
func (s *Segment) IsPureACK() bool {
	return s.Flags&(SYN|FIN|RST|ACK) == ACK && s.Len == 0
}
