package statemachine

// This file takes ICMP errors that quote a segment. They are no segments, but
// an end that hears of one about its SYN gives up.

// Quote takes an ICMP error, captured at at, about a segment that side is said
// to have sent with the number seq. fatal tells an error that ends an attempt
// to open. It reports whether side can have sent that segment (RFC 5927 §4.1);
// if not, the error is forged or of another time, and has no effect.
func (m *Machine) Quote(c *Conn, at Moment, side Side, seq Seq, fatal bool) bool {
	m.begin()
	x := &c.ends[side]
	if !x.is(hasNxt) || x.nxt.Less(seq) || x.is(hasISS) && seq.Less(x.iss) {
		return false
	}
	if fatal && x.is(hasISS) && seq == x.iss {
		e := entry{at: at, seq: seq, ack: seq, end: seq, maxEnd: seq, bits: void | quotes}
		if side == Client {
			e.bits |= byServer
		}
		m.push(c, &e)
	}
	return true
}

// arrivalOfICMP: an end that sent nothing more after the error took it. RFC
// 9293 §3.9.2.2 has hard errors end the attempt and soft ones (net or host
// unreachable, time exceeded) be remembered; Departure: hosts end it at all of
// them (RFC 5461 §4), which an end that sends its SYN again contradicts.
func (r *resolution) arrivalOfICMP(y Side) {
	for i := range r.log {
		e := &r.log[i]
		if !e.isQuote() || e.side() == y {
			continue
		}
		taken := true
		for j := i + 1; j < len(r.log) && taken; j++ {
			if o := &r.log[j]; r.from(y, j) && !o.isRST() && o.at.Time > e.at.Time+r.grace(y) {
				taken = false
			}
		}
		if taken {
			r.add(len(r.log), i, orderRST, RecvICMP, -1)
			return
		}
	}
}

// lastPlace returns the last segment before entry i; the entry itself when
// there is none.
func (r *resolution) lastPlace(i int) uint64 {
	for k := i - 1; k >= 0; k-- {
		if !r.log[k].isQuote() {
			return r.log[k].at.Packet
		}
	}
	return r.log[i].at.Packet
}
