package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// outcome is what a rule says of one connection.
type outcome struct {
	met    bool
	seen   string
	packet uint64
	value  any // what would have met it, for --update; nil when nothing can be put there
}

// rule is one expectation of a connection.
type rule struct {
	code   string
	expect string
	test   func(c *Connection) outcome
}

func met() outcome { return outcome{met: true} }

func spell(states []statemachine.State) string {
	if len(states) == 0 {
		return "none"
	}
	return strings.Join(stateNames(states), " → ")
}

func stateNames(states []statemachine.State) []string {
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = s.String()
	}
	return out
}

// stepPacket returns the packet of the side's step number i, counted from 0;
// the last one's for those behind it, and the connection's first packet when
// the side never moved.
func (c *Connection) stepPacket(side statemachine.Side, i int) uint64 {
	steps := c.Sides[side].Steps
	switch {
	case len(steps) == 0:
		return c.First.Packet
	case i < 0:
		i = 0
	case i >= len(steps):
		i = len(steps) - 1
	}
	return steps[i].Packet
}

// settled returns the states of one side without a last CLOSED that only the
// end of TIME-WAIT made: whether a capture goes on until then says nothing of
// the exchange.
func (c *Connection) settled(side statemachine.Side) []statemachine.State {
	states, steps := c.statesOf(side), c.Sides[side].Steps
	if n := len(steps); n > 0 && steps[n-1].Event == statemachine.TimeWaitExpiry {
		return states[:len(states)-1]
	}
	return states
}

// statesRule demands exactly these states in this order; the end of TIME-WAIT
// may be left out.
func statesRule(side statemachine.Side, want []statemachine.State) rule {
	return rule{"states", fmt.Sprintf("%s goes %s", side, spell(want)), func(c *Connection) outcome {
		got := c.statesOf(side)
		if slices.Equal(got, want) || slices.Equal(c.settled(side), want) {
			return met()
		}
		at := 0
		for at < len(got) && at < len(want) && got[at] == want[at] {
			at++
		}
		o := outcome{seen: spell(got), packet: c.stepPacket(side, at-1), value: stateNames(c.settled(side))}
		if at == len(got) && at > 0 {
			o.seen += ", and stays there: no " + want[at].String()
		}
		return o
	}}
}

// containsRule demands these states in this order, others between them allowed.
func containsRule(side statemachine.Side, want []statemachine.State) rule {
	return rule{"contains", fmt.Sprintf("%s goes through %s in this order", side, spell(want)), func(c *Connection) outcome {
		got := c.statesOf(side)
		at := 0
		for _, s := range got {
			if at < len(want) && s == want[at] {
				at++
			}
			if at == len(want) {
				return met()
			}
		}
		return outcome{seen: fmt.Sprintf("%s; no %s", spell(got), missing(want, at)), packet: c.stepPacket(side, len(got))}
	}}
}

// missing names the state that did not come, and what it should have followed.
func missing(want []statemachine.State, at int) string {
	if at == 0 {
		return want[0].String()
	}
	return want[at].String() + " behind " + want[at-1].String()
}

// reachesRule demands that the side was in the state.
func reachesRule(side statemachine.Side, want statemachine.State) rule {
	return rule{"reaches", fmt.Sprintf("%s reaches %s", side, want), func(c *Connection) outcome {
		got := c.statesOf(side)
		if slices.Contains(got, want) {
			return met()
		}
		return outcome{seen: spell(got), packet: c.stepPacket(side, len(got))}
	}}
}

// neverRule demands that the side was never in the state.
func neverRule(side statemachine.Side, not statemachine.State) rule {
	return rule{"never", fmt.Sprintf("%s is never in %s", side, not), func(c *Connection) outcome {
		i := slices.Index(c.statesOf(side), not)
		switch {
		case !c.known(side):
			return outcome{seen: "the capture does not tell its states", packet: c.First.Packet}
		case i < 0:
			return met()
		}
		return outcome{seen: spell(c.statesOf(side)), packet: c.stepPacket(side, i-1)}
	}}
}

// finalRule demands that the side ends in one of the states.
func finalRule(side statemachine.Side, want []statemachine.State) rule {
	expect := fmt.Sprintf("%s ends in %s", side, strings.Join(stateNames(want), " or "))
	return rule{"final", expect, func(c *Connection) outcome {
		got := c.Ends[side].State
		if slices.Contains(want, got) {
			return met()
		}
		return outcome{seen: got.String(), packet: c.stepPacket(side, len(c.Sides[side].Steps)), value: got.String()}
	}}
}

