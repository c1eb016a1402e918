package where

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Filter is a compiled expression. It is not safe for use by two goroutines.
type Filter struct {
	program *vm.Program
	names   []string // the fields that it asks for
	machine vm.VM
	values  values
}

// Error is a mistake in an expression.
type Error struct {
	Source string   // the expression
	Column int      // of the mistake, in characters from 1; 0 when it is the whole
	Reason string   // in one line
	Name   string   // the name or word that is not known, if that is the mistake
	Known  []string // those that there are in its place
}

// Error returns the reason with its place.
func (e *Error) Error() string {
	if e.Column == 0 {
		return e.Reason
	}
	return fmt.Sprintf("%s, at character %d", e.Reason, e.Column)
}

// Compile reads an expression. Its errors are *Error.
func Compile(source string) (*Filter, error) {
	if strings.TrimSpace(source) == "" {
		return nil, &Error{Source: source, Reason: "the expression is empty"}
	}
	f := &Filter{}
	f.values = values{Kinds: make(map[string]int), Findings: make(map[string]int), In: within}
	f.values.Host, f.values.Port = f.values.host, f.values.port
	words, asked := &wordCheck{}, &nameList{}
	program, err := expr.Compile(source, expr.Env(&f.values), expr.AsBool(), expr.Patch(words), expr.Patch(asked),
		// The program knows no clock but the capture's.
		expr.DisableBuiltin("now"))
	if err != nil {
		return nil, explain(source, err)
	}
	if words.err != nil {
		words.err.Source = source
		return nil, words.err
	}
	f.program, f.names = program, asked.names
	return f, nil
}

// Match reports whether the expression holds for the connection. An error
// (an index beyond a list, say) names the place in the expression.
func (f *Filter) Match(c *analyzer.Connection) (bool, error) {
	f.values.set(c)
	out, err := f.machine.Run(f.program, &f.values)
	if err != nil {
		return false, explain(f.program.Source().String(), err)
	}
	ok, _ := out.(bool) // AsBool has seen to it
	return ok, nil
}

var (
	unknownName  = regexp.MustCompile(`^unknown name (\S+)$`)
	unknownField = regexp.MustCompile(`^type \S+ has no field (\S+)$`)
	notBool      = regexp.MustCompile(`^expected bool, but got (.+)$`)
)

// explain turns an error of the language into ours.
func explain(source string, err error) *Error {
	e := &Error{Source: source, Reason: firstLine(err.Error())}
	var at *file.Error
	if errors.As(err, &at) {
		e.Reason, e.Column = firstLine(at.Message), at.From+1
	}
	switch {
	case unknownName.MatchString(e.Reason):
		e.Name, e.Known = unknownName.FindStringSubmatch(e.Reason)[1], names()
	case unknownField.MatchString(e.Reason):
		e.Name, e.Known = unknownField.FindStringSubmatch(e.Reason)[1], members()
		e.Reason = "unknown member " + e.Name
	case notBool.MatchString(e.Reason):
		e.Reason = "the expression is no condition but " + article(notBool.FindStringSubmatch(e.Reason)[1])
	case strings.HasPrefix(e.Reason, "unexpected token EOF"):
		e.Reason = "the expression breaks off"
	}
	e.Reason = strings.NewReplacer("where.end", "an end", "*where.values", "the connection").Replace(e.Reason)
	return e
}

// article names the type of a value that is not true or false.
func article(kind string) string {
	switch kind {
	case "string":
		return "a text"
	case "int", "float64":
		return "a number"
	case "where.end":
		return "an end"
	}
	return "a value of type " + kind
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// names returns what may stand alone.
func names() []string {
	out := []string{"client", "server", "host", "port", "within"}
	for _, f := range Fields() {
		if !strings.Contains(f.Name, ".") {
			out = append(out, f.Name)
		}
	}
	return out
}

// members returns what may follow client. and server.
func members() []string {
	var out []string
	for _, f := range Fields() {
		if name, ok := strings.CutPrefix(f.Name, "client."); ok {
			out = append(out, name)
		}
	}
	return out
}
