package conform

import (
	"net/netip"

	"github.com/tcpstate/tcpstate/statemachine"
)

// passage ties a packet of one tap to the packet at its sender's own tap.
type passage struct {
	origin int  // index at the sender's tap, -1 when it never left there: forged, or put together on the way
	copy   bool // the same packet passed this tap before
}

// form is all of a packet that stays the same on its way.
type form struct {
	src, dst netip.AddrPort
	seg      statemachine.Segment
}

// stamp is what stays the same of an IPv4 packet that the wire rewrote.
type stamp struct {
	src, dst netip.AddrPort
	ipid     uint16
	flags    statemachine.Flags
	len      statemachine.Size
}

func (p *packet) form() form {
	f := form{p.src, p.dst, p.seg}
	f.seg.TTL = 0
	return f
}

func (p *packet) stamp() stamp {
	return stamp{p.src, p.dst, p.seg.IPID, p.seg.Flags, p.seg.Len}
}

// follow finds for every packet of tap the one at its sender's own tap: itself
// there, elsewhere the latest of the same form that left before. own are the taps of the two hosts,
// by the sender of each packet.
func follow(tap *sight, own func(*packet) *sight) []passage {
	type at struct {
		s *sight
		f form
	}
	type stampAt struct {
		s *sight
		f stamp
	}
	forms := map[at][]int{}
	stamps := map[stampAt][]int{}
	indexed := map[*sight]bool{}
	out := make([]passage, len(tap.packets))
	seen := map[at]map[int]bool{}
	for i := range tap.packets {
		p := &tap.packets[i]
		s := own(p)
		if s == nil {
			out[i].origin = -1
			continue
		}
		if s == tap {
			out[i].origin = i
			continue
		}
		if !indexed[s] {
			indexed[s] = true
			for k := range s.packets {
				o := &s.packets[k]
				if own(o) != s {
					continue
				}
				forms[at{s, o.form()}] = append(forms[at{s, o.form()}], k)
				if o.seg.HasIPID && o.seg.IPID != 0 {
					stamps[stampAt{s, o.stamp()}] = append(stamps[stampAt{s, o.stamp()}], k)
				}
			}
		}
		k := at{s, p.form()}
		out[i].origin = latest(s, forms[k], p.at)
		if out[i].origin < 0 && p.seg.HasIPID && p.seg.IPID != 0 {
			out[i].origin = latest(s, stamps[stampAt{s, p.stamp()}], p.at)
		}
		if o := out[i].origin; o >= 0 {
			k.f = s.packets[o].form()
			if seen[k] == nil {
				seen[k] = map[int]bool{}
			}
			if p.seg.Flags.Has(statemachine.RST) {
				o = firstOfBurst(s, forms[k], o, seen[k])
			}
			out[i].origin, out[i].copy = o, seen[k][o]
			seen[k][o] = true
		}
	}
	return out
}

// clockSlack is how much earlier than at its sender's tap a packet may seem to
// pass another one: the taps stamp in softirq context, on two processors.
const clockSlack statemachine.Time = 50e3

// burst is how closely RSTs of one form follow each other where they answer
// segments that came together. They pass a tap in the order of sending.
const burst statemachine.Time = 1e6

// firstOfBurst returns the first packet of the burst that ends with o and was
// not seen at the tap yet; o when all were.
func firstOfBurst(s *sight, list []int, o int, seen map[int]bool) int {
	first := o
	for k := len(list) - 1; k > 0; k-- {
		if list[k] > o {
			continue
		}
		if s.packets[list[k]].at-s.packets[list[k-1]].at > burst {
			break
		}
		if !seen[list[k-1]] {
			first = list[k-1]
		}
	}
	return first
}

// latest returns the last of the packets that left before at, -1 for none.
func latest(s *sight, list []int, at statemachine.Time) int {
	for k := len(list) - 1; k >= 0; k-- {
		if s.packets[list[k]].at <= at+clockSlack {
			return list[k]
		}
	}
	return -1
}
