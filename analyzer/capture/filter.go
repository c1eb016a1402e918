package capture

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Filter selects packets by an expression of libpcap (pcap-filter(7)), as
// tcpdump takes it. The expression is compiled for each link type that is met.
// A Filter is not safe for use by two goroutines.
type Filter struct {
	expr     string
	programs map[analyzer.LinkType]*compiled
}

// compiled is the expression for one link type, or why there is none.
type compiled struct {
	program program
	err     error
}

// FilterError says what is wrong with a filter expression.
type FilterError struct {
	Expr   string
	Offset int64 // of the word at fault in Expr, in octets; NoOffset where that is not known
	Reason string
}

// Error returns the reason and the place, in one line.
func (e *FilterError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("filter %q: %s", e.Expr, e.Reason)
	}
	word, _, _ := strings.Cut(e.Expr[e.Offset:], " ")
	if word == "" {
		return fmt.Sprintf("filter %q: %s at its end", e.Expr, e.Reason)
	}
	return fmt.Sprintf("filter %q: %s at %q, position %d", e.Expr, e.Reason, word, e.Offset+1)
}

// ErrNoFilters says that this program was built without libpcap, which
// compiles filter expressions.
var ErrNoFilters = errors.New("this tcpstate was built without libpcap, which filter expressions need")

// NewFilter compiles an expression. It returns *FilterError when the expression
// is wrong, and ErrNoFilters where nothing can compile it. An expression that
// makes no sense for Ethernet alone is only found out when its link type is met.
func NewFilter(expr string) (*Filter, error) {
	f := &Filter{expr: expr, programs: make(map[analyzer.LinkType]*compiled)}
	c := f.compile(analyzer.LinkEthernet)
	if c.err == nil || errors.Is(c.err, ErrNoFilters) {
		return f, c.err
	}
	// inbound and ifname mean something at other links only.
	if c := f.compile(analyzer.LinkSLL2); c.err == nil {
		return f, nil
	}
	return nil, locate(expr, c.err)
}

// Match reports whether the filter takes the packet. It looks at Link, Frame
// and WireLen. The error, the same for all packets of a link type, says that
// the expression cannot be applied there.
func (f *Filter) Match(p *analyzer.Packet) (bool, error) {
	c := f.programs[p.Link]
	if c == nil {
		c = f.compile(p.Link)
	}
	if c.err != nil {
		return false, c.err
	}
	return c.program.run(p.Frame, p.WireLen), nil
}

// clone returns a filter for use by another goroutine; nil of nil.
func (f *Filter) clone() *Filter {
	if f == nil {
		return nil
	}
	return &Filter{expr: f.expr, programs: maps.Clone(f.programs)}
}

// String returns the expression.
func (f *Filter) String() string { return f.expr }

func (f *Filter) compile(link analyzer.LinkType) *compiled {
	c := &compiled{}
	c.program, c.err = compileFilter(link, f.expr)
	f.programs[link] = c
	return c
}

// continuations complete an expression that stops in the middle.
var continuations = [...]string{"", " tcp", " 1", " 1.2.3.4", " 1-2", " 0:0:0:0:0:0", " host 1.2.3.4", " 1]", " = 1", " 1 = 1", "] = 1", " 1] = 1"}

// locate finds the word at which an expression stops making sense: libpcap does
// not tell. It is the first one with which the words up to it cannot be
// completed to a valid expression.
func locate(expr string, cause error) error {
	e := &FilterError{Expr: expr, Offset: NoOffset, Reason: cause.Error()}
	if i := strings.Index(e.Reason, "syntax error"); i >= 0 {
		e.Reason = "syntax error"
	}
	for at := 0; at < len(expr); {
		at += len(expr[at:]) - len(strings.TrimLeft(expr[at:], " \t\n"))
		end := at + strings.IndexAny(expr[at:]+" ", " \t\n")
		if end == at {
			break
		}
		if !completes(expr[:end]) {
			e.Offset = int64(at)
			return e
		}
		at = end
	}
	if e.Reason == "syntax error" {
		e.Offset = int64(len(expr))
	}
	return e
}

// completes reports whether words can be the beginning of an expression.
func completes(words string) bool {
	open := max(strings.Count(words, "(")-strings.Count(words, ")"), 0)
	for _, more := range continuations {
		if _, err := compileFilter(analyzer.LinkEthernet, words+more+strings.Repeat(")", open)); err == nil {
			return true
		}
	}
	return false
}
