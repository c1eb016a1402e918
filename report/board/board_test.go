package board

import (
	"net/netip"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	sm "github.com/tcpstate/tcpstate/statemachine"
)

var ends = [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:80")}

func give(t *testing.T, b *Board, conn uint32, at sm.Time, side sm.Side, flags sm.Flags, notes ...analyzer.Note) {
	t.Helper()
	p := &analyzer.Packet{Time: at, HasTCP: true, Src: ends[side], Dst: ends[side.Peer()], Segment: sm.Segment{Flags: flags}}
	for i := range notes {
		notes[i].Conn, notes[i].Ends = conn, ends
	}
	if err := b.Packet(&analyzer.Observation{Packet: p, Conn: conn, Side: side, Notes: notes}); err != nil {
		t.Fatal(err)
	}
}

func step(kind analyzer.NoteKind, side sm.Side, from, to sm.State, event sm.Event) analyzer.Note {
	return analyzer.Note{Kind: kind, Step: sm.Step{Side: side, From: from, To: to, Event: event}}
}

// TestTally counts ends as they move, takes steps back, and counts nothing of
// a connection that has ended.
func TestTally(t *testing.T) {
	b := New()
	give(t, b, 1, 100, sm.Client, sm.SYN, step(analyzer.ProvisionalNote, sm.Client, sm.Closed, sm.SynSent, sm.SendSYN))
	give(t, b, 1, 200, sm.Server, sm.SYN|sm.ACK, step(analyzer.ProvisionalNote, sm.Server, sm.Listen, sm.SynReceived, sm.RecvSYN))
	give(t, b, 1, 400, sm.Client, sm.ACK,
		step(analyzer.ProvisionalNote, sm.Client, sm.SynSent, sm.Established, sm.RecvSYNACK),
		step(analyzer.ProvisionalNote, sm.Server, sm.SynReceived, sm.Established, sm.RecvACKOfSYN))
	s := b.Snapshot(0)
	if s.Tally[sm.Client][sm.Established] != 1 || s.Tally[sm.Server][sm.Established] != 1 || s.Live != 1 {
		t.Errorf("%+v", s.Tally)
	}
	if c, _ := b.Conn(1); c.RTT != 300 || s.Counts.RTT.Count != 1 || s.Counts.Handshakes[HandshakeCompleted] != 1 {
		t.Errorf("RTT %d, %+v", c.RTT, s.Counts)
	}
	// Two steps that are withdrawn together leave the end where it was.
	give(t, b, 1, 500, sm.Server, sm.FIN|sm.ACK,
		step(analyzer.ProvisionalNote, sm.Client, sm.Established, sm.CloseWait, sm.RecvFIN),
		step(analyzer.ProvisionalNote, sm.Client, sm.CloseWait, sm.LastAck, sm.SendFIN))
	give(t, b, 1, 600, sm.Client, sm.ACK,
		step(analyzer.WithdrawnNote, sm.Client, sm.Established, sm.CloseWait, sm.RecvFIN),
		step(analyzer.WithdrawnNote, sm.Client, sm.CloseWait, sm.LastAck, sm.SendFIN))
	if c, _ := b.Conn(1); c.States[sm.Client] != sm.Established {
		t.Errorf("the client is %s", c.States[sm.Client])
	}
	give(t, b, 1, 700, sm.Server, sm.RST, step(analyzer.StepNote, sm.Client, sm.Established, sm.Closed, sm.RecvRST))
	if err := b.Connection(&analyzer.Connection{ID: 1, Verdict: analyzer.VerdictReset}); err != nil {
		t.Fatal(err)
	}
	s = b.Snapshot(0)
	if s.Tally != (Tally{}) || s.Live != 0 || s.Counts.Resets[ResetEstablished] != 1 || s.Counts.Connections != 1 {
		t.Errorf("%+v", s)
	}
}

// TestHandshakeSentAgain measures none where a SYN was sent twice.
func TestHandshakeSentAgain(t *testing.T) {
	b := New()
	give(t, b, 1, 100, sm.Client, sm.SYN)
	give(t, b, 1, 1100, sm.Client, sm.SYN)
	give(t, b, 1, 1200, sm.Server, sm.SYN|sm.ACK)
	give(t, b, 1, 1300, sm.Client, sm.ACK)
	if c, _ := b.Conn(1); c.RTT != 0 || b.Snapshot(0).Counts.RTT.Count != 0 {
		t.Errorf("RTT %d", c.RTT)
	}
}

// TestFindings keeps the newest.
func TestFindings(t *testing.T) {
	b := New()
	for i := range 1000 {
		n := analyzer.Note{Kind: analyzer.FindingNote, Finding: sm.Finding{At: sm.Moment{Packet: uint64(i)}, Code: sm.Land}}
		give(t, b, 1, 100, sm.Client, sm.SYN, n)
	}
	s := b.Snapshot(3)
	if len(s.Findings) != 3 || s.Findings[0].At.Packet != 999 || s.Findings[2].At.Packet != 997 || s.Counts.Findings[sm.Land] != 1000 {
		t.Errorf("%+v", s.Findings)
	}
	if c, _ := b.Conn(1); c.Findings != 1000 || c.Gravest != sm.Error {
		t.Errorf("%+v", c)
	}
}
