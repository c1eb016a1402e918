package statemachine

// resolution is the reading of one log: both ends run through the transition
// table over their own departures and the peer's arrivals, each arrival at
// the place that the evidence gives it (evidence.go, arrive.go). It is made
// anew whenever a word is wanted, with the hindsight of the whole log.
type resolution struct {
	m        *Machine
	c        *Conn
	log      []entry
	ends     [2]end
	place    [2]uint64 // of the latest step of each end: steps of one end never go back
	gone     uint32    // entries without any effect, by index
	forged   uint32    // FINs that their sender never sent, though they may have been taken
	arrivals []arrival
	steps    []Step
	unsure   bool // a later segment may still change a word
}

// arrival is an event at an end with its place: before entry pos of the log.
type arrival struct {
	pos    int // 0 to len(log)
	cause  int // index of the segment; -1 for none in the log
	rank   int // among arrivals at one place; the cause unless the evidence says otherwise
	order  int // among the effects of one segment
	event  Event
	proof  int // index of the proving entry, -1 for presumed
	depart bool
}

// resolve reads the log of c. The result stands in m.res until the next call.
func (m *Machine) resolve(c *Conn) *resolution {
	r := &m.res
	r.m, r.c, r.log = m, c, c.log
	r.ends = c.ends
	r.steps = r.steps[:0]
	r.place = [2]uint64{}
	r.unsure = false
	r.triage()
	for s := Client; s <= Server; s++ {
		r.beginnings(s)
	}
	for s := Client; s <= Server; s++ {
		if !r.oldAttempt(s) {
			r.run(s)
		}
	}
	r.sortSteps()
	return r
}

// beginnings gives an end of which nothing is settled the state in which the
// log finds it (RFC 9293 §3.3.2): CLOSED for one that opens or refuses,
// LISTEN for one that answers a SYN with SYN-ACK.
func (r *resolution) beginnings(y Side) {
	e := &r.ends[y]
	if e.state != Unknown {
		return
	}
	synOfPeer, refused := false, false // what came before
	for i := range r.log {
		o := &r.log[i]
		if !o.live() {
			continue
		}
		if o.side() != y {
			synOfPeer = synOfPeer || o.isSYN()
			continue
		}
		switch {
		case o.isSYN():
			e.state, e.open = Closed, active
			return
		case o.isSYNACK() && r.laterSYN(y, i):
			e.state, e.open = Closed, active
			return
		case o.isSYNACK():
			e.state, e.open = Listen, passive
			return
		case o.isRST():
			refused = refused || synOfPeer
		default:
			return
		}
	}
	if refused {
		e.state = Closed
	}
}

// laterSYN reports a SYN without ACK of y behind entry i with the ISN of
// entry i: the SYN-ACK overtook it on the way to the tap.
func (r *resolution) laterSYN(y Side, i int) bool {
	for k := i + 1; k < len(r.log); k++ {
		if r.from(y, k) && r.log[k].isSYN() && r.log[k].seq == r.log[i].seq {
			return true
		}
	}
	return false
}

// oldAttempt reports that the connection's SYN was an old duplicate: its
// sender refused the answer to it, having opened with another ISN before, or
// opening with one at once (RFC 9293 §3.5, figure 8). Such an end never was in
// this connection.
func (r *resolution) oldAttempt(y Side) bool {
	h := r.c.heirs[y]
	if h.by.Packet == 0 || h.proof != 0 || r.c.ends[y].state != Unknown {
		return false
	}
	for i := range r.log {
		e := &r.log[i]
		if r.from(y, i) && !e.flags.Any(SYN) && !e.isRST() {
			return false
		}
		if r.from(y, i) && e.isRST() && !e.flags.Has(ACK) && e.seq == r.ends[y].iss.Add(1) &&
			h.by.Time-e.at.Time < oldDuplicate {
			return true
		}
	}
	return false
}

