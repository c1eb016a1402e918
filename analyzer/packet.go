package analyzer

import (
	"errors"
	"net/netip"

	"github.com/tcpstate/tcpstate/statemachine"
)

// LinkType is the number that pcap and pcapng files give to a link layer
// (LINKTYPE_…). It is wider than gopacket's eight bits on purpose: Linux
// cooked v2 is 276.
type LinkType uint32

// The link layers that are decoded.
const (
	LinkNull            LinkType = 0   // BSD loopback, address family in the writer's byte order
	LinkEthernet        LinkType = 1   //
	LinkTokenRing       LinkType = 6   // IEEE 802.5
	LinkPPP             LinkType = 9   //
	LinkFDDI            LinkType = 10  //
	LinkRawOld          LinkType = 12  // raw IP as libpcap's DLT_RAW
	LinkRawBSD          LinkType = 14  // raw IP as OpenBSD's DLT_RAW
	LinkPPPHDLC         LinkType = 50  // PPP in HDLC-like framing
	LinkPPPoE           LinkType = 51  // PPPoE without Ethernet
	LinkATMRFC1483      LinkType = 100 // LLC over ATM
	LinkRaw             LinkType = 101 // raw IP, the version nibble tells which
	LinkCHDLC           LinkType = 104 // Cisco HDLC
	LinkWLAN            LinkType = 105 // IEEE 802.11
	LinkFrameRelay      LinkType = 107 // RFC 2427, or Cisco's framing
	LinkLoop            LinkType = 108 // OpenBSD loopback, address family in network byte order
	LinkENC             LinkType = 109 // OpenBSD's view of packets inside IPsec
	LinkSLL             LinkType = 113 // Linux cooked capture
	LinkPFLog           LinkType = 117 // OpenBSD's packet filter log
	LinkPrism           LinkType = 119 // IEEE 802.11 behind a Prism header
	LinkRadiotap        LinkType = 127 // IEEE 802.11 behind a radiotap header
	LinkAVS             LinkType = 163 // IEEE 802.11 behind an AVS header
	LinkPPPD            LinkType = 166 // PPP with the direction in place of the address
	LinkJuniperEthernet LinkType = 178 //
	LinkPPI             LinkType = 192 // a header that names another link type
	LinkMPLS            LinkType = 219 //
	LinkIPv4            LinkType = 228 // raw IPv4
	LinkIPv6            LinkType = 229 // raw IPv6
	LinkNFLOG           LinkType = 239 // Linux netfilter log
	LinkPKTAP           LinkType = 258 // Apple's header that names another link type
	LinkSLL2            LinkType = 276 // Linux cooked capture v2
)

// Skip is the reason why a packet brings no segment to the observer. Each
// skipped packet is counted under its reason in the capture record.
type Skip uint8

// The reasons, NotSkipped for packets with a whole TCP header.
const (
	NotSkipped    Skip = iota
	SkipNotIP          // another network protocol (ARP, LLDP, …)
	SkipNotTCP         // IP, but another transport
	SkipLink           // this link type, or this form of its header, is not decoded
	SkipTruncated      // the captured bytes end before the TCP header does
	SkipMalformed      // a header contradicts itself
	SkipFragment       // an IP fragment that does not complete its datagram
	SkipTunnel         // encapsulation that is not decoded
	SkipEncrypted      // encrypted below TCP: ESP, WLAN, MACsec
	SkipPanic          // a decoder failed; contained to this packet
	NumSkips      = iota
)

var skipNames = [NumSkips]string{
	NotSkipped:    "none",
	SkipNotIP:     "not-ip",
	SkipNotTCP:    "not-tcp",
	SkipLink:      "link-not-decoded",
	SkipTruncated: "truncated",
	SkipMalformed: "malformed",
	SkipFragment:  "fragment",
	SkipTunnel:    "tunnel-not-decoded",
	SkipEncrypted: "encrypted",
	SkipPanic:     "decoder-failure",
}

// String returns the stable name that the capture record uses.
func (s Skip) String() string { return skipNames[s] }

