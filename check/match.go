package check

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// endpointPattern matches endpoints: an address, a prefix, a port, or an
// address with a port.
type endpointPattern struct {
	prefix netip.Prefix // invalid matches every address
	port   uint16       // 0 matches every port
	text   string
}

// parseEndpoint reads 10.0.0.1, 10.0.0.0/8, 10.0.0.1:80, :80, [2001:db8::1]:80
// or 2001:db8::1.
func parseEndpoint(s string) (endpointPattern, error) {
	e := endpointPattern{text: s}
	bad := fmt.Errorf("%q is not an endpoint like 10.0.0.1, 10.0.0.0/8, 10.0.0.1:80, :80 or [2001:db8::1]:80", s)
	if a, err := netip.ParseAddr(s); err == nil {
		e.prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return e, nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		e.prefix = p
		return e, nil
	}
	if rest, ok := strings.CutPrefix(s, ":"); ok {
		n, err := strconv.ParseUint(rest, 10, 16)
		if err != nil || n == 0 {
			return e, bad
		}
		e.port = uint16(n)
		return e, nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil || ap.Port() == 0 {
		return e, bad
	}
	e.prefix, e.port = netip.PrefixFrom(ap.Addr().Unmap(), ap.Addr().Unmap().BitLen()), ap.Port()
	return e, nil
}

func (e endpointPattern) matches(a netip.AddrPort) bool {
	return (!e.prefix.IsValid() || e.prefix.Contains(a.Addr().Unmap())) && (e.port == 0 || e.port == a.Port())
}

// matcher chooses connections.
type matcher struct {
	tests []func(c *Connection) bool
	order int      // from 1 among those that pass the tests, from -1 backwards; 0 for all
	words []string // for people
}

func (m *matcher) add(words string, test func(c *Connection) bool) {
	m.words, m.tests = append(m.words, words), append(m.tests, test)
}

// side demands that an end of the given role, or with role nil any end,
// matches.
func (m *matcher) side(word string, e endpointPattern, role *statemachine.Side) {
	m.add(word+" "+e.text, func(c *Connection) bool {
		if role != nil {
			return e.matches(c.Ends[*role].Addr)
		}
		return e.matches(c.Ends[0].Addr) || e.matches(c.Ends[1].Addr)
	})
}

// choose returns the connections that match, in order.
func (m *matcher) choose(all []*Connection) []*Connection {
	out := all
	if len(m.tests) > 0 {
		out = nil
		for _, c := range all {
			if m.passes(c) {
				out = append(out, c)
			}
		}
	}
	i := m.order - 1
	if m.order < 0 {
		i = len(out) + m.order
	}
	switch {
	case m.order == 0:
		return out
	case i < 0 || i >= len(out):
		return nil
	}
	return out[i : i+1]
}

// passes reports whether all tests hold.
func (m *matcher) passes(c *Connection) bool {
	for _, test := range m.tests {
		if !test(c) {
			return false
		}
	}
	return true
}

// shownConnections is how many connections are named where none matches.
const shownConnections = 3

// endpoints names the first connections by their endpoints, for people who
// look for the mistake in a choice.
func endpoints(list []*Connection) string {
	var b strings.Builder
	for i, c := range list {
		if i == shownConnections {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s > %s", c.Ends[statemachine.Client].Addr, c.Ends[statemachine.Server].Addr)
	}
	return b.String()
}

// String describes the choice.
func (m *matcher) String() string {
	s := strings.Join(m.words, ", ")
	if m.order != 0 {
		if s != "" {
			s += ", "
		}
		s += "order " + strconv.Itoa(m.order)
	}
	if s == "" {
		return "any connection"
	}
	return s
}
