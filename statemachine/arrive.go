package statemachine

// This file finds the arrivals at one end: which segments of the peer had an
// effect on its state, and where. RFC 9293 §3.10.7 says what the effect is;
// the transition table holds it.

// The order of the effects of one segment (RFC 9293 §3.10.7.4: step 2 RST,
// step 4 SYN, step 5 ACK, step 8 FIN).
const (
	orderRST = iota
	orderSYN
	orderACK
	orderFIN
)

// findArrivals lists the arrivals at y.
func (r *resolution) findArrivals(y Side) {
	if r.c.flags&sawSYN != 0 {
		r.arrivalsOfSYN(y)
		r.arrivalOfSYNACK(y)
		r.arrivalOfThirdACK(y)
	}
	r.arrivalOfACKOfFIN(y)
	r.arrivalOfFIN(y)
	r.arrivalsOfRST(y)
	r.arrivalOfICMP(y)
	r.unseenSYN(y)
	r.unseenFIN(y)
}

// add enters an arrival.
func (r *resolution) add(pos, cause, order int, ev Event, proof int) {
	r.arrivals = append(r.arrivals, arrival{pos: pos, cause: cause, rank: cause, order: order, event: ev, proof: proof})
}

// unseenSYN places the SYN of y that its own SYN-ACK overtook on the way to
// the tap, or that only the SYN-ACK tells of: it left before all else.
func (r *resolution) unseenSYN(y Side) {
	hidden := r.ends[y].is(synMissing) && r.c.ends[y].state == Unknown
	sent := arrival{rank: -1, event: SendSYN, proof: -1, depart: true}
	for k := range r.log {
		if !r.from(y, k) || !r.log[k].isSYNACK() {
			continue
		}
		if hidden || r.laterSYN(y, k) {
			if hidden {
				sent.doubt = DoubtSYN
			}
			sent.cause = k
			r.arrivals = append(r.arrivals, sent)
			return
		}
	}
}

// arrivalsOfSYN: only y's answer shows that a SYN arrived, the SYN-ACK with
// its number. Each ISN is a case of its own: an old duplicate is answered too
// (RFC 9293 §3.5, figure 9).
func (r *resolution) arrivalsOfSYN(y Side) {
	x := y.Peer()
	for i := range r.log {
		e := &r.log[i]
		if !r.from(x, i) || !e.isSYN() || r.earlierSYN(x, i) {
			continue
		}
		c := -1
		for j := i + 1; j < len(r.log) && c < 0; j++ {
			o := &r.log[j]
			if r.from(y, j) && o.isSYNACK() && e.seq.Less(o.ack) && o.ack.LessEq(e.end) {
				c = j
			}
		}
		if j := r.firstACK(y, i, c); j >= 0 && r.c.flags&bothOpened != 0 && e.seq == r.ends[x].iss {
			r.crossedSYN(y, i, j, c)
			continue
		}
		if c < 0 {
			continue
		}
		// The answer follows at once: whatever else precedes it came first.
		cause, _ := r.chosen(y, i, c)
		r.arrivals = append(r.arrivals, arrival{pos: c, cause: cause, rank: c, order: orderSYN, event: RecvSYN, proof: c})
	}
}

// firstACK returns y's first ordinary segment behind entry i that acknowledges
// its SYN, where it was captured before the SYN-ACK at c, or that one never
// was; -1 otherwise.
func (r *resolution) firstACK(y Side, i, c int) int {
	for j := i + 1; j < len(r.log); j++ {
		if j == c {
			return -1
		}
		if o := &r.log[j]; r.from(y, j) && !o.flags.Any(SYN|RST) && r.tells(y, j) && r.log[i].end.LessEq(o.ack) {
			return j
		}
	}
	return -1
}

// crossedSYN places the arrival of the SYN at i at an end y that had sent its
// own, and whose SYN-ACK came to the tap behind y's first ordinary segment j,
// at c, or died (-1). That y sent one is also shown by the DSACK of a SYN that
// arrived twice, once by itself and once in the SYN-ACK (RFC 2883 §4). A gap
// in the IP IDs between y's SYN and j, beyond the ACK that opens the talk, makes
// it presumed.
func (r *resolution) crossedSYN(y Side, i, j, c int) {
	a := arrival{pos: j, cause: i, rank: i, order: orderSYN, event: RecvSYN, proof: c}
	for k := j; k < len(r.log) && a.proof < 0; k++ {
		if o := &r.log[k]; r.from(y, k) && o.is(dsack) && o.lo == r.log[i].seq && o.hi == r.log[i].end {
			a.proof = k
		}
	}
	if a.proof < 0 && r.missing(y, j) == 0 {
		return
	}
	r.arrivals = append(r.arrivals, a)
}

// missing returns how many segments of y, by their IP IDs, left between its SYN
// and its first ordinary segment j, and died before the tap; the ACK that
// precedes payload is not counted. It is 0 where the IDs do not tell.
func (r *resolution) missing(y Side, j int) int {
	p, o := r.lastOf(y, j), &r.log[j]
	if p < 0 || !r.log[p].isSYN() || !o.is(hasIPID) || o.ipid == 0 || r.log[p].ipid == 0 {
		return 0
	}
	n := int(o.ipid-r.log[p].ipid) - 1
	if o.is(payload) {
		n--
	}
	if n < 0 || n > 16 {
		return 0
	}
	return n
}

// earlierSYN reports that entry i repeats a SYN before it.
func (r *resolution) earlierSYN(x Side, i int) bool {
	for k := 0; k < i; k++ {
		if r.from(x, k) && r.log[k].isSYN() && r.log[k].seq == r.log[i].seq {
			return true
		}
	}
	return false
}

