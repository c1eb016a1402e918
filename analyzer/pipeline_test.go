package analyzer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// busy is a script with interleaved connections of many fates.
func busy(rounds int) *script {
	s := &script{}
	for i := range rounds {
		a := s.talk(fmt.Sprintf("10.0.0.1:%d", 20000+i%5000), "10.0.0.2:80")
		b := s.talk(fmt.Sprintf("10.0.0.3:%d", 30000+i%5000), "10.0.0.2:443")
		c := s.talk("[2001:db8::1]:"+fmt.Sprint(40000+i%5000), "[2001:db8::2]:22")
		a.handshake()
		b.send(cl, "S", 0)
		c.handshake()
		a.data()
		b.raw(sv, "R.", 0, b.next[cl], 0)
		c.data()
		a.clientCloses()
		c.send(sv, "R.", 0)
		s.wait(time.Second)
	}
	return s
}

func TestTwoPassOrder(t *testing.T) {
	out := busy(3).run(t, Options{Wants: wantAll})
	packet := uint64(0)
	for _, l := range out.lines {
		var n uint64
		if _, err := fmt.Sscanf(strings.TrimSpace(l), "#%d", &n); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(l, " ") && n != packet || !strings.HasPrefix(l, " ") && n != packet+1 {
			t.Errorf("after packet %d: %s", packet, l)
		}
		packet = n
	}
	if packet != out.capture.Packets {
		t.Errorf("%d packets came, %d were read", packet, out.capture.Packets)
	}
	for i, c := range out.conns {
		if c.ID != uint32(i+1) {
			t.Errorf("connection %d came as number %d", c.ID, i+1)
		}
	}
	if len(out.conns) != 9 || out.capture.Connections != 9 {
		t.Errorf("%d connections, %d counted", len(out.conns), out.capture.Connections)
	}
	for _, want := range [][]string{
		{"#1 conn 1 client 10.0.0.1:20000 CLOSED -> SYN-SENT witnessed"},
		{"#2 conn 1 client 10.0.0.1:20000 SYN-SENT -> ESTABLISHED proven by 3"},
		{"#5 conn 3 client [2001:db8::1]:40000 CLOSED -> SYN-SENT"},
	} {
		if !has(out.lines, want...) {
			t.Errorf("nothing says %q in\n%s", want, strings.Join(out.lines, "\n"))
		}
	}
}

// Neither a spill nor leaving out the packets changes a note or a record.
func TestSpillAndNotesAlone(t *testing.T) {
	s := busy(300)
	whole := s.run(t, Options{Wants: wantAll})
	if len(whole.notes()) < 3000 {
		t.Fatalf("only %d notes", len(whole.notes()))
	}
	spilled := s.run(t, Options{Wants: wantAll, SpoolLimit: spoolChunk + 4096})
	if !slices.Equal(whole.lines, spilled.lines) {
		t.Error("a spool that spills gives other lines")
	}
	alone := s.run(t, Options{Wants: WantNotes | WantConnections})
	if !slices.Equal(whole.notes(), alone.lines) {
		t.Error("a run without packets gives other notes")
	}
	for _, o := range []*transcript{spilled, alone} {
		if len(o.conns) != len(whole.conns) {
			t.Fatalf("%d connections, want %d", len(o.conns), len(whole.conns))
		}
		for i := range o.conns {
			if a, b := fmt.Sprint(o.conns[i]), fmt.Sprint(whole.conns[i]); a != b {
				t.Fatalf("records differ:\n%s\n%s", a, b)
			}
		}
	}
}

func TestNothingWanted(t *testing.T) {
	out := busy(2).run(t, Options{})
	if len(out.lines) > 0 || len(out.conns) > 0 || out.capture.Connections != 6 {
		t.Errorf("%d lines, %d records, %d connections", len(out.lines), len(out.conns), out.capture.Connections)
	}
	stream := busy(2).run(t, Options{Wants: WantConnections, AnyOrder: true, Workers: 1})
	if len(stream.conns) != 6 || stream.conns[0].ID != 2 {
		t.Errorf("streamed records: %d, first has number %d; the refused one should end first", len(stream.conns), stream.conns[0].ID)
	}
}

