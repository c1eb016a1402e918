package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/where"
	"github.com/tcpstate/tcpstate/statemachine"
)

// T is what a Go test hands over: *testing.T, *testing.B and *testing.F are
// one.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Recording is a choice of connections of a capture, with demands on each of
// them. A demand that is not met is an error of the test, which goes on; all
// methods return their receiver, so that demands can be chained.
type Recording struct {
	t      T
	o      *Observed
	chosen []*Connection
	timers statemachine.Config
}

// File reads the capture at path and chooses all of its connections. A
// capture that cannot be read whole, or that has no connection, ends the test.
func File(t T, path string) *Recording {
	t.Helper()
	r := &Recording{t: t, timers: statemachine.Linux()}
	o, err := Observe(context.Background(), path, r.timers)
	switch {
	case err != nil:
		t.Fatalf("%v", withPath(path, err))
	case len(o.Connections) == 0:
		t.Fatalf("%s: no connection", path)
	default:
		r.o, r.chosen = o, o.Connections
	}
	return r
}

// Expect holds the capture at path against the file of expectations beside
// it (ExpectationsPath). Everything that is not met is an error of the test.
func Expect(t T, path string) {
	t.Helper()
	r := checkFile(context.Background(), path, &Options{Expect: ExpectationsPath(path)})
	if r.Err != nil {
		t.Fatalf("%v", withPath(path, r.Err))
		return
	}
	for _, res := range r.Unmet() {
		t.Errorf("%s", told(res.At.String(), &res))
	}
}

