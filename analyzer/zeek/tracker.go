package zeek

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// tcpHeader is the length of a TCP header without options, in octets.
const tcpHeader = 20

// Tracker follows connections by Zeek's rules. It is not safe for use by two
// goroutines.
type Tracker struct {
	conns     map[tuple]*conn
	aloneAt   map[tuple]uint64 // numbers in alone
	alone     loneQueue
	timers    timerHeap
	connCount uint64
	now       statemachine.Time // never runs backwards
	emit      func(*Connection) error
	out       Connection
	err       error
}

// NewTracker returns a tracker that hands each connection to emit when Zeek
// would write its line. The record is valid during the call; an error of emit
// ends the tracker.
func NewTracker(emit func(*Connection) error) *Tracker {
	return &Tracker{conns: make(map[tuple]*conn), aloneAt: make(map[tuple]uint64), emit: emit}
}

// Observe takes the next packet of the input. Packets of whose TCP header
// fewer than 20 octets were captured are passed over. A packet whose checksums
// were verified and found bad, or unfinished, leaves only the letter c.
func (t *Tracker) Observe(p *analyzer.Packet) error {
	if !p.HasTCP || p.SegLen < tcpHeader || len(p.Frame) < p.SegOff+tcpHeader {
		return t.err
	}
	if err := t.Advance(p.Time); err != nil {
		return err
	}
	header := int(p.Frame[p.SegOff+12]>>4) * 4
	whole := header >= tcpHeader && header <= p.SegLen && header <= len(p.Frame)-p.SegOff
	s := segment{
		flags: p.Segment.Flags, seq: uint32(p.Segment.Seq), ack: uint32(p.Segment.Ack), window: p.Segment.Window,
		length: p.SegLen - header, captured: captured(p, header), at: p.Time,
	}
	intact := p.Sums&(analyzer.SumBad|analyzer.SumPartial) == 0
	c := t.find(p, &s, whole && intact)
	if c == nil || !whole {
		return t.err // Zeek opens the connection, but takes nothing of a header that is cut or bad
	}
	if !intact {
		if e := c.from(p.Src); e.damaged.hit() {
			c.letter(e, 'C')
		}
		return t.err
	}
	if c.startsBackwards(&s) {
		c.turnRound()
	}
	e := c.from(p.Src)
	c.take(e, &s)
	e.packets++
	e.octets += ipLength(p)
	return t.err
}

// captured returns the octets of payload that the capture holds. What a whole
// frame lacks lies in the later fragments of the packet, which Zeek puts
// together before.
func captured(p *analyzer.Packet, header int) int {
	if (p.Tunnelled || p.Fragment) && len(p.Frame) >= int(p.WireLen) {
		return p.SegLen - header
	}
	return len(p.Frame) - p.SegOff - header
}

// ipLength returns the octets of the IP packet by its header. Offloaded IPv4
// packets have 0 there, and Zeek takes that as it stands.
func ipLength(p *analyzer.Packet) uint64 {
	if p.IPVersion == 4 {
		return uint64(p.Frame[p.NetOff+2])<<8 | uint64(p.Frame[p.NetOff+3])
	}
	return uint64(p.SegOff + p.SegLen - p.NetOff)
}

// Advance ends what is due by the clock of a capture in progress.
func (t *Tracker) Advance(now statemachine.Time) error {
	t.now = max(t.now, now)
	t.expire()
	return t.err
}

// find returns the packet's connection, a new one where there is none or where
// a SYN begins another; nil for a first SYN, which is kept alone.
func (t *Tracker) find(p *analyzer.Packet, s *segment, whole bool) *conn {
	key := tupleOf(p.Src, p.Dst)
	c := t.conns[key]
	if c == nil {
		if n, ok := t.aloneAt[key]; ok {
			c = t.wake(key, n)
		}
	}
	if c != nil {
		if !c.reusedBy(p) {
			return c
		}
		t.remove(c)
	}
	if whole && t.keepAlone(key, p, s) {
		return nil
	}
	t.connCount++
	c = t.newConn(key, p.Src, p.Dst, t.connCount, p.Time)
	if turned(p) {
		c.flip()
	}
	t.begin(c)
	return c
}