// run takes end y through the log.
func (r *resolution) run(y Side) {
	r.arrivals = r.arrivals[:0]
	r.findArrivals(y)
	sortArrivals(r.arrivals)
	next := 0
	for p := 0; p <= len(r.log); p++ {
		over := p == len(r.log) || r.log[p].at.Packet > r.c.heirs[y].by.Packet
		for ; next < len(r.arrivals) && r.arrivals[next].pos <= p; next++ {
			a := &r.arrivals[next]
			if over && r.log[a.cause].at.Packet > r.c.heirs[y].by.Packet {
				r.giveWay(y)
			}
			r.arrive(y, a)
		}
		if over {
			r.giveWay(y)
		}
		if p < len(r.log) && r.from(y, p) {
			r.depart(y, p)
		}
	}
	r.giveWayToo(y)
}

// giveWay ends a connection whose four-tuple was taken over: the end that
// sent a new SYN had no connection any more (RFC 9293 §3.5.1, §3.6.1).
func (r *resolution) giveWay(y Side) {
	h := r.c.heirs[y]
	if h.by.Packet == 0 || h.proof != 0 {
		return
	}
	r.lose(y, Step{Cause: h.by, Place: h.by.Packet, Side: y, Certainty: Witnessed})
}

// giveWayToo ends the connection of an end that answered the new SYN with a
// SYN-ACK, after all else that it did.
func (r *resolution) giveWayToo(y Side) {
	h := r.c.heirs[y]
	if h.by.Packet == 0 || h.proof == 0 {
		return
	}
	r.lose(y, Step{Cause: h.by, Place: h.by.Packet, Side: y, Certainty: Proven, Proof: h.proof})
}

// lose makes the step of an end that forgot its connection, or left it to a
// new one out of TIME-WAIT.
func (r *resolution) lose(y Side, s Step) {
	s.Event = StateLost
	if st := r.ends[y].state; st == TimeWait {
		s.Event = Reuse
	}
	r.step(s)
}

// arrive applies an arrival.
func (r *resolution) arrive(y Side, a *arrival) {
	e := &r.log[a.cause]
	s := Step{Cause: e.at, Place: e.at.Packet, Side: y, Event: a.event, Certainty: Presumed}
	if a.proof >= 0 {
		s.Certainty, s.Proof = Proven, r.log[a.proof].at.Packet
	}
	if k := r.lastOf(y, a.pos); k >= 0 && s.Place < r.log[k].at.Packet {
		s.Place = r.log[k].at.Packet
	}
	switch a.event {
	case RecvRST:
		if !r.acceptsRST(y, a.cause, a.pos) {
			return
		}
	case RecvSYN, RecvSYNACK:
		s.Number, s.NumberKind = e.seq, ISNNumber
	case RecvFIN:
		s.Number, s.NumberKind = r.finNumber(y.Peer()), FINNumber
	case SendFIN:
		s.Number, s.NumberKind = r.finNumber(y), FINNumber
	case SendSYN:
		s.Number, s.NumberKind = r.ends[y].iss, ISNNumber
		s.Certainty, s.Proof = Witnessed, 0
	}
	if r.step(s) {
		switch a.event {
		case RecvFIN:
			r.ends[y].has |= tookFIN
		case SendFIN:
			r.ends[y].has |= hasFIN
			r.ends[y].finEnd = s.Number.Add(1)
		}
		if a.proof < 0 && !a.depart {
			r.unsure = true
		}
	}
}

// finNumber returns the number that the FIN of x takes.
func (r *resolution) finNumber(x Side) Seq {
	end, _, _ := r.fin(x)
	return end - 1
}

// depart applies what sending entry p shows of its sender.
func (r *resolution) depart(y Side, p int) {
	e := &r.log[p]
	x := &r.ends[y]
	s := Step{Cause: e.at, Place: e.at.Packet, Side: y, Certainty: Witnessed}
	switch {
	case e.isSYN():
		if x.is(hasISS) && e.seq == x.iss {
			s.Event, s.Number, s.NumberKind = SendSYN, e.seq, ISNNumber
			if r.disowned(y, p) {
				s.Certainty = Presumed
			}
			if x.state == Closed || x.state == Unknown || x.state == Listen {
				r.step(s)
			}
		}
	case e.isSYNACK():
		s.Event, s.Number, s.NumberKind = SendSYNACK, e.seq, ISNNumber
		r.step(s)
	case e.isRST():
		r.departRST(y, p, s)
	case e.isFIN() && r.forged&(1<<p) != 0:
	case e.isFIN():
		r.selfEvident(y, p)
		s.Event, s.Number, s.NumberKind = SendFIN, e.end-1, FINNumber
		if r.step(s) {
			x.has |= hasFIN
			x.finEnd = e.end
		}
	default:
		r.selfEvident(y, p)
	}
}

