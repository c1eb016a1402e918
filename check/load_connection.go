package check

import (
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

func verdictNames() []string {
	var out []string
	for v := analyzer.Verdict(0); v < analyzer.NumVerdicts; v++ {
		out = append(out, v.String())
	}
	return out
}

func parseVerdicts(names []string) []analyzer.Verdict {
	var out []analyzer.Verdict
	for _, n := range names {
		out = append(out, analyzer.Verdict(slices.Index(verdictNames(), n)))
	}
	return out
}

func allStates() []string { return stateNames(statemachine.States()) }

func parseStates(names []string) []statemachine.State {
	var out []statemachine.State
	for _, n := range names {
		s, _ := statemachine.ParseState(n) // the names were checked by whoever read them
		out = append(out, s)
	}
	return out
}

func certaintyNames() []string {
	var out []string
	for c := statemachine.Presumed; c <= statemachine.Witnessed; c++ {
		out = append(out, c.String())
	}
	return out
}

func (e *entry) demand(at Position, r rule, write func(any)) {
	e.rules = append(e.rules, expectation{r, at, write})
}

// fields are what may stand in an item of the list of connections.
func (e *entry) fields(d *decoder) []field {
	choice := func(name, what string, known []string, build func([]string) rule) field {
		return field{name, func(n *yaml.Node) {
			if w := d.words(n, what, known); len(w) > 0 {
				e.demand(d.at(n), build(w), setChoice(n))
			}
		}}
	}
	return []field{
		{"name", func(n *yaml.Node) { e.name, _ = d.text(n, "name") }},
		{"match", func(n *yaml.Node) { d.mapping(n, "match", e.matchFields(d)) }},
		{"count", func(n *yaml.Node) {
			if b, ok := d.bound(n, "count", counts()); ok {
				e.count, e.counted, e.countAt, e.recount = b, true, d.at(n), setScalar(n)
			}
		}},
		{"client", func(n *yaml.Node) { d.mapping(n, "client", e.endFields(d, statemachine.Client)) }},
		{"server", func(n *yaml.Node) { d.mapping(n, "server", e.endFields(d, statemachine.Server)) }},
		choice("verdict", "verdict", verdictNames(), func(w []string) rule { return verdictRule(parseVerdicts(w)) }),
		choice("handshake", "handshake", handshakes(), handshakeRule),
		choice("close", "close", closes(), closeRule),
		{"certainty", func(n *yaml.Node) { e.certainty(d, n, bothSides()...) }},
		{"options", func(n *yaml.Node) { d.mapping(n, "options", e.optionFields(d, negotiated())) }},
		{"limits", func(n *yaml.Node) { d.mapping(n, "limits", e.limitFields(d, connectionMeasures(), bothSides())) }},
		{"findings", func(n *yaml.Node) { findingRules(d, n, func(x expectation) { e.rules = append(e.rules, x) }) }},
		{"assert", func(n *yaml.Node) {
			d.sequence(n, func(n *yaml.Node) {
				if f, source, ok := d.condition(n); ok {
					e.demand(d.at(n), assertRule(f, source), nil)
				}
			})
		}},
	}
}

func (e *entry) certainty(d *decoder, n *yaml.Node, sides ...statemachine.Side) {
	if w, ok := d.word(n, "certainty", certaintyNames()); ok {
		least := statemachine.Presumed + statemachine.Certainty(slices.Index(certaintyNames(), w))
		e.demand(d.at(n), certaintyRule(least, sides...), setScalar(n))
	}
}

// matchFields choose the connections that an entry speaks of.
func (e *entry) matchFields(d *decoder) []field {
	client, server := statemachine.Client, statemachine.Server
	end := func(name string, role *statemachine.Side) field {
		return field{name, func(n *yaml.Node) {
			s, ok := d.text(n, name)
			if !ok {
				return
			}
			p, err := parseEndpoint(s)
			if err != nil {
				d.fail(n, "", "%v", err)
				return
			}
			e.match.side(name, p, role)
		}}
	}
	return []field{
		end("client", &client),
		end("server", &server),
		end("endpoint", nil),
		{"port", func(n *yaml.Node) {
			s, ok := d.text(n, "port")
			port, err := strconv.ParseUint(s, 10, 16)
			switch {
			case !ok:
			case err != nil || port == 0:
				d.fail(n, "", "port must be 1 to 65535, not %q", s)
			default:
				e.match.side("port", endpointPattern{port: uint16(port), text: s}, nil)
			}
		}},
		{"order", func(n *yaml.Node) {
			s, ok := d.text(n, "order")
			v, err := strconv.Atoi(s)
			switch {
			case !ok:
			case err != nil || v == 0:
				d.fail(n, "", "order must be 1 for the first, 2, … or -1 for the last, not %q", s)
			default:
				e.match.order = v
			}
		}},
		{"where", func(n *yaml.Node) {
			if f, source, ok := d.condition(n); ok {
				e.match.where(f, source)
			}
		}},
	}
}

// endFields are what may be demanded of one end.
func (e *entry) endFields(d *decoder, side statemachine.Side) []field {
	each := func(name string, build func(statemachine.Side, statemachine.State) rule) field {
		return field{name, func(n *yaml.Node) {
			for _, s := range parseStates(d.words(n, "state", allStates())) {
				e.demand(d.at(n), build(side, s), nil)
			}
		}}
	}
	list := func(name string, build func(statemachine.Side, []statemachine.State) rule, write func(*yaml.Node) func(any)) field {
		return field{name, func(n *yaml.Node) {
			if w := d.words(n, "state", allStates()); len(w) > 0 {
				e.demand(d.at(n), build(side, parseStates(w)), write(n))
			}
		}}
	}
	fixed := func(*yaml.Node) func(any) { return nil }
	return []field{
		list("states", statesRule, setList),
		list("contains", containsRule, fixed),
		each("reaches", reachesRule),
		each("never", neverRule),
		list("final", finalRule, setChoice),
		{"certainty", func(n *yaml.Node) { e.certainty(d, n, side) }},
		{"offers", func(n *yaml.Node) { d.mapping(n, "offers", e.optionFields(d, offered(side))) }},
		{"limits", func(n *yaml.Node) {
			sides := []statemachine.Side{side}
			d.mapping(n, "limits", e.limitFields(d, endMeasures(sides), sides))
		}},
	}
}

// limitFields bound numbers and times.
func (e *entry) limitFields(d *decoder, measures []measure, sides []statemachine.Side) []field {
	var out []field
	for _, m := range measures {
		out = append(out, field{m.name, func(n *yaml.Node) {
			if b, ok := d.bound(n, m.name, m.unit); ok {
				e.demand(d.at(n), boundRule(m, b), setScalar(n))
			}
		}})
	}
	return append(out, field{"time_in", func(n *yaml.Node) {
		var states []field
		for _, s := range statemachine.States() {
			states = append(states, field{s.String(), func(n *yaml.Node) {
				if b, ok := d.bound(n, "time_in", durations()); ok {
					e.demand(d.at(n), timeInRule(sides, s, b), nil)
				}
			}})
		}
		d.mapping(n, "time_in", states)
	}})
}

// findingRules reads require, forbid and allow.
func findingRules(d *decoder, n *yaml.Node, demand func(expectation)) {
	var forbid, allow FindingSet
	var requireNode, forbidNode, allowNode *yaml.Node
	var required []expectation
	set := func(name string, into *FindingSet, at **yaml.Node) field {
		return field{name, func(n *yaml.Node) {
			*at = n
			d.sequence(n, func(n *yaml.Node) {
				if w, ok := d.word(n, "finding", findingWords()); ok {
					into.add(w)
				}
			})
		}}
	}
	d.mapping(n, "findings", []field{
		{"require", func(n *yaml.Node) {
			requireNode = n
			d.sequence(n, func(n *yaml.Node) {
				if w, ok := d.word(n, "finding", findingNames()); ok {
					code := statemachine.NoFinding + 1 + statemachine.Code(slices.Index(findingNames(), w))
					required = append(required, expectation{rule: requireRule(code), at: d.at(n)})
				}
			})
		}},
		set("forbid", &forbid, &forbidNode),
		set("allow", &allow, &allowNode),
	})
	rest := expectation{write: setAllowed(n, allowNode)}
	also := allowNode // where a word goes with the one that is required
	switch {
	case forbidNode != nil:
		if len(listWords(forbidNode)) == 0 {
			d.fail(forbidNode, "any forbids all", "the list of findings to forbid is empty")
		}
		rest.at, also = d.at(forbidNode), nil
	case allowNode != nil:
		// What is allowed alone forbids all the rest, as snapshots have it.
		forbid.add("any")
		rest.at, rest.write = d.at(allowNode), setNoticed(n, requireNode, allowNode)
	}
	for _, x := range required {
		x.write = dropNoticed(requireNode, also)
		demand(x)
	}
	if forbidNode != nil || allowNode != nil {
		rest.rule = forbidRule(&forbid, &allow)
		demand(rest)
	}
}
