package statemachine

// State is the state of one endpoint (RFC 9293 §3.3.2), or Unknown when the
// capture does not tell.
type State uint8

// The eleven states of RFC 9293 §3.3.2 behind Unknown.
const (
	Unknown State = iota
	Closed
	Listen
	SynSent
	SynReceived
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait

	numStates = iota
)

var stateNames = [numStates]string{
	Unknown:     "unknown",
	Closed:      "CLOSED",
	Listen:      "LISTEN",
	SynSent:     "SYN-SENT",
	SynReceived: "SYN-RECEIVED",
	Established: "ESTABLISHED",
	FinWait1:    "FIN-WAIT-1",
	FinWait2:    "FIN-WAIT-2",
	CloseWait:   "CLOSE-WAIT",
	Closing:     "CLOSING",
	LastAck:     "LAST-ACK",
	TimeWait:    "TIME-WAIT",
}

// String returns the name as RFC 9293 spells it, and "unknown" for Unknown.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "invalid"
}

// ParseState returns the state that String prints as name, and whether there
// is one.
func ParseState(name string) (State, bool) {
	for s, n := range stateNames {
		if n == name {
			return State(s), true
		}
	}
	return Unknown, false
}

// States returns all states in the order of their declaration.
func States() []State {
	out := make([]State, numStates)
	for i := range out {
		out[i] = State(i)
	}
	return out
}

// Synchronized reports whether both ISNs are known to the endpoint in this
// state (RFC 9293 §3.4.1): ESTABLISHED and all behind it.
func (s State) Synchronized() bool { return s >= Established }

// Side is one of the two endpoints of a connection.
type Side uint8

// The client opened the connection, or was taken for the opener (see
// RoleReason of the analyzer).
const (
	Client Side = iota
	Server
)

// Peer returns the other side.
func (s Side) Peer() Side { return s ^ 1 }

// String returns "client" or "server".
func (s Side) String() string {
	if s == Client {
		return "client"
	}
	return "server"
}
