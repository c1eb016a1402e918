package check

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Observed is what a capture showed, as far as expectations ask for it.
type Observed struct {
	Path        string
	Connections []*Connection // by their numbers
	Stray       []Noticed     // findings of segments that belong to no connection
	Capture     analyzer.Capture
}

// Connection is one connection of a capture.
type Connection struct {
	analyzer.Connection
	Sides    [2]End // by statemachine.Side
	Findings []Noticed
	// FastOpen tells that a SYN carried payload which the SYN-ACK
	// acknowledged (RFC 7413 §4.2).
	FastOpen bool

	capture *Observed
	dataEnd [2]statemachine.Seq // behind the payload of a SYN
	hasData [2]bool
}

// End is one end of a connection.
type End struct {
	Steps []Step // in the order in which the end went through them
	// Offer holds the options of the end's first SYN or SYN-ACK; meaningful
	// only with HasSYN.
	Offer  statemachine.Options
	HasSYN bool
	SYN    uint64 // packet number of that segment
	// Resent are the packets that repeat earlier ones: class retransmission.
	Resent []uint64
	// ZeroWindows are the packets that offered no window.
	ZeroWindows []uint64
	// DuplicateACKs and OutOfOrder are packets of these classes.
	DuplicateACKs, OutOfOrder []uint64
}

// Step is a change of state with the place where it shows.
type Step struct {
	statemachine.Step
	Packet uint64            // under which a timeline shows it
	At     statemachine.Time // when the end was in the new state at the latest
}

// Noticed is a finding with its packet.
type Noticed struct {
	statemachine.Finding
	Packet uint64
}

// Observe reads the capture file at path. An input that breaks off gives what
// was readable together with the error; the error of a file that cannot be
// read at all comes with nil.
func Observe(ctx context.Context, path string, timers statemachine.Config) (*Observed, error) {
	src, err := capture.Open(path)
	if err != nil {
		return nil, err
	}
	_ = src.Close() // opened for reading only: nothing can be lost
	o := &Observed{Path: path}
	open := func() (analyzer.Source, error) { return capture.Open(path) }
	opt := analyzer.Options{
		Wants:   analyzer.WantPackets | analyzer.WantNotes | analyzer.WantConnections,
		Machine: timers,
	}
	err = analyzer.Run(ctx, opt, open, &collector{o: o})
	if ctx.Err() != nil {
		return nil, err
	}
	if err == nil && len(o.Capture.Errors) > 0 {
		err = errors.New(strings.Join(o.Capture.Errors, "\n"))
	}
	return o, err
}

// collector is the sink that fills an Observed.
type collector struct{ o *Observed }

// connection returns the connection with the given number, from 1.
func (c *collector) connection(id uint32) *Connection {
	for uint32(len(c.o.Connections)) < id {
		c.o.Connections = append(c.o.Connections, &Connection{capture: c.o})
	}
	return c.o.Connections[id-1]
}

// usualSteps is how many steps an end makes from its first segment to its last.
const usualSteps = 5

// Packet keeps of a packet what expectations may ask for.
func (c *collector) Packet(o *analyzer.Observation) error {
	if o.Packet != nil && o.Conn != 0 {
		c.connection(o.Conn).segment(o)
	}
	for i := range o.Notes {
		n := &o.Notes[i]
		if n.Conn == 0 {
			if n.Kind == analyzer.FindingNote {
				c.o.Stray = append(c.o.Stray, Noticed{n.Finding, n.Packet})
			}
			continue
		}
		conn := c.connection(n.Conn)
		switch n.Kind {
		case analyzer.StepNote:
			end := &conn.Sides[n.Step.Side]
			if end.Steps == nil {
				end.Steps = make([]Step, 0, usualSteps)
			}
			end.Steps = append(end.Steps, Step{n.Step, n.Packet, placed(n, o.Packet)})
		case analyzer.FindingNote:
			conn.Findings = append(conn.Findings, Noticed{n.Finding, n.Packet})
		default:
			// What became of packets, and the words of inputs that are read once.
		}
	}
	return nil
}

// placed returns when a step was made at the latest: with its cause, or when
// the segment passed behind which it stands. Only a clock's step has the time
// of its own.
func placed(n *analyzer.Note, p *analyzer.Packet) statemachine.Time {
	if p == nil || p.Number != n.Packet || n.Step.Cause.Packet == 0 {
		return n.Step.Cause.Time
	}
	return max(n.Step.Cause.Time, p.Time)
}

