package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/tcpstate/tcpstate/analyzer"
)

// This file reads the headers of the packets that captures mostly consist of
// in place: Ethernet, IPv4 or IPv6 without anything between, TCP. What it
// takes it decodes as the walk through the layers does, which a test holds it
// to; all else it leaves to that walk.

// EtherTypes and the protocol number that it knows.
const (
	plainIPv4Type = 0x0800
	plainIPv6Type = 0x86dd
	plainTCP      = 6
)

// plainHeaders tell where the headers of a plain packet lie.
type plainHeaders struct {
	six    bool
	tcp    int // offset of the TCP header in the frame
	length int // of TCP header and payload on the wire, by the IP header
}

// plainHeadersOf finds the headers in an Ethernet frame; ok is false when the
// packet is not plain.
func plainHeadersOf(f []byte) (h plainHeaders, ok bool) {
	if len(f) < ethernetLen+ipv4Len+tcpLen {
		return h, false
	}
	ip := f[ethernetLen:]
	switch be16(f[12:]) {
	case plainIPv4Type:
		h.tcp, h.length = ethernetLen+ipv4Len, int(be16(ip[2:]))-ipv4Len
		ok = isPlainFour(ip)
	case plainIPv6Type:
		h.six, h.tcp, h.length = true, ethernetLen+ipv6Len, int(be16(ip[4:]))
		ok = isPlainSix(ip)
	}
	return h, ok && isPlainSegment(f[h.tcp:], h.length)
}

// isPlainFour reports an IPv4 header (RFC 791 §3.1) without options, before TCP,
// that is not of a fragment.
func isPlainFour(h []byte) bool {
	const fragmented = 0x3fff // more fragments, and the offset
	return h[0] == 0x45 && h[9] == plainTCP && be16(h[6:])&fragmented == 0 && be16(h[2:]) >= ipv4Len
}

// isPlainSix reports an IPv6 header (RFC 8200 §3) with TCP right behind it, of
// which the fixed part was captured.
func isPlainSix(h []byte) bool {
	return len(h) >= ipv6Len+tcpLen && h[0]>>4 == 6 && h[6] == plainTCP
}

// isPlainSegment reports a TCP header (RFC 9293 §3.1) that a segment of the given
// length on the wire can have.
func isPlainSegment(b []byte, length int) bool {
	n := int(b[12]>>4) * 4
	return n >= tcpLen && n <= length
}

// ends makes e the ends of the segment in f.
func (h *plainHeaders) ends(f []byte, e *analyzer.Ends) {
	ports := binary.BigEndian.Uint32(f[h.tcp:])
	be64 := binary.BigEndian.Uint64
	if !h.six {
		both := be64(f[ethernetLen+12:])
		e.SetIPv4(uint32(both>>32), uint32(both), ports)
		return
	}
	ip := f[ethernetLen : ethernetLen+ipv6Len]
	e.SetIPv6(be64(ip[8:]), be64(ip[16:]), be64(ip[24:]), be64(ip[32:]), ports)
}

// fill decodes p but for Src and Dst. Its frame has the headers h, and nothing of
// it is decoded yet, or it was filled before.
func (h *plainHeaders) fill(p *analyzer.Packet) {
	p.NetOff, p.SegOff, p.SegLen, p.HasTCP = ethernetLen, h.tcp, h.length, true
	p.Overlap, p.Sums = false, 0
	s := &p.Segment
	if ip := p.Frame[ethernetLen:]; h.six {
		p.IPVersion = 6
		s.IPID, s.HasIPID, s.TTL = 0, false, ip[7]
	} else {
		p.IPVersion = 4
		s.IPID, s.HasIPID, s.TTL = be16(ip[4:]), true, ip[8]
	}
	b := p.Frame[h.tcp:]
	fillSegment(p, (*tcpHeader)(b), b[tcpLen:])
}

// plain decodes p, of which nothing is decoded yet, and reports whether it
// could.
func plain(p *analyzer.Packet) bool {
	if p.Link != analyzer.LinkEthernet {
		return false
	}
	h, ok := plainHeadersOf(p.Frame)
	if ok {
		h.fill(p)
		h.address(p)
	}
	return ok
}

// address sets the ends of p.
func (h *plainHeaders) address(p *analyzer.Packet) {
	ip, b := p.Frame[ethernetLen:], p.Frame[h.tcp:]
	if h.six {
		p.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip[8:])), be16(b))
		p.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip[24:])), be16(b[2:]))
		return
	}
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:])), be16(b))
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:])), be16(b[2:]))
}