// Packet is one captured packet, decoded as far as its bytes allow. Its slices
// are views of the reader's buffer: they are valid until the next packet is
// read.
type Packet struct {
	// What nearly every packet sets and nearly every reader asks for stands
	// together, so that it lies in few lines of a processor's cache.

	Number    uint64            // from 1, over all files of a run, all packets counted
	Time      statemachine.Time // of the capture
	CapLen    uint32            // octets captured
	WireLen   uint32            // octets on the wire, by the capture's record
	File      uint16            // index into the run's list of files
	Interface uint16            // pcapng interface within its section, 0 for pcap
	Link      LinkType

	// IPVersion is 4 or 6, or 0 when no IP header was found.
	IPVersion uint8
	Skip      Skip
	// Sums tells what verifying the checksums showed, where that was asked for.
	Sums Checksums
	// HasTCP tells that a TCP header was reached, whole or cut. Such a
	// packet has a timeline line; only when Skip is NotSkipped has it a
	// Segment and a Key too.
	HasTCP bool
	// Tunnelled tells that the segment lies inside another IP packet.
	Tunnelled bool
	// Fragment tells that this is the first fragment of a larger datagram. It
	// has the line of its part of the segment, and no Segment unless it came
	// last: the packet that completes the datagram carries the segment.
	Fragment bool
	// Foreign tells that another reader follows the flow; see SplitSource.
	Foreign bool
	// Reassembled tells that Frame is the datagram put together, and not what
	// was captured of this packet, which completed it.
	Reassembled bool
	// Overlap tells that fragments of the datagram overlapped.
	Overlap bool

	// Frame holds the captured octets from the first of the link layer on.
	Frame []byte
	// NetOff is where the IP header that carries the segment starts in Frame;
	// meaningful only when IPVersion is not 0.
	NetOff int
	// SegOff is where the TCP header starts in Frame; meaningful when HasTCP.
	SegOff int
	// SegLen is the length of TCP header and payload by the IP lengths, on
	// the wire, in octets: more than was captured where the snaplen cut it.
	SegLen int

	Segment statemachine.Segment

	// Drops is how many packets the capture has told so far that it lost.
	Drops uint64
	// Tunnel is a hash of the tunnels and virtual networks that the segment
	// came through, the same in both directions; 0 for none. Equal addresses
	// and ports in two tunnels are two flows.
	Tunnel uint64

	Src, Dst netip.AddrPort // of the segment's own IP header

	// ICMP is the ICMP error that the packet is, if any; Src and Dst are then
	// the ends of the segment that it quotes.
	ICMP ICMPError
	// Comment is what the capture's author wrote of the packet (pcapng), in
	// whatever octets; several comments are separated by a line feed. Nil when
	// there is none.
	Comment []byte
	// Captured is what was captured of a Reassembled packet; see AsCaptured.
	Captured []byte
}

// at returns when the packet was captured.
func (p *Packet) at() statemachine.Moment {
	return statemachine.Moment{Packet: p.Number, Time: p.Time}
}

// Checksums are the outcome of verifying the checksums of IPv4's header and of
// TCP (RFC 791 §3.1, RFC 9293 §3.1).
type Checksums uint8

// The outcomes.
const (
	SumChecked Checksums = 1 << iota // the whole segment was captured, so that its sum could be verified
	SumBad                           // it is wrong, or that of the IPv4 header
	SumPartial                       // it is the sum of the pseudo-header alone, as a host leaves it to its network card
)

// ICMPError is an ICMP or ICMPv6 error that quotes a TCP header (RFC 792, RFC
// 4443 §3).
type ICMPError struct {
	Quotes     bool // the packet is one; otherwise the rest is without meaning
	Version6   bool
	Type, Code uint8
	Seq        statemachine.Seq // of the quoted segment
	Len        uint32           // of the quoted IP packet, in octets
	MTU        uint32           // of the link that the packet was too big for; 0 when not told
}

// AsCaptured returns the captured octets, which are Frame but for a packet that
// completed a datagram of several.
func (p *Packet) AsCaptured() []byte {
	if p.Reassembled {
		return p.Captured
	}
	return p.Frame
}

// Source yields packets in file order.
type Source interface {
	// Next fills p with the next packet. It returns io.EOF after the last
	// one, or the error that ended reading; everything readable before the
	// damage has been returned by then.
	Next(p *Packet) error
	// Close frees what the source holds.
	Close() error
}

// SourceStats is what a source knows of its input beside the packets.
type SourceStats struct {
	Files      []string   // names, in the order in which they are read
	LinkTypes  []LinkType // declared by the files, in order of first appearance
	Drops      uint64     // packets lost by the capturing program, as it says itself
	Fragments  uint64     // IP datagrams of which some fragments are missing
	Aggregated uint64     // frames behind the first one of 802.11 aggregates, which are not followed
	Comments   []string   // on sections and interfaces, in whatever octets
	Errors     []string   // damage that ended a file early, one line each
}

// StatsSource is a Source that can tell what it knows of its input so far. The
// pipeline asks after the last packet.
type StatsSource interface {
	Source
	Stats() SourceStats
}

// ErrTick is returned by Next of a LiveSource when there is no packet this
// time: p.Time then is the time by the capture's clock, at which timers fire.
var ErrTick = errors.New("no packet yet")

// LiveSource is a source of packets as they arrive. Its Next never waits long:
// it returns ErrTick instead, several times a second.
type LiveSource interface {
	StatsSource
	// Lost returns how many packets the capture had not got when it was last
	// asked, at a tick, and when that was by the clock.
	Lost() (packets uint64, by statemachine.Time)
}

// Ticker is a Sink that is told when time passes. A live run calls Tick at
// each tick of its source, behind the notes of the timers that fired.
type Ticker interface {
	Tick(now statemachine.Time) error
}
