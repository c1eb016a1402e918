package statemachine

// This file places departures that the capture lacks: a later segment of the
// same sender tells of them.

// unseenFIN places a FIN of y whose number is used up before its first
// captured copy: it left before the segment that uses it up, and before what
// that segment proves to have arrived, the handshake excepted. Whether the
// peer's FIN came first, if it came in the same gap, is then open.
func (r *resolution) unseenFIN(y Side) {
	k := r.usedUp(y)
	if k < 0 {
		return
	}
	fin := arrival{pos: r.lastOf(y, k) + 1, cause: k, rank: -1, order: orderFIN, event: SendFIN, proof: k, depart: true}
	if k == r.behind[y] {
		fin.proof = -1 // an octet may have taken that number
	}
	for i := range r.arrivals {
		switch a := &r.arrivals[i]; {
		case a.pos > k:
		case a.event == RecvFIN && a.pos >= fin.pos:
			f := r.lateFIN(y, k)
			if end, _, _ := r.fin(y.Peer()); f >= 0 && r.log[f].ack.Less(end) {
				fin.proof = f // the ACK of that time: the peer's FIN came later
				continue
			}
			a.proof, a.doubt, fin.proof, fin.doubt = -1, DoubtOrder, -1, DoubtOrder
			if f >= 0 || r.answeredTwice(y, k) {
				fin.pos, fin.rank, fin.order = a.pos, a.rank, orderFIN+1
			}
		case a.handshake() && a.pos >= fin.pos:
			fin.pos, fin.rank = a.pos, a.rank
		}
	}
	r.arrivals = append(r.arrivals, fin)
}

// usedUp returns the first segment of y behind the number of its FIN that was
// captured before any copy of that FIN; -1 when there is none.
func (r *resolution) usedUp(y Side) int {
	end, first, _ := r.fin(y)
	if r.ends[y].is(hasFIN) {
		return -1
	}
	for k := 0; k < first; k++ {
		if o := &r.log[k]; r.from(y, k) && o.plain() && o.seq == end && o.flags.Has(ACK) {
			return k
		}
	}
	if j := r.ackedBeforehand(y.Peer(), first, end); j >= 0 {
		return j
	}
	return r.behind[y]
}

// behindLostFIN returns the first segment of x that begins one number behind
// all that x was seen to send, where nothing ever shows what took that number:
// in a connection that is closing it was a FIN that died before the tap. A pure
// ACK and a RST with ACK bear SND.NXT (RFC 9293 §3.10.5, §3.10.7.4). It is -1
// when there is none.
func (r *resolution) behindLostFIN(x Side) int {
	e := &r.c.ends[x]
	if e.is(hasFIN) || !e.is(hasNxt) || r.c.flags&sawRST == 0 && !r.closes(x.Peer()) || r.closes(x) {
		return -1
	}
	for k := range r.log {
		o := &r.log[k]
		if !r.from(x, k) || !o.flags.Has(ACK) || o.flags.Has(SYN) || o.seq != o.end {
			continue
		}
		if o.isRST() && o.seq == e.nxt.Add(1) {
			return k
		}
		if !o.plain() || !o.is(skips) || o.seq != e.nxt {
			continue
		}
		if p := r.lastOf(x, k); p >= 0 && !r.log[p].isRST() || p < 0 && !r.acknowledged(x, o.seq) {
			return k
		}
	}
	return -1
}

// acknowledged reports that x's peer acknowledged all numbers of x below end,
// whether the capture shows them or not.
func (r *resolution) acknowledged(x Side, end Seq) bool {
	for i := range r.log {
		if o := &r.log[i]; r.from(x.Peer(), i) && o.flags.Has(ACK) && end.LessEq(o.ack) {
			return true
		}
	}
	return false
}

// closes reports that a FIN of x was captured.
func (r *resolution) closes(x Side) bool {
	for i := range r.log {
		if r.from(x, i) && r.log[i].isFIN() {
			return true
		}
	}
	return r.c.ends[x].is(hasFIN)
}

// lateFIN returns the first captured copy of y's FIN, captured behind its later
// segment k, when it left before that: by its timestamp (RFC 7323 §4.3), or by its
// IP ID where that is k's predecessor. Its ACK field is then what y had got when
// it closed. It is -1 when there is none, or nothing tells.
func (r *resolution) lateFIN(y Side, k int) int {
	_, first, _ := r.fin(y)
	if first <= k {
		return -1
	}
	e, o := &r.log[first], &r.log[k]
	switch {
	case e.is(hasTS) && o.is(hasTS):
		if int32(o.tsval-e.tsval) > 0 {
			return first
		}
	case e.is(hasIPID) && o.is(hasIPID) && e.ipid != 0 && o.ipid != 0 && o.ipid == e.ipid+1:
		return first
	}
	return -1
}

// answeredTwice reports that the peer's FIN presumably reached y before y's
// own FIN left, of which only the later segment k tells: the peer sent its
// FIN, or something else, again long after the first copy, and that is what
// segment k answers. A pure ACK that can only answer the first copy was sent
// when that arrived, behind y's own FIN; and so was one that answers a later
// copy without the DSACK that a second arrival draws (RFC 2883 §4).
func (r *resolution) answeredTwice(y Side, k int) bool {
	_, first, _ := r.fin(y.Peer())
	sack := r.ends[y].is(sacks) && r.ends[y.Peer()].is(sacks)
	if first >= 0 && sack && !r.reportedTwice(y, k, &r.log[first]) {
		return false
	}
	if first >= 0 && r.log[k].is(skips) && r.log[k].is(follows) && r.tellsTwice(k, &r.log[first]) {
		return true
	}
	for i := first + 1; first >= 0 && i < k; i++ {
		o := &r.log[i]
		if !r.from(y.Peer(), i) || o.seq == o.end {
			continue
		}
		if o.at.Time-r.log[first].at.Time > r.grace(y) || o.isFIN() && r.log[k].at.Time-r.log[first].at.Time > r.grace(y) {
			return true
		}
	}
	return false
}
