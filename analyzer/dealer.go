package analyzer

import "net/netip"

// SplitSource is a source whose packets several readers can take side by side.
type SplitSource interface {
	Source
	// Split returns at most n sources, itself the first of them, to be called
	// before the first Next. Each gives all packets, in the same order and with
	// the same numbers. Segments and ICMP errors whose flow is dealt to another
	// one have Foreign set, and only Number, Time, Link, Skip, HasTCP, Comment
	// and ICMP.Quotes of them mean something. The others may be read in other
	// goroutines than the first.
	Split(n int) []Source
}

// Dealer deals flows out to several readers, each of which sees all packets and
// has a Dealer of its own. All come to the same result, since it depends on
// nothing but the packets: a flow that is new goes to the reader that was dealt
// the fewest packets so far. It is not safe for use by two goroutines.
type Dealer struct {
	me, n uint8
	dealt [maxWorkers]uint64    // packets, by reader
	of    [1 << dealtBits]uint8 // whose a flow is, by its hash: one more than the reader; 0 for nobody's yet
}

// dealtBits are the bits of the hash by which flows are dealt: two flows with the
// same go to the same reader.
const dealtBits = 12

// NewDealer returns the dealer of reader me of n, from 0 on.
func NewDealer(me, n int) *Dealer { return &Dealer{me: uint8(me), n: uint8(n)} }

// End is one end of a flow as it stands in a header: the 16 octets of its
// address as two numbers, an IPv4 address as IPv4-mapped IPv6 (RFC 4291
// §2.5.5.2), and its port.
type End struct {
	Hi, Lo uint64
	Port   uint16
}

// EndOf returns a as an End.
func EndOf(a netip.AddrPort) End {
	w := addressOf(a.Addr())
	return End{w.hi, w.lo, a.Port()}
}

// EndIPv4 returns the End with an IPv4 address, which is given as a number.
func EndIPv4(address uint32, port uint16) End { return End{0, mapped | uint64(address), port} }

// Mine deals a packet of the flow between two ends and reports whether it is the
// reader's own. It must be asked once for each segment and each ICMP error, in
// the order of the packets.
func (d *Dealer) Mine(a, b End) bool {
	const odd = 0x9e3779b97f4a7c15
	// Sums are the same in both directions.
	words := a.Lo + b.Lo ^ (a.Hi+b.Hi)*odd ^ (uint64(a.Port)+uint64(b.Port))<<40
	of := &d.of[words*odd>>(64-dealtBits)]
	if *of == 0 {
		least := uint8(0)
		for i := range d.n {
			if d.dealt[i] < d.dealt[least] {
				least = i
			}
		}
		*of = least + 1
	}
	d.dealt[*of-1]++
	return *of-1 == d.me
}
