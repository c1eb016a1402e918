package statemachine

import "unsafe"

// entry is what the log keeps of one segment while its effects are unsettled.
// The bits were judged when it was captured: they depend on the past alone.
type entry struct {
	at            Moment
	seq, ack, end Seq
	maxEnd        Seq // highest end that its sender had sent, this segment included
	tsval, tsecr  uint32
	lo, hi        Seq // first SACK block; of a RST the edges of its receiver's window at the time; of a FIN without SACK lo is the left one
	flags         Flags
	ipid          uint16
	window        uint16
	bits          entryBits
}

// entryBits are facts about an entry.
type entryBits uint16

const (
	byServer   entryBits = 1 << iota // its sender is the server
	hasTS                            // tsval and tsecr count
	hasSACK                          // lo and hi are a SACK block
	dsack                            // the first block tells of octets received twice (RFC 2883 §4)
	evidence                         // its ACK field tells what had reached its sender
	copied                           // the same frame again: no departure, no evidence
	void                             // no TCP sends or takes such a segment
	payload                          // carries octets of payload
	newEnd                           // reaches beyond all that its sender had sent
	newAck                           // acknowledges more than its sender had before
	hasIPID                          // ipid counts
	follows                          // its IP ID is the next after that of its sender's last segment: none died before the tap
	newTS                            // its timestamp is newer than all that its sender sent before
	unheard                          // a RST whose sender had repeated itself at least twice without an answer
	quotes                           // no segment but an ICMP error about the SYN of its sender's peer; void
	acksUnsent                       // acknowledges more than the capture shows as sent

	behindHole = dsack   // of a RST: numbers of its sender below it never passed the tap
	connects   = unheard // of a SYN-ACK: see connecting
	strange    = quotes  // of a RST that is not void: another host has probably sent it; see Conn.Strange
	afterLoss  = quotes  // of a pure ACK: its sender may have lost something before the tap; see resumes
	skips      = unheard // of a pure ACK: it begins one number behind all that its sender had sent; follows means here that one segment died before it
)

func (e *entry) side() Side {
	return Side(e.bits & byServer)
}

func (e *entry) is(b entryBits) bool { return e.bits&b != 0 }

// live reports an entry whose departure and arrival count.
func (e *entry) live() bool { return e.bits&(copied|void) == 0 }

func (e *entry) isSYN() bool    { return e.flags&(SYN|ACK|RST|FIN) == SYN }
func (e *entry) isSYNACK() bool { return e.flags&(SYN|ACK|RST|FIN) == SYN|ACK }
func (e *entry) isFIN() bool    { return e.flags&(SYN|RST|FIN) == FIN }

// isRST reports a RST. Whatever else is set beside it counts for nothing: every
// state looks at RST before SYN and FIN (RFC 9293 §3.10.7).
func (e *entry) isRST() bool { return e.flags.Has(RST) }

// bareRST reports a RST without ACK, as it answers an ACK that fits no connection
// (RFC 9293 §3.5.2).
func (e *entry) bareRST() bool { return e.flags&(SYN|RST|ACK) == RST }

// unsendable reports SYN and RST in one segment: no TCP sends it, and every TCP
// takes it for a RST.
func (e *entry) unsendable() bool { return e.flags.Has(SYN | RST) }

// repeats reports numbers that its sender had sent before. In a simultaneous
// open (both) the SYN-ACK repeats the SYN though nothing was lost.
func (e *entry) repeats(both bool) bool {
	return e.live() && !e.is(newEnd) && e.seq != e.end && !e.isRST() && !(both && e.isSYNACK())
}

// isQuote reports an ICMP error.
func (e *entry) isQuote() bool { return e.is(quotes) && e.is(void) }

// plain reports a segment without SYN, FIN and RST.
func (e *entry) plain() bool { return e.flags&(SYN|FIN|RST) == 0 }

// The log grows by these capacities and never beyond the last.
const (
	logSmall  = 3 // a clean close
	logMedium = 12
	logLarge  = 32
)

// logPool lends logs of the three capacities and takes them back.
type logPool struct {
	free [3][][]entry
	slab []entry
	lent int // entries in logs
}

