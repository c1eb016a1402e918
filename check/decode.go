package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks a YAML tree and gathers the mistakes in it.
type decoder struct {
	file   string
	errors []error
	left   int // how many more values are read
}

// maxValues is how many values are read of a file, besides one for each of its
// octets: aliases that stand for aliases could make any number of them.
const maxValues = 100_000

// another counts a value, and reports whether it may still be read.
func (d *decoder) another(n *yaml.Node) bool {
	if d.left--; d.left == 0 {
		d.fail(n, "", "the aliases of this file stand for too many values")
	}
	return d.left > 0
}

// maxErrors is how many mistakes of a file are told.
const maxErrors = 10

func (d *decoder) at(n *yaml.Node) Position { return Position{d.file, n.Line, n.Column} }

func (d *decoder) fail(n *yaml.Node, hint, format string, args ...any) {
	if len(d.errors) < maxErrors {
		d.errors = append(d.errors, &FileError{At: d.at(n), Text: fmt.Sprintf(format, args...), Hint: hint})
	}
}

// field is one key of a mapping with what reads its value.
type field struct {
	name string
	read func(n *yaml.Node)
}

func fieldNames(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// mapping reads a mapping in which only the given fields may stand, each once.
func (d *decoder) mapping(n *yaml.Node, what string, fields []field) {
	if n = plain(n); n.Kind != yaml.MappingNode {
		d.fail(n, "its fields: "+strings.Join(fieldNames(fields), ", "), "%s must be a mapping, not %s", what, kindWord(n))
		return
	}
	if len(n.Content) == 0 {
		d.fail(n, "its fields: "+strings.Join(fieldNames(fields), ", "), "%s is empty", what)
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content) && d.another(n); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			d.fail(key, "", "%q stands twice, first in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		d.field(key, value, what, fields)
	}
}

func (d *decoder) field(key, value *yaml.Node, what string, fields []field) {
	for _, f := range fields {
		if f.name == key.Value {
			f.read(plain(value))
			return
		}
	}
	d.fail(key, didYouMean(key.Value, fieldNames(fields)), "unknown field %q in %s", key.Value, what)
}

// sequence reads a list, or a single value as a list of one.
func (d *decoder) sequence(n *yaml.Node, each func(n *yaml.Node)) {
	if n = plain(n); n.Kind != yaml.SequenceNode {
		each(n)
		return
	}
	for _, item := range n.Content {
		if d.another(n) {
			each(plain(item))
		}
	}
}

// text reads a scalar.
func (d *decoder) text(n *yaml.Node, what string) (string, bool) {
	if n = plain(n); n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.fail(n, "", "%s must be a single value, not %s", what, kindWord(n))
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

// word reads a scalar that must be one of the known words.
func (d *decoder) word(n *yaml.Node, what string, known []string) (string, bool) {
	s, ok := d.text(n, what)
	if !ok {
		return "", false
	}
	for _, k := range known {
		if k == s {
			return s, true
		}
	}
	d.fail(n, didYouMean(s, known), "unknown %s %q", what, s)
	return "", false
}

// words reads a list of known words; it must not be empty.
func (d *decoder) words(n *yaml.Node, what string, known []string) []string {
	var out []string
	before := len(d.errors)
	d.sequence(n, func(n *yaml.Node) {
		if w, ok := d.word(n, what, known); ok {
			out = append(out, w)
		}
	})
	if len(out) == 0 && len(d.errors) == before {
		d.fail(n, "", "the list of %ss is empty", what)
	}
	return out
}

// boolean reads true or false.
func (d *decoder) boolean(n *yaml.Node, what string) (value, ok bool) {
	s, ok := d.text(n, what)
	if !ok {
		return false, false
	}
	v, err := strconv.ParseBool(s)
	if err != nil || n.Tag != "!!bool" {
		d.fail(n, "", "%s must be true or false, not %q", what, s)
		return false, false
	}
	return v, true
}

// bound reads a condition on a number.
func (d *decoder) bound(n *yaml.Node, what string, u unit) (Bound, bool) {
	s, ok := d.text(n, what)
	if !ok {
		return Bound{}, false
	}
	b, err := parseBound(s, u)
	if err != nil {
		d.fail(n, "", "%s: %v", what, err)
		return Bound{}, false
	}
	return b, true
}

// plain follows an alias to what it stands for.
func plain(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func kindWord(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return strconv.Quote(n.Value)
	default:
		return "this"
	}
}

// parseTree reads one YAML document.
func parseTree(file string, data []byte) (*yaml.Node, error) {
	// A carriage return at the end of a line would become part of comments.
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	switch err := dec.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, &FileError{At: Position{file, 1, 1}, Text: "the file is empty", Hint: "tcpstate check --update writes one"}
	case err != nil:
		return nil, syntaxError(file, data, err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		return nil, &FileError{At: Position{file, more.Line, max(more.Column, 1)}, Text: "a second document in one file"}
	}
	return &root, nil
}

// syntaxError takes the line out of the library's message.
func syntaxError(file string, data []byte, err error) error {
	e := &FileError{At: Position{File: file}, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	var line int
	if n, err := fmt.Sscanf(e.Text, "line %d:", &line); n != 1 || err != nil {
		return e
	}
	e.At.Line, e.At.Column = line, 1
	_, e.Text, _ = strings.Cut(e.Text, ": ")
	lines := bytes.Split(data, []byte("\n"))
	if line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[line-1], " "), []byte("\t")) {
		e.Hint = "YAML indents with blanks, not with tabs"
	}
	return e
}

// plainReason drops the operation and the name from an error of the system.
func plainReason(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
