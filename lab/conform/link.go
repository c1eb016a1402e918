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
// there, elsewhere the latest of the same form that left before and has no other. own are the taps of the two hosts,
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
	passed := map[at][]int{} // indices of the tap's packets by form
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
		o := out[i].origin
		if o < 0 {
			continue
		}
		k.f = s.packets[o].form()
		if !p.seg.Flags.Has(statemachine.RST) {
			passed[k] = append(passed[k], i)
			continue
		}
		if seen[k] == nil {
			seen[k] = map[int]bool{}
		}
		o = firstOfBurst(s, forms[k], o, seen[k])
		out[i].origin, out[i].copy = o, seen[k][o]
		seen[k][o] = true
	}
	for k, arrivals := range passed {
		share(k.s, forms[k], out, arrivals)
	}
	return out
}

// underWay is how long a packet may be under way at most.
const underWay statemachine.Time = 60e6

// share gives packets of one form, by their indices at the tap in order, to those
// that left their sender, by the indices in list: the last one to the last that
// left before it, each before it to an earlier one that may have been under way at
// the same time. What is left over are copies; the first of them counts. Packets
// alike that left within a burst are copies too: the tap cannot tell.
func share(s *sight, list []int, out []passage, arrivals []int) {
	first := map[int]int{} // the first arrival by origin
	for n := len(arrivals) - 1; n >= 0; n-- {
		w := &out[arrivals[n]]
		for k := len(list) - 1; k >= 0; k-- {
			o := list[k]
			if o > w.origin {
				continue
			}
			d := s.packets[w.origin].at - s.packets[o].at
			if d > underWay {
				break
			}
			if _, taken := first[o]; !taken && (d == 0 || d > burst) {
				w.origin = o
				break
			}
		}
		if later, taken := first[w.origin]; taken {
			out[later].copy = true
		}
		first[w.origin] = arrivals[n]
	}
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
