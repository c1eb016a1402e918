package statemachine

// triage withdraws departures that the same sender contradicts later: they
// were forged, or came out of an earlier incarnation.
func (r *resolution) triage() {
	r.gone, r.forged = 0, 0
	for i := range r.log {
		e := &r.log[i]
		if !e.live() {
			continue
		}
		switch {
		case e.unsendable():
			r.forged |= 1 << i
		case e.isRST() && !r.answersSYN(i) && r.contradictedRST(i) && r.answeredAsClosed(i) >= 0:
			r.forged |= 1 << i
		case e.isRST() && (!r.answersSYN(i) && r.contradictedRST(i) || r.beyondWindow(i)):
			r.gone |= 1 << i
		case e.isFIN() && (r.contradictedFIN(i) || r.farFIN(i)):
			r.gone |= 1 << i
		case e.isFIN() && r.outrun(i):
			r.forged |= 1 << i
		case e.isSYNACK() && r.strangeSYNACK(i):
			r.gone |= 1 << i
		}
	}
}

// answersSYN reports that the RST at i refuses a SYN-ACK with an ACK that its
// sender cannot accept: the attempt goes on (RFC 9293 §3.10.7.3 step 1).
func (r *resolution) answersSYN(i int) bool {
	e := &r.log[i]
	x := &r.ends[e.side()]
	for k := i - 1; k >= 0 && !e.flags.Has(ACK); k-- {
		o := &r.log[k]
		if o.side() != e.side() && o.live() && o.flags.Has(ACK) && o.ack == e.seq {
			return x.state <= SynReceived && (o.ack.LessEq(x.iss) || x.nxt.Less(o.ack))
		}
	}
	return false
}

// beyondWindow reports that the RST at i lies beyond all numbers that its
// receiver has ever offered to take: its sender cannot have got that far, unless
// the receiver itself says so.
func (r *resolution) beyondWindow(i int) bool {
	e := &r.log[i]
	x, y := &r.ends[e.side()], &r.ends[e.side().Peer()]
	return x.is(hasNxt|hasISS) && y.is(hasACK|hasISS) && x.nxt.Less(e.seq) && y.right.LessEq(e.seq) && y.right.Less(e.seq.Add(1)) &&
		!r.unseenExact(e.side().Peer(), i)
}

// farFIN reports that the FIN at i lies beyond all numbers that its receiver
// has ever offered to take, was not acknowledged, and is followed by a RST of
// its sender below it: that would bear the number behind the FIN (RFC 9293
// §3.10.5).
func (r *resolution) farFIN(i int) bool {
	e := &r.log[i]
	x, y := &r.ends[e.side()], &r.ends[e.side().Peer()]
	if !x.is(hasISS) || !y.is(hasACK|hasISS) || x.is(hasScale) != y.is(hasScale) || !y.right.Less(e.seq) || !y.ack.Less(e.end) {
		return false
	}
	for k := i + 1; k < len(r.log); k++ {
		if o := &r.log[k]; o.side() == e.side() && o.live() && o.isRST() && o.seq.Less(e.seq) {
			return true
		}
	}
	return false
}

// overtaking is how long after a RST a segment that left before it may still
// pass the tap.
const overtaking Time = 2e6

// contradictedRST reports that the sender of the RST at i made new progress
// after it: numbers beyond all that it had sent, or, once what was overtaken
// must have passed, a higher ACK or a newer timestamp.
func (r *resolution) contradictedRST(i int) bool {
	e := &r.log[i]
	before := r.lastTS(e.side(), i)
	for k := i + 1; k < len(r.log); k++ {
		o := &r.log[k]
		if o.side() != e.side() || !o.live() || o.flags.Any(RST|SYN) {
			continue
		}
		if o.is(newEnd) && o.seq != o.end && (e.seq.Less(o.end) || e.maxEnd.Less(e.seq)) {
			return true
		}
		if o.at.Time-e.at.Time < overtaking {
			continue
		}
		if o.is(newAck) || o.is(hasTS) && before != nil && int32(o.tsval-before.tsval) > 0 {
			return true
		}
	}
	return false
}

