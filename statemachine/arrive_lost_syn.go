package statemachine

// This file tells the SYN-ACK of an end that had sent a SYN of its own, which
// the capture lacks, from that of a listener.
//
// Departure: RFC 9293 §3.10.7.2 and §3.10.7.3 have both send the same. Linux
// answers out of LISTEN for a socket that it has yet to make, and out of
// SYN-SENT by its own SYN, to which it adds ACK. The first has a window of
// whole segments as the timestamps leave them room, and in IPv4 the IP ID 0;
// the second a window of whole segments of the full MSS, for when its SYN left
// nobody knew of timestamps yet, and an IP ID of its socket's count.

// stamp is the room that timestamps take in every segment (RFC 7323 appendix A).
const stamp = 12

// connecting reports that seg is a SYN-ACK of the form that Linux gives to that
// of a socket which had sent a SYN. Without timestamps the window is the same in
// both; then the IP ID alone tells, and the next one must confirm it (countsOn).
// Window scale and SACK-permitted in Linux's order keep other stacks out.
func connecting(seg *Segment) bool {
	o := &seg.Options
	if !seg.IsSYNACK() || !o.Has(OptMSS|OptScaleLate) || seg.HasIPID && seg.IPID == 0 {
		return false
	}
	mss, window := int(o.MSS), int(seg.Window)
	if mss <= stamp || window == 0 || window%mss != 0 {
		return false
	}
	if o.Has(OptTimestamp) {
		return o.TSEcr != 0 && window%(mss-stamp) != 0
	}
	return seg.HasIPID && o.WScale != 0
}

// lostSYN reports that entry i, the first SYN-ACK of y, shows that y had sent a
// SYN before: both ends opened (RFC 9293 §3.5, figure 7), and y's SYN died
// before the tap.
func (r *resolution) lostSYN(y Side, i int) bool {
	e := &r.log[i]
	if !e.is(connects) || e.seq != r.ends[y].iss || !r.answersCaptured(i) {
		return false
	}
	yes, known := r.countsOn(y, i)
	return yes || !known && e.is(hasTS)
}

// answersCaptured reports that a SYN of the peer was captured before the SYN-ACK of
// entry i and is what that acknowledges.
func (r *resolution) answersCaptured(i int) bool {
	for k := range i {
		if r.from(r.log[i].side().Peer(), k) && r.log[k].isSYN() && r.log[k].end == r.log[i].ack {
			return true
		}
	}
	return false
}

// fewLost is how far behind an IP ID the next captured one of the same socket
// may lie. What lies between was lost, or is captured later.
const fewLost = 16

// countsOn reports that y's next segment behind entry i has an IP ID of the
// same count; known is false where there is none, or it has no IP ID. A host
// that has no socket for what it answers sends the ID 0.
func (r *resolution) countsOn(y Side, i int) (yes, known bool) {
	e := &r.log[i]
	for k := i + 1; k < len(r.log); k++ {
		if o := &r.log[k]; r.from(y, k) && o.is(hasIPID) && o.ipid != 0 {
			d := int16(o.ipid - e.ipid)
			return e.is(hasIPID) && -fewLost <= d && d <= fewLost, true
		}
	}
	return false, false
}
