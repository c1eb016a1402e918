package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
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

// plain decodes p, of which nothing is decoded yet, and reports whether it
// could.
func plain(p *analyzer.Packet) bool {
	f := p.Frame
	if p.Link != analyzer.LinkEthernet || len(f) < ethernetLen+ipv4Len+tcpLen {
		return false
	}
	switch be16(f[12:]) {
	case plainIPv4Type:
		if !plainFour(p, f[ethernetLen:]) {
			return false
		}
	case plainIPv6Type:
		if !plainSix(p, f[ethernetLen:]) {
			return false
		}
	default:
		return false
	}
	b := f[p.SegOff:]
	payloadSum(p, b[:min(len(b), p.SegLen)], int(b[12]>>4)*4)
	return true
}

// plainFlow returns the sum of the flow of a packet that plain decodes; ok is
// false for all others.
func plainFlow(p *analyzer.Packet) (sum analyzer.FlowSum, ok bool) {
	f := p.Frame
	if p.Link != analyzer.LinkEthernet || len(f) < ethernetLen+ipv4Len+tcpLen {
		return 0, false
	}
	h := f[ethernetLen:]
	switch be16(f[12:]) {
	case plainIPv4Type:
		if !isPlainFour(h) || !isPlainSegment(h[ipv4Len:], int(be16(h[2:]))-ipv4Len) {
			return 0, false
		}
		return analyzer.SumIPv4(be32(h[12:]), be32(h[16:]), be16(h[ipv4Len:]), be16(h[ipv4Len+2:])), true
	case plainIPv6Type:
		if !isPlainSix(h) || !isPlainSegment(h[ipv6Len:], int(be16(h[4:]))) {
			return 0, false
		}
		be64 := binary.BigEndian.Uint64
		return analyzer.SumIPv6(be64(h[8:]), be64(h[16:]), be64(h[24:]), be64(h[32:]), be16(h[ipv6Len:]), be16(h[ipv6Len+2:])), true
	}
	return 0, false
}

// isPlainFour reports an IPv4 header (RFC 791 §3.1) without options, before TCP,
// that is not of a fragment.
func isPlainFour(h []byte) bool {
	const fragmented = 0x3fff // more fragments, and the offset
	return h[0] == 0x45 && h[9] == plainTCP && be16(h[6:])&fragmented == 0 && be16(h[2:]) >= ipv4Len
}

// isPlainSegment reports a TCP header (RFC 9293 §3.1) that a segment of the given
// length on the wire can have.
func isPlainSegment(b []byte, length int) bool {
	n := int(b[12]>>4) * 4
	return n >= tcpLen && n <= length
}

// plainFour takes a plain IPv4 header and TCP behind it.
func plainFour(p *analyzer.Packet, h []byte) bool {
	if !isPlainFour(h) || !plainSegment(p, ethernetLen+ipv4Len, int(be16(h[2:]))-ipv4Len) {
		return false
	}
	p.IPVersion = 4
	p.Segment.IPID, p.Segment.HasIPID, p.Segment.TTL = be16(h[4:]), true, h[8]
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[12:])), be16(h[ipv4Len:]))
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[16:])), be16(h[ipv4Len+2:]))
	return true
}

// isPlainSix reports an IPv6 header (RFC 8200 §3) with TCP right behind it, of
// which the fixed part was captured.
func isPlainSix(h []byte) bool {
	return len(h) >= ipv6Len+tcpLen && h[0]>>4 == 6 && h[6] == plainTCP
}

// plainSix takes a plain IPv6 header and TCP behind it.
func plainSix(p *analyzer.Packet, h []byte) bool {
	if !isPlainSix(h) || !plainSegment(p, ethernetLen+ipv6Len, int(be16(h[4:]))) {
		return false
	}
	p.IPVersion = 6
	p.Segment.TTL = h[7]
	p.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(h[8:])), be16(h[ipv6Len:]))
	p.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(h[24:])), be16(h[ipv6Len+2:]))
	return true
}

// plainSegment takes a TCP header (RFC 9293 §3.1) at off whose fixed part was
// captured, of a segment of the given length on the wire.
func plainSegment(p *analyzer.Packet, off, length int) bool {
	b := p.Frame[off:]
	if !isPlainSegment(b, length) {
		return false
	}
	n := int(b[12]>>4) * 4
	p.NetOff, p.SegOff, p.SegLen, p.HasTCP = ethernetLen, off, length, true
	s := &p.Segment
	s.Seq, s.Ack = statemachine.Seq(be32(b[4:])), statemachine.Seq(be32(b[8:]))
	s.Flags = statemachine.Flags(be16(b[12:]) & 0x0fff)
	s.Window, s.Urgent = be16(b[14:]), be16(b[18:])
	s.Len = statemachine.Size(length - n)
	if n > tcpLen {
		options(&s.Options, b[tcpLen:min(n, len(b))], n-tcpLen)
	}
	return true
}
