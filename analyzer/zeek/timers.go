package zeek

import (
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
	quietTimer                    // ends a silent connection
	deleteTimer                   // ends a closed connection
)

// timer is a pending one; those of equal time fire in the order of their
// making.
type timer struct {
	due    statemachine.Time
	serial uint64
	conn   *conn
	kind   timerKind
	mark   uint32 // conn.quietTimer when it was made
}

func (a *timer) before(b *timer) bool {
	return a.due < b.due || a.due == b.due && a.serial < b.serial
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
	top, end := b[0], len(b)-1
	b[0], b[end] = b[end], timer{}
	b = b[:end]
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
	t.timerCount++
	t.timers.push(timer{due: due, serial: t.timerCount, conn: c, kind: kind, mark: c.quietTimer})
}

// expire lets fire what is due.
func (t *Tracker) expire() {
	for len(t.timers) > 0 && t.timers[0].due <= t.now && t.err == nil {
		if x := t.timers.pop(); !x.conn.removed {
			t.fire(&x)
		}
	}
}

func (t *Tracker) fire(x *timer) {
	c := x.conn
	switch x.kind {
	case deleteTimer:
		t.remove(c)
	case attemptTimer:
		if !c.closing && c.active && (c.orig.state == synSent || c.orig.state == synAckSent) && c.resp.state == inactive {
			t.remove(c)
		}
	case quietTimer:
		switch {
		case x.mark != c.quietTimer:
		case c.last+c.quiet <= t.now:
			t.remove(c)
		default:
			t.schedule(c, quietTimer, c.last+c.quiet)
		}
	case expireTimer:
		switch {
		case c.closing || !c.active:
		case c.last+linger < t.now && c.over():
			t.remove(c)
		default:
			t.schedule(c, expireTimer, t.now+sessionDelay)
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
