package check

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/tcpstate/tcpstate/statemachine"
)

// optionView is a way to look at the options of a handshake: what one end
// offered, or what both agreed on.
type optionView struct {
	mssName string
	// words say that the option is there, or that it is not.
	words func(option string, there bool) string
	known func(c *Connection) (at uint64, ok bool)
	has   func(c *Connection, o statemachine.OptionSet) bool
	mss   func(c *Connection) uint16
}

// offered looks at the options of one end's SYN or SYN-ACK.
func offered(side statemachine.Side) optionView {
	return optionView{
		mssName: side.String() + "'s mss",
		words: func(option string, there bool) string {
			if !there {
				option = "no " + option
			}
			return side.String() + " offers " + option
		},
		known: func(c *Connection) (uint64, bool) { return c.Sides[side].SYN, c.Sides[side].HasSYN },
		has:   func(c *Connection, o statemachine.OptionSet) bool { return c.Sides[side].Offer.Has(o) },
		mss:   func(c *Connection) uint16 { return c.Sides[side].Offer.MSS },
	}
}

// negotiated looks at what both SYNs carried: only that holds for the
// connection (RFC 7323 §2.2 and §3.2, RFC 2018 §2). The MSS is the smaller one.
func negotiated() optionView {
	both := bothSides()
	return optionView{
		mssName: "smaller mss",
		words: func(option string, there bool) string {
			if !there {
				return "not agreed on " + option
			}
			return "agreed on " + option
		},
		known: func(c *Connection) (uint64, bool) {
			at, ok := uint64(0), true
			for _, s := range both {
				at, ok = max(at, c.Sides[s].SYN), ok && c.Sides[s].HasSYN
			}
			return at, ok
		},
		has: func(c *Connection, o statemachine.OptionSet) bool {
			return c.Sides[0].Offer.Has(o) && c.Sides[1].Offer.Has(o)
		},
		mss: func(c *Connection) uint16 { return min(c.Sides[0].Offer.MSS, c.Sides[1].Offer.MSS) },
	}
}

// optionBits are the options that are there or not, by the field's name.
func optionBits() []struct {
	name string
	bit  statemachine.OptionSet
} {
	return []struct {
		name string
		bit  statemachine.OptionSet
	}{
		{"window_scale", statemachine.OptWScale},
		{"sack", statemachine.OptSACKPerm},
		{"timestamps", statemachine.OptTimestamp},
		{"fast_open", statemachine.OptFastOpen},
		{"mptcp", statemachine.OptMPTCP},
	}
}

// optionFields demand options of a handshake.
func (e *entry) optionFields(d *decoder, view optionView) []field {
	out := []field{{"mss", func(n *yaml.Node) {
		if b, ok := d.bound(n, "mss", counts()); ok {
			e.demand(d.at(n), view.mssRule(b), e.setOption(n))
		}
	}}}
	for _, o := range optionBits() {
		out = append(out, field{o.name, func(n *yaml.Node) {
			if v, ok := d.boolean(n, o.name); ok {
				e.demand(d.at(n), view.bitRule(o.name, o.bit, v), e.setOption(n))
			}
		}})
	}
	return out
}

// setOption replaces the value of an option. What a capture without both SYNs
// cannot tell goes, in an entry that a snapshot wrote.
func (e *entry) setOption(n *yaml.Node) func(any) {
	set := setScalar(n)
	return func(v any) {
		if _, ok := v.(untold); !ok {
			set(v)
		} else if e.ofSnapshot() {
			drop(e.node, "options")
		}
	}
}

func (v optionView) bitRule(name string, bit statemachine.OptionSet, want bool) rule {
	return rule{"option:" + name, v.words(name, want), func(c *Connection) outcome {
		at, known := v.known(c)
		switch got := v.has(c, bit); {
		case !known:
			return noSYN(c)
		case got != want:
			return outcome{seen: v.words(name, got), packet: at, value: plainNumber(fmt.Sprint(got))}
		}
		return met()
	}}
}

// noSYN is the outcome of an option that the capture cannot tell.
func noSYN(c *Connection) outcome {
	return outcome{seen: "the capture lacks a SYN", packet: c.First.Packet, value: untold{}}
}

// untold is the value of what the capture cannot tell.
type untold struct{}

func (v optionView) mssRule(b Bound) rule {
	return rule{"option:mss", fmt.Sprintf("%s: %s", v.mssName, b), func(c *Connection) outcome {
		at, known := v.known(c)
		switch {
		case !known:
			return noSYN(c)
		case !v.has(c, statemachine.OptMSS):
			return outcome{seen: "no mss", packet: at}
		case b.meets(float64(v.mss(c))):
			return met()
		}
		o := outcome{seen: fmt.Sprint(v.mss(c)), packet: at}
		if b.exact {
			o.value = plainNumber(o.seen)
		}
		return o
	}}
}
