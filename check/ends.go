package check

import "github.com/tcpstate/tcpstate/statemachine"

// Ends is one end of each connection chosen.
type Ends struct {
	r    *Recording
	side statemachine.Side
}

// demand applies a rule and returns the ends again.
func (e *Ends) demand(rule rule) *Ends {
	e.r.t.Helper()
	e.r.demand(rule)
	return e
}

// States demands exactly these states in this order.
func (e *Ends) States(want ...statemachine.State) *Ends {
	e.r.t.Helper()
	e.r.named("States", len(want))
	return e.demand(statesRule(e.side, want))
}

// Through demands these states in this order, others between them allowed.
func (e *Ends) Through(want ...statemachine.State) *Ends {
	e.r.t.Helper()
	if e.r.named("Through", len(want)) {
		e.demand(containsRule(e.side, want))
	}
	return e
}

// Reaches demands each of the states, in any order.
func (e *Ends) Reaches(want ...statemachine.State) *Ends {
	e.r.t.Helper()
	e.r.named("Reaches", len(want))
	for _, s := range want {
		e.demand(reachesRule(e.side, s))
	}
	return e
}

// Never forbids each of the states.
func (e *Ends) Never(not ...statemachine.State) *Ends {
	e.r.t.Helper()
	e.r.named("Never", len(not))
	for _, s := range not {
		e.demand(neverRule(e.side, s))
	}
	return e
}

// EndsIn demands that the last state is one of these.
func (e *Ends) EndsIn(want ...statemachine.State) *Ends {
	e.r.t.Helper()
	e.r.named("EndsIn", len(want))
	return e.demand(finalRule(e.side, want))
}

// Certainty demands that every step of the end is at least so sure.
func (e *Ends) Certainty(least statemachine.Certainty) *Ends {
	e.r.t.Helper()
	return e.demand(certaintyRule(least, e.side))
}

// Limit bounds a number of the end: Limit("retransmissions", "<= 2").
func (e *Ends) Limit(name, bound string) *Ends {
	e.r.t.Helper()
	if rule, ok := limitRule(e.r.t, endMeasures([]statemachine.Side{e.side}), name, bound); ok {
		e.demand(rule)
	}
	return e
}

// TimeIn bounds the time that the end spends in a state:
// TimeIn(statemachine.CloseWait, "< 1s").
func (e *Ends) TimeIn(s statemachine.State, bound string) *Ends {
	e.r.t.Helper()
	b, err := parseBound(bound, durations())
	if err != nil {
		e.r.t.Fatalf("%v", err)
		return e
	}
	return e.demand(timeInRule([]statemachine.Side{e.side}, s, b))
}

// Connection returns to demands on the connections of these ends.
func (e *Ends) Connection() *Recording { return e.r }
