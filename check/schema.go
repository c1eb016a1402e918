package check

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Schema returns the JSON Schema (2020-12) of a file of expectations, which
// editors use for completion. docs/schema/expect.schema.json is its output.
func Schema() ([]byte, error) {
	return json.MarshalIndent(object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Expectations of tcpstate check",
		"description": "docs/check.md has every field with an example.",
		"$defs": object{
			"state":       enum(allStates(), "a state of RFC 9293 section 3.3.2"),
			"states":      oneOrMore(ref("state")),
			"verdict":     enum(verdictNames(), "how a connection ended"),
			"certainty":   enum(certaintyNames(), "how sure a step is, the least sure first"),
			"finding":     enum(findingNames(), "a finding's stable name"),
			"findingWord": enum(findingWords(), "a finding's stable name, or all of a severity and graver"),
			"count":       pattern(object{"type": "integer", "minimum": 0}, countPattern(), "2, \"<= 2\", \"> 0\" or \"1..3\""),
			"time":        pattern(object{"const": 0}, timePattern(), "\"< 5ms\", \"<= 1.5s\" or \"1s..2s\""),
			"endpoint":    object{"type": "string", "description": "10.0.0.1, 10.0.0.0/8, 10.0.0.1:80, :80 or [2001:db8::1]:80"},
			"expression":  object{"type": "string", "description": "an expression of docs/where.md"},
			"findings":    findingsSchema(),
			"options":     optionsSchema(),
			"timeIn":      timeInSchema(),
			"end":         endSchema(),
			"match":       matchSchema(),
			"connection":  connectionSchema(),
		},
		"type":                 "object",
		"additionalProperties": false,
		"anyOf": []any{
			object{"required": []string{"policy"}}, object{"required": []string{"capture"}}, object{"required": []string{"connections"}},
		},
		"properties": object{
			"version": object{"const": 1, "description": "of this format"},
			"timers":  enum([]string{"linux", "rfc"}, "the clocks of the ends"),
			"policy":  enum(PolicyNames(), "a policy that holds besides what is listed here"),
			"capture": captureSchema(),
			"connections": object{
				"description": "what is expected of connections",
				"anyOf":       []any{ref("connection"), object{"type": "array", "items": ref("connection")}},
			},
		},
	}, "", " ")
}

type object = map[string]any

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func described(s object, text string) object {
	out := object{"description": text}
	for k, v := range s {
		if k != "description" {
			out[k] = v
		}
	}
	return out
}

func enum(words []string, text string) object {
	return object{"enum": slices.Clone(words), "description": text}
}

func oneOrMore(item object) object {
	return object{"anyOf": []any{item, object{"type": "array", "items": item, "minItems": 1}}}
}

func zeroOrMore(item object) object {
	return object{"anyOf": []any{item, object{"type": "array", "items": item}}}
}

func closed(properties object, text string) object {
	return object{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": properties, "description": text}
}

// pattern is a number, or a text of the form p.
func pattern(number object, p, text string) object {
	return object{"anyOf": []any{number, object{"type": "string", "pattern": p}}, "description": text}
}

// countPattern and timePattern are what parseBound reads; of times without a
// unit there is only 0.
func countPattern() string { return boundPattern(`\d+`) }

func timePattern() string { return boundPattern(`(0|(\d+(\.\d+)?\s*(ns|us|µs|ms|s|m|h)\s*)+)`) }

func boundPattern(value string) string {
	return fmt.Sprintf(`^\s*((<|<=|>|>=|=|==)?\s*%s|%s\s*\.\.\s*%s)\s*$`, value, value, value)
}

func findingsSchema() object {
	return closed(object{
		"require": described(zeroOrMore(ref("finding")), "each of these occurs"),
		"forbid":  described(oneOrMore(ref("findingWord")), "none of these occurs"),
		"allow":   described(zeroOrMore(ref("findingWord")), "these may occur; without forbid, nothing else may"),
	}, "what the observer noticed")
}

func optionsSchema() object {
	p := object{"mss": described(ref("count"), "the maximum segment size in octets")}
	for _, o := range optionBits() {
		p[o.name] = object{"type": "boolean"}
	}
	return closed(p, "options of the handshake")
}

func timeInSchema() object {
	p := object{}
	for _, s := range allStates() {
		p[s] = ref("time")
	}
	return closed(p, "time spent in states; one that is never left lasts to the end of the capture")
}

func limitsSchema(measures []measure) object {
	p := object{"time_in": ref("timeIn")}
	for _, m := range measures {
		kind := "count"
		if m.unit.what == durations().what {
			kind = "time"
		}
		p[m.name] = ref(kind)
	}
	return closed(p, "bounds on numbers and times")
}

func endSchema() object {
	return closed(object{
		"states":    described(ref("states"), "exactly these states in this order"),
		"contains":  described(ref("states"), "these states in this order, others between them"),
		"reaches":   described(ref("states"), "each of these states, in any order"),
		"never":     described(ref("states"), "none of these states"),
		"final":     described(ref("states"), "the last state is one of these"),
		"certainty": described(ref("certainty"), "every step of this end is at least so sure"),
		"offers":    described(ref("options"), "options of this end's SYN or SYN-ACK"),
		"limits":    limitsSchema(endMeasures(bothSides()[:1])),
	}, "what is expected of this end")
}

func matchSchema() object {
	return closed(object{
		"client":   described(ref("endpoint"), "the client's endpoint"),
		"server":   described(ref("endpoint"), "the server's endpoint"),
		"endpoint": described(ref("endpoint"), "the endpoint of either end"),
		"port":     object{"type": "integer", "minimum": 1, "maximum": 65535, "description": "the port of either end"},
		"order":    object{"type": "integer", "not": object{"const": 0}, "description": "the place among those that match the rest: 1 is the first, -1 the last"},
		"where":    described(ref("expression"), "a condition in the language of --where"),
	}, "which connections this is about; all of them without it")
}

func connectionSchema() object {
	return closed(object{
		"name":      object{"type": "string", "description": "how results call it"},
		"match":     ref("match"),
		"count":     described(ref("count"), "how many connections match; at least one without it"),
		"client":    ref("end"),
		"server":    ref("end"),
		"verdict":   described(oneOrMore(ref("verdict")), "one of these"),
		"handshake": described(oneOrMore(enum(handshakes(), "")), "one of these forms of opening"),
		"close":     described(oneOrMore(enum(closes(), "")), "one of these forms of closing"),
		"certainty": described(ref("certainty"), "every step of both ends is at least so sure"),
		"options":   described(ref("options"), "options that both ends agreed on"),
		"limits":    limitsSchema(connectionMeasures()),
		"findings":  ref("findings"),
		"assert":    described(oneOrMore(ref("expression")), "conditions in the language of --where"),
	}, "what is expected of a connection")
}

func captureSchema() object {
	verdicts := object{}
	for _, v := range verdictNames() {
		verdicts[v] = ref("count")
	}
	return closed(object{
		"connections": described(ref("count"), "how many there are"),
		"segments":    described(ref("count"), "how many TCP segments there are"),
		"drops":       described(ref("count"), "packets that the capturing program lost, as it says itself"),
		"verdicts":    closed(verdicts, "how many connections ended how; verdicts not named may not occur"),
		"findings":    described(ref("findings"), "findings of all connections together"),
	}, "what is expected of the capture as a whole")
}
