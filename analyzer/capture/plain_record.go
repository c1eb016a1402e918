package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// plainRecord is the beginning of a pcap record with the plain packet that is the
// most usual: the record's header, Ethernet, IPv4 (RFC 791 §3.1) without options,
// and TCP's fixed header (RFC 9293 §3.1). All places in it are known, so that it
// is read without a look at lengths.
type plainRecord [leastPlain]byte

// leastPlain is the length of the shortest record with a plain packet, in octets.
const leastPlain = pcapRecordHeader + ethernetLen + ipv4Len + tcpLen

// Places in a plainRecord, in octets.
const (
	fourType     = pcapRecordHeader + ethernetLen - 2 // EtherType, then version and header length
	fourIP       = pcapRecordHeader + ethernetLen
	fourTotal    = fourIP + 2
	fourID       = fourIP + 4
	fourFragment = fourIP + 6
	fourTTL      = fourIP + 8
	fourProtocol = fourIP + 9
	fourSrc      = fourIP + 12
	fourDst      = fourIP + 16
	fourTCP      = fourIP + ipv4Len
)

// time returns the two fields of the record's header that tell the time.
func (r *plainRecord) time() (second, fraction uint32) {
	return binary.LittleEndian.Uint32(r[0:]), binary.LittleEndian.Uint32(r[4:])
}

// captured returns how many octets of the frame the record holds.
func (r *plainRecord) captured() uint32 { return binary.LittleEndian.Uint32(r[8:]) }

// wire returns how many octets the frame had on the wire.
func (r *plainRecord) wire() uint32 { return binary.LittleEndian.Uint32(r[12:]) }

// isFour reports a plain packet with IPv4, as plainHeadersOf knows it.
func (r *plainRecord) isFour() bool {
	const fragmented = 0x3fff // more fragments, and the offset
	header := int(r[fourTCP+12]>>4) * 4
	return binary.BigEndian.Uint32(r[fourType:])>>8 == plainIPv4Type<<8|0x45 && r[fourProtocol] == plainTCP &&
		binary.BigEndian.Uint16(r[fourFragment:])&fragmented == 0 && header >= tcpLen && header <= r.length()
}

// length returns the length of TCP header and payload, by the IP header.
func (r *plainRecord) length() int { return int(binary.BigEndian.Uint16(r[fourTotal:])) - ipv4Len }

// four returns the ends of the packet, its ports as one number.
func (r *plainRecord) four() (src, dst, ports uint32) {
	be := binary.BigEndian
	return be.Uint32(r[fourSrc:]), be.Uint32(r[fourDst:]), be.Uint32(r[fourTCP:])
}

// fill is that of plainHeaders, for a packet with IPv4.
func (r *plainRecord) fill(p *analyzer.Packet) {
	length := r.length()
	p.NetOff, p.SegOff, p.SegLen, p.HasTCP = ethernetLen, ethernetLen+ipv4Len, length, true
	p.IPVersion, p.Overlap, p.Sums = 4, false, 0
	p.Segment.IPID, p.Segment.HasIPID, p.Segment.TTL = binary.BigEndian.Uint16(r[fourID:]), true, r[fourTTL]
	fillSegment(p, (*tcpHeader)(r[fourTCP:]))
}

// tcpHeader is a fixed TCP header (RFC 9293 §3.1).
type tcpHeader [tcpLen]byte

// fillSegment decodes the segment of a plain packet, of which all but Segment is
// decoded, and of that what the IP header tells. h is where its frame has it.
func fillSegment(p *analyzer.Packet, h *tcpHeader) {
	be := binary.BigEndian
	s := &p.Segment
	s.Seq, s.Ack = statemachine.Seq(be.Uint32(h[4:])), statemachine.Seq(be.Uint32(h[8:]))
	s.Flags = statemachine.Flags(be.Uint16(h[12:]) & 0x0fff)
	s.Window, s.Urgent, s.Sum = be.Uint16(h[14:]), be.Uint16(h[18:]), 0
	s.Options = statemachine.Options{}
	n := int(h[12]>>4) * 4
	s.Len = statemachine.Size(p.SegLen - n)
	if n > tcpLen {
		fillOptions(p, n)
	}
	if s.Len > 0 {
		b := p.Frame[p.SegOff:]
		payloadSum(p, b[:min(len(b), p.SegLen)], n)
	}
}

// fillOptions decodes the options of a plain packet's segment, whose header has n
// octets. Those of nearly all segments and SYNs stand as Linux has them, other
// stacks too: timestamps alone, aligned (RFC 7323 appendix A), or behind the MSS.
func fillOptions(p *analyzer.Packet, n int) {
	const (
		stamps    = kindNop<<24 | kindNop<<16 | kindTimestamp<<8 | 10
		segment   = kindMSS<<24 | 4<<16
		sackFirst = kindSACKPerm<<24 | 2<<16 | kindTimestamp<<8 | 10
		scale     = kindNop<<24 | kindWScale<<16 | 3<<8
	)
	be := binary.BigEndian
	o := &p.Segment.Options
	b := p.Frame[p.SegOff+tcpLen:]
	switch {
	case n == tcpLen+12 && len(b) >= 12 && be.Uint32(b) == stamps:
		o.Set, o.TSVal, o.TSEcr = statemachine.OptTimestamp, be.Uint32(b[4:]), be.Uint32(b[8:])
	case n == tcpLen+20 && len(b) >= 20 && be.Uint32(b)&^0xffff == segment && be.Uint32(b[4:]) == sackFirst && be.Uint32(b[16:])&^0xff == scale:
		o.Set = statemachine.OptMSS | statemachine.OptSACKPerm | statemachine.OptTimestamp | statemachine.OptWScale | statemachine.OptScaleLate
		o.MSS, o.TSVal, o.TSEcr, o.WScale = be.Uint16(b[2:]), be.Uint32(b[8:]), be.Uint32(b[12:]), b[19]
	default:
		options(o, b[:min(n-tcpLen, len(b))], n-tcpLen)
	}
}
