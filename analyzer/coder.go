package analyzer

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/statemachine"
)

// coder is an append-only or read-only buffer of numbers, so that one function
// states the form of an item for both directions.
type coder struct {
	b       []byte
	reading bool
}

// number codes an unsigned number of any width.
func number[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *coder, v *T) {
	switch {
	case !c.reading && uint64(*v) < oneOctet:
		c.b = append(c.b, byte(*v))
	case !c.reading:
		c.b = binary.AppendUvarint(c.b, uint64(*v))
	case len(c.b) > 0 && c.b[0] < oneOctet:
		*v, c.b = T(c.b[0]), c.b[1:]
	default:
		n, w := binary.Uvarint(c.b)
		*v = T(n)
		c.b = c.b[max(w, 0):]
	}
}

// oneOctet is the least number that takes more than one octet.
const oneOctet = 0x80

// signed codes a signed number.
func signed[T ~int64](c *coder, v *T) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, int64(*v))
		return
	}
	n, w := binary.Varint(c.b)
	*v = T(n)
	c.b = c.b[max(w, 0):]
}

// flag codes a bool.
func flag(c *coder, v *bool) {
	var n uint8
	if *v {
		n = 1
	}
	number(c, &n)
	*v = n != 0
}

// moment codes a moment near another one.
func moment(c *coder, v *statemachine.Moment, base statemachine.Moment) {
	packet, t := int64(v.Packet-base.Packet), v.Time-base.Time
	signed(c, &packet)
	signed(c, &t)
	*v = statemachine.Moment{Packet: base.Packet + uint64(packet), Time: base.Time + t}
}
