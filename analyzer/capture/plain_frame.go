package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// plainFrame is the beginning of the plain packet that is the most usual: Ethernet,
// IPv4 (RFC 791 §3.1) without options, and TCP's fixed header (RFC 9293 §3.1). All
// places in it are known, so that it is read without a look at lengths.
type plainFrame [leastPlain]byte

// leastPlain is the length of the shortest plain packet, in octets.
const leastPlain = ethernetLen + ipv4Len + tcpLen

// Places in a plainFrame, in octets.
const (
	fourType     = ethernetLen - 2 // EtherType, then version and header length
	fourTotal    = ethernetLen + 2
	fourID       = ethernetLen + 4
	fourFragment = ethernetLen + 6
	fourTTL      = ethernetLen + 8
	fourSrc      = ethernetLen + 12
	fourDst      = ethernetLen + 16
	fourTCP      = ethernetLen + ipv4Len
)

// isFour reports a plain packet with IPv4, as plainHeadersOf knows it.
func (f *plainFrame) isFour() bool {
	const fragment, protocol = 0x3fff << 16, 0xff // more fragments and the offset; the TTL lies between
	be := binary.BigEndian
	header := int(f[fourTCP+12]>>4) * 4
	return be.Uint32(f[fourType:])>>8 == plainIPv4Type<<8|0x45 && be.Uint32(f[fourFragment:])&(fragment|protocol) == plainTCP &&
		header >= tcpLen && header <= f.length()
}

// length returns the length of TCP header and payload, by the IP header.
func (f *plainFrame) length() int { return int(binary.BigEndian.Uint16(f[fourTotal:])) - ipv4Len }

// four returns the ends of a packet with IPv4, its ports as one number.
func (f *plainFrame) four() (src, dst, ports uint32) {
	be := binary.BigEndian
	return be.Uint32(f[fourSrc:]), be.Uint32(f[fourDst:]), be.Uint32(f[fourTCP:])
}

// fillPlain decodes p but for Src and Dst. Its frame is known to be plain, and
// nothing of p is decoded yet, or that of another plain one.
func fillPlain(p *analyzer.Packet) {
	f := (*plainFrame)(p.Frame)
	if binary.BigEndian.Uint16(f[fourType:]) != plainIPv4Type {
		h, _ := plainHeadersOf(p.Frame)
		h.fill(p)
		return
	}
	p.NetOff, p.SegOff, p.SegLen, p.HasTCP = ethernetLen, ethernetLen+ipv4Len, f.length(), true
	p.IPVersion, p.Overlap, p.Sums = 4, false, 0
	p.Segment.IPID, p.Segment.HasIPID, p.Segment.TTL = binary.BigEndian.Uint16(f[fourID:]), true, f[fourTTL]
	fillSegment(p, (*tcpHeader)(f[fourTCP:]), p.Frame[leastPlain:])
}

// brief sets what o tells of the segment of a plain packet with IPv4, where that can be
// a Brief. rest is what was captured behind the fixed TCP header.
func (f *plainFrame) brief(rest []byte, o *analyzer.RunRecord) {
	const (
		has      = uint32(statemachine.ACK)
		mayHave  = has | uint32(statemachine.BriefFlags)
		allFlags = 0xfff
	)
	be := binary.BigEndian
	word, last := be.Uint32(f[fourTCP+12:]), be.Uint32(f[fourTCP+16:]) // data offset, control bits, window; checksum, urgent pointer
	flags := word >> 16 & allFlags
	if o.Short = false; flags&^mayHave != 0 || flags&has == 0 || last&0xffff != 0 {
		return
	}
	b, header := &o.Brief, int(word>>28)*4
	b.Bits = statemachine.BriefBits(flags) | statemachine.BriefIPID // ACK stands for BriefUnsummed
	switch {
	case header == tcpLen+stampsLen && len(rest) >= stampsLen && be.Uint32(rest) == stampsAlone:
		b.TSVal, b.TSEcr = be.Uint32(rest[4:]), be.Uint32(rest[8:])
		b.Bits |= statemachine.BriefStamped
	case header == tcpLen:
		b.TSVal, b.TSEcr = 0, 0
	default:
		return
	}
	n := f.length()
	b.Seq, b.Ack = statemachine.Seq(be.Uint32(f[fourTCP+4:])), statemachine.Seq(be.Uint32(f[fourTCP+8:]))
	b.Len, b.Window, b.Sum = uint16(n-header), uint16(word), uint16(last>>16)
	b.IPID, b.TTL = be.Uint16(f[fourID:]), f[fourTTL]
	o.Short, o.Cut = true, n > tcpLen+len(rest)
}

// Timestamps alone, aligned (RFC 7323 appendix A), and how many octets that is.
const (
	stampsAlone = kindNop<<24 | kindNop<<16 | kindTimestamp<<8 | 10
	stampsLen   = 12
)

// tcpHeader is a fixed TCP header (RFC 9293 §3.1).
type tcpHeader [tcpLen]byte

// fillSegment decodes the segment of a plain packet, of which all but Segment is
// decoded, and of that what the IP header tells. rest is what was captured behind
// the fixed header.
func fillSegment(p *analyzer.Packet, h *tcpHeader, rest []byte) {
	be := binary.BigEndian
	s := &p.Segment
	s.Seq, s.Ack = statemachine.Seq(be.Uint32(h[4:])), statemachine.Seq(be.Uint32(h[8:]))
	s.Flags = statemachine.Flags(be.Uint16(h[12:]) & 0x0fff)
	s.Window, s.Urgent, s.Sum = be.Uint16(h[14:]), be.Uint16(h[18:]), 0
	s.Options = statemachine.Options{}
	n := int(h[12]>>4) * 4
	s.Len = statemachine.Size(p.SegLen - n)
	if n > tcpLen {
		fillOptions(&s.Options, rest, n-tcpLen)
	}
	if s.Len > 0 {
		b := p.Frame[p.SegOff:]
		payloadSum(p, b[:min(len(b), p.SegLen)], n)
	}
}

// fillOptions decodes full octets of options, of which b was captured, and perhaps
// more behind them. Those of nearly all segments and SYNs stand as Linux has them,
// other stacks too: timestamps alone, aligned (RFC 7323 appendix A), or behind the
// MSS.
func fillOptions(o *statemachine.Options, b []byte, full int) {
	const (
		segmentSize = kindMSS<<24 | 4<<16
		sackStamps  = kindSACKPerm<<24 | 2<<16 | kindTimestamp<<8 | 10
		scale       = kindNop<<24 | kindWScale<<16 | 3<<8
	)
	be := binary.BigEndian
	switch {
	case full == stampsLen && len(b) >= stampsLen && be.Uint32(b) == stampsAlone:
		o.Set, o.TSVal, o.TSEcr = statemachine.OptTimestamp, be.Uint32(b[4:]), be.Uint32(b[8:])
	case full == 20 && len(b) >= 20 && be.Uint32(b)&^0xffff == segmentSize && be.Uint32(b[4:]) == sackStamps && be.Uint32(b[16:])&^0xff == scale:
		o.Set = statemachine.OptMSS | statemachine.OptSACKPerm | statemachine.OptTimestamp | statemachine.OptWScale | statemachine.OptScaleLate
		o.MSS, o.TSVal, o.TSEcr, o.WScale = be.Uint16(b[2:]), be.Uint32(b[8:]), be.Uint32(b[12:]), b[19]
	default:
		options(o, b[:min(full, len(b))], full)
	}
}