func TestTupleReuse(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:4000", "10.0.0.2:80")
	k.handshake()
	k.data()
	k.clientCloses()
	k.again(100_000)
	k.wait(time.Second)
	first := k.send(cl, "S", 0)
	k.send(sv, "S.", 0)
	k.send(cl, ".", 0)
	k.data()
	out := s.run(t, Options{Wants: wantAll})
	if len(out.conns) != 2 {
		t.Fatalf("%d connections, want 2", len(out.conns))
	}
	a, b := out.conns[0], out.conns[1]
	if a.Verdict != VerdictClosed || a.Last.Packet != first-1 {
		t.Errorf("first: %s, last packet %d", a.Detail, a.Last.Packet)
	}
	if b.Verdict != VerdictOpenAtEnd || b.First.Packet != first || b.Ends[cl].ISS != sm.Seq(k.iss[cl]) {
		t.Errorf("second: %s, first packet %d, ISS %d", b.Detail, b.First.Packet, b.Ends[cl].ISS)
	}
	if !has(out.lines, fmt.Sprintf("#%d conn 1", first-1)) || !has(out.lines, fmt.Sprintf("#%d conn 2", first)) {
		t.Error("the packets do not change their connection at the second SYN")
	}
}

// A client that restarts opens anew on a four-tuple that the server still
// holds: the SYN belongs to the new connection, the challenge ACK and the RST
// to the old one (RFC 9293 §3.5.1, RFC 5961 §4.2).
func TestHeldSYN(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:4000", "10.0.0.2:80")
	k.handshake()
	k.data()
	old := k.next
	k.again(1_000_000)
	k.wait(time.Second)
	syn := k.send(cl, "S", 0)
	challenge := k.raw(sv, ".", old[sv], old[cl], 0)
	k.send(sv, "S.", 0)
	k.send(cl, ".", 0)
	k.data()
	out := s.run(t, Options{Wants: wantAll})
	if len(out.conns) != 2 {
		t.Fatalf("%d connections, want 2:\n%s", len(out.conns), strings.Join(out.lines, "\n"))
	}
	for packet, conn := range map[uint64]int{syn - 1: 1, syn: 2, challenge: 1, challenge + 1: 2, challenge + 2: 2} {
		if !has(out.lines, fmt.Sprintf("#%d conn %d", packet, conn)) {
			t.Errorf("packet %d is not of connection %d:\n%s", packet, conn, strings.Join(out.lines, "\n"))
		}
	}
	sum := out.conns[0].Ends[0].Packets + out.conns[0].Ends[1].Packets + out.conns[1].Ends[0].Packets + out.conns[1].Ends[1].Packets
	if sum != out.capture.TCP {
		t.Errorf("the connections count %d packets, the capture %d", sum, out.capture.TCP)
	}
}

func TestEviction(t *testing.T) {
	s := &script{}
	var all []*talk
	for i := range 5 {
		k := s.talk(fmt.Sprintf("10.0.0.1:%d", 4000+i), "10.0.0.2:80")
		k.handshake()
		all = append(all, k)
	}
	all[0].data() // evicted before: goes on as another connection
	out := s.run(t, Options{Wants: wantAll, MaxConnections: 3})
	if len(out.conns) != 6 || out.capture.Evicted != 3 {
		t.Fatalf("%d connections, %d evicted; want 6 and 3", len(out.conns), out.capture.Evicted)
	}
	for i, c := range out.conns {
		if c.Evicted != (i < 3) {
			t.Errorf("connection %d: evicted %v", c.ID, c.Evicted)
		}
	}
	if d := out.conns[0].Detail; !strings.Contains(d, "limit on connections") {
		t.Errorf("an evicted connection says %q", d)
	}
	if c := out.conns[5]; c.Verdict != VerdictMidStreamOpen || !has(out.lines, "#16 conn 6") {
		t.Errorf("the rest of an evicted connection: %s", c.Detail)
	}
}

func TestLingerAndExpiry(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:4000", "10.0.0.2:80")
	k.handshake()
	k.send(cl, "R.", 0)
	k.wait(time.Second)
	late := k.raw(sv, "P.", k.next[sv], k.next[cl], 10) // crossed the RST
	other := s.talk("10.0.0.1:4001", "10.0.0.2:80")
	other.handshake()
	other.clientCloses()
	s.wait(2 * time.Minute)
	last := s.talk("10.0.0.1:4002", "10.0.0.2:80")
	noticed := last.send(cl, "S", 0)
	out := s.run(t, Options{Wants: wantAll})
	if len(out.conns) != 3 || out.conns[0].Last.Packet != late {
		t.Errorf("%d connections; the straggler must belong to the first", len(out.conns))
	}
	if !has(out.lines, fmt.Sprintf("#%d conn 2 client", noticed), "TIME-WAIT -> CLOSED timer") {
		t.Errorf("TIME-WAIT's end is not noted:\n%s", strings.Join(out.lines, "\n"))
	}
}

