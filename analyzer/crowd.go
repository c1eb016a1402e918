package analyzer

import (
	"math/bits"

	"github.com/tcpstate/tcpstate/statemachine"
)

// crowd sees what only many connections together show: scans, floods, storms.
// Its memory is fixed: what began longest ago gives way. Its findings are the
// capture's, not a connection's.
type crowd struct {
	bySource places
	byPort   places
	sources  [crowdSets * crowdWays]source
	ports    [crowdSets * crowdWays]port
	isns     [isnSlots]isnSlot
	findings findingCounts
	say      func(n *Note) // takes a finding's note; nil when nobody wants it
	note     Note          // scratch
	next     crowdEvent    // scratch
}

const (
	crowdSets = 256
	crowdWays = 4
	isnSlots  = 4096
)

// Thresholds, and the time within which they count.
const (
	sourceWindow    statemachine.Time = 60e9
	floodWindow     statemachine.Time = 10e9
	scanPatience    statemachine.Time = 3e9 // how long attempts may go without an answer
	floodSYNs                         = 100 // SYNs to one port, at most a tenth of them completed
	refusedTargets                    = 15
	silentTargets                     = 30
	halfOpenTargets                   = 10
	probeTargets                      = 5 // of one kind that no TCP sends
	stormResets                       = 100
	isnUses                           = 3 // connections of one host with one ISN
	queueConns                        = 3 // repeated SYN-ACKs behind third ACKs
)

// crowdKind says what a segment means for the crowd.
type crowdKind uint8

const (
	crowdSYN      crowdKind = iota // a connection was begun
	crowdDone                      // its handshake was completed by the client
	crowdRefused                   // it was refused
	crowdHalfOpen                  // the client reset the SYN-ACK
	crowdFIN                       // a probe by FIN out of the blue
	crowdNull
	crowdXmas
	crowdReset // any RST
	crowdQueue // a SYN-ACK again behind the third ACK
	numCrowd   = iota
)

// crowdEvent is one such segment.
type crowdEvent struct {
	at          statemachine.Moment
	key         flowKey
	lowIsClient bool
	side        statemachine.Side // who sent the segment
	kind        crowdKind
	seq         statemachine.Seq
	conn        uint32 // the connection's number, or the flow's index until that is known
	opens       uint32 // as that of an event
}

// source is one host that opens connections or sends resets.
type source struct {
	began   statemachine.Time
	resetAt statemachine.Time
	count   [numCrowd]uint16
	said    uint16           // findings reported in this window, by kind
	targets [numCrowd]uint64 // sketch of the targets: 64 bits by hash; that of SYNs in the line of all above
	last    crowdEvent       // the SYN sent last, once there are many
	_       [8]byte          // so that each begins with a line of a processor's cache
}

// port is one port of a host to which connections are opened.
type port struct {
	began        statemachine.Time
	opened, done uint32
	refused      uint32
	last         crowdEvent // the SYN opened last, once there are many
	queued       uint16
	saidFlood    bool
	saidQueue    bool
}

// isnSlot remembers one ISN of a host and the connection that had it.
type isnSlot struct {
	key  uint64 // of host and number
	conn uint32
	uses uint8 // connections that had it, up to isnUses
}

// mix joins two hashes. It has no secret: the answers must be the same on every
// machine, and who makes hosts collide only hides them from the crowd.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return hi ^ lo | 1 // never 0
}

// host hashes the address of a side, with its port.
func (e *crowdEvent) host(side statemachine.Side) (host, withPort uint64) {
	a, p := e.key.high, e.key.highPort()
	if (side == statemachine.Client) == e.lowIsClient {
		a, p = e.key.low, e.key.lowPort()
	}
	host = mix(a.hi+1, a.lo)
	return host, mix(host, uint64(p)+1)
}

// take takes a segment, in the order of the packets.
func (c *crowd) take(e *crowdEvent) {
	switch e.kind {
	case crowdSYN:
		c.takeSYN(e)
	case crowdDone:
		_, target := e.host(e.side.Peer())
		c.port(target, e.at.Time).done++
		from, _ := e.host(e.side)
		s := c.source(from, e.at.Time)
		s.count[crowdDone] = increment(s.count[crowdDone])
	case crowdRefused:
		_, asked := e.host(e.side)
		c.port(asked, e.at.Time).refused++
		c.attempt(e, e.side.Peer(), statemachine.SYNScan, refusedTargets)
	case crowdHalfOpen:
		c.attempt(e, e.side, statemachine.HalfOpenScan, halfOpenTargets)
	case crowdFIN:
		c.attempt(e, e.side, statemachine.FINScan, probeTargets)
	case crowdNull:
		c.attempt(e, e.side, statemachine.NullScan, probeTargets)
	case crowdXmas:
		c.attempt(e, e.side, statemachine.XmasScan, probeTargets)
	case crowdReset:
		c.takeReset(e)
	case crowdQueue:
		_, target := e.host(e.side)
		p := c.port(target, e.at.Time)
		if p.queued = increment(p.queued); p.queued >= queueConns && !p.saidQueue {
			p.saidQueue = true
			c.find(e, statemachine.AcceptQueueOverflow, int64(p.queued), 0)
		}
	}
}

