package where

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// wordCheck looks for words that a field is compared with but never has, and
// for findings, kinds and addresses that there are not: such a condition would
// be false without a word.
type wordCheck struct{ err *Error }

// Visit checks one node of the expression.
func (w *wordCheck) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		w.comparison(n)
	case *ast.MemberNode:
		if key, ok := n.Property.(*ast.StringNode); ok {
			w.word(key, words(n.Node))
		}
	case *ast.CallNode:
		w.call(n)
	}
}

func (w *wordCheck) comparison(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=":
		w.words(n.Right, words(n.Left))
		w.words(n.Left, words(n.Right))
	case "in":
		w.words(n.Right, words(n.Left)) // verdict in ["reset", "refused"]
		w.words(n.Left, words(n.Right)) // "rst-ignored" in findings
	}
}

// words checks a text or a list of texts.
func (w *wordCheck) words(n ast.Node, known []string) {
	switch n := n.(type) {
	case *ast.StringNode:
		w.word(n, known)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			w.words(item, known)
		}
	}
}

func (w *wordCheck) word(n *ast.StringNode, known []string) {
	if known == nil || slices.Contains(known, n.Value) || w.err != nil {
		return
	}
	w.err = &Error{Column: n.Location().From + 1, Reason: "no connection has " + quote(n.Value) + " there", Name: n.Value, Known: known}
}

// call checks the addresses that host and within are given.
func (w *wordCheck) call(n *ast.CallNode) {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || name.Value != "host" && name.Value != "within" || len(n.Arguments) == 0 || w.err != nil {
		return
	}
	text, ok := n.Arguments[len(n.Arguments)-1].(*ast.StringNode)
	if !ok {
		return
	}
	if _, err := network(text.Value); err != nil {
		w.err = &Error{
			Column: text.Location().From + 1,
			Reason: quote(text.Value) + " is neither an address nor a network such as 10.0.0.0/8",
		}
	}
}

func quote(s string) string { return `"` + s + `"` }

// words returns the texts that a field can have, or the keys of its counts;
// nil when it may be any or is no field.
func words(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "verdict":
			return Verdicts()
		case "severity":
			return severities()
		case "findings":
			return codes()
		case "kinds":
			return kinds()
		}
	case *ast.MemberNode:
		of, ok := n.Node.(*ast.IdentifierNode)
		member, is := n.Property.(*ast.StringNode)
		switch {
		case !ok || !is || of.Value != "client" && of.Value != "server":
		case member.Value == "state":
			return States()
		case member.Value == "certainty":
			return certainties()
		}
	}
	return nil
}

// Verdicts returns the names of all verdicts.
func Verdicts() []string {
	var out []string
	for v := range analyzer.Verdict(analyzer.NumVerdicts) {
		out = append(out, v.String())
	}
	return out
}

// States returns the names of all states.
func States() []string {
	var out []string
	for _, s := range statemachine.States() {
		out = append(out, s.String())
	}
	return out
}

func certainties() []string {
	var out []string
	for _, c := range [...]statemachine.Certainty{
		statemachine.Witnessed, statemachine.Proven, statemachine.Presumed, statemachine.ByTimer, statemachine.Uncertain,
	} {
		out = append(out, c.String())
	}
	return out
}

func severities() []string {
	out := []string{noSeverity}
	for _, s := range [...]statemachine.Severity{statemachine.Note, statemachine.Warning, statemachine.Error} {
		out = append(out, s.String())
	}
	return out
}

func codes() []string {
	var out []string
	for c := range statemachine.Code(statemachine.NumCodes) {
		if c != statemachine.NoFinding {
			out = append(out, c.String())
		}
	}
	return out
}

func kinds() []string {
	var out []string
	for k := range statemachine.Kind(statemachine.NumKinds) {
		out = append(out, k.String())
	}
	return out
}
