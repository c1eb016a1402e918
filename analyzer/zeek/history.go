package zeek

import "github.com/tcpstate/tcpstate/statemachine"

// onceKind is a letter, or a group of them, that the history has once for each
// direction or again only with another number.
type onceKind uint8

const (
	onceSYN onceKind = 1 << iota
	onceFIN
	onceRST
	onceFINRST
	onceSeveral
	onceData
	onceACK
)

// letter adds one, small for the responder.
func (c *conn) letter(e *endpoint, l byte) {
	if !e.orig {
		l += 'a' - 'A'
	}
	c.history = append(c.history, l)
}

// first adds the letter unless its kind was there in this direction. It
// reports whether it was.
func (c *conn) first(e *endpoint, kind onceKind, l byte) (before bool) {
	i := 0
	if !e.orig {
		i = 1
	}
	if c.seen[i]&kind != 0 {
		return true
	}
	c.seen[i] |= kind
	c.letter(e, l)
	return false
}

// repeat adds the letter when it is new or its number is another than last
// time.
func (c *conn) repeat(e *endpoint, kind onceKind, l byte, at uint64, last *uint64) {
	if c.first(e, kind, l) && at != *last {
		c.letter(e, l)
	}
	*last = at
}

// remember adds what a segment is: one letter at most, payload before ACK.
func (c *conn) remember(e *endpoint, flags statemachine.Flags, at uint64, length int) {
	switch flags & (statemachine.SYN | statemachine.FIN | statemachine.RST) {
	case statemachine.SYN:
		l := byte('S')
		if flags.Has(statemachine.ACK) {
			l = 'H'
		}
		c.repeat(e, onceSYN, l, at, &e.synAt)
	case statemachine.FIN:
		c.repeat(e, onceFIN, 'F', at+uint64(length), &e.finAt)
	case statemachine.RST:
		c.repeat(e, onceRST, 'R', at, &e.rstAt)
	case 0:
		if length > 0 {
			c.first(e, onceData, 'D')
		} else if flags.Has(statemachine.ACK) {
			c.first(e, onceACK, 'A')
		}
	default:
		if flags.Has(statemachine.FIN | statemachine.RST) {
			c.first(e, onceFINRST, 'I')
		} else {
			c.first(e, onceSeveral, 'Q')
		}
	}
}
