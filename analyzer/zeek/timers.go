package zeek

import (
	"math"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Zeek's delays, as its defaults have them.
const (
	attemptDelay = statemachine.Time(5 * time.Second) // tcp_attempt_delay: a SYN without answer
	firstExpiry  = statemachine.Time(5 * time.Second) // tcp_SYN_timeout
	sessionDelay = statemachine.Time(6 * time.Second) // tcp_session_timer: between two looks
	linger       = statemachine.Time(5 * time.Second) // tcp_connection_linger: silence behind one close
	closeDelay   = statemachine.Time(5 * time.Second) // tcp_close_delay: behind a complete close or a RST
	startQuiet   = statemachine.Time(time.Minute)     // udp_inactivity_timeout, which a handshake has too
	openQuiet    = statemachine.Time(5 * time.Minute) // tcp_inactivity_timeout
)

// interactive reports the responder's ports whose connections may be silent
// for an hour.
func interactive(port uint16) bool {
	switch port {
	case 21, 22, 23, 513: // FTP, SSH, Telnet, rlogin
		return true
	}
	return false
}

// timerKind is what a timer does.
type timerKind uint8

const (
	attemptTimer timerKind = iota // ends an attempt without answer
	expireTimer                   // looks whether a half-closed connection has ended
	closeTimer                    // the same, begun when one end closed
	quietTimer                    // ends a silent connection
	deleteTimer                   // ends a closed connection
	numTimers    = iota
)

// noTimer is the due time of a timer that is not set.
const noTimer = statemachine.Time(math.MaxInt64)

// timers are those of one connection by kind. Only the next of them stands in
// the tracker's heap; entries that later settings have outdated are passed
// over.
type timers struct {
	due  [numTimers]statemachine.Time
	next statemachine.Time // due time of the entry in the heap that counts
}

func newTimers() timers {
	x := timers{next: noTimer}
	for i := range x.due {
		x.due[i] = noTimer
	}
	return x
}

// timer is an entry of the heap.
type timer struct {
	due  statemachine.Time
	conn *conn
}

func (a *timer) before(b *timer) bool {
	return a.due < b.due || a.due == b.due && a.conn.serial < b.conn.serial
}

// timerHeap has the next timer first.
type timerHeap []timer

func (h *timerHeap) push(t timer) {
	*h = append(*h, t)
	b := *h
	for i := len(b) - 1; i > 0; {
		up := (i - 1) / 2
		if !b[i].before(&b[up]) {
			return
		}
		b[i], b[up] = b[up], b[i]
		i = up
	}
}

func (h *timerHeap) pop() timer {
	b := *h
	top, last := b[0], len(b)-1
	b[0], b[last] = b[last], timer{}
	b = b[:last]
	*h = b
	for i := 0; ; {
		least := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < len(b) && b[k].before(&b[least]) {
				least = k
			}
		}
		if least == i {
			return top
		}
		b[i], b[least] = b[least], b[i]
		i = least
	}
}

// schedule sets a timer.
func (t *Tracker) schedule(c *conn, kind timerKind, due statemachine.Time) {
	c.timers.due[kind] = due
	if due < c.timers.next {
		c.timers.next = due
		t.timers.push(timer{due, c})
	}
}

// expire lets fire what is due, in the order of due times.
func (t *Tracker) expire() {
	for t.err == nil {
		x := t.alone.front()
		first := noTimer
		if len(t.timers) > 0 {
			first = t.timers[0].due
		}
		switch {
		case x != nil && x.at+attemptDelay <= min(first, t.now):
			t.giveUp(x)
		case first <= t.now && first != noTimer:
			if e := t.timers.pop(); !e.conn.removed && e.due == e.conn.timers.next {
				t.fireAll(e.conn)
			}
		default:
			return
		}
	}
}

// fireAll fires the connection's timers that are due, and sets the next.
func (t *Tracker) fireAll(c *conn) {
	for {
		kind := timerKind(0)
		for k := range timerKind(numTimers) {
			if c.timers.due[k] < c.timers.due[kind] {
				kind = k
			}
		}
		due := c.timers.due[kind]
		if due > t.now {
			if c.timers.next = due; due != noTimer {
				t.timers.push(timer{due, c})
			}
			return
		}
		c.timers.due[kind] = noTimer
		if t.fire(c, kind); c.removed {
			return
		}
	}
}

func (t *Tracker) fire(c *conn, kind timerKind) {
	switch kind {
	case deleteTimer:
		t.remove(c)
	case attemptTimer:
		if c.active && (c.orig.state == synSent || c.orig.state == synAckSent) && c.resp.state == inactive {
			t.remove(c)
		}
	case quietTimer:
		if c.last+c.quiet <= t.now {
			t.remove(c)
			return
		}
		c.timers.due[kind] = c.last + c.quiet
	case expireTimer, closeTimer:
		switch {
		case !c.active:
		case c.last+linger < t.now && c.over():
			t.remove(c)
		default:
			c.timers.due[kind] = t.now + sessionDelay
		}
	}
}

// over reports a connection that ends after the linger time: both ends have
// closed, or one has while the other was reset or never seen, or nothing was
// taken of either.
func (c *conn) over() bool {
	if c.orig.state == inactive && c.resp.state == inactive {
		return true
	}
	if c.orig.didClose && c.resp.didClose {
		return true
	}
	return (c.orig.didClose || c.resp.didClose) &&
		(c.orig.state == reset || c.resp.state == reset || c.orig.state == inactive || c.resp.state == inactive)
}