// lastTS returns the last entry of s before i with timestamps, or nil.
func (r *resolution) lastTS(s Side, i int) *entry {
	for k := i - 1; k >= 0; k-- {
		if o := &r.log[k]; o.side() == s && o.live() && o.is(hasTS) {
			return o
		}
	}
	return nil
}

// contradictedFIN reports that the sender of the FIN at i went on behind it:
// payload beyond its number, a FIN elsewhere, or an ACK of the peer beyond.
func (r *resolution) contradictedFIN(i int) bool {
	e := &r.log[i]
	x := e.side()
	if r.ends[x].is(hasFIN) && r.ends[x].finEnd == e.end {
		return false
	}
	taken := r.ackedAt(x.Peer(), e.end)
	for k := i + 1; k < len(r.log); k++ {
		o := &r.log[k]
		if !o.live() {
			continue
		}
		if o.side() != x {
			if o.is(evidence) && e.end.Less(o.ack) {
				return true
			}
			continue
		}
		if o.flags.Any(SYN | RST) {
			continue
		}
		if r.outruns(o, e) && (!taken || r.ackedBeyond(x.Peer(), e.end)) {
			return true
		}
		if o.isFIN() && o.end != e.end && !taken {
			return true
		}
	}
	// A FIN elsewhere that the peer took before makes this one the stranger.
	for k := 0; k < i; k++ {
		o := &r.log[k]
		if o.live() && o.side() == x && o.isFIN() && o.end != e.end && r.ackedAt(x.Peer(), o.end) && !taken {
			return true
		}
	}
	return r.ends[x].is(hasFIN) && r.ends[x].finEnd != e.end
}

// strangeSYNACK reports that the SYN-ACK at i acknowledges no SYN in the log,
// and that another of the same side answers a SYN that was captured before the
// first was refused, as its timestamp tells (RFC 7323 §4.1): the end was in
// LISTEN all the while.
func (r *resolution) strangeSYNACK(i int) bool {
	e := &r.log[i]
	x := e.side().Peer()
	refused := len(r.log)
	for k := range r.log {
		o := &r.log[k]
		if o.side() != x || !o.live() {
			continue
		}
		if o.isSYN() && o.seq.Less(e.ack) && e.ack.LessEq(o.end) {
			return false
		}
		if k > i && o.isRST() && o.seq == e.ack {
			refused = min(refused, k)
		}
	}
	for j := i + 1; j < len(r.log); j++ {
		a := &r.log[j]
		if a.side() == x || !a.live() || !a.isSYNACK() || a.seq == e.seq || !a.is(hasTS) {
			continue
		}
		for k := 0; k < refused; k++ {
			if o := &r.log[k]; o.side() == x && o.isSYN() && o.is(hasTS) && o.tsval == a.tsecr {
				return true
			}
		}
	}
	return false
}

// outruns reports that o carries payload beyond the FIN of e.
func (r *resolution) outruns(o, e *entry) bool {
	return o.is(payload) && e.end.Less(o.end) && !o.flags.Any(SYN|RST)
}

// outrun reports that the sender of the FIN at i sent payload behind it: it
// never sent that FIN, though the peer may have taken it.
func (r *resolution) outrun(i int) bool {
	e := &r.log[i]
	for k := i + 1; k < len(r.log); k++ {
		if o := &r.log[k]; o.side() == e.side() && o.live() && r.outruns(o, e) {
			return true
		}
	}
	return false
}

// ackedAt reports that y acknowledged exactly the number n.
func (r *resolution) ackedAt(y Side, n Seq) bool {
	for k := range r.log {
		if o := &r.log[k]; o.side() == y && o.live() && o.flags.Has(ACK) && o.ack == n {
			return true
		}
	}
	return false
}

// ackedBeyond reports that y acknowledged numbers beyond n.
func (r *resolution) ackedBeyond(y Side, n Seq) bool {
	return r.ends[y].is(hasACK) && n.Less(r.ends[y].ack)
}
