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

// setAllowed adds words to the list named allow of the mapping findings, which
// gets one if it has none.
func setAllowed(findings, allow *yaml.Node) func(any) {
	return func(v any) {
		words, _ := v.([]string)
		if allow != nil {
			replace(allow, wordList(append(listWords(allow), words...)))
			return
		}
		m := plain(findings)
		m.Content = append(m.Content, scalar("allow"), wordList(words))
	}
}

// setNoticed adds words to the list named allow, and to the one named require,
// which the mapping findings gets if it has none.
func setNoticed(findings, require, allow *yaml.Node) func(any) {
	return func(v any) {
		words, _ := v.([]string)
		replace(allow, sortedList(listWords(allow), words))
		if require != nil {
			replace(require, sortedList(listWords(require), words))
			return
		}
		m := plain(findings)
		m.Content = append([]*yaml.Node{scalar("require"), wordList(words)}, m.Content...)
	}
}

// dropNoticed takes a word out of the list named require, and out of the one
// named allow, if any.
func dropNoticed(require, allow *yaml.Node) func(any) {
	return func(v any) {
		for _, list := range []*yaml.Node{require, allow} {
			if list != nil {
				words := listWords(list)
				replace(list, wordList(slices.DeleteFunc(words, func(w string) bool { return w == v })))
			}
		}
	}
}

func sortedList(a, b []string) *yaml.Node {
	words := slices.Concat(a, b)
	slices.Sort(words)
	return wordList(slices.Compact(words))
}

// listWords returns the words of a list, or a single one.
func listWords(list *yaml.Node) []string {
	if list.Kind != yaml.SequenceNode {
		return []string{list.Value}
	}
	var out []string
	for _, n := range list.Content {
		out = append(out, plain(n).Value)
	}
	return out
}

// drop takes a key with its value out of a mapping.
func drop(m *yaml.Node, key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = slices.Delete(m.Content, i, i+2)
			return
		}
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
