package report_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

// ends are the endpoints of the made-up connection.
var ends = [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:4970"), netip.MustParseAddrPort("[2001:db8::2]:23")}

// second is the made-up capture's time, in seconds after the epoch.
func second(n int64) statemachine.Time { return statemachine.Time(n * 1e9) }

// step returns a step of the made-up connection.
func step(cause, proof uint64, side statemachine.Side, from, to statemachine.State, e statemachine.Event, r statemachine.Rule, c statemachine.Certainty) statemachine.Step {
	return statemachine.Step{
		Cause: statemachine.Moment{Packet: cause, Time: second(int64(cause))}, Proof: proof,
		Side: side, From: from, To: to, Event: e, Rule: r, Certainty: c,
	}
}

// observations are made-up results with every kind of note, class and mark.
func observations() []analyzer.Observation {
	packet := func(n uint64, flags statemachine.Flags) *analyzer.Packet {
		return &analyzer.Packet{
			Number: n, Time: second(int64(n)), HasTCP: true, IPVersion: 4, Src: ends[0], Dst: ends[1],
			Segment: statemachine.Segment{Seq: 1000 + statemachine.Seq(n), Ack: 5000, Window: 100, Flags: flags},
		}
	}
	note := func(conn uint32, kind analyzer.NoteKind, s statemachine.Step) analyzer.Note {
		return analyzer.Note{Packet: 9, Conn: conn, Ends: ends, Kind: kind, Step: s}
	}
	syn := step(1, 0, statemachine.Client, statemachine.Closed, statemachine.SynSent,
		statemachine.SendSYN, statemachine.RuleActiveOpen, statemachine.Witnessed)
	syn.Number, syn.NumberKind = 0xffffffff, statemachine.ISNNumber
	fin := step(2, 3, statemachine.Server, statemachine.Established, statemachine.CloseWait,
		statemachine.RecvFIN, statemachine.RuleFIN, statemachine.Proven)
	fin.Number, fin.NumberKind = 1002, statemachine.FINNumber
	presumed := step(2, 0, statemachine.Client, statemachine.FinWait1, statemachine.FinWait2,
		statemachine.RecvACKOfFIN, statemachine.RuleACKOfFIN, statemachine.Presumed)
	timer := step(0, 0, statemachine.Client, statemachine.TimeWait, statemachine.Closed,
		statemachine.TimeWaitExpiry, statemachine.RuleTimeWaitExpiry, statemachine.ByTimer)
	timer.Cause.Time = second(61)
	finding := statemachine.Finding{
		At: statemachine.Moment{Packet: 2, Time: second(2)}, By: 1, A: 7, B: 9,
		Side: statemachine.Client, Code: statemachine.FINMoved,
	}
	out := []analyzer.Observation{
		{Packet: packet(1, statemachine.SYN), Conn: 1, Notes: []analyzer.Note{note(1, analyzer.StepNote, syn)}},
		{
			Packet: packet(2, statemachine.FIN|statemachine.ACK), Conn: 1,
			Reading: statemachine.Reading{
				Class: statemachine.Retransmission, Kind: statemachine.KindRTO, Repeats: 1, Since: 203_900_000,
				Backoff: 1, Window: 6400, Scaled: true, RelOK: true, RelSeq: 2, RelAck: 1, Marks: statemachine.Spurious,
			},
			Notes: []analyzer.Note{
				note(1, analyzer.StepNote, fin), note(1, analyzer.ProvisionalNote, presumed),
				{Packet: 2, Conn: 1, Ends: ends, Kind: analyzer.FindingNote, Finding: finding},
				{Packet: 1, Conn: 1, Ends: ends, Kind: analyzer.MarkNote, Mark: analyzer.Mark{What: statemachine.LostAfterTap, By: 2}},
				{Packet: 2, Conn: 1, Ends: ends, Kind: analyzer.ResetNote, Side: statemachine.Server, Reset: analyzer.ResetVerdict{
					Reset: statemachine.Reset{
						At: statemachine.Moment{Packet: 2, Time: finding.At.Time}, Side: statemachine.Server, Fit: statemachine.FitExact,
						Outcome: statemachine.ResetTaken, Sure: statemachine.Presumed, State: statemachine.Established,
					},
					Reason: analyzer.ReasonAbort, By: 1,
				}},
			},
		},
		{
			Packet: packet(9, statemachine.ACK), Conn: 2,
			Reading: statemachine.Reading{Class: statemachine.DuplicateACK, Dups: 3, Marks: 0x3ff},
			Notes: []analyzer.Note{
				note(1, analyzer.ConfirmedNote, fin), note(1, analyzer.WithdrawnNote, presumed),
				note(2, analyzer.StepNote, timer),
			},
		},
		{Packet: &analyzer.Packet{Number: 10, HasTCP: true, IPVersion: 4, Skip: analyzer.SkipTruncated, Src: ends[0], Dst: ends[1]}},
		{Notes: []analyzer.Note{note(2, analyzer.StepNote, timer)}},
	}
	return out
}

// connection is a made-up record.
func connection(id uint32, codes map[statemachine.Code]int) *analyzer.Connection {
	return &analyzer.Connection{
		ID: id, First: statemachine.Moment{Packet: 1, Time: second(1)}, Last: statemachine.Moment{Packet: 9, Time: second(9)},
		Ends: [2]analyzer.EndpointRecord{
			{Addr: ends[0], ISS: 1000, HasISS: true, State: statemachine.TimeWait, Packets: 12, Bytes: 34567,
				Retransmissions: [statemachine.NumKinds]uint32{statemachine.KindRTO: 2, statemachine.KindFIN: 1}},
			{Addr: ends[1], State: statemachine.Closed, Packets: 3},
		},
		Verdict: analyzer.VerdictClosed, Detail: "closed by the client first, a sentence that goes on for quite a while",
		RTTClient: 94_000, RTTServer: 250_000_000, Findings: codes, Evicted: id == 2,
	}
}

// renderObservations feeds the made-up results to form f.
func renderObservations(t testing.TB, f report.Format, o report.Options) string {
	t.Helper()
	o.Tcpdump.Location = time.UTC
	var b bytes.Buffer
	sink := report.New(&b, f, o)
	for _, obs := range observations() {
		if err := sink.Packet(&obs); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint32(3) {
		codes := map[statemachine.Code]int{statemachine.FINMoved: int(id), statemachine.SnaplenCut: 1}
		if id == 0 {
			codes = nil
		}
		if err := sink.Connection(connection(id+1, codes)); err != nil {
			t.Fatal(err)
		}
	}
	c := &analyzer.Capture{
		Files: []string{"a\x1b[31m\"b.pcap"}, LinkTypes: []analyzer.LinkType{1, 276}, Packets: 10, TCP: 9,
		Drops: 4, Connections: 3, Evicted: 1, First: statemachine.Moment{Packet: 1, Time: second(1)},
		Last: statemachine.Moment{Packet: 10, Time: second(10)}, Errors: []string{"a: byte 10: cut"},
	}
	c.Skipped[analyzer.SkipTruncated] = 1
	if err := sink.Capture(c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
