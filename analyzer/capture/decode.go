package capture

import (
	"net/netip"

	"github.com/google/gopacket/layers"

	"github.com/tcpstate/tcpstate/analyzer"
	_ "github.com/tcpstate/tcpstate/internal/pages/tables" // of package layers
	"github.com/tcpstate/tcpstate/statemachine"
)

// Decoder turns frames into packets. It keeps gopacket's layer structs between
// packets, so that decoding allocates nothing; it is not safe for use by two
// goroutines. The zero value is ready.
//
// gopacket's layers are used by DecodeFromBytes for the fixed headers only. Each
// is handed a header that it cannot refuse, because its refusals lose packets
// that can be read: bad or cut options, length 0 of offloaded packets, IPv6
// extension headers. What follows a fixed header is walked here. Plain packets
// are read in place (plain.go), with the same result in a third of the time.
type Decoder struct {
	eth  layers.Ethernet
	vlan layers.Dot1Q
	ip4  layers.IPv4
	ip6  layers.IPv6
	tcp  layers.TCP

	end       int // where the innermost IP packet ended on the wire, as an offset in the frame
	fragments fragments
	// aggregated counts the frames behind the first one of 802.11 aggregates.
	aggregated uint64
	dealer     *analyzer.Dealer // nil where all flows are the reader's own
	slow       bool             // tests: leave nothing to plain
	verify     bool             // checksums
	routed     bool             // an IPv6 routing header: the checksum has another destination
	padded     bool             // the WLAN header is padded to four octets
	scratch    [40]byte         // a fixed header, mended for gopacket
	mute       feedback
}

// feedback takes gopacket's remark that a packet is cut, which is of no use
// here: lengths are compared in the open.
type feedback struct{}

// SetTruncated does nothing.
func (feedback) SetTruncated() {}

// Decode fills the decoded part of p from p.Frame, p.Link, and p.WireLen, and
// leaves Number, Time, CapLen, File and Interface alone. Every byte string is
// survived: p.Skip says what kept a packet from giving a segment.
func (d *Decoder) Decode(p *analyzer.Packet) {
	if d.dealer == nil {
		d.decode(p)
		return
	}
	var h plainHeaders
	ok := p.Link == analyzer.LinkEthernet && !d.slow && !d.verify
	if ok {
		h, ok = plainHeadersOf(p.Frame)
	}
	switch {
	case !ok:
		clearDecoded(p)
		d.decodeLayers(p)
		p.Foreign = (p.Skip == analyzer.NotSkipped || p.ICMP.Quotes) && !d.dealer.Mine(analyzer.SumOf(p.Src, p.Dst))
	default:
		var ends analyzer.Ends
		if h.ends(p.Frame, &ends); !d.dealer.Mine(ends.Sum()) {
			p.Foreign, p.HasTCP, p.Skip, p.ICMP.Quotes = true, true, analyzer.NotSkipped, false
			return
		}
		clearDecoded(p)
		h.fill(p)
		h.address(p)
	}
}

// decode is Decode where all flows are the reader's own.
func (d *Decoder) decode(p *analyzer.Packet) {
	clearDecoded(p)
	if d.slow || d.verify || !plain(p) {
		d.decodeLayers(p)
	}
}

// decodeLayers is Decode for what is not plain.
func (d *Decoder) decodeLayers(p *analyzer.Packet) {
	defer contain(p)
	d.end, d.padded, d.routed = 0, false, false
	d.walk(p, linkStep(p.Link), 0)
}

// clearDecoded forgets what an earlier packet left in p. It clears field by
// field: to make a whole Packet anew and copy it costs more than to decode one.
func clearDecoded(p *analyzer.Packet) {
	p.NetOff, p.IPVersion, p.SegOff, p.SegLen = 0, 0, 0, 0
	p.HasTCP, p.Tunnelled, p.Fragment, p.Foreign, p.Reassembled, p.Overlap = false, false, false, false, false, false
	p.Tunnel, p.Captured, p.Skip, p.Sums = 0, nil, analyzer.NotSkipped, 0
	p.ICMP = analyzer.ICMPError{}
	p.Src, p.Dst = netip.AddrPort{}, netip.AddrPort{}
	p.Segment = statemachine.Segment{}
}

// contain keeps a decoder's panic to the packet that caused it.
func contain(p *analyzer.Packet) {
	if recover() != nil {
		p.Frame = p.AsCaptured()
		clearDecoded(p)
		p.Skip = analyzer.SkipPanic
	}
}

// wireEnd returns the offset in p.Frame at which the frame ended on the wire.
// Records that claim fewer octets on the wire than were captured are not
// believed.
func wireEnd(p *analyzer.Packet) int {
	return max(int(p.WireLen), len(p.Frame))
}

// be16 reads two octets in network byte order.
func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

// be32 reads four octets in network byte order.
func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
