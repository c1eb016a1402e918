package statemachine

import "time"

// Config sets the timers of the endpoints that are observed. The capture does
// not show them, so they are the reader's choice.
type Config struct {
	// TimeWait is how long an end stays in TIME-WAIT (RFC 9293 §3.10.8: 2 MSL).
	TimeWait time.Duration
	// FinWait2 is how long an end without an application waits in FIN-WAIT-2
	// for the peer's FIN; 0 means for ever, as RFC 9293 has it.
	FinWait2 time.Duration
}

// Linux returns the timers of Linux: 60 s for both.
func Linux() Config { return Config{TimeWait: 60 * time.Second, FinWait2: 60 * time.Second} }

// RFC returns the timers of RFC 9293 §3.4.2: an MSL of 2 minutes, and no end
// to FIN-WAIT-2.
func RFC() Config { return Config{TimeWait: 4 * time.Minute} }

// Machine observes connections. It holds the scratch space and the pool of
// segment logs that all of them share; it is for one goroutine.
type Machine struct {
	cfg      Config
	slow     bool // tests: no short way at all
	careful  bool // tests: no short way for logs that are clean
	steps    []Step
	findings []Finding
	resets   []Reset
	res      resolution
	pool     logPool
	entry    entry   // scratch, see room
	handed   []entry // copies of a held SYN on their way to its own connection
	copies   []HeldCopy
	handedTo uint64                          // the packet of that SYN
	table    [numStates][numEvents][2]target // by state, event and opening
}

// NewMachine returns a machine for ends with the timers of cfg.
func NewMachine(cfg Config) *Machine {
	m := &Machine{cfg: cfg}
	for _, t := range transitions {
		for _, o := range [...]opening{passive, active} {
			if t.Guard == Always || t.Guard.admits(o) {
				m.table[t.From][t.Event][o.row()] = target{to: t.To, rule: t.Rule, ok: true}
			}
		}
	}
	return m
}

// target is where a row of the table leads.
type target struct {
	to   State
	rule Rule
	ok   bool
}

// Steps returns the steps that the last call of Observe, Advance, Finish or
// Replace settled: final words, in the order of Step.Place. They are valid
// until the next call.
func (m *Machine) Steps() []Step { return m.steps }

// Findings returns the findings of the last call, valid until the next.
func (m *Machine) Findings() []Finding { return m.findings }

// begin forgets the results of the last call.
func (m *Machine) begin() {
	m.steps = m.steps[:0]
	m.findings = m.findings[:0]
	m.resets = m.resets[:0]
}

// opening is how an end came into the connection.
type opening uint8

const (
	openingUnknown opening = iota
	passive                // through LISTEN
	active                 // by a SYN of its own accord
)

// row gives the table's column for an opening; unknown counts as active,
// which ends in CLOSED.
func (o opening) row() int {
	if o == passive {
		return 0
	}
	return 1
}

// admits reports whether a row with guard g holds for an end opened as o.
func (g Guard) admits(o opening) bool {
	return g == Always || g == Passive && o == passive || g == Active && o != passive
}