// disowned reports that the sender of the SYN at p refused the answer to it
// by a bare RST: its attempt was over by then, or the SYN was not its own.
func (r *resolution) disowned(y Side, p int) bool {
	for i := p + 1; i < len(r.log); i++ {
		e := &r.log[i]
		if !r.from(y, i) || e.flags.Has(SYN) {
			continue
		}
		return e.isRST() && !e.flags.Has(ACK) && e.seq == r.log[p].seq.Add(1)
	}
	return false
}

// selfEvident makes the steps that the sender of an ordinary segment must
// have made before, where no captured segment brought them.
func (r *resolution) selfEvident(y Side, p int) {
	e := &r.log[p]
	x := &r.ends[y]
	s := Step{Cause: e.at, Place: e.at.Packet, Side: y, Certainty: Witnessed}
	switch {
	case x.state == Unknown && e.plain():
		s.Event, s.Certainty = SendSynchronized, Presumed
	case x.state == SynSent && e.flags.Has(ACK) && r.beyondISN(y.Peer(), e.ack):
		s.Event = RecvSYNACK
	case x.state == SynReceived && r.provesThirdACK(y, p):
		s.Event = RecvACKOfSYN
	case x.state == TimeWait && e.plain():
		x.since = e.at.Time // RFC 9293 §3.10.7.4 step 8: restart the 2MSL time-out
		return
	default:
		return
	}
	r.step(s)
}

// beyondISN reports that ack covers the SYN of x, as far as it is known.
func (r *resolution) beyondISN(x Side, ack Seq) bool {
	e := &r.ends[x]
	return !e.is(hasISS) || e.iss.Less(ack)
}

// provesThirdACK reports that an end in SYN-RECEIVED can have sent entry p
// only after the ACK of its SYN: payload or FIN, or an ACK beyond the SYN.
// With Fast Open (RFC 7413 §4.2) and in a simultaneous open payload and FIN
// prove nothing.
func (r *resolution) provesThirdACK(y Side, p int) bool {
	e := &r.log[p]
	if !e.flags.Has(ACK) || e.flags.Has(SYN) {
		return false
	}
	x := &r.ends[y.Peer()]
	if r.tells(y, p) && x.is(hasISS) && r.synEnd(y.Peer()).Less(e.ack) {
		return true
	}
	return !e.isRST() && (e.is(payload) || e.isFIN()) && r.c.flags&(fastOpen|bothOpened) == 0
}

// synEnd returns the number behind the SYN of x and the data on it that were
// acknowledged with it.
func (r *resolution) synEnd(x Side) Seq {
	end := r.ends[x].iss.Add(1)
	if r.c.flags&fastOpen == 0 {
		return end
	}
	for i := range r.log {
		if e := &r.log[i]; e.side() != x && e.live() && e.isSYNACK() && end.Less(e.ack) {
			end = e.ack
		}
	}
	return end
}

// departRST applies the departure of a RST (RFC 9293 §3.10.5, §3.10.7.1). One
// that only answers an unacceptable ACK in SYN-SENT or SYN-RECEIVED is no end
// of the attempt (§3.10.7.3, §3.10.7.4).
func (r *resolution) departRST(y Side, p int, s Step) {
	e := &r.log[p]
	x := &r.ends[y]
	if (x.state == SynSent || x.state == SynReceived) && !e.flags.Has(ACK) && r.answersBadACK(y, p) {
		return
	}
	if x.state == Closed || x.state == Listen {
		return
	}
	if x.state == Unknown && x.has&hasNxt == 0 {
		// It never sent anything else: it had no connection to lose.
		x.state, x.cert = Closed, Witnessed
		return
	}
	s.Event = SendRST
	if x.is(hasNxt) && x.nxt.Less(e.seq) || r.unstamped(y, p) {
		s.Certainty = Presumed
	}
	if w := Time(r.m.cfg.FinWait2); x.state == FinWait2 && w > 0 && e.at.Time-x.since >= w && !e.flags.Has(ACK) {
		s = Step{Cause: Moment{Time: x.since + w}, Place: e.at.Packet, Side: y, Event: FinWait2Timeout, Certainty: ByTimer}
	}
	r.step(s)
}

