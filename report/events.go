package report

import (
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Event is a kind of NDJSON record.
type Event uint8

// The kinds, in the order of their names' documentation in docs/json.md.
const (
	TransitionEvent Event = iota
	RevisionEvent
	FindingEvent
	ResetEvent
	SegmentEvent
	MarkEvent
	ConnectionEvent
	CaptureEvent

	numEvents = iota
)

var eventNames = [numEvents]string{"transition", "revision", "finding", "reset", "segment", "mark", "connection", "capture"}

// String returns the name, which is the value of the record's type.
func (e Event) String() string { return eventNames[e] }

// EventNames returns the names of all kinds.
func EventNames() []string { return append([]string(nil), eventNames[:]...) }

// EventSet is a set of kinds of records.
type EventSet uint8

const allEvents = EventSet(1<<numEvents - 1)

// ParseEvents returns the set of the named kinds, or a *NameError.
func ParseEvents(names []string) (EventSet, error) {
	var set EventSet
	for _, name := range names {
		e, ok := parseEvent(strings.TrimSpace(name))
		if !ok {
			return 0, &NameError{What: "event", Name: name, Known: EventNames()}
		}
		set |= 1 << e
	}
	return set, nil
}

func parseEvent(name string) (Event, bool) {
	for e, n := range eventNames {
		if n == name {
			return Event(e), true
		}
	}
	return 0, false
}

// newEventSet returns the kinds that the options ask for: those named, or all
// but segments and marks; Segments adds these.
func newEventSet(o Options) EventSet {
	set := o.Events
	if set == 0 {
		set = allEvents &^ (1<<SegmentEvent | 1<<MarkEvent)
	}
	if o.Segments {
		set |= 1<<SegmentEvent | 1<<MarkEvent
	}
	return set
}

func (s EventSet) has(e Event) bool { return s&(1<<e) != 0 }

// wants returns what the kinds are made of.
func (s EventSet) wants() analyzer.Wants {
	var w analyzer.Wants
	if s.has(SegmentEvent) {
		w |= analyzer.WantPackets
	}
	if s.has(TransitionEvent) || s.has(RevisionEvent) || s.has(FindingEvent) || s.has(ResetEvent) || s.has(MarkEvent) {
		w |= analyzer.WantNotes
	}
	if s.has(ConnectionEvent) {
		w |= analyzer.WantConnections
	}
	return w
}
