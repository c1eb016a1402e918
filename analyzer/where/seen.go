package where

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"github.com/tcpstate/tcpstate/analyzer"
)

// nameList gathers the fields that an expression asks for, in its order.
type nameList struct{ names []string }

// Visit notes the names of one node of the expression.
func (l *nameList) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "host":
			l.add("client.addr", "server.addr")
		case "port":
			l.add("client.port", "server.port")
		case "client", "server", "within":
			// Their members are of interest.
		default:
			l.add(n.Value)
		}
	case *ast.MemberNode:
		end, ok := n.Node.(*ast.IdentifierNode)
		member, text := n.Property.(*ast.StringNode)
		if ok && text && (end.Value == "client" || end.Value == "server") {
			l.add(end.Value + "." + member.Value)
		}
	}
}

func (l *nameList) add(names ...string) {
	for _, n := range names {
		if !slices.Contains(l.names, n) {
			l.names = append(l.names, n)
		}
	}
}

// Seen tells what the fields that the expression asks for are of a connection:
//
//	verdict is "reset", server.port is 443
//
// It is empty when the expression asks for none.
func (f *Filter) Seen(c *analyzer.Connection) string {
	f.values.set(c)
	var words []string
	for _, name := range f.names {
		if v, err := expr.Eval(name, &f.values); err == nil {
			words = append(words, name+" is "+spell(v))
		}
	}
	return strings.Join(words, ", ")
}

// spell writes a value as an expression would have it.
func spell(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case map[string]int:
		if len(v) == 0 {
			return "empty"
		}
		var words []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			words = append(words, fmt.Sprintf("%s: %d", k, v[k]))
		}
		return "{" + strings.Join(words, ", ") + "}"
	}
	return fmt.Sprint(v)
}
