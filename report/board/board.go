// Package board keeps the present state of a live run: the connections and
// their states, counts, the newest findings and the latest lines. It is a sink
// that others may ask at any time, from any goroutine: the full-screen view and
// the metrics.
package board

import (
	"net/netip"
	"sync"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// NumStates is how many states a tally has: the eleven of RFC 9293 and
// Unknown.
const NumStates = int(statemachine.TimeWait) + 1

// Conn is a connection as it stands now.
type Conn struct {
	ID              uint32
	Ends            [2]netip.AddrPort // by statemachine.Side
	States          [2]statemachine.State
	First, Last     statemachine.Time // of its packets
	Packets         uint64
	Retransmissions uint32
	Findings        uint32
	Gravest         statemachine.Severity // of the findings, when there are any
	// RTT is the time from the first SYN to the ACK of the SYN-ACK, 0 when
	// not seen or when one of them was sent again.
	RTT statemachine.Time

	syn, synAck statemachine.Time
	sentAgain   bool
}

// Finding is a finding as the board keeps it.
type Finding struct {
	At       statemachine.Moment
	Conn     uint32
	Endpoint netip.AddrPort
	Code     statemachine.Code
}

// Tally counts the ends in each state, by side.
type Tally [2][NumStates]int

// Counts are what happened since the beginning.
type Counts struct {
	Packets         uint64 // TCP packets
	Connections     uint64 // begun
	Retransmissions [statemachine.NumKinds]uint64
	Findings        [statemachine.NumCodes]uint64
	Resets          [NumResets]uint64
	Handshakes      [NumHandshakes]uint64
	RTT             Histogram // of handshakes
}

// maxFindings is how many of the newest findings are kept.
const maxFindings = 256

// Board is the present state. It is safe for use by several goroutines.
type Board struct {
	mu       sync.Mutex
	conns    map[uint32]*Conn
	tally    Tally
	counts   Counts
	findings []Finding // a ring, the oldest at next
	next     int
	lines    *lines // nil when nobody asks for lines
	now      statemachine.Time
}

// New returns an empty board.
func New() *Board { return &Board{conns: make(map[uint32]*Conn)} }

// Wants is what a run must hand to a board.
const Wants = analyzer.WantPackets | analyzer.WantNotes | analyzer.WantConnections

// Packet takes one packet with its notes.
func (b *Board) Packet(o *analyzer.Observation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := o.Packet; p != nil && o.Conn != 0 {
		b.now = max(b.now, p.Time)
		b.segment(o)
	}
	// What did not happen goes first, the latest step before those that led
	// to it.
	for i := len(o.Notes) - 1; i >= 0; i-- {
		if n := &o.Notes[i]; n.Kind == analyzer.WithdrawnNote {
			b.withdraw(n)
		}
	}
	for i := range o.Notes {
		b.note(&o.Notes[i])
	}
	if b.lines != nil {
		return b.lines.take(o)
	}
	return nil
}

// Connection lets a connection go that has ended.
func (b *Board) Connection(r *analyzer.Connection) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.ended(r)
	c := b.conns[r.ID]
	if c == nil {
		return nil
	}
	for side, s := range c.States {
		b.tally[side][s]--
	}
	delete(b.conns, r.ID)
	if b.lines != nil {
		return b.lines.timeline.Connection(r)
	}
	return nil
}

// Capture has nothing to add.
func (b *Board) Capture(*analyzer.Capture) error { return nil }

// Tick moves the board's clock.
func (b *Board) Tick(now statemachine.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = max(b.now, now)
	return nil
}

// conn returns the connection with a number, which begins now when it is new.
func (b *Board) conn(id uint32, ends *[2]netip.AddrPort, at statemachine.Time) *Conn {
	c := b.conns[id]
	if c == nil {
		c = &Conn{ID: id, Ends: *ends, First: at}
		b.conns[id] = c
		b.counts.Connections++
		b.tally[statemachine.Client][statemachine.Unknown]++
		b.tally[statemachine.Server][statemachine.Unknown]++
	}
	c.Last = max(c.Last, at)
	return c
}

// segment counts a packet of a connection.
func (b *Board) segment(o *analyzer.Observation) {
	p := o.Packet
	ends := [2]netip.AddrPort{p.Src, p.Dst}
	if o.Side == statemachine.Server {
		ends[0], ends[1] = ends[1], ends[0]
	}
	c := b.conn(o.Conn, &ends, p.Time)
	c.Packets++
	b.counts.Packets++
	if o.Reading.Class == statemachine.Retransmission {
		c.Retransmissions++
		b.counts.Retransmissions[o.Reading.Kind]++
	}
	if c.RTT == 0 {
		c.handshake(o, &b.counts.RTT)
	}
}

