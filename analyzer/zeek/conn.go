package zeek

import (
	"net/netip"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// conn is one connection in Zeek's sense.
type conn struct {
	serial     uint64 // in the order of first packets
	ends       [2]endpoint
	orig, resp *endpoint
	addr       [2]netip.AddrPort // originator, responder
	started    statemachine.Time
	last       statemachine.Time // of the last packet before both ends closed
	history    []byte
	missed     uint64
	seen       [2]onceKind
	firstSeen  [2]bool

	partial       bool
	active        bool // not yet finished, refused or given up
	closeDeferred bool
	removed       bool
	quiet         statemachine.Time // how long it may be silent
	timers        timers

	t *Tracker
}

// segment is what the rules take of a packet.
type segment struct {
	flags    statemachine.Flags
	seq, ack uint32
	length   int // payload by the IP lengths
	captured int // payload octets in the capture
	window   uint16
	at       statemachine.Time
}

// end returns the number behind the segment; the payload of a RST takes none.
func (s *segment) end() uint32 {
	n := s.seq
	if s.flags.Has(statemachine.SYN) {
		n++
	}
	if s.flags.Has(statemachine.FIN) {
		n++
	}
	if !s.flags.Has(statemachine.RST) {
		n += uint32(s.length)
	}
	return n
}

func (c *conn) init(t *Tracker, orig, resp netip.AddrPort, at statemachine.Time) {
	c.t, c.addr, c.started, c.last, c.active = t, [2]netip.AddrPort{orig, resp}, at, at, true
	c.orig, c.resp = &c.ends[0], &c.ends[1]
	c.orig.peer, c.resp.peer = c.resp, c.orig
	c.orig.orig = true
	c.orig.stream, c.resp.stream = newStream(), newStream()
	c.timers = newTimers()
}

// flip makes the originator the responder.
func (c *conn) flip() {
	c.orig, c.resp = c.resp, c.orig
	c.orig.orig, c.resp.orig = true, false
	c.addr[0], c.addr[1] = c.addr[1], c.addr[0]
	c.firstSeen[0], c.firstSeen[1] = c.firstSeen[1], c.firstSeen[0]
	c.partial = false
	c.history = append(c.history, '^')
}

// from returns the end that sent a packet.
func (c *conn) from(src netip.AddrPort) *endpoint {
	if src == c.addr[0] {
		return c.orig
	}
	return c.resp
}

// take follows one segment of the end e.
func (c *conn) take(e *endpoint, s *segment) {
	c.judgePartial(e, s.flags)
	end := s.end()
	e.begin(s.flags.Has(statemachine.SYN), s.seq, end)
	at, below := e.relative(s.seq, e.last, e.lastWraps)
	c.remember(e, s.flags, at, s.length)
	c.window(e, s)
	if !c.orig.didClose || !c.resp.didClose {
		c.last = s.at
	}
	if s.flags.Has(statemachine.FIN) {
		e.finSeen, e.finEnd = true, at+uint64(end-s.seq)
	}
	ack := c.takeACK(e, s)
	if e.sent(end, s.flags, s.length) && e.again.hit() {
		c.letter(e, 'T')
	}
	closes := c.move(e, s)
	if s.flags.Has(statemachine.ACK) {
		// After the states, so that a gap shown by the last segment is not
		// counted.
		c.ackData(e.peer, ack)
	}
	c.firstSeen[index(e)] = true
	if s.length > 0 && s.captured >= s.length && !s.flags.Has(statemachine.RST) && !below {
		if s.flags.Has(statemachine.SYN) {
			at++
		}
		c.data(e, at, s.length)
	}
	c.checkEnd(e)
	if closes {
		c.close(e)
	}
}

func index(e *endpoint) int {
	if e.orig {
		return 0
	}
	return 1
}

// judgePartial notes that the connection begins without a SYN of an end.
func (c *conn) judgePartial(e *endpoint, flags statemachine.Flags) {
	switch {
	case c.firstSeen[index(e)]:
	case e.orig:
		c.partial = !flags.Has(statemachine.SYN) || flags.Has(statemachine.ACK)
	case !c.partial:
		c.partial = !flags.Has(statemachine.SYN)
	}
}

// window adds the letter of a closed window where it says something: not with
// or after the sender's RST, nor after the peer's FIN.
func (c *conn) window(e *endpoint, s *segment) {
	if s.window == 0 && !s.flags.Has(statemachine.RST) && e.peer.state != closed && e.state != reset && e.windows.hit() {
		c.letter(e, 'W')
	}
}

// takeACK gives the ACK to the peer and returns it as a relative number.
func (c *conn) takeACK(e *endpoint, s *segment) uint64 {
	peer := e.peer
	switch {
	case !s.flags.Has(statemachine.ACK):
		return 0
	case peer.state == inactive:
		peer.from(s.ack - 1) // numbered as if its SYN had been seen
		return 1
	}
	ack, below := peer.relative(s.ack, peer.ack, peer.ackWraps)
	if below {
		return 0
	}
	if !s.flags.Has(statemachine.RST) {
		peer.acked(s.ack)
	}
	return ack
}

// set moves an end.
func (c *conn) set(e *endpoint, to endState) {
	if to == e.state {
		return
	}
	if !to.opening() && e.state.opening() && e.peer.state.opening() {
		c.setQuiet(openQuiet)
	}
	e.before, e.state = e.state, to
}

// move follows the states. It reports whether the segment closes its end.
func (c *conn) move(e *endpoint, s *segment) (closes bool) {
	switch e.state {
	case inactive:
		return c.moveInactive(e, s)
	case synSent, synAckSent:
		return c.moveOpening(e, s.flags)
	case established, partial:
		return c.moveOpen(e, s.flags)
	case closed:
		// A RST changes nothing when both ends have sent FIN.
		if s.flags.Has(statemachine.RST) && e.peer.state != closed {
			c.set(e, reset)
			return !e.didClose
		}
	case reset:
	}
	return false
}

func (c *conn) moveInactive(e *endpoint, s *segment) (closes bool) {
	if s.flags.Has(statemachine.SYN) {
		if e.orig {
			to := synSent
			if s.flags.Has(statemachine.ACK) {
				to = synAckSent
			}
			c.set(e, to)
			c.t.schedule(c, attemptTimer, s.at+attemptDelay)
		} else {
			c.answer(e, s)
		}
	}
	if s.flags.Has(statemachine.FIN) {
		c.set(e, closed)
		closes = true
	}
	if s.flags.Has(statemachine.RST) {
		c.set(e, reset)
		closes = true
	}
	if e.state != inactive {
		return closes
	}
	switch {
	case !e.orig && s.length == 0 && c.orig.state == synSent:
		// An ACK in answer to a SYN, before the SYN-ACK.
	case s.flags.Has(statemachine.ACK) && e.peer.state == established:
		// Only the SYN is missing.
		c.set(e, established)
		c.partial = false
		c.firstSeen[index(e)] = true
	default:
		c.set(e, partial)
	}
	return closes
}

// answer takes the responder's SYN, with or without ACK: both ends count as
// established.
func (c *conn) answer(e *endpoint, s *segment) {
	if !s.flags.Has(statemachine.ACK) && e.peer.state == synAckSent && s.seq == e.start {
		// SYN and SYN-ACK in the wrong order.
		c.flip()
		c.set(e.peer, established)
		c.firstSeen[0] = true
	}
	if e.peer.state == synSent {
		c.set(e.peer, established)
	}
	c.set(e, established)
	if e.peer.state != partial && interactive(c.addr[1].Port()) {
		c.setQuiet(statemachine.Time(time.Hour))
	}
}

func (c *conn) moveOpening(e *endpoint, flags statemachine.Flags) (closes bool) {
	if flags.Has(statemachine.FIN) {
		c.set(e, closed)
		closes = true
	}
	if flags.Has(statemachine.RST) {
		c.set(e, reset)
		c.active = false
		closes = true
	}
	return closes
}

func (c *conn) moveOpen(e *endpoint, flags statemachine.Flags) (closes bool) {
	if flags.Has(statemachine.SYN) && !flags.Has(statemachine.ACK) && e.state == partial && e.peer.state == inactive {
		c.set(e, synSent)
	}
	if flags.Has(statemachine.FIN) && !flags.Has(statemachine.RST) {
		c.set(e, closed)
		if e.peer.state == reset && e.peer.before == closed {
			c.set(e.peer, closed) // FIN and RST of the peer, then a FIN: closed in order
		}
		closes = true
	}
	if flags.Has(statemachine.RST) {
		c.set(e, reset)
		if e.peer.state != reset || e.peer.before != established {
			c.active = false
		}
		closes = true
	}
	return closes
}

// close notes that an end has closed, once nothing of it is pending, and sets
// the timer that ends the connection.
func (c *conn) close(e *endpoint) {
	if e.pending() {
		c.closeDeferred = true
		return
	}
	c.closeDeferred = false
	if e.didClose {
		return
	}
	e.didClose = true
	if e.state == reset || e.peer.didClose || e.peer.state == inactive {
		if e.state == closed {
			c.active = false
		}
		// No other timer counts any more.
		c.timers.due[attemptTimer], c.timers.due[expireTimer], c.timers.due[closeTimer] = noTimer, noTimer, noTimer
		c.t.schedule(c, deleteTimer, c.last+closeDelay)
		return
	}
	if e.before != inactive {
		c.t.schedule(c, closeTimer, c.last+sessionDelay)
	}
}

// setQuiet sets how long the connection may be silent.
func (c *conn) setQuiet(d statemachine.Time) {
	if d == c.quiet {
		return
	}
	c.quiet = d
	c.t.schedule(c, quietTimer, c.last+d)
}
