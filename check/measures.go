package check

import (
	"fmt"
	"slices"

	"github.com/tcpstate/tcpstate/statemachine"
)

func bothSides() []statemachine.Side {
	return []statemachine.Side{statemachine.Client, statemachine.Server}
}

// whose returns the words in front of a number of the sides.
func whose(sides []statemachine.Side) string {
	if len(sides) == 1 {
		return sides[0].String() + "'s "
	}
	return ""
}

// packetsOf merges the lists that pick returns of the sides, in order.
func (c *Connection) packetsOf(sides []statemachine.Side, pick func(*End) []uint64) []uint64 {
	var out []uint64
	for _, side := range sides {
		out = append(out, pick(&c.Sides[side])...)
	}
	slices.Sort(out)
	return out
}

// tally is a measure that counts packets of some kind.
func tally(name string, sides []statemachine.Side, pick func(*End) []uint64) measure {
	return measure{
		name: name, who: whose(sides), unit: counts(),
		of: func(c *Connection) (float64, bool) { return float64(len(c.packetsOf(sides, pick))), true },
		at: func(c *Connection, b Bound) uint64 {
			list := c.packetsOf(sides, pick)
			// The first one too many; when there are too few, the last packet.
			if n := len(list); float64(n) > b.high {
				return list[min(int(max(b.high, 0)), n-1)]
			}
			return c.Last.Packet
		},
	}
}

// sum is a measure that adds a number of the sides' records.
func sum(name string, sides []statemachine.Side, of func(c *Connection, side statemachine.Side) uint64) measure {
	return measure{
		name: name, who: whose(sides), unit: counts(),
		of: func(c *Connection) (float64, bool) {
			var v uint64
			for _, side := range sides {
				v += of(c, side)
			}
			return float64(v), true
		},
		at: func(c *Connection, _ Bound) uint64 { return c.Last.Packet },
	}
}

// endMeasures are the numbers that one end has, and both have together.
func endMeasures(sides []statemachine.Side) []measure {
	return []measure{
		tally("retransmissions", sides, func(e *End) []uint64 { return e.Resent }),
		tally("duplicate_acks", sides, func(e *End) []uint64 { return e.DuplicateACKs }),
		tally("out_of_order", sides, func(e *End) []uint64 { return e.OutOfOrder }),
		tally("zero_windows", sides, func(e *End) []uint64 { return e.ZeroWindows }),
		sum("packets", sides, func(c *Connection, s statemachine.Side) uint64 { return c.Ends[s].Packets }),
		sum("bytes", sides, func(c *Connection, s statemachine.Side) uint64 { return c.Ends[s].Bytes }),
	}
}

// connectionMeasures are the numbers that only a whole connection has, besides
// those of its ends together.
func connectionMeasures() []measure {
	return append([]measure{
		{
			name: "handshake_rtt", unit: durations(),
			of: func(c *Connection) (float64, bool) { d, ok := c.HandshakeRTT(); return float64(d), ok },
			at: func(c *Connection, _ Bound) uint64 { return c.opening() },
		},
		{
			name: "duration", unit: durations(),
			of: func(c *Connection) (float64, bool) { return float64(c.Duration()), true },
			at: func(c *Connection, _ Bound) uint64 { return c.Last.Packet },
		},
	}, endMeasures(bothSides())...)
}

// timeInRule limits the time that the sides spend in a state; each that was in
// it must keep to the limit by itself, and none may be a breach too.
func timeInRule(sides []statemachine.Side, s statemachine.State, b Bound) rule {
	who, nobody := "either end", "neither end was in it"
	if len(sides) == 1 {
		who = sides[0].String()
		nobody = who + " was never in it"
	}
	return rule{"limit:time_in", fmt.Sprintf("time of %s in %s is %s", who, s, b), func(c *Connection) outcome {
		var been, known bool
		for _, side := range sides {
			d, at := c.TimeIn(side, s)
			been, known = been || at != 0, known || c.known(side)
			if at == 0 || b.meets(float64(d)) {
				continue
			}
			o := outcome{seen: fmt.Sprintf("%s: %s", side, d), packet: at}
			if c.Ends[side].State == s {
				o.seen += ", to the end of the capture"
			}
			return o
		}
		switch {
		case !known:
			return outcome{seen: "the capture does not tell", packet: c.First.Packet}
		case !been && !b.meets(0):
			return outcome{seen: nobody, packet: c.Last.Packet}
		}
		return met()
	}}
}
