// Package packet reads and builds the IP packets that the wire judges and the
// forgeries that it injects.
package packet

import (
	"encoding/binary"
	"net/netip"
)

// The bits of the TCP header's flags octet.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// TCP is a segment with its addresses.
type TCP struct {
	Src, Dst netip.AddrPort
	Seq, Ack uint32
	Flags    uint8
	Window   uint16
	Urgent   uint16
	Options  []byte
	Payload  []byte
	Len      int // payload octets by the IP length, even where the capture was cut
	ID       uint16
	TTL      uint8
}

// Is reports whether of the bits SYN, ACK, FIN and RST exactly those of flags
// are set.
func (t *TCP) Is(flags uint8) bool { return t.Flags&(SYN|ACK|FIN|RST) == flags }

// Has reports whether all bits of flags are set.
func (t *TCP) Has(flags uint8) bool { return t.Flags&flags == flags }

// End returns the first sequence number behind the segment.
func (t *TCP) End() uint32 { return t.Seq + t.SeqLen() }

// SeqLen returns the sequence numbers that the segment takes.
func (t *TCP) SeqLen() uint32 {
	n := uint32(t.Len)
	if t.Flags&SYN != 0 {
		n++
	}
	if t.Flags&FIN != 0 {
		n++
	}
	return n
}

// Network returns the IP packet within a frame, or nil: l2 is the length of
// the link header, 14 for Ethernet, 0 for none.
func Network(frame []byte, l2 int) []byte {
	if len(frame) < l2+20 {
		return nil
	}
	if l2 == 14 {
		switch binary.BigEndian.Uint16(frame[12:]) {
		case 0x0800, 0x86dd:
		default:
			return nil
		}
	}
	return frame[l2:]
}

// Wanted reports whether a capture keeps the IP packet: TCP, and the errors of
// ICMP. Neighbour discovery and its like are left out.
func Wanted(ip []byte) bool {
	if len(ip) < 20 {
		return false
	}
	switch ip[0] >> 4 {
	case 4:
		return ip[9] == 6 || ip[9] == 1
	case 6:
		return len(ip) > 40 && (ip[6] == 6 || ip[6] == 58 && ip[40] < 128)
	}
	return false
}

// Parse reads the segment in an IP packet without extension headers. The
// slices of the result are views of ip. It returns nil for anything else.
func Parse(ip []byte) *TCP {
	if len(ip) < 40 {
		return nil
	}
	be := binary.BigEndian
	var t TCP
	var src, dst netip.Addr
	var seg []byte
	var total int
	switch {
	case ip[0]>>4 == 4 && ip[9] == 6:
		hl := int(ip[0]&15) * 4
		if hl < 20 || len(ip) < hl+20 {
			return nil
		}
		src, dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
		total = int(be.Uint16(ip[2:])) - hl
		t.ID, t.TTL = be.Uint16(ip[4:]), ip[8]
		seg = ip[hl:]
	case ip[0]>>4 == 6 && ip[6] == 6 && len(ip) >= 60:
		src, dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
		total = int(be.Uint16(ip[4:]))
		t.TTL = ip[7]
		seg = ip[40:]
	default:
		return nil
	}
	if total < len(seg) {
		seg = seg[:max(total, 0)]
	}
	off := 0
	if len(seg) >= 20 {
		off = int(seg[12]>>4) * 4
	}
	if off < 20 || off > len(seg) || off > total {
		return nil
	}
	t.Src = netip.AddrPortFrom(src, be.Uint16(seg))
	t.Dst = netip.AddrPortFrom(dst, be.Uint16(seg[2:]))
	t.Seq, t.Ack = be.Uint32(seg[4:]), be.Uint32(seg[8:])
	t.Flags = seg[13]
	t.Window, t.Urgent = be.Uint16(seg[14:]), be.Uint16(seg[18:])
	t.Options, t.Payload = seg[20:off], seg[off:]
	t.Len = total - off
	return &t
}

// Build returns the segment as an IP packet with right checksums. Options are
// padded to a multiple of four octets.
func (t *TCP) Build() []byte {
	be := binary.BigEndian
	opts := append([]byte(nil), t.Options...)
	for len(opts)%4 != 0 {
		opts = append(opts, 0)
	}
	seg := make([]byte, 20, 20+len(opts)+len(t.Payload))
	be.PutUint16(seg, t.Src.Port())
	be.PutUint16(seg[2:], t.Dst.Port())
	be.PutUint32(seg[4:], t.Seq)
	be.PutUint32(seg[8:], t.Ack)
	seg[12] = uint8((20 + len(opts)) / 4 << 4)
	seg[13] = t.Flags
	be.PutUint16(seg[14:], t.Window)
	be.PutUint16(seg[18:], t.Urgent)
	seg = append(append(seg, opts...), t.Payload...)
	ttl := t.TTL
	if ttl == 0 {
		ttl = 64
	}
	src, dst := t.Src.Addr(), t.Dst.Addr()
	var pseudo, ip []byte
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		pseudo = append(append(pseudo, s[:]...), d[:]...)
		pseudo = be.AppendUint32(pseudo, uint32(6)<<16|uint32(len(seg)))
		ip = []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, ttl, 6, 0, 0}
		be.PutUint16(ip[2:], uint16(20+len(seg)))
		be.PutUint16(ip[4:], t.ID)
		ip = append(append(ip, s[:]...), d[:]...)
		be.PutUint16(ip[10:], checksum(ip))
	} else {
		s, d := src.As16(), dst.As16()
		pseudo = append(append(pseudo, s[:]...), d[:]...)
		pseudo = be.AppendUint32(be.AppendUint32(pseudo, uint32(len(seg))), 6)
		ip = []byte{0x60, 0, 0, 0, 0, 0, 6, ttl}
		be.PutUint16(ip[4:], uint16(len(seg)))
		ip = append(append(ip, s[:]...), d[:]...)
	}
	be.PutUint16(seg[16:], checksum(append(pseudo, seg...)))
	return append(ip, seg...)
}

// checksum is the Internet checksum of b.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		v := uint32(b[i]) << 8
		if i+1 < len(b) {
			v |= uint32(b[i+1])
		}
		sum += v
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// Ethernet puts a link header between fixed addresses before an IP packet.
func Ethernet(dst, src [6]byte, ip []byte) []byte {
	f := append(append([]byte(nil), dst[:]...), src[:]...)
	if ip[0]>>4 == 6 {
		f = append(f, 0x86, 0xdd)
	} else {
		f = append(f, 8, 0)
	}
	return append(f, ip...)
}
