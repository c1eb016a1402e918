package check

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/tcpstate/tcpstate/statemachine"
)

// snapshotConnections is how many connections a snapshot lists one by one;
// beyond it, only verdicts and findings are counted.
const snapshotConnections = 100

const snapshotHead = `yaml-language-server: $schema=https://raw.githubusercontent.com/tcpstate/tcpstate/main/docs/schema/expect.schema.json
What is expected of the capture beside this file; docs/check.md has every field.
Written by tcpstate check --update: delete what does not matter, add what does.`

// Snapshot returns expectations that the capture meets, as YAML. It holds
// nothing of ports, addresses, sequence numbers or times, so that a new
// recording of the same exchange meets it too.
func Snapshot(o *Observed) ([]byte, error) {
	body := mapping()
	body.put("version", scalar(plainNumber("1")))
	capture := mapping().put("connections", number(uint64(len(o.Connections))))
	body.put("capture", capture.Node())
	switch n := len(o.Connections); {
	case n > snapshotConnections:
		capture.put("verdicts", verdictCounts(mapping(), o, nil)).put("findings", findingsSeen(o.allFindings()))
	case n > 0:
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i, c := range o.Connections {
			list.Content = append(list.Content, snapshotConnection(c, i+1))
		}
		body.put("connections", list)
	}
	root := body.Node()
	root.HeadComment = snapshotHead
	return encode(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}})
}

// encode writes a tree with an indent of two.
func encode(root *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("writing expectations: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("writing expectations: %w", err)
	}
	return b.Bytes(), nil
}

// builder puts a mapping together.
type builder struct{ n *yaml.Node }

func mapping() builder { return builder{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

func (b builder) put(key string, v *yaml.Node) builder {
	b.n.Content = append(b.n.Content, scalar(key), v)
	return b
}

// Node returns the mapping.
func (b builder) Node() *yaml.Node { return b.n }

func number(v uint64) *yaml.Node { return scalar(plainNumber(strconv.FormatUint(v, 10))) }

func boolNode(v bool) *yaml.Node { return scalar(plainNumber(strconv.FormatBool(v))) }

// snapshotConnection is the item of one connection. Its place in the capture
// chooses it, since ports and addresses may change.
func snapshotConnection(c *Connection, order int) *yaml.Node {
	m := mapping()
	m.put("name", scalar("connection "+strconv.Itoa(order)))
	m.put("match", mapping().put("order", number(uint64(order))).Node())
	for _, side := range bothSides() {
		m.put(side.String(), mapping().put("states", wordList(stateNames(c.settled(side)))).Node())
	}
	m.put("verdict", scalar(c.Verdict.String()))
	m.put("handshake", scalar(string(c.Handshake())))
	m.put("close", scalar(string(c.Close())))
	if least := c.surest(bothSides()); c.moved(bothSides()) && least > statemachine.Uncertain {
		m.put("certainty", scalar(least.String()))
	}
	if view := negotiated(); c.bothSYNs() {
		options := mapping()
		if view.has(c, statemachine.OptMSS) {
			options.put("mss", number(uint64(view.mss(c))))
		}
		for _, o := range optionBits()[:3] {
			options.put(o.name, boolNode(view.has(c, o.bit)))
		}
		m.put("options", options.Node())
	}
	resent := len(c.packetsOf(bothSides(), func(e *End) []uint64 { return e.Resent }))
	m.put("limits", mapping().put("retransmissions", number(uint64(resent))).Node())
	m.put("findings", findingsSeen(c.Findings))
	return m.Node()
}

func (c *Connection) bothSYNs() bool { return c.Sides[0].HasSYN && c.Sides[1].HasSYN }

// findingsSeen requires the findings that there are, and allows no others.
func findingsSeen(found []Noticed) *yaml.Node {
	words := codesOf(found)
	m := mapping()
	if len(words) > 0 {
		m.put("require", wordList(words))
	}
	return m.put("allow", wordList(words)).Node()
}

// verdictCounts adds to a mapping how many connections there are of each
// verdict that is not among the known ones.
func verdictCounts(m builder, o *Observed, known map[string]bool) *yaml.Node {
	for _, v := range verdictNames() {
		if n := o.withVerdict(v); n > 0 && !known[v] {
			m.put(v, number(n))
		}
	}
	return m.Node()
}

// Refresh changes the expectations that the capture does not meet to what was
// seen, and returns the file's new text with the number of changes. Comments,
// limits that leave room and everything that is met stay as they are. What
// cannot be put right so, like "< 5ms", is left and stays unmet. A file with
// aliases is refused, since one place of it may stand for several.
func (x *Expectations) Refresh(o *Observed) (text []byte, changes int, err error) {
	for _, r := range x.Check(o) {
		if r.repair != nil {
			r.repair()
			changes++
		}
	}
	changes += x.dropGone(o) + x.addMissing(o)
	if n := alias(x.root); n != nil && changes > 0 {
		return nil, 0, &FileError{
			At: Position{x.Path, n.Line, n.Column}, Text: "cannot be updated, since an alias would change with what it stands for", Hint: "write it out",
		}
	}
	text, err = encode(x.root)
	if x.crlf {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	return text, changes, err
}

// alias returns the first alias of a tree, nil without one.
func alias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n
	}
	for _, c := range n.Content {
		if a := alias(c); a != nil {
			return a
		}
	}
	return nil
}

// dropGone removes the entries of snapshots when there is no connection at
// their place any more.
func (x *Expectations) dropGone(o *Observed) int {
	list := x.list()
	if list == nil {
		return 0
	}
	before := len(list.Content)
	for _, e := range x.entries {
		if e.ofSnapshot() && len(e.match.choose(o.Connections)) == 0 {
			list.Content = slices.DeleteFunc(list.Content, func(n *yaml.Node) bool { return plain(n) == e.node })
		}
	}
	return before - len(list.Content)
}

// ofSnapshot reports whether the entry chooses its connection by its place
// alone, as snapshots do.
func (e *entry) ofSnapshot() bool {
	return e.match.order != 0 && len(e.match.tests) == 0 && !e.counted
}

// list returns the list of connections of the file; nil when it has none, or a
// single entry in its place.
func (x *Expectations) list() *yaml.Node {
	n := lookup(x.root.Content[0], "connections")
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n
}

// addMissing appends the connections that no entry speaks of, in a file that
// lists them all.
func (x *Expectations) addMissing(o *Observed) int {
	list := x.list()
	if !x.counted || list == nil || len(x.entries) == 0 || len(o.Connections) > snapshotConnections {
		return 0
	}
	covered := make(map[uint32]bool)
	for _, e := range x.entries {
		for _, c := range e.match.choose(o.Connections) {
			covered[c.ID] = true
		}
	}
	added := 0
	for i, c := range o.Connections {
		if !covered[c.ID] {
			list.Content = append(list.Content, snapshotConnection(c, i+1))
			added++
		}
	}
	return added
}

// lookup returns the value of a key of a mapping, nil without it.
func lookup(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return plain(m.Content[i+1])
		}
	}
	return nil
}
