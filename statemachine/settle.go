package statemachine

// This file turns words into settled ones: when the log is sure, when the
// capture's clock or its end decides, and when a new connection takes over.

// settleIfSure settles the whole log when no later segment can change a word
// of it: both ends in a state in which data may flow, and nothing presumed.
func (m *Machine) settleIfSure(c *Conn) {
	if m.cleanHandshake(c) {
		return
	}
	r := m.resolve(c)
	if r.unsure || !r.ends[Client].state.quiet() || !r.ends[Server].state.quiet() {
		return
	}
	if r.ends[Client].state == Unknown && r.ends[Server].state == Unknown {
		return
	}
	m.commit(c, r)
}

// commit makes the words of r final and empties the log.
func (m *Machine) commit(c *Conn, r *resolution) {
	m.steps = append(m.steps, r.steps...)
	m.noteFindings(r)
	c.ends = r.ends
	for i := range c.log {
		if e := &c.log[i]; e.repeats(c.flags&bothOpened != 0) {
			c.ends[e.side()].has |= repeated
		}
	}
	m.dropLog(c)
	c.tries = 0
}

// settle makes the present words final.
func (m *Machine) settle(c *Conn) {
	if len(c.log) > 0 && !m.cleanClose(c) {
		m.commit(c, m.resolve(c))
	}
}

// settleAfter is how long a closing connection must have been silent before
// its words become final though later segments might still touch them.
const settleAfter Time = 60e9

// Advance moves the capture's clock to now: a connection that was closing and
// has been silent since is settled, and an end whose time in TIME-WAIT is
// over is CLOSED (RFC 9293 §3.10.8). It costs a few comparisons when nothing
// is due.
func (m *Machine) Advance(c *Conn, now Moment) {
	m.begin()
	m.advance(c, now)
}

func (m *Machine) advance(c *Conn, now Moment) {
	if len(c.log) > 0 {
		wait := min(settleAfter, Time(m.cfg.TimeWait))
		if now.Time-c.last.Time < wait || !c.Closing() {
			return
		}
		m.settle(c)
	}
	for s := range c.ends {
		x := &c.ends[s]
		if x.state == TimeWait && now.Time-x.since >= Time(m.cfg.TimeWait) {
			at := Moment{Time: x.since + Time(m.cfg.TimeWait)}
			m.move(x, Step{Cause: at, Place: c.last.Packet, Side: Side(s), Event: TimeWaitExpiry, Certainty: ByTimer})
		}
	}
}

// Due returns when Advance has something to do for c if nothing arrives; ok
// is false when it never will.
func (c *Conn) Due(cfg Config) (t Time, ok bool) {
	if len(c.log) > 0 {
		return c.last.Time + min(settleAfter, Time(cfg.TimeWait)), c.Closing()
	}
	for s := range c.ends {
		if x := &c.ends[s]; x.state == TimeWait {
			if d := x.since + Time(cfg.TimeWait); !ok || d < t {
				t, ok = d, true
			}
		}
	}
	return t, ok
}

// Finish settles everything: the input is over, or the connection is. now is
// the last moment of the capture, or that of the segment that made the
// connection give way to another (see Judge).
func (m *Machine) Finish(c *Conn, now Moment) {
	m.begin()
	if c.flags&finished != 0 {
		return
	}
	c.flags |= finished
	m.settle(c)
	m.advance(c, now)
	if c.heirs[Client].by.Packet != 0 || c.heirs[Server].by.Packet != 0 {
		m.commit(c, m.resolve(c)) // what took the four-tuple over ends both
	}
}

// Provisional returns the steps of the log as far as is known now. A later
// segment may withdraw them. They are valid until the next call.
func (m *Machine) Provisional(c *Conn) []Step {
	if len(c.log) == 0 {
		return nil
	}
	return m.resolve(c).steps
}

// Now returns the state of an end by all that is known now, settled or not.
func (m *Machine) Now(c *Conn, s Side) (State, Certainty) {
	if len(c.log) == 0 {
		return c.State(s)
	}
	r := m.resolve(c)
	return r.ends[s].state, r.ends[s].cert
}