func logClass(c int) int {
	switch {
	case c <= logSmall:
		return 0
	case c <= logMedium:
		return 1
	default:
		return 2
	}
}

var logCaps = [3]int{logSmall, logMedium, logLarge}

// get returns an empty log of the given class.
func (p *logPool) get(class int) []entry {
	p.lent += logCaps[class]
	if f := p.free[class]; len(f) > 0 {
		l := f[len(f)-1]
		p.free[class] = f[:len(f)-1]
		return l[:0]
	}
	n := logCaps[class]
	if len(p.slab) < n {
		p.slab = make([]entry, 1024)
	}
	l := p.slab[:0:n]
	p.slab = p.slab[n:]
	return l
}

// put takes a log back.
func (p *logPool) put(l []entry) {
	if c := cap(l); c > 0 {
		class := logClass(c)
		p.lent -= c
		p.free[class] = append(p.free[class], l[:0])
	}
}

// Memory returns the octets that the logs of all live connections take.
func (m *Machine) Memory() int { return m.pool.lent * int(unsafe.Sizeof(entry{})) }

// room returns where the next entry of c may be made: its place in the log,
// unless another entry has to make room for it first.
func (m *Machine) room(c *Conn) *entry {
	if len(c.log) == cap(c.log) {
		if cap(c.log) >= logLarge {
			return &m.entry
		}
		m.growLog(c)
	}
	return &c.log[:len(c.log)+1][len(c.log)]
}

// growLog gives c the next larger log.
func (m *Machine) growLog(c *Conn) {
	class := 0
	if cap(c.log) > 0 {
		class = logClass(cap(c.log)) + 1
	}
	l := append(m.pool.get(class), c.log...)
	m.pool.put(c.log)
	c.log = l
}

// push appends e, which may have been made in its place already, to the log of
// c, making room where it is full. It returns the entry in the log.
func (m *Machine) push(c *Conn, e *entry) *entry {
	if len(c.log) == logLarge {
		dropped := c.makeRoom()
		m.noteDropped(c, &dropped)
	}
	to := m.room(c)
	if to != e {
		*to = *e
	}
	c.log = c.log[:len(c.log)+1]
	return to
}

// dropLog gives the log back.
func (m *Machine) dropLog(c *Conn) {
	m.pool.put(c.log)
	c.log = nil
}

// keepTail is how many of the latest entries are never dropped for room.
const keepTail = 6

// makeRoom drops the entry of a full log that matters least, and returns it.
// Observer: what it said of arrivals is lost; the highest numbers stay in the
// ends.
func (c *Conn) makeRoom() entry {
	i := c.leastNeeded()
	e := c.log[i]
	if e.repeats(c.flags&bothOpened != 0) {
		c.ends[e.side()].has |= repeated
	}
	c.log = append(c.log[:i], c.log[i+1:]...)
	return e
}

// leastNeeded returns the index of the entry that matters least.
func (c *Conn) leastNeeded() int {
	n := len(c.log) - keepTail
	var seen [2]int // plain entries of each side since the last control segment
	for i := 0; i < n; i++ {
		e := &c.log[i]
		if !e.live() {
			return i
		}
		if !e.plain() {
			seen = [2]int{}
			continue
		}
		s := e.side()
		if seen[s]++; seen[s] > 2 {
			return i
		}
	}
	// Control segments only, with a few others: the middle one of three copies goes.
	for i := 1; i < n; i++ {
		if c.copyBetween(i) {
			return i
		}
	}
	for i := 1; i < n; i++ {
		if c.log[i].plain() {
			return i
		}
	}
	return 1
}

// copyBetween reports whether entry i repeats an earlier entry and is itself
// repeated later.
func (c *Conn) copyBetween(i int) bool {
	e := &c.log[i]
	same := func(o *entry) bool {
		return o.side() == e.side() && o.flags&(SYN|FIN|RST) == e.flags&(SYN|FIN|RST) && o.end == e.end
	}
	before, after := false, false
	for j := range c.log {
		if j < i && same(&c.log[j]) {
			before = true
		}
		if j > i && same(&c.log[j]) {
			after = true
		}
	}
	return before && after
}
