package check

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Detail is how closely two recordings are compared.
type Detail uint8

// The degrees, each with all of those before it.
const (
	ByConnections Detail = iota // verdicts, forms of opening and closing, options
	ByStates                    // the states of both ends
	BySegments                  // every segment with its flags, relative numbers and class
)

// DetailNames returns the names of the degrees.
func DetailNames() []string { return []string{"connections", "states", "segments"} }

// ParseDetail returns the degree of the given name.
func ParseDetail(name string) (Detail, bool) {
	for i, n := range DetailNames() {
		if n == name {
			return Detail(i), true
		}
	}
	return 0, false
}

// Trace is a recording in words that hold nothing of its addresses, ports,
// sequence numbers and times: the same exchange gives the same words.
type Trace struct {
	Path        string
	connections [][]traceLine
}

// traceLine is one line of a connection's words.
type traceLine struct {
	text   string
	packet uint64 // 0 for what is of no packet
}

// Connections returns how many connections the recording has.
func (t *Trace) Connections() int { return len(t.connections) }

// ReadTrace reads a capture for Compare.
func ReadTrace(ctx context.Context, path string, detail Detail) (*Trace, error) {
	o, err := Observe(ctx, path, statemachine.Linux())
	if err != nil {
		return nil, err
	}
	t := &tracer{trace: &Trace{Path: path, connections: make([][]traceLine, len(o.Connections))}, detail: detail}
	for i, c := range o.Connections {
		t.trace.connections[i] = summaryLines(c)
		if detail >= ByStates {
			for _, side := range bothSides() {
				t.add(i, 0, "%s: %s", side, spell(c.statesOf(side)))
			}
		}
	}
	if detail < BySegments {
		return t.trace, nil
	}
	open := func() (analyzer.Source, error) { return capture.Open(path) }
	err = analyzer.Run(ctx, analyzer.Options{Wants: analyzer.WantPackets | analyzer.WantNotes}, open, t)
	return t.trace, err
}

// summaryLines are the words about a connection as a whole.
func summaryLines(c *Connection) []traceLine {
	lines := []string{
		"verdict: " + c.Verdict.String(),
		"handshake: " + string(c.Handshake()),
		"close: " + string(c.Close()),
	}
	for _, side := range bothSides() {
		if end := &c.Sides[side]; end.HasSYN {
			lines = append(lines, fmt.Sprintf("%s offers:%s", side, optionWords(&end.Offer)))
		}
	}
	out := make([]traceLine, len(lines))
	for i, l := range lines {
		out[i].text = l
	}
	return out
}

// optionWords lists options by name; the values of timestamps and cookies are
// left out.
func optionWords(o *statemachine.Options) string {
	var b strings.Builder
	if o.Has(statemachine.OptMSS) {
		fmt.Fprintf(&b, " mss %d", o.MSS)
	}
	if o.Has(statemachine.OptWScale) {
		fmt.Fprintf(&b, " wscale %d", o.WScale)
	}
	for _, n := range []struct {
		bit  statemachine.OptionSet
		word string
	}{
		{statemachine.OptSACKPerm, "sackOK"}, {statemachine.OptTimestamp, "TS"}, {statemachine.OptFastOpen, "tfo"},
		{statemachine.OptMD5, "md5"}, {statemachine.OptAO, "tcp-ao"}, {statemachine.OptMPTCP, "mptcp"},
		{statemachine.OptUTO, "uto"}, {statemachine.OptOther, "unknown"}, {statemachine.OptBad, "malformed"},
	} {
		if o.Has(n.bit) {
			b.WriteString(" " + n.word)
		}
	}
	if b.Len() == 0 {
		return " no options"
	}
	return b.String()
}

// tracer is the sink that puts segments into words.
type tracer struct {
	trace  *Trace
	detail Detail
}

func (t *tracer) add(i int, packet uint64, format string, args ...any) {
	t.trace.connections[i] = append(t.trace.connections[i], traceLine{fmt.Sprintf(format, args...), packet})
}

// Packet adds the lines of a segment and of what stands under it.
func (t *tracer) Packet(o *analyzer.Observation) error {
	if o.Packet != nil && o.Conn != 0 {
		t.add(int(o.Conn)-1, o.Packet.Number, "%s", segmentWords(o))
	}
	for i := range o.Notes {
		n := &o.Notes[i]
		if n.Conn == 0 {
			continue // of no connection that could be compared
		}
		switch n.Kind {
		case analyzer.StepNote:
			t.add(int(n.Conn)-1, n.Packet, "    %s %s → %s", n.Step.Side, n.Step.From, n.Step.To)
		case analyzer.FindingNote:
			t.add(int(n.Conn)-1, n.Packet, "    ! %s", n.Finding.Code)
		default:
			// What became of packets, and the words of inputs that are read once.
		}
	}
	return nil
}

// segmentWords tells of a segment what does not depend on ports, ISNs and
// times. Windows are left out too: they follow the host's memory.
func segmentWords(o *analyzer.Observation) string {
	seg, r := &o.Packet.Segment, &o.Reading
	b := append([]byte(o.Side.String()), " ["...)
	b = append(seg.Flags.Append(b), ']')
	b = strconv.AppendInt(append(b, " seq "...), r.RelSeq, 10)
	if seg.Flags.Has(statemachine.ACK) {
		b = strconv.AppendInt(append(b, " ack "...), r.RelAck, 10)
	}
	b = strconv.AppendUint(append(b, " length "...), uint64(seg.Len), 10)
	if r.Class > statemachine.New {
		b = append(append(b, ", "...), r.Class.String()...)
		if r.Kind != statemachine.NoKind {
			b = append(append(append(b, " ("...), r.Kind.String()...), ')')
		}
	}
	return string(b)
}

// Connection has nothing to do.
func (t *tracer) Connection(*analyzer.Connection) error { return nil }

// Capture has nothing to do.
func (t *tracer) Capture(*analyzer.Capture) error { return nil }
