package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Expectations are what a file demands of a capture.
type Expectations struct {
	Path string
	// Timers are those that the file asks for; Linux's when it does not.
	Timers statemachine.Config
	// Policy is the policy that the file asks for besides its own demands;
	// nil for none.
	Policy *Policy

	policyAt Position
	root     *yaml.Node
	capture  []captureExpectation
	entries  []*entry
	counted  bool // the number of connections is among the demands
	crlf     bool // the lines of the file end in CR LF
}

// expectation is a rule with its place in the file.
type expectation struct {
	rule
	at    Position
	write func(value any) // puts what was seen into the tree; nil when it cannot
}

// captureExpectation is a demand on the capture as a whole.
type captureExpectation struct {
	at           Position
	code, expect string
	test         func(o *Observed) outcome
	write        func(value any)
}

// entry is one item of the list of connections.
type entry struct {
	at      Position
	node    *yaml.Node // the entry's mapping
	name    string
	match   matcher
	count   Bound
	counted bool
	countAt Position
	recount func(value any)
	rules   []expectation
}

// title returns how results name the entry.
func (e *entry) title() string {
	if e.name != "" {
		return e.name
	}
	return e.match.String()
}

// Load reads a file of expectations. Its error joins a *FileError for each
// mistake, ten at most.
func Load(path string) (*Expectations, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notThere(path)
	}
	if err != nil {
		return nil, &FileError{At: Position{File: path}, Text: plainReason(err)}
	}
	return Parse(path, data)
}

// Parse reads expectations from data; path is what messages call them.
func Parse(path string, data []byte) (*Expectations, error) {
	root, err := parseTree(path, data)
	if err != nil {
		return nil, err
	}
	x := &Expectations{Path: path, root: root, Timers: statemachine.Linux(), crlf: bytes.Contains(data, []byte("\r\n"))}
	d := &decoder{file: path, left: maxValues + len(data)}
	body := root
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		body = root.Content[0]
	}
	d.mapping(body, "the file", x.fields(d))
	if len(d.errors) == 0 && len(x.capture) == 0 && len(x.entries) == 0 && x.Policy == nil {
		d.fail(body, "", "nothing is expected: there is neither capture nor connections nor policy")
	}
	if len(d.errors) > 0 {
		return nil, FileErrors(d.errors)
	}
	return x, nil
}

// FileErrors are the mistakes of one file, in their order.
type FileErrors []error

// Error returns them one a line.
func (e FileErrors) Error() string {
	var lines []string
	for _, err := range e {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes.
func (e FileErrors) Unwrap() []error { return e }

// fields are the top level of a file.
func (x *Expectations) fields(d *decoder) []field {
	return []field{
		{"version", func(n *yaml.Node) { d.word(n, "version", []string{"1"}) }},
		{"timers", func(n *yaml.Node) {
			if w, ok := d.word(n, "timers", []string{"linux", "rfc"}); ok && w == "rfc" {
				x.Timers = statemachine.RFC()
			}
		}},
		{"policy", func(n *yaml.Node) {
			if w, ok := d.word(n, "policy", PolicyNames()); ok {
				x.Policy, x.policyAt = NewPolicy(w), d.at(n)
			}
		}},
		{"capture", func(n *yaml.Node) { d.mapping(n, "capture", x.captureFields(d)) }},
		{"connections", func(n *yaml.Node) {
			d.sequence(n, func(n *yaml.Node) {
				e := &entry{at: d.at(n), node: n, count: Bound{low: 1, high: manyConnections, text: ">= 1"}, countAt: d.at(n)}
				d.mapping(n, "a connection", e.fields(d))
				x.entries = append(x.entries, e)
			})
		}},
	}
}

// manyConnections is more than any capture has.
const manyConnections = 1 << 53

// captureFields are what may be demanded of the whole capture.
func (x *Expectations) captureFields(d *decoder) []field {
	number := func(name string, of func(o *Observed) uint64) field {
		return field{name, func(n *yaml.Node) {
			if b, ok := d.bound(n, name, counts()); ok {
				x.counted = x.counted || name == "connections"
				x.capture = append(x.capture, captureNumber(d.at(n), name, b, of, setScalar(n)))
			}
		}}
	}
	return []field{
		number("connections", func(o *Observed) uint64 { return uint64(len(o.Connections)) }),
		number("segments", func(o *Observed) uint64 { return o.Capture.TCP }),
		number("drops", func(o *Observed) uint64 { return o.Capture.Drops }),
		{"verdicts", func(n *yaml.Node) { x.verdicts(d, n) }},
		{"findings", func(n *yaml.Node) { x.captureFindings(d, n) }},
	}
}

// captureNumber demands a number of the whole capture.
func captureNumber(at Position, name string, b Bound, of func(*Observed) uint64, write func(any)) captureExpectation {
	return captureExpectation{at: at, code: "capture:" + name, expect: "number of " + name + " is " + b.String(), write: write,
		test: func(o *Observed) outcome {
			v := of(o)
			if b.meets(float64(v)) {
				return met()
			}
			out := outcome{seen: fmt.Sprint(v)}
			if b.exact {
				out.value = plainNumber(out.seen)
			}
			return out
		}}
}

// verdicts demands how many connections have which verdict; those not named
// may not occur.
func (x *Expectations) verdicts(d *decoder, n *yaml.Node) {
	var fields []field
	named := make(map[string]bool)
	for _, name := range verdictNames() {
		fields = append(fields, field{name, func(v *yaml.Node) {
			named[name] = true
			if b, ok := d.bound(v, name, counts()); ok {
				of := func(o *Observed) uint64 { return o.withVerdict(name) }
				e := captureNumber(d.at(v), "connections "+name, b, of, setScalar(v))
				e.code = "capture:verdicts"
				x.capture = append(x.capture, e)
			}
		}})
	}
	d.mapping(n, "verdicts", fields)
	x.capture = append(x.capture, captureExpectation{at: d.at(n), code: "capture:verdicts", expect: "no other verdicts", test: func(o *Observed) outcome {
		for _, c := range o.Connections {
			if v := c.Verdict.String(); !named[v] {
				return outcome{seen: fmt.Sprintf("connection %d: %s", c.ID, v), packet: c.telling(), value: o}
			}
		}
		return met()
	}, write: func(v any) {
		if o, ok := v.(*Observed); ok {
			verdictCounts(builder{n}, o, named)
		}
	}})
}

func (o *Observed) withVerdict(name string) uint64 {
	var n uint64
	for _, c := range o.Connections {
		if c.Verdict.String() == name {
			n++
		}
	}
	return n
}

// allFindings returns the findings of all connections, and those of none.
func (o *Observed) allFindings() []Noticed {
	out := slices.Clone(o.Stray)
	for _, c := range o.Connections {
		out = append(out, c.Findings...)
	}
	return out
}

// captureFindings lifts demands on findings from connections to the capture.
func (x *Expectations) captureFindings(d *decoder, n *yaml.Node) {
	var rules []expectation
	findingRules(d, n, func(e expectation) { rules = append(rules, e) })
	for _, r := range rules {
		x.capture = append(x.capture, captureExpectation{at: r.at, code: r.code, expect: r.expect + " in the capture", write: r.write,
			test: func(o *Observed) outcome {
				return r.test(&Connection{capture: o, Findings: o.allFindings()})
			}})
	}
}
