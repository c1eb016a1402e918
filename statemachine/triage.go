package statemachine

// triage withdraws departures that the same sender contradicts later: they
// were forged, or came out of an earlier incarnation.
func (r *resolution) triage() {
	r.gone = 0
	for i := range r.log {
		e := &r.log[i]
		if !e.live() {
			continue
		}
		if e.isRST() && r.contradictedRST(i) || e.isFIN() && r.contradictedFIN(i) {
			r.gone |= 1 << i
		}
	}
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
		if o.is(newEnd) && e.seq.Less(o.end) && o.seq != o.end {
			return true
		}
		if o.at.Time-e.at.Time < max(overtaking, r.ends[e.side()].resp) {
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
		if o.is(payload) && e.end.Less(o.end) && (!taken || r.ackedBeyond(x.Peer(), e.end)) {
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
