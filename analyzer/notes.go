package analyzer

import (
	"cmp"
	"slices"

	"github.com/tcpstate/tcpstate/statemachine"
)

// noteRank orders the notes of one packet: what clocks did before it, steps,
// findings. Notes of the same rank keep the order in which they were settled,
// which is the machine's.
func noteRank(n *Note) uint64 {
	switch {
	case n.Kind >= FindingNote:
		return 2
	case n.Step.Cause.Packet == 0:
		return 0
	default:
		return 1
	}
}

// rankBits is how many bits of a note's key the rank takes.
const rankBits = 2

// noteCursor gives the notes of a spool back, packet by packet.
type noteCursor struct {
	*cursor
	only  *connSet // the connections whose notes are wanted
	notes []Note
}

// upTo returns the notes of packets up to the given one, valid until the next
// call.
func (c *noteCursor) upTo(packet uint64) []Note {
	c.notes = c.notes[:0]
	for {
		key, item, ok := c.peek()
		if !ok || key>>rankBits > packet {
			return ordered(c.notes)
		}
		c.notes = append(c.notes, Note{Packet: key >> rankBits})
		n := &c.notes[len(c.notes)-1]
		code := coder{b: item, reading: true}
		number(&code, &n.Conn)
		if c.only.has(n.Conn) {
			n.code(&code)
		} else {
			c.notes = c.notes[:len(c.notes)-1]
		}
		c.advance()
	}
}

// ordered puts notes of the same packet and rank in the order of their
// connections' numbers, which is all that workers leave open.
func ordered(notes []Note) []Note {
	compare := func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Packet, b.Packet), cmp.Compare(noteRank(&a), noteRank(&b)), cmp.Compare(a.Conn, b.Conn))
	}
	if len(notes) > 1 && !slices.IsSortedFunc(notes, compare) {
		slices.SortStableFunc(notes, compare)
	}
	return notes
}

// next returns the notes of the next packet that has any, and false when
// there is none.
func (c *noteCursor) next() ([]Note, bool) {
	key, _, ok := c.peek()
	if !ok {
		return nil, false
	}
	return c.upTo(key >> rankBits), true
}

// noteBuffer gathers the notes of one packet for immediate output.
type noteBuffer struct{ notes []Note }

func (b *noteBuffer) take(n *Note) { b.notes = append(b.notes, *n) }

// flush returns the notes gathered so far in their order, valid until the
// next note.
func (b *noteBuffer) flush() []Note {
	n := b.notes
	b.notes = b.notes[:0]
	slices.SortStableFunc(n, func(a, b Note) int { return int(noteRank(&a)) - int(noteRank(&b)) })
	return n
}

// code writes or reads all of a note but Conn and Packet, which must be set
// before.
func (n *Note) code(c *coder) {
	number(c, &n.Kind)
	n.codeEnds(c)
	switch n.Kind {
	case FindingNote:
		n.codeFinding(c)
	case MarkNote:
		number(c, &n.Side)
		number(c, &n.Mark.What)
		number(c, &n.Mark.By)
	case ResetNote:
		number(c, &n.Side)
		n.Reset.code(c)
	case StepNote, ProvisionalNote, ConfirmedNote, WithdrawnNote:
		n.codeStep(c)
	}
}

func (n *Note) codeEnds(c *coder) {
	var k flowKey
	var lowIsClient bool
	if !c.reading {
		k, lowIsClient = keyOf(n.Ends[statemachine.Client], n.Ends[statemachine.Server], 0)
	}
	flag(c, &lowIsClient)
	k.code(c)
	n.Ends = endsOf(&k, lowIsClient)
}

// code writes or reads the key, addresses of IPv4 in their four octets.
func (k *flowKey) code(c *coder) {
	r, lowPort, highPort := k.realm(), k.lowPort(), k.highPort()
	number(c, &r)
	number(c, &lowPort)
	number(c, &highPort)
	k.rest = keyRestOf(lowPort, highPort, r)
	for _, w := range [...]*address{&k.low, &k.high} {
		if r.is4() {
			a := uint32(w.lo)
			number(c, &a)
			*w = address{0, mapped | uint64(a)}
			continue
		}
		number(c, &w.hi)
		number(c, &w.lo)
	}
}

func (n *Note) codeStep(c *coder) {
	s := &n.Step
	near := statemachine.Moment{Packet: n.Packet}
	moment(c, &s.Cause, near)
	nearby(c, &s.Place, n.Packet)
	nearby(c, &s.Proof, n.Packet)
	number(c, &s.Number)
	number(c, &s.NumberKind)
	number(c, &s.Side)
	number(c, &s.From)
	number(c, &s.To)
	number(c, &s.Event)
	number(c, &s.Rule)
	number(c, &s.Certainty)
	number(c, &s.Doubt)
}

func (n *Note) codeFinding(c *coder) {
	f := &n.Finding
	moment(c, &f.At, statemachine.Moment{Packet: n.Packet})
	nearby(c, &f.By, n.Packet)
	signed(c, &f.A)
	signed(c, &f.B)
	number(c, &f.Side)
	number(c, &f.Code)
}

// nearby codes a packet number near another one, on either side of it.
func nearby(c *coder, v *uint64, near uint64) {
	d := int64(*v - near)
	signed(c, &d)
	*v = uint64(d) + near
}
