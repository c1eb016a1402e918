package report

import (
	"io"
	"maps"
	"net/netip"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// ndjson writes one JSON object a line. docs/json.md describes the records and
// docs/schema/ndjson.schema.json checks them.
type ndjson struct {
	out    output
	events EventSet
	stamp  utcStamp
	j      object
	names  []string            // scratch
	codes  []statemachine.Code // scratch
}

func newNDJSON(w io.Writer, o Options) *ndjson {
	return &ndjson{out: newOutput(w, o.Prompt), events: newEventSet(o)}
}

// Packet writes the records of one packet: the segment, then its steps and
// findings. An observation without a packet has only these.
func (n *ndjson) Packet(o *analyzer.Observation) error {
	if n.events.has(SegmentEvent) && o.Packet != nil && o.Packet.Skip == analyzer.NotSkipped {
		n.segment(o)
	}
	for i := range o.Notes {
		if !ownMark(&o.Notes[i], o) {
			n.note(&o.Notes[i])
		}
	}
	return n.out.done(n.out.b)
}

// begin starts a record; end ends it.
func (n *ndjson) begin(e Event) *object {
	n.j.b = n.out.b
	n.j.open()
	n.j.word("type", e.String())
	return &n.j
}

func (n *ndjson) end() {
	n.j.close()
	n.j.b = append(n.j.b, '\n')
	n.out.b = n.j.b
}

func (n *ndjson) time(name string, at statemachine.Time) {
	n.j.key(name)
	n.j.b = append(n.j.b, '"')
	n.j.b = append(n.stamp.append(n.j.b, at), '"')
}

func (n *ndjson) moment(m statemachine.Moment) {
	n.j.uint("packet", m.Packet)
	n.time("ts", m.Time)
}

func (n *ndjson) endpoint(name string, a netip.AddrPort) {
	n.j.key(name)
	n.j.b = append(n.j.b, '"')
	n.j.b = append(appendEndpoint(n.j.b, a), '"')
}

func (n *ndjson) segment(o *analyzer.Observation) {
	s, r, j := &o.Packet.Segment, &o.Reading, n.begin(SegmentEvent)
	n.moment(statemachine.Moment{Packet: o.Packet.Number, Time: o.Packet.Time})
	j.uint("conn", uint64(o.Conn))
	n.endpoint("src", o.Packet.Src)
	n.endpoint("dst", o.Packet.Dst)
	j.word("role", o.Side.String())
	j.key("flags")
	j.b = append(s.Flags.Append(append(j.b, '"')), '"')
	j.uint("seq", uint64(s.Seq))
	j.uint("ack", uint64(s.Ack))
	if r.RelOK {
		j.int("rel_seq", r.RelSeq)
		j.int("rel_ack", r.RelAck)
	}
	j.uint("len", uint64(s.Len))
	j.uint("win", uint64(s.Window))
	if r.Scaled {
		j.uint("scaled_win", uint64(r.Window))
	}
	n.class(r, hindsight(o))
	if o.Packet.Comment != nil {
		j.text("comment", string(o.Packet.Comment))
	}
	n.end()
}

// class writes the members of the sequence analysis.
func (n *ndjson) class(r *statemachine.Reading, marks statemachine.Marks) {
	j := &n.j
	j.word("class", r.Class.String())
	j.word("kind", r.Kind.String())
	j.key("marks")
	j.b = append(j.b, '[')
	n.names = marks.Names(n.names[:0])
	for i, name := range n.names {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = append(append(append(j.b, '"'), name...), '"')
	}
	j.b = append(j.b, ']')
	j.uint("repeats", r.Repeats)
	if r.Repeats != 0 {
		j.int("since_ns", int64(r.Since))
		j.uint("backoff", uint64(r.Backoff))
	}
	if r.Dups != 0 {
		j.uint("dups", uint64(r.Dups))
	}
}

func (n *ndjson) note(note *analyzer.Note) {
	switch note.Kind {
	case analyzer.StepNote, analyzer.ProvisionalNote:
		if n.events.has(TransitionEvent) {
			n.transition(note)
		}
	case analyzer.ConfirmedNote, analyzer.WithdrawnNote:
		if n.events.has(RevisionEvent) {
			n.revision(note)
		}
	case analyzer.FindingNote:
		if n.events.has(FindingEvent) {
			n.finding(note)
		}
	case analyzer.ResetNote:
		if n.events.has(ResetEvent) {
			n.reset(note)
		}
	case analyzer.MarkNote:
		if n.events.has(MarkEvent) {
			n.mark(note)
		}
	}
}

func (n *ndjson) transition(note *analyzer.Note) {
	j := n.begin(TransitionEvent)
	n.step(note)
	j.flag("provisional", note.Kind == analyzer.ProvisionalNote)
	n.end()
}

func (n *ndjson) revision(note *analyzer.Note) {
	j := n.begin(RevisionEvent)
	j.uint("by", note.Packet)
	if note.Kind == analyzer.ConfirmedNote {
		j.word("status", "confirmed")
	} else {
		j.word("status", "withdrawn")
	}
	n.step(note)
	n.end()
}

// step writes the members that transitions and revisions share.
func (n *ndjson) step(note *analyzer.Note) {
	s, j := &note.Step, &n.j
	n.moment(s.Cause)
	j.uint("conn", uint64(note.Conn))
	n.endpoint("endpoint", note.Ends[s.Side])
	n.endpoint("peer", note.Ends[s.Side.Peer()])
	j.word("role", s.Side.String())
	j.word("from", s.From.String())
	j.word("to", s.To.String())
	j.word("event", s.Event.String())
	j.word("certainty", s.Certainty.String())
	j.uint("proof", s.Proof)
	info := s.Rule.Info()
	j.word("rule", info.Cite)
	j.word("rule_name", info.Name)
	switch s.NumberKind {
	case statemachine.ISNNumber:
		j.uint("isn", uint64(s.Number))
	case statemachine.FINNumber:
		j.uint("fin_seq", uint64(s.Number))
	case statemachine.NoNumber:
	}
}

func (n *ndjson) finding(note *analyzer.Note) {
	f, j := &note.Finding, n.begin(FindingEvent)
	info := f.Code.Info()
	n.moment(f.At)
	j.uint("conn", uint64(note.Conn))
	j.word("code", info.Name)
	j.word("severity", info.Severity.String())
	n.endpoint("endpoint", note.Ends[f.Side])
	j.word("role", f.Side.String())
	j.key("detail")
	j.b = append(appendFindingDetail(append(j.b, '"'), f, numbers{}), '"')
	j.word("cite", info.Cite)
	if f.By != 0 {
		j.uint("by", f.By)
	}
	n.end()
}

// Tick writes out what was gathered: in a live run nobody waits for a full
// buffer.
func (n *ndjson) Tick(statemachine.Time) error { return n.out.flush() }

// Connection writes the record of one connection.
func (n *ndjson) Connection(c *analyzer.Connection) error {
	switch {
	case !n.events.has(ConnectionEvent):
		return nil
	case c.Prepared != nil:
		n.out.b = append(n.out.b, c.Prepared...)
	default:
		n.connection(c)
	}
	return n.out.done(n.out.b)
}

// Preparation returns a function that appends the record of a connection; see
// analyzer.Preparer.
func (n *ndjson) Preparation() func(b []byte, c *analyzer.Connection) []byte {
	other := ndjson{events: n.events}
	return func(b []byte, c *analyzer.Connection) []byte {
		if !other.events.has(ConnectionEvent) {
			return b
		}
		other.out.b = b
		other.connection(c)
		return other.out.b
	}
}

// connection appends the record of a connection. What all records have is spelled out:
// there may be millions of them.
func (n *ndjson) connection(c *analyzer.Connection) {
	client, server, j := &c.Ends[statemachine.Client], &c.Ends[statemachine.Server], &n.j
	j.b = n.out.b
	j.num(`{"type":"connection","conn":`, uint64(c.ID))
	j.lit(`,"client":"`)
	j.b = appendEndpoint(j.b, client.Addr)
	j.lit(`","server":"`)
	j.b = appendEndpoint(j.b, server.Addr)
	j.str(`","client_because":"`, c.Role.String())
	j.num(`","first_packet":`, c.First.Packet)
	j.lit(`,"first_ts":"`)
	j.b = n.stamp.append(j.b, c.First.Time)
	j.num(`","last_packet":`, c.Last.Packet)
	j.lit(`,"last_ts":"`)
	j.b = n.stamp.append(j.b, c.Last.Time)
	j.lit(`"`)
	if client.HasISS {
		j.num(`,"client_iss":`, uint64(client.ISS))
	}
	if server.HasISS {
		j.num(`,"server_iss":`, uint64(server.ISS))
	}
	j.str(`,"client_state":"`, client.State.String())
	j.str(`","client_certainty":"`, client.Certainty.String())
	j.str(`","server_state":"`, server.State.String())
	j.str(`","server_certainty":"`, server.Certainty.String())
	j.str(`","verdict":"`, c.Verdict.String())
	j.lit(`","verdict_detail":`)
	j.b = appendJSONString(j.b, c.Detail)
	n.counts(c, client, server)
	n.details(c, client, server)
	j.flag("evicted", c.Evicted)
	n.end()
}

func (n *ndjson) counts(c *analyzer.Connection, client, server *analyzer.EndpointRecord) {
	j := &n.j
	j.num(`,"packets":{"client":`, client.Packets)
	j.num(`,"server":`, server.Packets)
	j.num(`},"bytes":{"client":`, client.Bytes)
	j.num(`,"server":`, server.Bytes)
	j.lit(`},"retransmissions":{"client":{`)
	n.retransmissions(client)
	j.lit(`},"server":{`)
	n.retransmissions(server)
	j.lit(`}},"rtt":{`)
	if c.RTTClient != 0 {
		j.int("client_ns", int64(c.RTTClient))
	}
	if c.RTTServer != 0 {
		j.int("server_ns", int64(c.RTTServer))
	}
	if c.Tap != analyzer.TapUnknown {
		j.word("tap", c.Tap.String())
	}
	j.lit(`},"findings":{`)
	n.codes = slices.AppendSeq(n.codes[:0], maps.Keys(c.Findings))
	slices.Sort(n.codes)
	for _, code := range n.codes {
		j.uint(code.String(), uint64(c.Findings[code]))
	}
	j.lit(`}`)
}

func (n *ndjson) retransmissions(e *analyzer.EndpointRecord) {
	for kind, k := range e.Retransmissions {
		if k > 0 {
			n.j.uint(statemachine.Kind(kind).String(), uint64(k))
		}
	}
}

// Capture writes the last record.
func (n *ndjson) Capture(c *analyzer.Capture) error {
	if n.events.has(CaptureEvent) {
		n.capture(c)
	}
	return n.out.flush()
}

func (n *ndjson) capture(c *analyzer.Capture) {
	j := n.begin(CaptureEvent)
	n.texts("files", c.Files)
	j.key("link_types")
	j.b = append(j.b, '[')
	for i, l := range c.LinkTypes {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = appendDigits(j.b, int64(l), 1)
	}
	j.b = append(j.b, ']')
	j.uint("packets", c.Packets)
	j.uint("tcp", c.TCP)
	j.within("skipped")
	for reason, k := range c.Skipped {
		if k > 0 {
			j.uint(analyzer.Skip(reason).String(), k)
		}
	}
	j.close()
	j.uint("drops", c.Drops)
	if c.Fragments > 0 {
		j.uint("incomplete_datagrams", c.Fragments)
	}
	if c.Aggregated > 0 {
		j.uint("aggregated_frames", c.Aggregated)
	}
	if len(c.Comments) > 0 {
		n.texts("comments", c.Comments)
	}
	if c.Commented > 0 {
		j.uint("packet_comments", c.Commented)
	}
	j.uint("connections", c.Connections)
	if c.Evicted > 0 {
		j.uint("evicted", c.Evicted)
	}
	if c.Packets > 0 {
		n.time("first_ts", c.First.Time)
		n.time("last_ts", c.Last.Time)
	}
	if len(c.Findings) > 0 {
		j.within("findings")
		for _, code := range statemachine.Codes() {
			if k := c.Findings[code]; k > 0 {
				j.uint(code.String(), uint64(k))
			}
		}
		j.close()
	}
	if len(c.Errors) > 0 {
		n.texts("errors", c.Errors)
	}
	n.end()
}

func (n *ndjson) texts(name string, values []string) {
	j := &n.j
	j.key(name)
	j.b = append(j.b, '[')
	for i, v := range values {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = appendJSONString(j.b, v)
	}
	j.b = append(j.b, ']')
}
