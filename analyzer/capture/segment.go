package capture

import (
	"net/netip"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// tcpLen is the length of a TCP header without options, in octets.
const tcpLen = 20

// lastStep ends the walk at the segment, which reaches to the end of the
// innermost IP packet.
func (d *Decoder) lastStep(p *analyzer.Packet, off int) (step, int) {
	d.segment(p, off, d.end)
	return stop, off
}

// segment takes the TCP header at off (RFC 9293 §3.1). The IP packet ends at
// end on the wire, which may lie behind the captured octets.
func (d *Decoder) segment(p *analyzer.Packet, off, end int) {
	p.HasTCP, p.SegOff, p.SegLen = true, off, max(end-off, 0)
	b := p.Frame[min(off, len(p.Frame)):]
	b = b[:min(len(b), p.SegLen)]
	if len(b) >= 4 {
		p.Src = netip.AddrPortFrom(p.Src.Addr(), be16(b))
		p.Dst = netip.AddrPortFrom(p.Dst.Addr(), be16(b[2:]))
	}
	if len(b) < tcpLen {
		p.Skip = analyzer.SkipTruncated
		if p.SegLen < tcpLen && !p.Fragment { // in a fragment the header goes on in the next
			p.Skip = analyzer.SkipMalformed
		}
		return
	}
	d.fixedTCP(p, b)
	n := int(b[12]>>4) * 4
	if n < tcpLen || n > p.SegLen && !p.Fragment {
		p.Skip = analyzer.SkipMalformed
		return
	}
	p.Segment.Len = statemachine.Size(max(p.SegLen-n, 0))
	if d.verify && !p.Fragment && !d.routed {
		verify(p)
	}
	payloadSum(p, b, n)
	if n > tcpLen {
		options(&p.Segment.Options, b[tcpLen:min(n, len(b))], n-tcpLen)
	}
}

// fixedTCP fills the segment from the 20 octets of header before the options.
// gopacket gets them as a header without options, because it refuses the whole
// segment for one bad or cut option; the flags are taken from the octets, since
// it drops the reserved bits.
func (d *Decoder) fixedTCP(p *analyzer.Packet, b []byte) {
	h := d.scratch[:tcpLen]
	copy(h, b)
	h[12] = 5<<4 | h[12]&0x0f
	if err := d.tcp.DecodeFromBytes(h, d.mute); err != nil {
		p.Skip = analyzer.SkipMalformed
		return
	}
	s := &p.Segment
	s.Seq, s.Ack = statemachine.Seq(d.tcp.Seq), statemachine.Seq(d.tcp.Ack)
	s.Window, s.Urgent = d.tcp.Window, d.tcp.Urgent
	s.Flags = statemachine.Flags(be16(b[12:]) & 0x0fff)
}
