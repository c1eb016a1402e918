package sample

import (
	"encoding/binary"
	"net/netip"

	"github.com/tcpstate/tcpstate/statemachine"
)

const (
	ipLen  = 20
	tcpLen = 20
)

// frame builds an IPv4 packet (RFC 791 §3.1) around the segment.
func frame(ends [2]netip.AddrPort, side statemachine.Side, s *statemachine.Segment, q quirk) []byte {
	tcp := segment(ends[side].Port(), ends[side.Peer()].Port(), s, q)
	b := make([]byte, ipLen, ipLen+len(tcp))
	b[0], b[6], b[8], b[9] = 0x45, 0x40, s.TTL, 6
	binary.BigEndian.PutUint16(b[2:], uint16(ipLen+len(tcp)))
	binary.BigEndian.PutUint16(b[4:], s.IPID)
	src, dst := ends[side].Addr().As4(), ends[side.Peer()].Addr().As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[10:], ^sum(b, 0))
	pseudo := uint32(6) + uint32(len(tcp))
	check := ^sum(tcp, pseudo+uint32(sum(b[12:20], 0)))
	if q.checksum {
		check ^= 0x0f0f
	}
	if q.offload {
		check = sum(b[12:20], pseudo) // as Linux leaves it
	}
	binary.BigEndian.PutUint16(tcp[16:], check)
	return append(b, tcp...)
}

// fragments splits the packet into two (RFC 791 §2.3) that meet, or overlap by
// eight octets.
func fragments(f []byte, overlap bool) [][]byte {
	first, second := 24, 24
	if overlap {
		second = 16
	}
	a := append([]byte(nil), f[:ipLen+first]...)
	b := append(append([]byte(nil), f[:ipLen]...), f[ipLen+second:]...)
	fragment(a, 0x2000) // more fragments
	fragment(b, uint16(second/8))
	return [][]byte{a, b}
}

// fragment mends the header of a fragment.
func fragment(b []byte, offset uint16) {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], offset)
	header(b)
}

// header computes the checksum of the IPv4 header.
func header(b []byte) {
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^sum(b[:ipLen], 0))
}

// icmp builds the ICMP error (RFC 792) with which the router 10.0.0.254 answers
// the packet; it names the MTU 1400 where there is a place for it (RFC 1191 §4).
func icmp(f []byte, kind [2]byte) []byte {
	const quoted, mtu = ipLen + 8, 1400
	b := make([]byte, ipLen+8, ipLen+8+quoted)
	b[0], b[8], b[9] = 0x45, 64, 1
	copy(b[12:], []byte{10, 0, 0, 254})
	copy(b[16:], f[12:16])
	b[ipLen], b[ipLen+1] = kind[0], kind[1]
	if kind == [2]byte{3, 4} {
		binary.BigEndian.PutUint16(b[ipLen+6:], mtu)
	}
	b = append(b, f[:quoted]...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[ipLen+2:], ^sum(b[ipLen:], 0))
	header(b)
	return b
}

// segment builds header and payload, the checksum zero (RFC 9293 §3.1).
func segment(src, dst uint16, s *statemachine.Segment, q quirk) []byte {
	b := make([]byte, tcpLen)
	binary.BigEndian.PutUint16(b[0:], src)
	binary.BigEndian.PutUint16(b[2:], dst)
	binary.BigEndian.PutUint32(b[4:], uint32(s.Seq))
	binary.BigEndian.PutUint32(b[8:], uint32(s.Ack))
	b = options(b, &s.Options)
	offset := len(b) / 4
	if q.offset > 0 {
		offset = q.offset
	}
	flags := s.Flags
	if q.reserve {
		flags |= statemachine.Reserved
	}
	binary.BigEndian.PutUint16(b[12:], uint16(offset)<<12|uint16(flags))
	binary.BigEndian.PutUint16(b[14:], s.Window)
	binary.BigEndian.PutUint16(b[18:], s.Urgent)
	for i := range s.Len {
		octet := 'a' + byte((uint32(s.Seq)+uint32(i))%26)
		if q.payload {
			octet -= 'a' - 'A'
		}
		b = append(b, octet)
	}
	return b
}

// options appends the options that a conversation can name, filled up with
// end-of-list (RFC 9293 §3.1).
func options(b []byte, o *statemachine.Options) []byte {
	if o.Has(statemachine.OptMSS) {
		b = binary.BigEndian.AppendUint16(append(b, 2, 4), o.MSS)
	}
	if o.Has(statemachine.OptSACKPerm) {
		b = append(b, 4, 2)
	}
	if o.Has(statemachine.OptTimestamp) {
		b = binary.BigEndian.AppendUint32(append(b, 8, 10), o.TSVal)
		b = binary.BigEndian.AppendUint32(b, o.TSEcr)
	}
	if o.Has(statemachine.OptWScale) {
		b = append(b, 3, 3, o.WScale)
	}
	if o.Has(statemachine.OptSACK) {
		b = append(b, 5, 2+8*o.NSACK)
		for _, k := range o.SACK[:o.NSACK] {
			b = binary.BigEndian.AppendUint32(b, uint32(k.Left))
			b = binary.BigEndian.AppendUint32(b, uint32(k.Right))
		}
	}
	if o.Has(statemachine.OptFastOpen) {
		b = append(b, 34, 2+o.TFOLen)
		b = append(b, make([]byte, o.TFOLen)...)
	}
	if o.Has(statemachine.OptOther) {
		b = append(b, 253, 4, 0, 0) // for experiments (RFC 4727 §7.2)
	}
	if o.Has(statemachine.OptBad) {
		b = append(b, 2, 1) // a length that does not hold kind and length
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// sum adds the 16-bit words of b to start with end-around carry (RFC 1071 §1).
func sum(b []byte, start uint32) uint16 {
	s := start
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}
