package report

import (
	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// This file writes what the records say of resets, hindsight and the details of
// connections.

// reset writes the verdict on a RST.
func (n *ndjson) reset(note *analyzer.Note) {
	v, j := &note.Reset, n.begin(ResetEvent)
	n.moment(v.At)
	j.uint("conn", uint64(note.Conn))
	n.endpoint("endpoint", note.Ends[v.Side])
	j.word("role", v.Side.String())
	n.resetMembers(v)
	j.text("detail", v.Sentence())
	n.end()
}

// resetMembers writes the members that the connection's record has too.
func (n *ndjson) resetMembers(v *analyzer.ResetVerdict) {
	j := &n.j
	j.word("fit", v.Fit.String())
	j.word("outcome", v.Outcome.String())
	if v.Outcome == statemachine.ResetTaken {
		j.word("certainty", v.Sure.String())
		j.word("in_state", v.State.String())
	}
	j.word("reason", v.Reason.String())
	if v.By != 0 {
		j.uint("by", v.By)
	}
	if v.Answer != 0 {
		j.uint("answer", v.Answer)
	}
}

// mark writes what later packets showed of a packet, where its own record was
// written before.
func (n *ndjson) mark(note *analyzer.Note) {
	j := n.begin(MarkEvent)
	j.uint("packet", note.Packet)
	j.uint("conn", uint64(note.Conn))
	j.word("role", note.Side.String())
	n.names = note.Mark.What.Names(n.names[:0])
	j.word("mark", n.names[0])
	if note.Mark.By != 0 {
		j.uint("by", note.Mark.By)
	}
	n.end()
}

// hindsight adds the marks of the notes about the segment to its own.
func hindsight(o *analyzer.Observation) statemachine.Marks {
	marks := o.Reading.Marks
	for i := range o.Notes {
		if ownMark(&o.Notes[i], o) {
			marks |= o.Notes[i].Mark.What
		}
	}
	return marks
}

// details writes the members of a connection that tell of its whole life.
func (n *ndjson) details(c *analyzer.Connection, client, server *analyzer.EndpointRecord) {
	j := &n.j
	if c.Reset.At.Packet != 0 {
		j.within("reset")
		j.uint("packet", c.Reset.At.Packet)
		j.word("role", c.Reset.Side.String())
		n.resetMembers(&c.Reset)
		j.close()
	}
	j.lit(`,"time_in_state_ns":{"client":{`)
	n.spent(client)
	j.lit(`},"server":{`)
	n.spent(server)
	j.lit(`}},"ack_rtt":{"client":{`)
	n.ackRTT(client)
	j.lit(`},"server":{`)
	n.ackRTT(server)
	j.lit(`}},"windows":{"client":{`)
	n.windows(&client.Windows)
	j.lit(`},"server":{`)
	n.windows(&server.Windows)
	j.lit(`}},"syn_options":{"client":{`)
	n.options(client)
	j.lit(`},"server":{`)
	n.options(server)
	j.lit(`}},"losses":{"client":{`)
	n.losses(&client.Losses)
	j.lit(`},"server":{`)
	n.losses(&server.Losses)
	j.num(`}},"in_flight_max":{"client":`, uint64(client.InFlight))
	j.num(`,"server":`, uint64(server.InFlight))
	j.lit(`}`)
}

func (n *ndjson) spent(e *analyzer.EndpointRecord) {
	for state, d := range e.Spent {
		if d > 0 {
			n.j.int(statemachine.State(state).String(), int64(d))
		}
	}
}

func (n *ndjson) ackRTT(e *analyzer.EndpointRecord) {
	if e.RTTMin > 0 {
		n.j.int("min_ns", int64(e.RTTMin))
		n.j.int("smoothed_ns", int64(e.RTTMean))
	}
}

func (n *ndjson) windows(w *analyzer.Windows) {
	j := &n.j
	if w.HasScale {
		j.uint("scale", uint64(w.Scale))
	}
	if w.Known {
		j.uint("min", uint64(w.Least))
		j.uint("max", uint64(w.Most))
	}
	j.uint("zero", uint64(w.Zero))
	j.num(`,"filled":`, uint64(w.Full))
}

func (n *ndjson) losses(l *analyzer.Losses) {
	j := &n.j
	j.num(`"after_tap":`, uint64(l.AfterTap))
	j.num(`,"before_tap":`, uint64(l.BeforeTap))
	j.num(`,"not_captured":`, uint64(l.NotCaptured))
}

// options writes what a SYN offered.
func (n *ndjson) options(e *analyzer.EndpointRecord) {
	o, j := &e.Options, &n.j
	if !o.Seen {
		return
	}
	if o.Set&statemachine.OptMSS != 0 {
		j.uint("mss", uint64(o.MSS))
	}
	if o.Set&statemachine.OptWScale != 0 {
		j.uint("wscale", uint64(o.WScale))
	}
	for _, f := range [...]struct {
		name string
		set  statemachine.OptionSet
	}{
		{"sack", statemachine.OptSACKPerm}, {"timestamps", statemachine.OptTimestamp},
		{"fast_open", statemachine.OptFastOpen}, {"mptcp", statemachine.OptMPTCP},
	} {
		j.flag(f.name, o.Set&f.set != 0)
	}
}
