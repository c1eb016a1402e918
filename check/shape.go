package check

import (
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Handshake is the form that the opening of a connection took.
type Handshake string

// The forms of opening.
const (
	ThreeWay        Handshake = "three-way"    // SYN, SYN-ACK, ACK (RFC 9293 §3.5, figure 6)
	SimultaneousSYN Handshake = "simultaneous" // both ends sent a SYN first (figure 7)
	FastOpen        Handshake = "fast-open"    // data on the SYN was taken (RFC 7413 §4.2)
	Refused         Handshake = "refused"      // a RST or an ICMP error answered the SYN
	Unanswered      Handshake = "unanswered"   // nothing answered the SYN
	Incomplete      Handshake = "incomplete"   // answered, but an end never reached ESTABLISHED
	NoHandshake     Handshake = "none"         // the capture has no SYN of it
)

// Close is the form that the end of a connection took.
type Close string

// The forms of closing.
const (
	ClientFirst       Close = "client-first"          // both sent FIN, the client first (RFC 9293 §3.6, figure 12)
	ServerFirst       Close = "server-first"          // both sent FIN, the server first
	SimultaneousClose Close = "simultaneous"          // both sent FIN before they knew of the other's (figure 13)
	HalfClosedClient  Close = "half-closed-by-client" // only the client sent FIN
	HalfClosedServer  Close = "half-closed-by-server" // only the server sent FIN
	ResetClient       Close = "reset-by-client"       // a RST of the client ended it
	ResetServer       Close = "reset-by-server"       // a RST of the server ended it
	NoClose           Close = "none"                  // neither FIN nor RST ended it
)

func handshakes() []string {
	return []string{string(ThreeWay), string(SimultaneousSYN), string(FastOpen), string(Refused), string(Unanswered), string(Incomplete), string(NoHandshake)}
}

func closes() []string {
	return []string{string(ClientFirst), string(ServerFirst), string(SimultaneousClose), string(HalfClosedClient),
		string(HalfClosedServer), string(ResetClient), string(ResetServer), string(NoClose)}
}

// was reports whether a side went into state s.
func (c *Connection) was(side statemachine.Side, s statemachine.State) bool {
	return slices.ContainsFunc(c.Sides[side].Steps, func(x Step) bool { return x.To == s })
}

// Handshake tells how the connection was opened.
func (c *Connection) Handshake() Handshake {
	client, server := statemachine.Client, statemachine.Server
	switch {
	case !c.Sides[client].HasSYN && !c.Sides[server].HasSYN:
		return NoHandshake
	case c.was(client, statemachine.Established) && c.was(server, statemachine.Established),
		c.synchronized(client) && c.synchronized(server):
		switch {
		case c.was(client, statemachine.SynSent) && c.was(server, statemachine.SynSent):
			return SimultaneousSYN
		case c.FastOpen:
			return FastOpen
		}
		return ThreeWay
	case c.Verdict == analyzer.VerdictRefusedByICMP, c.resetFrom(client, statemachine.SynSent):
		return Refused
	case c.Ends[server].Packets == 0:
		return Unanswered
	}
	return Incomplete
}

// synchronized reports whether a side went through a state behind the
// handshake.
func (c *Connection) synchronized(side statemachine.Side) bool {
	return slices.ContainsFunc(c.Sides[side].Steps, func(x Step) bool { return x.To.Synchronized() })
}

// resetFrom reports whether an arriving RST took the side out of state s.
func (c *Connection) resetFrom(side statemachine.Side, s statemachine.State) bool {
	return slices.ContainsFunc(c.Sides[side].Steps, func(x Step) bool {
		return x.From == s && x.Event == statemachine.RecvRST
	})
}

// Close tells how the connection ended.
func (c *Connection) Close() Close {
	client, server := statemachine.Client, statemachine.Server
	switch {
	case c.aborted(client), c.taken(server):
		return ResetClient
	case c.aborted(server), c.taken(client):
		return ResetServer
	}
	switch a, b := c.closing(client), c.closing(server); {
	case a && b && (c.was(client, statemachine.Closing) || c.was(server, statemachine.Closing)):
		return SimultaneousClose
	case a && b && c.was(client, statemachine.CloseWait):
		return ServerFirst
	case a && b:
		return ClientFirst
	case a:
		return HalfClosedClient
	case b:
		return HalfClosedServer
	}
	return NoClose
}

// aborted reports whether a side ended the connection by a RST of its own.
func (c *Connection) aborted(side statemachine.Side) bool {
	return slices.ContainsFunc(c.Sides[side].Steps, func(x Step) bool { return x.Event == statemachine.SendRST })
}

// taken reports whether a side let a RST end the connection; one that met
// TIME-WAIT ended nothing.
func (c *Connection) taken(side statemachine.Side) bool {
	return slices.ContainsFunc(c.Sides[side].Steps, func(x Step) bool {
		return x.Event == statemachine.RecvRST && x.From != statemachine.TimeWait && x.From != statemachine.SynSent
	})
}

// closing reports whether a side sent FIN.
func (c *Connection) closing(side statemachine.Side) bool {
	return c.was(side, statemachine.FinWait1) || c.was(side, statemachine.LastAck)
}
