package check

import (
	"fmt"
	"strconv"
)

// Check holds a capture against the expectations, in the order of the file:
// one Result for each that is met, and one for each connection that does not
// meet it.
func (x *Expectations) Check(o *Observed) []Result {
	var out []Result
	for i := range x.capture {
		out = append(out, x.capture[i].check(o))
	}
	for _, e := range x.entries {
		out = append(out, e.check(o)...)
	}
	if x.Policy != nil {
		out = append(out, x.Policy.check(o, x.policyAt)...)
	}
	return out
}

func (e *captureExpectation) check(o *Observed) Result {
	res := e.test(o)
	return Result{
		At: e.at, Code: e.code, Expect: e.expect, Met: res.met, Seen: res.seen, Packet: res.packet,
		repair: repairWith(e.write, res),
	}
}

// check applies an entry to the connections that it chooses.
func (e *entry) check(o *Observed) []Result {
	chosen := e.match.choose(o.Connections)
	out := []Result{e.checkCount(o, chosen)}
	for i := range e.rules {
		x := &e.rules[i]
		subject := func(c *Connection) string { return e.subject(c, len(chosen)) }
		out = append(out, applied(&x.rule, x.at, chosen, subject, x.write)...)
	}
	return out
}

// maxFailures is how many connections are named that fail the same rule.
const maxFailures = 1000

// applied holds connections against a rule: one Result for each that fails, a
// thousand at most, or a single one when all of them meet it. There is none
// without connections.
func applied(r *rule, at Position, list []*Connection, subject func(*Connection) string, write func(any)) []Result {
	var out []Result
	failed := 0
	for _, c := range list {
		res := r.test(c)
		if res.met {
			continue
		}
		if failed++; failed <= maxFailures {
			out = append(out, Result{
				At: at, Code: r.code, Expect: subject(c) + ": " + r.expect,
				Seen: res.seen, Conn: c.ID, Packet: res.packet, repair: repairWith(write, res),
			})
		}
	}
	switch {
	case failed > maxFailures:
		out = append(out, Result{At: at, Code: r.code, Expect: r.expect, Seen: fmt.Sprintf("%d more connections that do not meet it", failed-maxFailures)})
	case failed == 0 && len(list) == 1:
		out = append(out, Result{At: at, Code: r.code, Expect: subject(list[0]) + ": " + r.expect, Met: true, Conn: list[0].ID})
	case failed == 0 && len(list) > 1:
		out = append(out, Result{At: at, Code: r.code, Expect: fmt.Sprintf("%d connections: %s", len(list), r.expect), Met: true})
	}
	return out
}

func (e *entry) checkCount(o *Observed, chosen []*Connection) Result {
	n := len(chosen)
	r := Result{
		At: e.countAt, Code: "count", Met: e.count.meets(float64(n)),
		Expect: fmt.Sprintf("%s: number of connections is %s", e.title(), e.count),
	}
	if !e.counted {
		r.Expect = e.title() + ": there is such a connection"
	}
	if r.Met {
		return r
	}
	r.Seen = fmt.Sprintf("%d of %d connections", n, len(o.Connections))
	if e.match.String() != e.title() {
		r.Seen += " match " + e.match.String()
	} else {
		r.Seen += " match"
	}
	if n == 0 && len(o.Connections) > 0 {
		r.Seen += "; there is " + endpoints(o.Connections)
	}
	if e.counted && e.count.exact {
		r.repair = repairWith(e.recount, outcome{value: plainNumber(strconv.Itoa(n))})
	}
	return r
}

// subject names the connection that a result is about.
func (e *entry) subject(c *Connection, of int) string {
	name := e.name
	if name == "" {
		return fmt.Sprintf("connection %d", c.ID)
	}
	if of > 1 {
		name += fmt.Sprintf(" (connection %d)", c.ID)
	}
	return name
}

func repairWith(write func(any), res outcome) func() {
	if write == nil || res.met || res.value == nil {
		return nil
	}
	return func() { write(res.value) }
}

// Unmet returns the results that were not met.
func Unmet(results []Result) []Result {
	var out []Result
	for _, r := range results {
		if !r.Met {
			out = append(out, r)
		}
	}
	return out
}