// handshake measures the time of the handshake. By Karn's rule (RFC 6298 §3)
// one in which something was sent again gives none.
func (c *Conn) handshake(o *analyzer.Observation, h *Histogram) {
	seg, at := &o.Packet.Segment, o.Packet.Time
	switch {
	case seg.IsSYN() && o.Side == statemachine.Client:
		c.sentAgain = c.sentAgain || c.syn != 0
		c.syn = at
	case seg.IsSYNACK() && o.Side == statemachine.Server:
		c.sentAgain = c.sentAgain || c.synAck != 0
		c.synAck = at
	case o.Side == statemachine.Client && c.syn != 0 && c.synAck != 0 && !c.sentAgain && seg.Flags.Has(statemachine.ACK):
		c.RTT = max(at-c.syn, 1)
		h.add(c.RTT)
		c.sentAgain = true
	}
}

// note takes a step that is said for the first time, or a finding.
func (b *Board) note(n *analyzer.Note) {
	switch n.Kind {
	case analyzer.FindingNote:
		b.finding(n)
	case analyzer.StepNote, analyzer.ProvisionalNote:
		b.counts.step(&n.Step)
		b.move(n.Conn, n.Step.Side, n.Step.To)
		b.refused(n)
	case analyzer.ConfirmedNote, analyzer.WithdrawnNote, analyzer.MarkNote, analyzer.ResetNote:
	}
}

// withdraw takes a step back, unless the end has gone on since.
func (b *Board) withdraw(n *analyzer.Note) {
	if c := b.conns[n.Conn]; c != nil && c.States[n.Step.Side] == n.Step.To {
		b.move(n.Conn, n.Step.Side, n.Step.From)
	}
}

// move puts an end into a state.
func (b *Board) move(conn uint32, side statemachine.Side, to statemachine.State) {
	if c := b.conns[conn]; c != nil {
		b.tally[side][c.States[side]]--
		c.States[side] = to
		b.tally[side][to]++
	}
}

// refused puts the end that answers a SYN with RST into CLOSED: one that
// listens does not (RFC 9293 §3.10.7.1 and 3.10.7.2).
func (b *Board) refused(n *analyzer.Note) {
	peer := n.Step.Side.Peer()
	c := b.conns[n.Conn]
	if c != nil && n.Step.Event == statemachine.RecvRST && n.Step.From == statemachine.SynSent && c.States[peer] == statemachine.Unknown {
		b.move(n.Conn, peer, statemachine.Closed)
	}
}

func (b *Board) finding(n *analyzer.Note) {
	f := &n.Finding
	b.counts.Findings[f.Code]++
	if c := b.conns[n.Conn]; c != nil {
		c.Findings++
		c.Gravest = max(c.Gravest, f.Code.Info().Severity)
	}
	kept := Finding{At: f.At, Conn: n.Conn, Endpoint: n.Ends[f.Side], Code: f.Code}
	if len(b.findings) < maxFindings {
		b.findings = append(b.findings, kept)
		return
	}
	b.findings[b.next] = kept
	b.next = (b.next + 1) % maxFindings
}

// Summary is what Snapshot returns beside the connections.
type Summary struct {
	Now      statemachine.Time // by the capture's clock
	Tally    Tally
	Counts   Counts
	Live     int       // connections that have not ended
	Findings []Finding // the newest first
}

// Snapshot returns the present state with at most so many findings.
func (b *Board) Snapshot(findings int) Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Summary{Now: b.now, Tally: b.tally, Counts: b.counts, Live: len(b.conns)}
	for i := range min(findings, len(b.findings)) {
		k := (b.next - 1 - i + 2*len(b.findings)) % len(b.findings)
		s.Findings = append(s.Findings, b.findings[k])
	}
	return s
}

// Conns appends the connections for which keep is true, in no order.
func (b *Board) Conns(list []Conn, keep func(*Conn) bool) []Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		if keep(c) {
			list = append(list, *c)
		}
	}
	return list
}

// Conn returns a connection that has not ended.
func (b *Board) Conn(id uint32) (Conn, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.conns[id]; c != nil {
		return *c, true
	}
	return Conn{}, false
}