// segment notes options, copies and windows.
func (c *Connection) segment(o *analyzer.Observation) {
	end, seg, number := &c.Sides[o.Side], &o.Packet.Segment, o.Packet.Number
	if seg.Flags.Has(statemachine.SYN) && !seg.Flags.Has(statemachine.RST) && !seg.Flags.Has(statemachine.FIN) {
		c.syn(o.Side, seg, number)
	}
	switch o.Reading.Class {
	case statemachine.Retransmission:
		end.Resent = append(end.Resent, number)
	case statemachine.DuplicateACK:
		end.DuplicateACKs = append(end.DuplicateACKs, number)
	case statemachine.OutOfOrder:
		end.OutOfOrder = append(end.OutOfOrder, number)
	default:
	}
	if o.Reading.Marks&statemachine.ZeroWindow != 0 && !seg.Flags.Has(statemachine.RST) {
		end.ZeroWindows = append(end.ZeroWindows, number)
	}
}

// syn notes what a SYN or SYN-ACK offers, and whether it takes the payload of
// the peer's SYN (RFC 7413 §4.2.2).
func (c *Connection) syn(side statemachine.Side, seg *statemachine.Segment, number uint64) {
	if end := &c.Sides[side]; !end.HasSYN {
		end.HasSYN, end.Offer, end.SYN = true, seg.Options, number
	}
	if seg.Len > 0 && !seg.Flags.Has(statemachine.ACK) {
		c.hasData[side], c.dataEnd[side] = true, seg.End()
	}
	if peer := side.Peer(); seg.Flags.Has(statemachine.ACK) && c.hasData[peer] && seg.Ack == c.dataEnd[peer] {
		c.FastOpen = true
	}
}

// Connection keeps the record.
func (c *collector) Connection(r *analyzer.Connection) error {
	conn := c.connection(r.ID)
	conn.Connection = *r
	conn.Connection.Findings = maps.Clone(r.Findings)
	return nil
}

// Capture keeps the record of the whole input.
func (c *collector) Capture(r *analyzer.Capture) error {
	c.o.Capture = *r
	return nil
}

// States returns the states that the end was in, in order; empty when it is
// not known to have been in any.
func (e *End) States() []statemachine.State {
	if len(e.Steps) == 0 {
		return nil
	}
	out := []statemachine.State{e.Steps[0].From}
	for i := range e.Steps {
		out = append(out, e.Steps[i].To)
	}
	return out
}

// statesOf returns the states of one side; one that never moved has its last
// state alone.
func (c *Connection) statesOf(side statemachine.Side) []statemachine.State {
	if s := c.Sides[side].States(); s != nil {
		return s
	}
	return []statemachine.State{c.Ends[side].State}
}

// TimeIn returns how long the side was in state s, as seen at the tap. A state
// that the side never left lasts to the end of the capture. entered is the
// packet that began the longest stay, 0 when there was none.
func (c *Connection) TimeIn(side statemachine.Side, s statemachine.State) (total time.Duration, entered uint64) {
	steps := c.Sides[side].Steps
	longest := time.Duration(-1)
	for i := range steps {
		if steps[i].To != s {
			continue
		}
		until := c.capture.Capture.Last.Time
		if i+1 < len(steps) {
			until = steps[i+1].At
		}
		stay := max(0, time.Duration(until-steps[i].At))
		if total += stay; stay > longest {
			longest, entered = stay, steps[i].Packet
		}
	}
	return total, entered
}

// Duration returns the time between the connection's first and last packet.
func (c *Connection) Duration() time.Duration { return time.Duration(c.Last.Time - c.First.Time) }

// HandshakeRTT returns the round trip of the handshake between the ends, and
// whether one was measured: a tap at one end sees a half of nearly nothing, but
// a handshake that was never completed has one half only.
func (c *Connection) HandshakeRTT() (time.Duration, bool) {
	completed := c.synchronized(statemachine.Client) && c.synchronized(statemachine.Server)
	return time.Duration(c.RTTClient + c.RTTServer), completed && (c.RTTClient > 0 || c.RTTServer > 0)
}
