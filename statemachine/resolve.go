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
	forged   uint32    // FINs and RSTs that their sender never sent, though they may have been taken
	behind   [2]int    // the first segment behind a FIN of which no copy was captured, -1
	arrivals []arrival
	steps    []Step
	unsure   bool // a later segment may still change a word
}

// arrival is an event at an end with its place: before entry pos of the log.
type arrival struct {
	pos    int // 0 to len(log)
	cause  int // index of the segment
	rank   int // among arrivals at one place; the cause unless the evidence says otherwise
	order  int // among the effects of one segment
	event  Event
	proof  int // index of the proving entry, -1 for presumed
	doubt  Doubt
	depart bool
}

// handshake reports an arrival that opens a connection.
func (a *arrival) handshake() bool {
	return a.event == RecvSYN || a.event == RecvSYNACK || a.event == RecvACKOfSYN
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
	r.behind = [2]int{-1, -1}
	for s := Client; s <= Server; s++ {
		r.behind[s] = r.behindLostFIN(s)
	}
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
		case o.isSYNACK() && r.lostSYN(y, i):
			e.state, e.open = Closed, active
			e.has |= synMissing
			return
		case o.isSYNACK():
			e.state, e.open = Listen, passive
			return
		case o.unsendable():
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
		if r.from(y, i) && e.bareRST() && e.seq == r.ends[y].iss.Add(1) &&
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
	s := Step{Cause: e.at, Place: e.at.Packet, Side: y, Event: a.event, Certainty: Presumed, Doubt: a.doubt}
	if a.proof >= 0 {
		s.Certainty, s.Proof, s.Doubt = Proven, r.log[a.proof].at.Packet, NoDoubt
	}
	if k := r.lastOf(y, a.pos); k >= 0 && s.Place < r.log[k].at.Packet {
		s.Place = r.log[k].at.Packet
	}
	if a.event == RecvICMP && s.Place == e.at.Packet {
		s.Place = r.lastPlace(a.cause) // an ICMP error is no segment that a step can stand behind
	}
	if a.event == RecvRST && !r.acceptsRST(y, a.cause, a.pos) {
		return
	}
	r.number(&s, e)
	if st := r.ends[y].state; a.event == RecvACKOfFIN && (st == LastAck || st == Closing) && r.closePresumed(y) {
		s.Certainty, s.Proof = Presumed, 0
		s.Doubt = r.doubtOf(y)
	}
	if a.event == SendFIN {
		r.presumeLike(y, &s)
	}
	if !r.step(s) {
		return
	}
	if a.event == RecvFIN {
		r.ends[y].has |= tookFIN
	}
	if a.event == SendFIN && s.NumberKind == FINNumber {
		r.ends[y].has |= hasFIN
		r.ends[y].finEnd = s.Number.Add(1)
	}
	if a.proof < 0 && !a.depart {
		r.unsure = true
	}
}

// closePresumed reports that y's own FIN is placed by presumption: whether the
// peer's came first is open.
func (r *resolution) closePresumed(y Side) bool {
	for i := range r.steps {
		if s := &r.steps[i]; s.Side == y && s.Event == SendFIN {
			return s.Certainty == Presumed
		}
	}
	return false
}

// doubtOf returns the doubt of y's latest step.
func (r *resolution) doubtOf(y Side) Doubt {
	for i := len(r.steps) - 1; i >= 0; i-- {
		if r.steps[i].Side == y {
			return r.steps[i].Doubt
		}
	}
	return NoDoubt
}

// number gives s the number that its SYN or FIN takes.
func (r *resolution) number(s *Step, e *entry) {
	switch s.Event { //nolint:exhaustive // the other events bring no number
	case RecvSYN, RecvSYNACK:
		s.Number, s.NumberKind = e.seq, ISNNumber
	case RecvFIN:
		s.Number, s.NumberKind = r.finNumber(s.Side.Peer()), FINNumber
	case SendFIN:
		if _, first, _ := r.fin(s.Side); first >= 0 || r.behind[s.Side] >= 0 {
			s.Number, s.NumberKind = r.finNumber(s.Side), FINNumber
		}
	case SendSYN:
		s.Number, s.NumberKind = r.ends[s.Side].iss, ISNNumber
		if s.Doubt == NoDoubt {
			s.Certainty, s.Proof = Witnessed, 0
		}
	default:
	}
}

// finNumber returns the number that the FIN of x takes.
func (r *resolution) finNumber(x Side) Seq {
	end, _, _ := r.fin(x)
	return end - 1
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
	if s.From == SynReceived && s.To == Closed && x.is(synMissing) {
		s.Certainty, s.Proof, s.Doubt = Presumed, 0, DoubtSYN // a listener would be in LISTEN again
	}
	s.Place = max(s.Place, r.place[s.Side])
	r.place[s.Side] = s.Place
	if s.Event == SendSYN {
		x.open = active
	}
	if s.Event == SendSYNACK && x.open == openingUnknown {
		x.open = passive
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
func (m *Machine) move(x *end, s Step) {
	t := m.table[x.state][s.Event][x.open.row()]
	if !t.ok {
		return
	}
	s.From, s.To, s.Rule = x.state, t.to, t.rule
	x.state, x.cert, x.since = t.to, s.Certainty, s.Cause.Time
	m.steps = append(m.steps, s)
}

// sortArrivals orders by place, then by order of sending, then by the order
// in which RFC 9293 §3.10.7.4 processes one segment. The lists are short.
func sortArrivals(a []arrival) {
	less := func(p, q *arrival) bool {
		if p.pos != q.pos {
			return p.pos < q.pos
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
