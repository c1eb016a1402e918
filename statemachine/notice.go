package statemachine

// noteFindings reports what the settled log shows of resets, SYNs and ACKs
// that a live end must not take.
func (m *Machine) noteFindings(r *resolution) {
	for i := range r.log {
		e := &r.log[i]
		switch {
		case e.is(copied) || e.is(void):
		case e.isRST():
			m.noteRST(r, i)
		case e.isSYN():
			m.noteForeignSYN(r, i)
		case e.isSYNACK():
			m.noteSYNACK(r, i)
		case e.isFIN() && (r.gone|r.forged)&(1<<i) != 0:
			m.noteStrangeFIN(r, i)
		case e.is(acksUnsent) && r.ends[e.side().Peer()].nxt.Less(e.ack):
			// Observer: where the numbers were reached since, they had been
			// sent before and the capture lacks them, or shows them late.
			m.find(ACKOfUnsent, e, int64(e.ack), int64(r.ends[e.side().Peer()].nxt))
		}
	}
	for i := range r.steps {
		switch s := &r.steps[i]; {
		case s.Event == Reuse && s.From == TimeWait:
			m.findings = append(m.findings, Finding{At: s.Cause, Side: s.Side, Code: TimeWaitReuse})
		case s.Event == StateLost && s.From.Synchronized():
			m.findings = append(m.findings, Finding{At: s.Cause, By: s.Proof, Side: s.Side, Code: HalfOpen})
		}
	}
}

// noteStrangeFIN reports the FIN at i, which its sender contradicts: by a FIN
// at another number, or by the first payload behind it.
func (m *Machine) noteStrangeFIN(r *resolution, i int) {
	e := &r.log[i]
	if end, first, _ := r.fin(e.side()); (first >= 0 || r.c.ends[e.side()].is(hasFIN)) && end != e.end {
		m.find(FINMoved, e, int64(e.end-1), int64(end-1))
		return
	}
	for k := i + 1; k < len(r.log); k++ {
		if o := &r.log[k]; o.side() == e.side() && o.live() && r.outruns(o, e) {
			m.findings = append(m.findings, Finding{At: o.at, By: e.at.Packet, Side: o.side(), Code: DataAfterFIN})
			return
		}
	}
}

// find records a finding at entry e.
func (m *Machine) find(code Code, e *entry, a, b int64) {
	m.findings = append(m.findings, Finding{At: e.at, A: a, B: b, Side: e.side(), Code: code})
}

// noteDropped reports what is wrong with an entry that leaves the full log
// before its time (log.go), as far as that shows without hindsight.
func (m *Machine) noteDropped(c *Conn, e *entry) {
	y := &c.ends[e.side().Peer()]
	if !e.live() || !e.isRST() || !y.is(hasACK) || e.lo == 0 && e.hi == 0 || !y.state.Synchronized() && y.state != SynReceived {
		return
	}
	switch e.fit() {
	case FitOutside:
		m.find(RSTOutOfWindow, e, int64(e.seq), int64(e.lo))
	case FitInexact:
		m.find(RSTInexact, e, int64(e.seq), int64(e.lo))
	default:
	}
}

// noteForeignSYN reports a SYN that is not this connection's own.
func (m *Machine) noteForeignSYN(r *resolution, i int) {
	e := &r.log[i]
	x := &r.ends[e.side()]
	if !x.is(hasISS) || e.seq == x.iss {
		return
	}
	if r.c.ends[Client].state.Synchronized() || r.c.ends[Server].state.Synchronized() {
		m.find(SYNInSynchronized, e, int64(e.seq), int64(x.iss))
		return
	}
	m.find(OldDuplicateSYN, e, int64(e.seq), int64(x.iss))
}

// noteSYNACK reports a SYN-ACK that does not acknowledge the SYN, or that
// brings another ISN than one before it.
func (m *Machine) noteSYNACK(r *resolution, i int) {
	e := &r.log[i]
	if y := &r.ends[e.side().Peer()]; y.is(hasISS) && !(y.iss.Less(e.ack) && e.ack.LessEq(y.nxt)) {
		m.find(SYNACKWrongACK, e, int64(e.ack), int64(y.iss.Add(1)))
		return
	}
	for k := 0; k < i; k++ {
		o := &r.log[k]
		if o.side() == e.side() && o.live() && o.isSYNACK() && o.seq != e.seq && o.ack == e.ack {
			m.find(SYNACKISNChanged, e, int64(e.seq), int64(o.seq))
			return
		}
	}
}