// With the RFC's timers an end leaves TIME-WAIT after 4 minutes (RFC 9293
// §3.4.2), though its words are settled before.
func TestLongTimeWait(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:4000", "10.0.0.2:80")
	k.handshake()
	k.clientCloses()
	other := s.talk("10.0.0.1:4001", "10.0.0.2:80")
	var at []uint64
	for range 6 {
		s.wait(time.Minute)
		at = append(at, other.send(cl, "S", 0))
	}
	out := s.run(t, Options{Wants: wantAll, Machine: sm.RFC()})
	if !has(out.lines, "conn 1 client", "TIME-WAIT -> CLOSED timer") {
		t.Errorf("no end of TIME-WAIT:\n%s", strings.Join(out.lines, "\n"))
	}
	if has(out.lines, fmt.Sprintf("#%d conn 1 client", at[2])) || out.conns[0].Ends[cl].State != sm.Closed {
		t.Errorf("TIME-WAIT ended at the wrong time:\n%s", strings.Join(out.lines, "\n"))
	}
}

// describedSource tells more of its input than the packets.
type describedSource struct{ fakeSource }

func (s *describedSource) Stats() SourceStats {
	return SourceStats{Files: []string{"a", "b"}, LinkTypes: []LinkType{LinkRaw}, Drops: 7, Errors: []string{"a: cut"}}
}

func TestSourceStats(t *testing.T) {
	for _, onePass := range []bool{false, true} {
		out := &transcript{}
		err := Run(context.Background(), Options{OnePass: onePass}, func() (Source, error) {
			return &describedSource{fakeSource{packets: busy(1).packets}}, nil
		}, out)
		c := out.capture
		if err != nil || c.Drops != 7 || !slices.Equal(c.Files, []string{"a", "b"}) || !slices.Equal(c.Errors, []string{"a: cut"}) ||
			!slices.Equal(c.LinkTypes, []LinkType{LinkRaw}) {
			t.Errorf("%v, %+v", err, c)
		}
	}
}

func TestOpenFails(t *testing.T) {
	bad := errors.New("no such file")
	for _, onePass := range []bool{false, true} {
		err := Run(context.Background(), Options{OnePass: onePass}, func() (Source, error) { return nil, bad }, &transcript{})
		if !errors.Is(err, bad) {
			t.Errorf("one pass %v: %v", onePass, err)
		}
	}
	opened := 0
	err := Run(context.Background(), Options{Wants: wantAll}, func() (Source, error) {
		if opened++; opened == 2 {
			return nil, bad
		}
		return busy(1).open()
	}, &transcript{})
	if !errors.Is(err, bad) {
		t.Errorf("second pass: %v", err)
	}
}

func TestOnePass(t *testing.T) {
	s := busy(2)
	out := s.run(t, Options{Wants: wantAll, OnePass: true})
	if !has(out.lines, "SYN-SENT -> ESTABLISHED", "provisional") || !has(out.lines, "SYN-RECEIVED -> ESTABLISHED", "confirmed") {
		t.Errorf("no provisional and confirmed words:\n%s", strings.Join(out.lines, "\n"))
	}
	two := s.run(t, Options{Wants: wantAll})
	if len(out.conns) != len(two.conns) {
		t.Fatalf("%d connections in one pass, %d in two", len(out.conns), len(two.conns))
	}
	for i := range out.conns {
		if a, b := fmt.Sprint(out.conns[i]), fmt.Sprint(two.conns[i]); a != b {
			t.Errorf("records differ:\n%s\n%s", a, b)
		}
	}
	packets := func(o *transcript) (out []string) {
		for _, l := range o.lines {
			if !strings.HasPrefix(l, " ") {
				out = append(out, l)
			}
		}
		return out
	}
	if !slices.Equal(packets(out), packets(two)) {
		t.Error("the packets' own lines differ between one pass and two")
	}
}