// newConn adds a connection.
func (t *Tracker) newConn(key tuple, orig, resp netip.AddrPort, serial uint64, at statemachine.Time) *conn {
	c := &conn{serial: serial}
	c.init(t, orig, resp, at)
	t.conns[key] = c
	return c
}

// begin sets the timers of a new connection.
func (t *Tracker) begin(c *conn) {
	t.schedule(c, expireTimer, c.started+firstExpiry)
	c.setQuiet(startQuiet)
}

// turned reports by the ports that the first packet of a connection, no SYN,
// comes from its responder.
func turned(p *analyzer.Packet) bool {
	f := p.Segment.Flags
	if f.Has(statemachine.SYN) && !f.Has(statemachine.ACK) || !likelyServer(p.Src.Port()) {
		return false
	}
	if likelyServer(p.Dst.Port()) {
		return !f.Has(statemachine.SYN) && p.Src.Port() < p.Dst.Port()
	}
	return true
}

// startsBackwards reports that a SYN-ACK was all so far and an ACK or data
// shows now that it was no scan: its sender is the responder.
func (c *conn) startsBackwards(s *segment) bool {
	return string(c.history) == "H" && !s.flags.Any(statemachine.SYN|statemachine.FIN|statemachine.RST) &&
		(s.flags.Has(statemachine.ACK) || s.length > 0)
}

// turnRound makes the sender of a SYN-ACK the responder.
func (c *conn) turnRound() {
	c.flip()
	c.history = append(c.history[:0], "^h"...)
	c.set(c.resp, established)
}

// reusedBy reports that a SYN begins another connection on the four-tuple.
func (c *conn) reusedBy(p *analyzer.Packet) bool {
	if !p.Segment.Flags.Has(statemachine.SYN) {
		return false
	}
	ack, e := p.Segment.Flags.Has(statemachine.ACK), c.orig
	if ack {
		if c.orig.state != inactive {
			return false
		}
		e = c.resp
	}
	if c.orig.didClose || c.resp.didClose {
		return true
	}
	seq := uint32(p.Segment.Seq)
	if seq == e.start {
		return false
	}
	// The SYN behind its own SYN-ACK is no new one.
	return ack || e.state != synAckSent || c.resp.state != inactive || seq != c.resp.start
}

// remove ends a connection and hands it out.
func (t *Tracker) remove(c *conn) {
	c.removed = true
	delete(t.conns, tupleOf(c.addr[0], c.addr[1]))
	c.fill(&t.out)
	c.history, c.ends = nil, [2]endpoint{} // the heap may hold it for a while
	if t.err == nil {
		t.err = t.emit(&t.out)
	}
}

// Finish ends all connections, those that began first at first.
func (t *Tracker) Finish() error {
	rest := make([]*conn, 0, len(t.conns))
	for _, c := range t.conns {
		rest = append(rest, c)
	}
	slices.SortFunc(rest, func(a, b *conn) int { return int(int64(a.serial) - int64(b.serial)) })
	for x := t.alone.front(); x != nil || len(rest) > 0; x = t.alone.front() {
		if x != nil && (len(rest) == 0 || x.serial < rest[0].serial) {
			t.giveUp(x)
			continue
		}
		t.remove(rest[0])
		rest = rest[1:]
	}
	t.timers = nil
	return t.err
}

// End is one end of a Connection.
type End struct {
	Addr    netip.AddrPort
	Bytes   uint64 // payload octets by the sequence numbers
	Packets uint64
	IPBytes uint64 // octets of the IP packets, by their headers
}

// Connection is a line of conn.log.
type Connection struct {
	Serial     uint64 // from 1, in the order of first packets
	Time       statemachine.Time
	Duration   time.Duration // to the last packet before both ends had closed
	Orig, Resp End
	State      string // conn_state
	Missed     uint64 // octets in gaps
	History    string
}

func (c *conn) fill(out *Connection) {
	*out = Connection{
		Serial: c.serial, Time: c.started, Duration: time.Duration(c.last - c.started),
		Orig: c.orig.end(c.addr[0]), Resp: c.resp.end(c.addr[1]), Missed: c.missed, History: string(c.history),
	}
	out.State = c.state(out.History)
}

func (e *endpoint) end(addr netip.AddrPort) End {
	return End{Addr: addr, Bytes: e.size(), Packets: e.packets, IPBytes: e.octets}
}