// places tells which slot has the host or port of a hash: a slot of its set, the
// one that began longest ago giving way. What is searched lies close together.
type places [crowdSets * crowdWays]struct {
	hash  uint64 // 0 for a free slot
	began statemachine.Time
}

// seek returns the slot of the hash at the given time. It is new when the hash had
// none, or one that began before the window.
func (p *places) seek(hash uint64, at, window statemachine.Time) (slot int, isNew bool) {
	first := int(hash >> 1 % crowdSets * crowdWays)
	set := p[first:][:crowdWays]
	for i := range set {
		if set[i].hash == hash {
			if isNew = at-set[i].began > window; isNew {
				set[i].began = at
			}
			return first + i, isNew
		}
	}
	oldest := 0
	for i := range set {
		if set[i].began < set[oldest].began {
			oldest = i
		}
	}
	set[oldest].hash, set[oldest].began = hash, at
	return first + oldest, true
}

// source returns the slot of a host at the given time.
func (c *crowd) source(hash uint64, at statemachine.Time) *source {
	i, isNew := c.bySource.seek(hash, at, sourceWindow)
	s := &c.sources[i]
	if isNew {
		c.silent(s)
		*s = source{began: at}
	}
	return s
}

// port returns the slot of a port at the given time.
func (c *crowd) port(hash uint64, at statemachine.Time) *port {
	i, isNew := c.byPort.seek(hash, at, floodWindow)
	p := &c.ports[i]
	if isNew {
		c.flood(p)
		*p = port{began: at}
	}
	return p
}

// takeSYN takes the SYN that opens a connection.
func (c *crowd) takeSYN(e *crowdEvent) {
	from, _ := e.host(e.side)
	_, target := e.host(e.side.Peer())
	p := c.port(target, e.at.Time)
	if p.opened++; p.opened >= floodSYNs {
		if p.last = *e; e.at.Time-p.began >= scanPatience {
			c.flood(p)
		}
	}
	s := c.source(from, e.at.Time)
	s.aim(e, target)
	if e.at.Time-s.began >= scanPatience {
		c.silent(s)
	}
	key := mix(from, uint64(e.seq)+1)
	slot := &c.isns[key>>1%isnSlots]
	switch {
	case slot.key != key:
		*slot = isnSlot{key: key, conn: e.conn, uses: 1}
	case slot.conn != e.conn && slot.uses < isnUses:
		if slot.uses++; slot.uses == isnUses {
			c.find(e, statemachine.ISNReuse, int64(e.seq), int64(slot.conn))
		}
		slot.conn = e.conn
	}
}

// flood reports a port to which many SYNs went and almost none came to anything.
func (c *crowd) flood(p *port) {
	if p.opened >= floodSYNs && !p.saidFlood && (p.done+p.refused)*10 < p.opened {
		p.saidFlood = true
		c.find(&p.last, statemachine.SYNFlood, int64(p.opened), int64(p.done))
	}
}

// aim counts an attempt of the source at a target.
func (s *source) aim(e *crowdEvent, target uint64) {
	s.targets[e.kind] |= 1 << (target >> 58)
	s.count[e.kind] = increment(s.count[e.kind])
	if e.kind == crowdSYN && s.count[crowdSYN] >= silentTargets {
		s.last = *e
	}
}

// spread reports that the attempts of a kind went to different targets: the
// sketch holds half as many as it would of n different ones.
func (s *source) spread(kind crowdKind, n int) bool {
	return bits.OnesCount64(s.targets[kind])*2 >= min(n, 24)
}

// silent reports a source most of whose attempts have no answer.
func (c *crowd) silent(s *source) {
	opened, done := int(s.count[crowdSYN]), int(s.count[crowdDone])
	if opened >= silentTargets && done*4 < opened && s.said&(1<<crowdRefused) == 0 && s.spread(crowdSYN, silentTargets) {
		s.said |= 1 << crowdRefused
		c.find(&s.last, statemachine.SYNScan, int64(opened), int64(s.last.at.Time-s.began)/1e6)
	}
}