// certaintyRule demands that every step of the sides is at least so sure.
func certaintyRule(least statemachine.Certainty, sides ...statemachine.Side) rule {
	expect := fmt.Sprintf("every step is at least %s", least)
	if len(sides) == 1 {
		expect = fmt.Sprintf("every step of the %s is at least %s", sides[0], least)
	}
	return rule{"certainty", expect, func(c *Connection) outcome {
		var worst *Step
		for _, side := range sides {
			for i := range c.Sides[side].Steps {
				s := &c.Sides[side].Steps[i]
				if s.Certainty < least && (worst == nil || s.Packet < worst.Packet) {
					worst = s
				}
			}
		}
		switch {
		case !c.moved(sides):
			return outcome{seen: "the capture shows no step", packet: c.First.Packet}
		case worst == nil:
			return met()
		}
		return outcome{
			seen:   fmt.Sprintf("%s %s → %s is %s", worst.Side, worst.From, worst.To, worst.Certainty),
			packet: worst.Packet, value: c.surest(sides).String(),
		}
	}}
}

// moved reports whether one of the sides made a step.
func (c *Connection) moved(sides []statemachine.Side) bool {
	return slices.ContainsFunc(sides, func(s statemachine.Side) bool { return len(c.Sides[s].Steps) > 0 })
}

// known reports whether the capture tells of any state that the side was in.
func (c *Connection) known(side statemachine.Side) bool {
	return len(c.Sides[side].Steps) > 0 || c.Ends[side].State != statemachine.Unknown
}

// surest returns the certainty that every step of the sides has at least.
func (c *Connection) surest(sides []statemachine.Side) statemachine.Certainty {
	least := statemachine.Witnessed
	for _, side := range sides {
		for i := range c.Sides[side].Steps {
			least = min(least, c.Sides[side].Steps[i].Certainty)
		}
	}
	return least
}

// verdictRule demands one of the verdicts.
func verdictRule(want []analyzer.Verdict) rule {
	names := make([]string, len(want))
	for i, v := range want {
		names[i] = v.String()
	}
	return rule{"verdict", "verdict is " + strings.Join(names, " or "), func(c *Connection) outcome {
		if slices.Contains(want, c.Verdict) {
			return met()
		}
		return outcome{seen: fmt.Sprintf("%s (%s)", c.Verdict, c.Detail), packet: c.telling(), value: c.Verdict.String()}
	}}
}

// telling returns the packet that says most about how the connection ended:
// that of the last step of either end, or the last packet without steps.
func (c *Connection) telling() uint64 {
	var at uint64
	for side := range c.Sides {
		if n := len(c.Sides[side].Steps); n > 0 {
			at = max(at, c.Sides[side].Steps[n-1].Packet)
		}
	}
	if at == 0 {
		return c.Last.Packet
	}
	return at
}

// shapeRule demands one of the named forms of opening or closing.
func shapeRule(code string, want []string, of func(*Connection) string, at func(*Connection) uint64) rule {
	return rule{code, code + " is " + strings.Join(want, " or "), func(c *Connection) outcome {
		got := of(c)
		if slices.Contains(want, got) {
			return met()
		}
		return outcome{seen: got, packet: at(c), value: got}
	}}
}

func handshakeRule(want []string) rule {
	return shapeRule("handshake", want, func(c *Connection) string { return string(c.Handshake()) }, (*Connection).opening)
}

func closeRule(want []string) rule {
	return shapeRule("close", want, func(c *Connection) string { return string(c.Close()) }, (*Connection).telling)
}

// opening returns the packet behind which the handshake was completed, or
// stuck.
func (c *Connection) opening() uint64 {
	at := c.First.Packet
	for side := range c.Sides {
		for i := range c.Sides[side].Steps {
			if s := &c.Sides[side].Steps[i]; !s.From.Synchronized() {
				at = max(at, s.Packet)
			}
		}
	}
	return at
}

// measure is a number of a connection.
type measure struct {
	name string
	who  string // "client's ", "server's " or nothing
	unit unit
	// of returns the value, and false where the capture does not tell it.
	of func(c *Connection) (v float64, ok bool)
	// at returns the packet that shows that the value is not within b.
	at func(c *Connection, b Bound) uint64
}

// boundRule demands that a number lies within a bound.
func boundRule(m measure, b Bound) rule {
	return rule{"limit:" + m.name, fmt.Sprintf("%s%s: %s", m.who, strings.ReplaceAll(m.name, "_", " "), b), func(c *Connection) outcome {
		v, ok := m.of(c)
		if !ok {
			return outcome{seen: "the capture does not tell", packet: c.First.Packet}
		}
		if b.meets(v) {
			return met()
		}
		o := outcome{seen: m.unit.show(v), packet: m.at(c, b)}
		if b.exact {
			o.value = plainNumber(m.unit.show(v))
		}
		return o
	}}
}

// plainNumber marks text to be written as a YAML number.
type plainNumber string