// withPath puts the path in front of an error that does not name a file.
func withPath(path string, err error) error {
	if s := err.Error(); strings.HasPrefix(s, path) || strings.HasPrefix(s, ExpectationsPath(path)) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// told says what was expected, what was seen, and shows the lines around it.
func told(where string, r *Result) string {
	return strings.TrimRight(fmt.Sprintf("%s: %s\nseen: %s\n%s", where, r.Expect, r.What(), r.ContextText("  ")), "\n")
}

// Follows holds the whole capture against a policy: strict, default or
// lenient. Findings and verdicts named in allow pass.
func (r *Recording) Follows(policy string, allow ...string) *Recording {
	r.t.Helper()
	p := NewPolicy(policy)
	if p == nil {
		r.t.Fatalf("unknown policy %q (%s)", policy, didYouMean(policy, PolicyNames()))
		return r
	}
	for _, a := range allow {
		if !p.Allow(a) {
			r.t.Fatalf("unknown finding or verdict %q (%s)", a, didYouMean(a, Codes()))
			return r
		}
	}
	if r.o != nil {
		r.report(p.Check(r.o))
	}
	return r
}

// Observed returns what was read, nil when nothing was.
func (r *Recording) Observed() *Observed { return r.o }

// Where chooses among the connections those for which an expression holds, in
// the language of docs/where.md. A mistake in it, and a choice that leaves
// nothing, end the test.
func (r *Recording) Where(expression string) *Recording {
	r.t.Helper()
	f, err := where.Compile(expression)
	if err != nil {
		r.t.Fatalf("%s: %v", expression, err)
		return r
	}
	var m matcher
	m.where(f, expression)
	return r.only(&m)
}

// Assert demands that an expression holds for each connection.
func (r *Recording) Assert(expression string) *Recording {
	r.t.Helper()
	f, err := where.Compile(expression)
	if err != nil {
		r.t.Fatalf("%s: %v", expression, err)
		return r
	}
	return r.demand(assertRule(f, expression))
}

// Endpoint chooses among the connections those with the given endpoint on
// either end: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:80, :80 or [2001:db8::1]:80. A
// choice that leaves nothing ends the test.
func (r *Recording) Endpoint(endpoint string) *Recording {
	r.t.Helper()
	return r.narrow("endpoint", endpoint, nil)
}

// Nth chooses the connection with the given place among those chosen so far,
// from 1; -1 is the last. There is none with the place 0.
func (r *Recording) Nth(n int) *Recording {
	r.t.Helper()
	if n == 0 {
		r.t.Fatalf("connections are counted from 1, or from -1 backwards, not from 0")
		return r
	}
	return r.only(&matcher{order: n})
}

// Client chooses the connections whose client is one of the endpoints, all of
// them without any, and returns that end of them.
func (r *Recording) Client(endpoints ...string) *Ends {
	r.t.Helper()
	return r.ends(statemachine.Client, endpoints)
}

// Server is like Client, for the other end.
func (r *Recording) Server(endpoints ...string) *Ends {
	r.t.Helper()
	return r.ends(statemachine.Server, endpoints)
}

func (r *Recording) ends(side statemachine.Side, endpoints []string) *Ends {
	r.t.Helper()
	for _, e := range endpoints {
		r = r.narrow(side.String(), e, &side)
	}
	return &Ends{r: r, side: side}
}

func (r *Recording) narrow(word, endpoint string, role *statemachine.Side) *Recording {
	r.t.Helper()
	p, err := parseEndpoint(endpoint)
	if err != nil {
		r.t.Fatalf("%v", err)
		return r
	}
	var m matcher
	m.side(word, p, role)
	return r.only(&m)
}

func (r *Recording) only(m *matcher) *Recording {
	r.t.Helper()
	out := *r
	if out.chosen = m.choose(r.chosen); len(out.chosen) == 0 && r.o != nil {
		r.t.Fatalf("%s: no connection matches %s; there is %s", r.path(), m, endpoints(r.chosen))
	}
	return &out
}

func (r *Recording) path() string {
	if r.o == nil {
		return ""
	}
	return r.o.Path
}

// Count demands the number of connections chosen.
func (r *Recording) Count(n int) *Recording {
	r.t.Helper()
	if len(r.chosen) != n {
		r.t.Errorf("%s: %d connections, want %d", r.path(), len(r.chosen), n)
	}
	return r
}

// Verdict demands one of the verdicts.
func (r *Recording) Verdict(want ...analyzer.Verdict) *Recording {
	r.t.Helper()
	r.named("Verdict", len(want))
	return r.demand(verdictRule(want))
}

// Handshake demands one of the forms of opening.
func (r *Recording) Handshake(want ...Handshake) *Recording {
	r.t.Helper()
	r.named("Handshake", len(want))
	return r.demand(handshakeRule(plainWords(want)))
}

// Close demands one of the forms of closing.
func (r *Recording) Close(want ...Close) *Recording {
	r.t.Helper()
	r.named("Close", len(want))
	return r.demand(closeRule(plainWords(want)))
}

func plainWords[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// Certainty demands that every step of both ends is at least so sure.
func (r *Recording) Certainty(least statemachine.Certainty) *Recording {
	r.t.Helper()
	return r.demand(certaintyRule(least, bothSides()...))
}

// Limit bounds a number of each connection: Limit("handshake_rtt", "< 5ms").
// The names are those of docs/check.md under limits; an unknown one, or a
// malformed bound, ends the test.
func (r *Recording) Limit(name, bound string) *Recording {
	r.t.Helper()
	if rule, ok := limitRule(r.t, connectionMeasures(), name, bound); ok {
		r.demand(rule)
	}
	return r
}

// Retransmissions demands the number of segments that were sent again.
func (r *Recording) Retransmissions(n int) *Recording {
	r.t.Helper()
	return r.demand(boundRule(endMeasures(bothSides())[0], Exactly(n)))
}

// Finds demands that each of the findings occurs in each connection.
func (r *Recording) Finds(codes ...statemachine.Code) *Recording {
	r.t.Helper()
	r.named("Finds", len(codes))
	for _, c := range codes {
		r.demand(requireRule(c))
	}
	return r
}

// NoFindings forbids all findings but those allowed.
func (r *Recording) NoFindings(allow ...statemachine.Code) *Recording {
	r.t.Helper()
	var forbid, allowed FindingSet
	forbid.add("any")
	for _, c := range allow {
		allowed.add(c.String())
	}
	return r.demand(forbidRule(&forbid, &allowed))
}

// demand applies a rule to every connection chosen.
func (r *Recording) demand(rule rule) *Recording {
	r.t.Helper()
	subject := func(c *Connection) string { return fmt.Sprintf("connection %d", c.ID) }
	r.report(applied(&rule, Position{}, r.chosen, subject, nil))
	return r
}

// named ends the test where a demand names nothing, since it would demand
// nothing. It reports whether there is something.
func (r *Recording) named(demand string, n int) bool {
	r.t.Helper()
	if n == 0 {
		r.t.Fatalf("%s names nothing, so it would demand nothing", demand)
	}
	return n > 0
}

// report makes errors of what was not met.
func (r *Recording) report(results []Result) {
	r.t.Helper()
	results = Unmet(results)
	if len(results) == 0 {
		return
	}
	if err := AddContext(context.Background(), r.path(), r.timers, nil, results); err != nil {
		r.t.Errorf("%s: %v", r.path(), err)
	}
	for i := range results {
		where := r.path()
		if file := results[i].At.File; file != "" {
			where += ": " + file
		}
		r.t.Errorf("%s", told(where, &results[i]))
	}
}

func limitRule(t T, measures []measure, name, bound string) (rule, bool) {
	t.Helper()
	var known []string
	for _, m := range measures {
		if m.name != name {
			known = append(known, m.name)
			continue
		}
		b, err := parseBound(bound, m.unit)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
			return rule{}, false
		}
		return boundRule(m, b), true
	}
	t.Fatalf("unknown limit %q (%s)", name, didYouMean(name, known))
	return rule{}, false
}
