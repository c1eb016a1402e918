package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// closing says how a connection was closed in order. Captures have millions
// of them that end alike, so all the sentences are made once.
type closing struct {
	first  closer
	waited sides // ends that were in TIME-WAIT
	took   sides // ends that presumably took the last ACK
	middle bool  // the capture lacks the handshake
}

// closer says who closed first.
type closer uint8

const (
	byClient closer = iota
	byServer
	byBoth
	numClosers = iota
)

// sides is a set of ends, a bit for each by statemachine.Side.
type sides uint8

// numSides is how many such sets there are.
const numSides = 4

func (s sides) has(side statemachine.Side) bool { return s>>side&1 != 0 }

// closed returns verdict and sentence of a connection that was closed in order.
func (r *record) closed(first closer) (Verdict, string) {
	c := closing{first: first, middle: r.facts.is&begunInMiddle != 0}
	for side := range statemachine.Side(2) {
		waited := r.facts.did[side]&timeWaited != 0
		if waited {
			c.waited |= 1 << side
		}
		if e := &r.ends[side]; e.state == statemachine.Closed && e.sure <= statemachine.Presumed && !waited {
			c.took |= 1 << side
		}
	}
	v := VerdictClosed
	switch {
	case c.middle:
		v = VerdictMidStreamClosed
	case first == byBoth:
		v = VerdictClosedSimultaneously
	}
	return v, closedSentences[c.index()]
}

// index is the place of c's sentence in closedSentences.
func (c closing) index() int {
	i := (int(c.first)*numSides+int(c.waited))*numSides + int(c.took)
	if c.middle {
		i += numClosers * numSides * numSides
	}
	return i
}

// closedSentences has the sentence of each closing.
var closedSentences = func() (all [2 * numClosers * numSides * numSides]string) {
	for first := range closer(numClosers) {
		for waited := range sides(numSides) {
			for took := range sides(numSides) {
				for _, middle := range [...]bool{false, true} {
					c := closing{first, waited, took, middle}
					all[c.index()] = c.sentence()
				}
			}
		}
	}
	return all
}()

// sentence says it in words.
func (c closing) sentence() string {
	s := [numClosers]string{
		byClient: "closed: the client closed first, then the server",
		byServer: "closed: the server closed first, then the client",
		byBoth:   "closed by both ends at the same time",
	}[c.first]
	for side := range statemachine.Side(2) {
		if c.waited.has(side) {
			s += "; TIME-WAIT at the " + side.String()
		}
	}
	for side := range statemachine.Side(2) {
		if c.took.has(side) {
			s += "; the last ACK presumably reached the " + side.String()
		}
	}
	if c.middle {
		s += "; the capture lacks the handshake"
	}
	return s
}
