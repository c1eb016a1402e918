package check

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The functions here return what puts an observed value in the place of one
// that was not met. Comments beside it stay.

// setScalar replaces a single value.
func setScalar(n *yaml.Node) func(any) {
	return func(v any) { replace(n, scalar(v)) }
}

// setChoice replaces a value, or a list of alternatives by the one seen.
func setChoice(n *yaml.Node) func(any) { return setScalar(n) }

// setList replaces a list.
func setList(n *yaml.Node) func(any) {
	return func(v any) {
		if words, ok := v.([]string); ok {
			replace(n, wordList(words))
		}
	}
}

// setAllowed puts words into the list named allow of the mapping findings,
// which gets one if it has none.
func setAllowed(findings, allow *yaml.Node) func(any) {
	return func(v any) {
		words, ok := v.([]string)
		switch {
		case !ok:
		case allow != nil:
			replace(allow, wordList(words))
		default:
			m := plain(findings)
			m.Content = append(m.Content, scalar("allow"), wordList(words))
		}
	}
}

// dropWord takes a word out of a list, or puts an empty list in the place of
// a single word.
func dropWord(list *yaml.Node) func(any) {
	return func(v any) {
		if list.Kind != yaml.SequenceNode {
			replace(list, wordList(nil))
			return
		}
		list.Content = slices.DeleteFunc(list.Content, func(n *yaml.Node) bool { return plain(n).Value == v })
	}
}

// replace puts the content of another node in place, and keeps the comments.
func replace(n, by *yaml.Node) {
	n.Kind, n.Tag, n.Value, n.Content, n.Alias = by.Kind, by.Tag, by.Value, by.Content, nil
	n.Style = by.Style
}

func scalar(v any) *yaml.Node {
	switch v := v.(type) {
	case plainNumber:
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(v)}
		if v == "true" || v == "false" {
			n.Tag = "!!bool"
		} else if strings.Trim(string(v), "0123456789") == "" {
			n.Tag = "!!int"
		}
		return n
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

func wordList(words []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, w := range words {
		n.Content = append(n.Content, scalar(w))
	}
	return n
}
