package page

import (
	"cmp"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/figure"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Talk is one connection with the segments that the page keeps of it.
type Talk struct {
	figure.Talk
	more []more // beside each of Segments
	flow flow
}

// more is what the page keeps of a segment beside the figure's own.
type more struct {
	text    []byte // its line and what stands under it
	class   string
	scaled  bool
	window  uint32
	before  uint32 // segments left out directly before it
	sack    []int64
	measure Measure
}

// Follow takes every segment of a connection of which some are kept, for the
// graphs.
func (t *Talk) Follow(o *analyzer.Observation) Measure { return t.flow.take(o) }

// Keep keeps a segment, with the number of those left out before it.
func (t *Talk) Keep(o *analyzer.Observation, s figure.Segment, m Measure, before uint32) {
	r := &o.Reading
	k := more{scaled: r.Scaled, window: r.Window, before: before, measure: m, class: r.Class.String()}
	if !r.Scaled {
		k.window = uint32(o.Packet.Segment.Window)
	}
	if r.Class == statemachine.Retransmission {
		k.class = "retransmission (" + r.Kind.String() + ")"
	}
	opt := &o.Packet.Segment.Options
	if opt.Has(statemachine.OptSACK) {
		for _, block := range opt.SACK[:opt.NSACK] {
			// A block speaks of the numbers that SEG.ACK counts too (RFC 2018 §3).
			k.sack = append(k.sack,
				r.RelAck+int64(int32(block.Left-o.Packet.Segment.Ack)),
				r.RelAck+int64(int32(block.Right-o.Packet.Segment.Ack)))
		}
	}
	t.Segments = append(t.Segments, s)
	t.more = append(t.more, k)
}

// Say adds text under the segment of a packet, or, where that is not kept, under
// the last one before it; before the first it is dropped.
func (t *Talk) Say(packet uint64, text []byte) {
	for i := len(t.more) - 1; i >= 0; i-- {
		if t.Segments[i].Packet <= packet || packet == 0 {
			t.more[i].text = append(t.more[i].text, text...)
			return
		}
	}
}

// detail is a Talk as the page reads it: a column for each field of its
// segments. Times are nanoseconds since the first of them.
type detail struct {
	Conn    uint32     `json:"conn"`
	Total   uint64     `json:"total"` // segments that the connection has
	Left    uint64     `json:"left"`  // of which are not here, behind the last one
	Way     [2]int64   `json:"way"`   // from the capture point to client and server, 0 where not known
	Packet  []uint64   `json:"packet"`
	Time    []int64    `json:"time"`
	Side    []int      `json:"side"`
	Label   []string   `json:"label"`
	Seq     []int64    `json:"seq"`
	Len     []uint32   `json:"len"`    // SEG.LEN, SYN and FIN counted
	Ack     []int64    `json:"ack"`    // -1 without ACK
	Window  []int64    `json:"window"` // -1 where its scale is not known
	Reset   []int      `json:"reset"`  // 1 for a RST
	Class   []string   `json:"class"`
	Marks   [][]string `json:"marks"`
	Repeats []uint64   `json:"repeats"`
	Found   [][]int    `json:"found"` // findings, by their codes' numbers
	SACK    [][]int64  `json:"sack"`
	Flight  [2][]int64 `json:"flight"`
	RTT     []int64    `json:"rtt"`
	RTTOf   []uint64   `json:"rttOf"`
	Before  []uint32   `json:"before"`
	Text    []string   `json:"text"`
	Rungs   []rung     `json:"rungs"`
}

// newDetail turns a Talk into what the page reads.
func newDetail(t *Talk, c *analyzer.Connection, absolute bool) *detail {
	d := &detail{Conn: c.ID, Total: c.Ends[0].Packets + c.Ends[1].Packets}
	way := waysOf(c)
	d.Way = [2]int64{int64(way[0]), int64(way[1])}
	kept := uint64(len(t.Segments))
	for i := range t.Segments {
		d.segment(t, i, absolute)
		kept += uint64(t.more[i].before)
	}
	d.Left = max(d.Total, kept) - kept
	d.Rungs = climb(&t.Talk, way)
	for side := range c.Ends {
		d.stay(t, statemachine.Side(side), c.Ends[side].State)
	}
	return d
}

// stay lets an end that made no step be all along in what the record has it
// in.
func (d *detail) stay(t *Talk, side statemachine.Side, state statemachine.State) {
	for i := range t.Steps {
		if t.Steps[i].Side == side {
			return
		}
	}
	for i := range d.Rungs {
		d.Rungs[i].After[side] = uint8(state)
	}
}

// waysOf returns how far the ends are from the capture point: half of the
// shortest round trip seen. The one from the point to an end shows in the
// handshake, and in the ACKs of what the other end sent.
func waysOf(c *analyzer.Connection) delays {
	least := func(handshake, data statemachine.Time) statemachine.Time {
		if handshake > 0 && data > 0 {
			return min(handshake, data) / 2
		}
		return cmp.Or(handshake, data) / 2
	}
	return delays{
		statemachine.Client: least(c.RTTClient, c.Ends[statemachine.Server].RTTMin),
		statemachine.Server: least(c.RTTServer, c.Ends[statemachine.Client].RTTMin),
	}
}

// segment appends segment i to the columns.
func (d *detail) segment(t *Talk, i int, absolute bool) {
	s, k := &t.Segments[i], &t.more[i]
	length := uint32(s.Len)
	for _, f := range [...]statemachine.Flags{statemachine.SYN, statemachine.FIN} {
		if s.Flags.Has(f) {
			length++
		}
	}
	ack, window, reset := int64(-1), int64(-1), 0
	if s.Flags.Has(statemachine.ACK) {
		ack = s.RelAck
	}
	if k.scaled {
		window = int64(k.window)
	}
	if s.Flags.Has(statemachine.RST) {
		reset = 1
	}
	found := []int{}
	for _, code := range s.Findings {
		found = append(found, int(code))
	}
	d.Packet = append(d.Packet, s.Packet)
	d.Time = append(d.Time, int64(s.Time-t.Segments[0].Time))
	d.Side = append(d.Side, int(s.Side))
	d.Label = append(d.Label, s.Label(absolute))
	d.Seq = append(d.Seq, s.RelSeq)
	d.Len = append(d.Len, length)
	d.Ack = append(d.Ack, ack)
	d.Window = append(d.Window, window)
	d.Reset = append(d.Reset, reset)
	d.Class = append(d.Class, k.class)
	d.Marks = append(d.Marks, s.Marks.Names([]string{}))
	d.Repeats = append(d.Repeats, s.Repeats)
	d.Found = append(d.Found, found)
	d.SACK = append(d.SACK, k.sack)
	for side := range d.Flight {
		d.Flight[side] = append(d.Flight[side], k.measure.InFlight[side])
	}
	d.RTT = append(d.RTT, int64(k.measure.RTT))
	d.RTTOf = append(d.RTTOf, k.measure.Of)
	d.Before = append(d.Before, k.before)
	d.Text = append(d.Text, string(k.text))
}