// unstamped reports that the RST at p lacks the timestamps that its sender
// puts on every other segment though it answers none: a live stack would have
// put them here too (RFC 7323 §3.2 allows, Linux does).
func (r *resolution) unstamped(y Side, p int) bool {
	e := &r.log[p]
	return e.flags.Has(ACK) && !e.is(hasTS) && r.ends[y].is(hasTSVal) && r.ends[y.Peer()].is(hasTSVal)
}

// answersBadACK reports that the RST at p takes its number from an ACK of the
// peer that the end cannot accept.
func (r *resolution) answersBadACK(y Side, p int) bool {
	e := &r.log[p]
	x := &r.ends[y]
	for i := p - 1; i >= 0; i-- {
		o := &r.log[i]
		if o.side() == y || !o.live() || !o.flags.Has(ACK) || o.ack != e.seq {
			continue
		}
		return o.ack.LessEq(x.iss) || x.nxt.Less(o.ack)
	}
	return false
}

// step takes the end of s through the transition table and records the step.
// It reports whether the table has a row.
func (r *resolution) step(s Step) bool {
	x := &r.ends[s.Side]
	t := r.m.table[x.state][s.Event][x.open.row()]
	if !t.ok {
		return false
	}
	s.From, s.To, s.Rule = x.state, t.to, t.rule
	s.Place = max(s.Place, r.place[s.Side])
	r.place[s.Side] = s.Place
	switch s.Event {
	case SendSYN:
		x.open = active
	case SendSYNACK:
		if x.open == openingUnknown {
			x.open = passive
		}
	}
	x.state, x.cert = t.to, s.Certainty
	x.since = r.placeTime(s)
	r.steps = append(r.steps, s)
	return true
}

// placeTime returns the time of the packet behind which s stands.
func (r *resolution) placeTime(s Step) Time {
	if s.Place != s.Cause.Packet {
		for i := range r.log {
			if r.log[i].at.Packet == s.Place && s.Cause.Packet != 0 {
				return r.log[i].at.Time
			}
		}
	}
	return s.Cause.Time
}

// move makes a step outside of a log.
func (m *Machine) move(x *end, s Step) bool {
	t := m.table[x.state][s.Event][x.open.row()]
	if !t.ok {
		return false
	}
	s.From, s.To, s.Rule = x.state, t.to, t.rule
	x.state, x.cert, x.since = t.to, s.Certainty, s.Cause.Time
	m.steps = append(m.steps, s)
	return true
}

// sortArrivals orders by place, then by order of sending, then by the order
// in which RFC 9293 §3.10.7.4 processes one segment. The lists are short.
func sortArrivals(a []arrival) {
	less := func(p, q *arrival) bool {
		if p.pos != q.pos {
			return p.pos < q.pos
		}
		if p.depart != q.depart {
			return p.depart
		}
		if p.rank != q.rank {
			return p.rank < q.rank
		}
		return p.order < q.order
	}
	for i := 1; i < len(a); i++ {
		for k := i; k > 0 && less(&a[k], &a[k-1]); k-- {
			a[k], a[k-1] = a[k-1], a[k]
		}
	}
}

// sortSteps orders by place: first what the sender of that packet did, then
// what it did to its peer. Steps of one end keep their order.
func (r *resolution) sortSteps() {
	s := r.steps
	less := func(a, b *Step) bool {
		if a.Place != b.Place || a.Side == b.Side {
			return a.Place < b.Place
		}
		return a.Side == r.senderOf(a.Place)
	}
	for i := 1; i < len(s); i++ {
		for k := i; k > 0 && less(&s[k], &s[k-1]); k-- {
			s[k], s[k-1] = s[k-1], s[k]
		}
	}
}

// senderOf returns who sent the packet.
func (r *resolution) senderOf(packet uint64) Side {
	for i := range r.log {
		if r.log[i].at.Packet == packet {
			return r.log[i].side()
		}
	}
	return Client
}