func TestCounts(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:4000", "10.0.0.2:80")
	k.handshake()
	n := k.send(cl, ".", 0)
	s.packets[n-1].Skip, s.packets[n-1].HasTCP = SkipNotTCP, false
	n = k.send(cl, ".", 0)
	s.packets[n-1].Skip = SkipTruncated
	s.packets[n-1].Link = LinkSLL
	out := s.run(t, Options{Wants: wantAll})
	c := out.capture
	if c.Packets != 5 || c.TCP != 3 || c.Skipped[SkipNotTCP] != 1 || c.Skipped[SkipTruncated] != 1 {
		t.Errorf("capture record %+v", c)
	}
	if c.First.Packet != 1 || c.Last.Packet != 5 || !slices.Equal(c.LinkTypes, []LinkType{LinkEthernet, LinkSLL}) {
		t.Errorf("capture record %+v", c)
	}
	if has(out.lines, "#4 conn") || !has(out.lines, "#5 conn 0") {
		t.Error("a cut TCP header has a line without connection, another protocol none")
	}
	if e := out.conns[0].Ends; e[cl].Packets != 2 || e[sv].Packets != 1 {
		t.Errorf("packets by side: %d, %d", e[cl].Packets, e[sv].Packets)
	}
}

func TestBrokenInput(t *testing.T) {
	damage := errors.New("x.pcap: byte 99: cut")
	s := busy(1)
	for _, onePass := range []bool{false, true} {
		closed := 0
		out := &transcript{}
		err := Run(context.Background(), Options{Wants: wantAll, OnePass: onePass}, func() (Source, error) {
			return &fakeSource{packets: s.packets, err: damage, closed: &closed}, nil
		}, out)
		if !errors.Is(err, damage) || out.capture == nil || !slices.Equal(out.capture.Errors, []string{damage.Error()}) {
			t.Errorf("one pass %v: error %v", onePass, err)
		}
		if len(out.conns) != 3 || !has(out.lines, fmt.Sprintf("#%d conn", len(s.packets))) {
			t.Errorf("one pass %v: not all that was read before the damage came out", onePass)
		}
		if want := map[bool]int{false: 2, true: 1}[onePass]; closed != want {
			t.Errorf("one pass %v: %d sources closed, want %d", onePass, closed, want)
		}
	}
}

// A file that grows between the passes is read as it was, one that shrinks is
// an error.
func TestChangedInput(t *testing.T) {
	s := busy(2)
	run := func(first, second int) (*transcript, error) {
		n := []int{first, second}
		out := &transcript{}
		return out, Run(context.Background(), Options{Wants: wantAll}, func() (Source, error) {
			k := n[0]
			n = n[1:]
			return &fakeSource{packets: s.packets[:k]}, nil
		}, out)
	}
	if out, err := run(20, 30); err != nil || !has(out.lines, "#20 ") || has(out.lines, "#21 ") {
		t.Errorf("grown input: %v", err)
	}
	if _, err := run(20, 19); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("shrunk input: %v", err)
	}
}

func TestContext(t *testing.T) {
	s := busy(2)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out := &transcript{}
	if err := Run(ctx, Options{Wants: wantAll}, s.open, out); !errors.Is(err, context.Canceled) || out.capture != nil {
		t.Errorf("two passes: %v", err)
	}
	if err := Run(ctx, Options{Wants: wantAll, OnePass: true}, s.open, out); err != nil || out.capture == nil {
		t.Errorf("one pass: %v", err)
	}
}

// brokenSink fails at the nth call.
type brokenSink struct{ left int }

var errSink = errors.New("no space")

func (s *brokenSink) call() error {
	if s.left--; s.left < 0 {
		return errSink
	}
	return nil
}
func (s *brokenSink) Packet(*Observation) error    { return s.call() }
func (s *brokenSink) Connection(*Connection) error { return s.call() }
func (s *brokenSink) Capture(*Capture) error       { return s.call() }

func TestSinkFails(t *testing.T) {
	s := busy(1)
	for _, opt := range []Options{
		{Wants: wantAll}, {Wants: wantAll, OnePass: true}, {Wants: WantNotes | WantConnections},
		{Wants: WantConnections, AnyOrder: true}, {Wants: WantNotes | WantConnections, OnePass: true},
	} {
		calls := 0
		for ; ; calls++ {
			err := Run(context.Background(), opt, s.open, &brokenSink{left: calls})
			if err == nil {
				break
			}
			if !errors.Is(err, errSink) {
				t.Fatalf("%+v: call %d: %v", opt, calls, err)
			}
		}
		if calls < 4 {
			t.Errorf("%+v: %d calls only", opt, calls)
		}
	}
}
