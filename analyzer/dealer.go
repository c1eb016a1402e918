package analyzer

import (
	"math/bits"
	"net/netip"
)

// SplitSource is a source whose packets several readers can take side by side.
type SplitSource interface {
	Source
	// Split returns at most n sources, itself the first of them, to be called
	// before the first Next. Each gives all packets, in the same order and with
	// the same numbers. Segments and ICMP errors whose flow is dealt to another
	// one have Foreign set, and only Number, Time, Link, Skip, HasTCP, Comment,
	// Drops and ICMP.Quotes of them mean something. The others may be read in other
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

// FlowSum is a hash of a flow's two ends that is the same in both directions,
// made of their sums.
type FlowSum uint64

// SumOf returns the sum of the flow between two ends.
func SumOf(a, b netip.AddrPort) FlowSum {
	e := Ends{addressOf(a.Addr()), addressOf(b.Addr()), a.Port(), b.Port(), a.Addr().Is4()}
	return e.Sum()
}

// Ends are the ends of a segment as they stand in its headers.
type Ends struct {
	src, dst         address
	srcPort, dstPort uint16
	four             bool // IPv4
}

// SetIPv4 makes e the ends of a segment between IPv4 addresses; ports are the
// first four octets of the TCP header as a number. It sets them in their place:
// to copy what was just written in parts has the processor wait for it.
func (e *Ends) SetIPv4(src, dst, ports uint32) {
	e.src.hi, e.src.lo, e.dst.hi, e.dst.lo = 0, mapped|uint64(src), 0, mapped|uint64(dst)
	e.srcPort, e.dstPort, e.four = uint16(ports>>16), uint16(ports), true
}

// SetIPv6 is SetIPv4 for IPv6 addresses, in two numbers each.
func (e *Ends) SetIPv6(srcHi, srcLo, dstHi, dstLo uint64, ports uint32) {
	e.src.hi, e.src.lo, e.dst.hi, e.dst.lo = srcHi, srcLo, dstHi, dstLo
	e.srcPort, e.dstPort, e.four = uint16(ports>>16), uint16(ports), false
}

// Sum returns the sum of the flow.
func (e *Ends) Sum() FlowSum {
	ports := uint32(e.srcPort)<<16 | uint32(e.dstPort)
	return FlowSum(e.src.lo + e.dst.lo ^ (e.src.hi+e.dst.hi)*mixer ^ sumPorts(ports))
}

// SumIPv4 is Sum for a segment between IPv4 addresses; ports are the first four
// octets of the TCP header as a number.
func SumIPv4(src, dst, ports uint32) FlowSum {
	return FlowSum(2*mapped + uint64(src) + uint64(dst) ^ sumPorts(ports))
}

// sumPorts is what two ports, as one number, add to a sum, in either order.
func sumPorts(ports uint32) uint64 { return uint64(ports+bits.RotateLeft32(ports, 16)) << 32 }

// mixer is 2^64 divided by the golden ratio, which spreads numbers well.
const mixer = 0x9e3779b97f4a7c15

// Mine deals a packet of a flow and reports whether it is the reader's own. It
// must be asked once for each segment and each ICMP error, in the order of the
// packets, but for those whose Dealt it adopts.
func (d *Dealer) Mine(flow FlowSum) bool {
	of := d.owner(flow)
	if *of == 0 {
		*of = d.least() + 1
	}
	d.dealt[*of-1]++
	return *of-1 == d.me
}

// owner returns the place that tells whose a flow is.
func (d *Dealer) owner(flow FlowSum) *uint8 { return &d.of[uint64(flow*mixer)>>(64-dealtBits)] }

// least returns the reader that was dealt the fewest packets so far.
func (d *Dealer) least() (least uint8) {
	for i := range d.n {
		if d.dealt[i] < d.dealt[least] {
			least = i
		}
	}
	return least
}

// Dealt is how some packets were dealt, one behind the other: by one Dealer for all.
type Dealt struct {
	fresh  []freshDeal
	count  [maxWorkers]uint8            // of each reader's packets
	places [maxWorkers][mostDealt]uint8 // likewise: which they are, counted from 0
}

// mostDealt is more than are dealt at once.
const mostDealt = 1 << 8

// freshDeal tells whose a flow is that was nobody's before.
type freshDeal struct {
	flow FlowSum
	of   uint8 // one more than the reader
}

// Deal deals packets of flows, fewer than mostDealt, and notes in x, for any other dealer of
// the same packets, what it came to. What x was before is forgotten.
func (d *Dealer) Deal(x *Dealt, flows []FlowSum) {
	x.count, x.fresh = [maxWorkers]uint8{}, x.fresh[:0]
	for i, flow := range flows {
		of := *d.owner(flow)
		if of == 0 {
			of = d.begin(x, flow)
		}
		reader := (of - 1) % maxWorkers // so that places of arrays need no check
		k := x.count[reader]
		x.places[reader][k] = uint8(i)
		x.count[reader] = k + 1
	}
	d.add(x)
}

// begin deals a flow that is nobody's yet, behind the packets of x.
func (d *Dealer) begin(x *Dealt, flow FlowSum) (of uint8) {
	before := d.dealt
	d.add(x)
	of = d.least() + 1
	d.dealt = before
	*d.owner(flow) = of
	x.fresh = append(x.fresh, freshDeal{flow, of})
	return of
}

// add counts the packets of x.
func (d *Dealer) add(x *Dealt) {
	for i := range d.n {
		d.dealt[i] += uint64(x.count[i])
	}
}

// Adopt deals the packets of x as they were dealt by another dealer.
func (d *Dealer) Adopt(x *Dealt) {
	d.add(x)
	for i := range x.fresh {
		*d.owner(x.fresh[i].flow) = x.fresh[i].of
	}
}

// Own returns which of the packets of x are the reader's own, counted from 0, in
// their order.
func (d *Dealer) Own(x *Dealt) []uint8 { return x.places[d.me][:x.count[d.me]] }
