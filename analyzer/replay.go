package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// start is what the second pass must know of a connection: where it begins and
// ends, and which end is the client. All that the first pass decided about
// four-tuples (reuse, eviction, roles) is in the starts, so that the second
// pass decides nothing.
type start struct {
	id          uint32
	lowIsClient bool
	from, last  uint64 // see flow.from; last packet
}

// code writes or reads all but the connection's number.
func (s *start) code(c *coder) {
	flag(c, &s.lowIsClient)
	number(c, &s.from)
	number(c, &s.last)
}

// replay tells of each packet of the second pass its connection, its sender's
// side and its reading.
type replay struct {
	table    *table
	analyses slab[statemachine.Analysis]
	waiting  slab[waitingStart]
	starts   *cursor
	fresh    statemachine.Analysis // scratch
}

// waitingStart is a connection whose SYN came while another one still had the
// four-tuple.
type waitingStart struct {
	start
	analysis uint32
}

func newReplay(starts *cursor) *replay { return &replay{table: newTable(), starts: starts} }

// observe takes one packet with a whole segment. Connection 0 means that the
// first pass did not meet this packet.
func (v *replay) observe(p *Packet) (conn uint32, side statemachine.Side, r statemachine.Reading) {
	key, fromLow := keyOf(p.Src, p.Dst, p.Tunnel)
	hash := key.hash(v.table.seed)
	i := v.table.find(&key, hash)
	if s, ok := v.startAt(p.Number); ok {
		if s.from == never {
			return v.single(s, p, fromLow)
		}
		if i != 0 && s.from > p.Number {
			return v.wait(v.table.flows.at(i), s, p, fromLow)
		}
		if i == 0 && s.last == p.Number {
			return v.single(s, p, fromLow)
		}
		if i == 0 {
			i = v.table.insert(&key, hash)
		}
		v.begin(v.table.flows.at(i), s, v.analyses.alloc())
	}
	if i == 0 {
		return 0, 0, r
	}
	f := v.table.flows.at(i)
	if f.held != 0 {
		v.takeOver(f, p.Number)
	}
	if f.held != 0 {
		if id, side, r, ok := v.again(f, p, fromLow); ok {
			return id, side, r
		}
	}
	conn, side = f.id, f.side(fromLow)
	r = v.analyses.at(f.analysis).Read(statemachine.Moment{Packet: p.Number, Time: p.Time}, side, &p.Segment)
	if p.Number >= f.last.Packet && f.held == 0 {
		v.analyses.release(f.analysis)
		v.table.remove(i)
	}
	return conn, side, r
}

// startAt returns the connection that begins with the packet.
func (v *replay) startAt(packet uint64) (s start, ok bool) {
	key, item, ok := v.starts.peek()
	if !ok || key != packet {
		return s, false
	}
	c := &coder{b: item, reading: true}
	number(c, &s.id)
	s.code(c)
	v.starts.advance()
	return s, true
}

// begin makes the flow one of the connection s.
func (v *replay) begin(f *flow, s start, analysis uint32) {
	if f.analysis != 0 {
		v.analyses.release(f.analysis)
	}
	f.analysis, f.id, f.lowIsClient, f.last.Packet = analysis, s.id, s.lowIsClient, s.last
}

// wait shows the SYN of a connection that takes over the four-tuple later.
func (v *replay) wait(f *flow, s start, p *Packet, fromLow bool) (uint32, statemachine.Side, statemachine.Reading) {
	if f.held == 0 {
		f.held = v.waiting.alloc()
	}
	a := v.analyses.alloc()
	*v.waiting.at(f.held) = waitingStart{s, a}
	next := flow{lowIsClient: s.lowIsClient}
	side := next.side(fromLow)
	r := v.analyses.at(a).Read(statemachine.Moment{Packet: p.Number, Time: p.Time}, side, &p.Segment)
	return s.id, side, r
}

// again shows a copy of the SYN of a connection that takes over the four-tuple
// later; ok is false for all other packets.
func (v *replay) again(f *flow, p *Packet, fromLow bool) (id uint32, side statemachine.Side, r statemachine.Reading, ok bool) {
	w := v.waiting.at(f.held)
	next := flow{lowIsClient: w.lowIsClient}
	side = next.side(fromLow)
	a := v.analyses.at(w.analysis)
	if iss, known := a.ISS(side); !known || !p.Segment.IsSYN() || p.Segment.Seq != iss {
		return 0, side, r, false
	}
	return w.id, side, a.Read(statemachine.Moment{Packet: p.Number, Time: p.Time}, side, &p.Segment), true
}

// single shows the only packet of a connection, which needs no memory.
func (v *replay) single(s start, p *Packet, fromLow bool) (uint32, statemachine.Side, statemachine.Reading) {
	v.fresh = statemachine.Analysis{}
	f := flow{lowIsClient: s.lowIsClient}
	side := f.side(fromLow)
	return s.id, side, v.fresh.Read(statemachine.Moment{Packet: p.Number, Time: p.Time}, side, &p.Segment)
}

// takeOver gives the flow to the waiting connection once its time has come.
func (v *replay) takeOver(f *flow, packet uint64) {
	w := *v.waiting.at(f.held)
	if packet < w.from {
		return
	}
	v.waiting.release(f.held)
	f.held = 0
	v.begin(f, w.start, w.analysis)
}