// attempt counts a failed or odd attempt of side and reports the source when
// there are many.
func (c *crowd) attempt(e *crowdEvent, side statemachine.Side, code statemachine.Code, many int) {
	from, _ := e.host(side)
	_, target := e.host(side.Peer())
	s := c.source(from, e.at.Time)
	s.aim(e, target)
	n := int(s.count[e.kind])
	if s.said&(1<<e.kind) == 0 && n >= many && n > int(s.count[crowdDone]) && s.spread(e.kind, many) {
		s.said |= 1 << e.kind
		c.find(e, code, int64(n), int64(e.at.Time-s.began)/1e6)
	}
}

// takeReset takes a RST.
func (c *crowd) takeReset(e *crowdEvent) {
	from, _ := e.host(e.side)
	s := c.source(from, e.at.Time)
	if e.at.Time-s.resetAt > floodWindow {
		s.resetAt, s.count[crowdReset] = e.at.Time, 0
		s.said &^= 1 << crowdReset
	}
	s.count[crowdReset] = increment(s.count[crowdReset])
	if s.count[crowdReset] >= stormResets && s.said&(1<<crowdReset) == 0 {
		s.said |= 1 << crowdReset
		c.find(e, statemachine.RSTStorm, stormResets, int64(e.at.Time-s.resetAt)/1e6)
	}
}

// end reports what had no answer to the end.
func (c *crowd) end() {
	for i := range c.ports {
		c.flood(&c.ports[i])
	}
	for i := range c.sources {
		c.silent(&c.sources[i])
	}
}

// find counts and says a finding.
func (c *crowd) find(e *crowdEvent, code statemachine.Code, a, b int64) {
	side := e.side
	if e.kind == crowdRefused {
		side = side.Peer() // the one who asked
	}
	c.findings[code]++
	if c.say == nil {
		return
	}
	c.note = Note{
		Packet: e.at.Packet, Conn: e.conn, Ends: endsOf(&e.key, e.lowIsClient), Kind: FindingNote,
		Finding: statemachine.Finding{At: e.at, Side: side, Code: code, A: a, B: b},
	}
	c.say(&c.note)
}

// strayOf returns what a packet shows that is too broken to belong to a
// connection; ok is false when it shows nothing.
func strayOf(p *Packet) (e crowdEvent, ok bool) {
	const header = 20
	if p.Skip != SkipMalformed || !p.HasTCP || p.Fragment || p.SegLen < header || // of a fragment the IP header is wrong
		!p.Src.IsValid() || !p.Dst.IsValid() {
		return e, false
	}
	key, fromLow := keyOf(p.Src, p.Dst, 0)
	return crowdEvent{at: p.at(), key: key, lowIsClient: fromLow}, true
}

// stray reports it.
func (c *crowd) stray(e *crowdEvent) { c.find(e, statemachine.BadDataOffset, 0, 0) }

// crowdTaker takes what matters for the crowd.
type crowdTaker interface {
	nextJoined() *crowdEvent // where the next is to be made
	joined(e *crowdEvent)    // takes it
}

// The crowd is a crowdTaker for runs with one tracker.

func (c *crowd) nextJoined() *crowdEvent { return &c.next }
func (c *crowd) joined(e *crowdEvent)    { c.take(e) }

// join tells the crowd of a segment.
func (t *tracker) join(f *flow, at statemachine.Moment, side statemachine.Side, kind crowdKind, seq statemachine.Seq) {
	if t.crowd == nil {
		return
	}
	e := t.crowd.nextJoined()
	e.at, e.key, e.lowIsClient, e.side, e.kind, e.seq, e.conn = at, f.key, f.lowIsClient, side, kind, seq, f.id
	t.crowd.joined(e)
}

// joinProbe tells the crowd of a segment that no TCP sends.
func (t *tracker) joinProbe(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	switch {
	case isNull(seg):
		t.join(f, at, side, crowdNull, seg.Seq)
	case isXmas(seg):
		t.join(f, at, side, crowdXmas, seg.Seq)
	case isBareFIN(seg):
		t.join(f, at, side, crowdFIN, seg.Seq)
	}
}

// queueFull takes a SYN-ACK that is repeated behind the third ACK. One alone may
// mean that the ACK was lost; two of one connection, or one each of several,
// mean that the server will not have it (Linux: the accept queue is full).
func (t *tracker) queueFull(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	t.join(f, at, side, crowdQueue, seg.Seq)
	if f.facts.requeued = increment(f.facts.requeued); f.facts.requeued >= 2 {
		t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.AcceptQueueOverflow, A: int64(f.facts.requeued)})
	}
}

// found returns the findings by code, nil when there are none.
func (c *crowd) found() map[statemachine.Code]int {
	var m map[statemachine.Code]int
	for code, n := range c.findings {
		if n > 0 {
			if m == nil {
				m = make(map[statemachine.Code]int)
			}
			m[statemachine.Code(code)] = int(n)
		}
	}
	return m
}