// arrivalOfSYNACK: never merely presumed; y's first ordinary segment that
// acknowledges its number shows it. In a simultaneous open a FIN before the
// first plain ACK left from SYN-RECEIVED.
func (r *resolution) arrivalOfSYNACK(y Side) {
	x := y.Peer()
	me := &r.ends[y]
	if !me.is(hasISS) {
		return
	}
	for i := range r.log {
		e := &r.log[i]
		if !r.from(x, i) || !e.isSYNACK() || e.seq != r.ends[x].iss || !me.iss.Less(e.ack) || me.nxt.Less(e.ack) {
			continue
		}
		both := r.c.flags&bothOpened != 0
		c := -1
		for j := i + 1; j < len(r.log) && c < 0; j++ {
			o := &r.log[j]
			if !r.from(y, j) || !o.flags.Has(ACK) || o.flags.Has(SYN) || both && !o.plain() && !r.echoes(j, i) {
				continue
			}
			if d := o.ack.Sub(e.seq); d >= 1 && d < plausible {
				c = j
			}
		}
		if c < 0 {
			continue
		}
		i, _ := r.chosen(y, i, c)
		pos := max(i, r.lastOf(y, c)) + 1
		if both {
			pos = c
		}
		r.add(pos, i, orderSYN, RecvSYNACK, c)
		return
	}
}

// echoes reports that entry j echoes the timestamp of entry i, which no
// segment carried that its sender had sent before (RFC 7323 §4.1). One that comes
// to the tap later was sent before where its ACK field is lower.
func (r *resolution) echoes(j, i int) bool {
	o, e := &r.log[j], &r.log[i]
	if !o.is(hasTS) || !e.is(newTS) || o.tsecr != e.tsval {
		return false
	}
	for k := i + 1; k < j; k++ {
		if f := &r.log[k]; r.from(e.side(), k) && f.is(hasTS) && f.tsval == e.tsval && f.ack.Less(e.ack) {
			return false
		}
	}
	return true
}

// arrivalOfThirdACK: y's payload, FIN or higher ACK speak for it, y's SYN-ACK
// again and a bare RST at its number against it. A plain ACK of y proves
// nothing: it may be a challenge.
func (r *resolution) arrivalOfThirdACK(y Side) {
	me := &r.ends[y]
	first, last := -1, -1
	for i := range r.log {
		if r.from(y, i) && r.log[i].isSYNACK() && r.log[i].seq == me.iss {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if !me.is(hasISS) || first < 0 && r.c.ends[y].state != SynReceived {
		return
	}
	cand := func(i int) bool { return r.acksAt(y, i, me.iss.Add(1)) && !r.refusedByRST(y, i) }
	proof := -1
	for j, seen := first+1, false; j < len(r.log) && proof < 0; j++ {
		seen = seen || cand(j)
		if seen && r.from(y, j) && r.provesThirdACK(y, j) {
			proof = j
		}
	}
	if proof >= 0 && last > proof {
		last = r.lastCopyBefore(y, first, proof)
	}
	r.arrivalOfACK(y, first, last, proof, RecvACKOfSYN, cand)
}

// lastCopyBefore returns the last copy of entry first before to.
func (r *resolution) lastCopyBefore(y Side, first, to int) int {
	last := first
	for k := first + 1; k >= 1 && k < to; k++ {
		if r.from(y, k) && first >= 0 && r.sameSent(first, k) {
			last = k
		}
	}
	return last
}

// acksAt reports that entry i, of y's peer, acknowledges target or beyond, not
// more than y has sent, and is an ordinary segment.
func (r *resolution) acksAt(y Side, i int, target Seq) bool {
	e := &r.log[i]
	return r.from(y.Peer(), i) && e.flags.Has(ACK) && !e.flags.Any(SYN|RST) &&
		target.LessEq(e.ack) && e.ack.LessEq(r.ends[y].nxt)
}

// arrivalOfACK places the effect of the ACK of y's SYN or FIN. first and last
// are the captured copies of what is acknowledged: while y sends it again no
// ACK of it has arrived. proof shows that one has, -1 for none.
func (r *resolution) arrivalOfACK(y Side, first, last, proof int, ev Event, cand func(int) bool) {
	to := len(r.log)
	if proof >= 0 {
		to = proof
	}
	before, after := -1, -1
	for i := first + 1; i < to; i++ {
		switch {
		case !cand(i):
		case i < last:
			before = i
		case after < 0:
			after = i
		}
	}
	i := after
	if before >= 0 {
		gap := r.log[last].at.Time - r.log[before].at.Time
		// It may have crossed y's repetition on the way.
		if after < 0 && (proof >= 0 || gap <= r.grace(y)) || gap <= r.ends[y].resp {
			i = before
		}
	}
	if i < 0 || proof < 0 && r.intoSilence(y, i) {
		return
	}
	pos := max(i+1, last+1, r.notBefore(y, i))
	if proof >= 0 {
		pos = min(pos, proof)
	}
	r.add(pos, i, orderACK, ev, proof)
}

// intoSilence reports that entry i was sent again and y, silent since before
// the first time, answered neither: the path may be dead.
func (r *resolution) intoSilence(y Side, i int) bool {
	again := false
	for k := i + 1; k < len(r.log); k++ {
		if r.from(y, k) {
			return false
		}
		again = again || r.counts(k) && r.sameSent(i, k)
	}
	return again
}
