package statemachine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// decodeConversation makes segments of any bytes: small numbers around two
// ISNs, so that covers, holes and copies happen often.
func decodeConversation(data []byte, yield func(at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment)) {
	base := [2]statemachine.Seq{0xffffff00, 5000}
	var at statemachine.Moment
	for len(data) >= 8 {
		d := data[:8]
		data = data[8:]
		at.Packet++
		at.Time += statemachine.Time(d[0]) * statemachine.Time(d[0]) * 1e6
		side := statemachine.Side(d[1] & 1)
		seg := statemachine.Segment{
			Flags:   statemachine.Flags(d[2] & 0x3f),
			Seq:     base[side].Add(statemachine.Size(d[3] & 31)),
			Ack:     base[side.Peer()].Add(statemachine.Size(d[4] & 31)),
			Len:     statemachine.Size(d[5] & 7),
			Window:  uint16(d[6]) << 4,
			IPID:    uint16(d[1] >> 1),
			HasIPID: d[1]&2 != 0,
		}
		if d[7]&1 != 0 {
			seg.Options.Set |= statemachine.OptTimestamp
			seg.Options.TSVal, seg.Options.TSEcr = uint32(at.Packet), uint32(d[7]>>1)
		}
		if d[7]&2 != 0 {
			seg.Options.Set |= statemachine.OptSACK
			seg.Options.NSACK = 1
			seg.Options.SACK[0] = statemachine.SACKBlock{Left: seg.Ack.Add(2), Right: seg.Ack.Add(4)}
		}
		if d[6]&1 != 0 {
			seg.Seq += 1 << 30 * statemachine.Seq(d[6]>>6)
		}
		yield(at, side, &seg)
	}
}

// observe runs a conversation as the program does and returns the final steps
// and what one-pass words come to.
func observe(t *testing.T, data []byte) (final, live []statemachine.Step) {
	t.Helper()
	m := statemachine.NewMachine(statemachine.Linux())
	var c statemachine.Conn
	var l statemachine.Live
	said := map[statemachine.Step]bool{}
	key := func(s statemachine.Step) statemachine.Step {
		s.Certainty, s.Proof, s.Place, s.Doubt = 0, 0, 0, 0
		return s
	}
	take := func() {
		final = append(final, m.Steps()...)
		for _, w := range m.Words(&c, &l) {
			k := key(w.Step)
			switch w.Kind {
			case statemachine.Said, statemachine.Final:
				if said[k] {
					t.Fatalf("said twice: %+v", w.Step)
				}
				said[k] = true
			case statemachine.Confirmed:
				if !said[k] {
					t.Fatalf("confirmed before it was said: %+v", w.Step)
				}
			case statemachine.Withdrawn:
				if !said[k] {
					t.Fatalf("withdrawn before it was said: %+v", w.Step)
				}
				delete(said, k)
			}
		}
	}
	var last statemachine.Moment
	over := false // another connection took the four-tuple; not of this test
	decodeConversation(data, func(at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
		if over {
			return
		}
		last = at
		m.Advance(&c, at)
		take()
		if m.Judge(&c, nil, at, side, seg) == statemachine.NewConn {
			over = true
			return
		}
		m.Observe(&c, at, side, seg)
		take()
	})
	m.Finish(&c, last)
	take()
	for s := range said {
		live = append(live, s)
	}
	for _, s := range final {
		if !said[key(s)] {
			t.Fatalf("final but not among the last words: %+v", s)
		}
		delete(said, key(s))
	}
	for s := range said {
		t.Fatalf("among the last words but not final: %+v", s)
	}
	return final, live
}

// checkChains fails when an end moves from a state in which it is not.
func checkChains(t *testing.T, steps []statemachine.Step) {
	t.Helper()
	var at [2]statemachine.State
	var begun [2]bool
	for _, s := range steps {
		if begun[s.Side] && at[s.Side] != s.From {
			t.Fatalf("%v is in %v, not %v: %+v", s.Side, at[s.Side], s.From, s)
		}
		if s.Certainty == statemachine.Proven && s.Proof == 0 {
			t.Fatalf("proven by nothing: %+v", s)
		}
		at[s.Side], begun[s.Side] = s.To, true
	}
}

// FuzzObserve: any conversation is survived, every step leaves the state that
// the one before it entered, one-pass words end as the final ones, and the
// same input gives the same answer.
func FuzzObserve(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 20 {
		b := make([]byte, 8*(3+n*4))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8*400 {
			return
		}
		a, _ := observe(t, data)
		checkChains(t, a)
		b, _ := observe(t, data)
		if len(a) != len(b) {
			t.Fatalf("%d steps, then %d", len(a), len(b))
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("step %d: %+v, then %+v", i, a[i], b[i])
			}
		}
	})
}

// TestRandomConversations runs what FuzzObserve runs on more inputs than its
// seeds, so that plain test runs cover it too.
func TestRandomConversations(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		b := make([]byte, 8*(1+rng.IntN(80)))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		a, _ := observe(t, b)
		checkChains(t, a)
	}
}

// exchange feeds a handshake, n data segments each way with their ACKs, and a
// close.
func exchange(m *statemachine.Machine, c *statemachine.Conn, n int) (steps int) {
	var at statemachine.Moment
	seq := [2]statemachine.Seq{100, 900}
	send := func(s statemachine.Side, fl statemachine.Flags, l statemachine.Size) {
		at.Packet++
		at.Time += 1e6
		seg := statemachine.Segment{Seq: seq[s], Ack: seq[s.Peer()], Flags: fl, Len: l, Window: 500}
		m.Observe(c, at, s, &seg)
		steps += len(m.Steps())
		seq[s] = seg.End()
	}
	send(statemachine.Client, statemachine.SYN, 0)
	send(statemachine.Server, statemachine.SYN|statemachine.ACK, 0)
	send(statemachine.Client, statemachine.ACK, 0)
	for range n {
		send(statemachine.Client, statemachine.ACK|statemachine.PSH, 1000)
		send(statemachine.Server, statemachine.ACK, 0)
		send(statemachine.Server, statemachine.ACK|statemachine.PSH, 1000)
		send(statemachine.Client, statemachine.ACK, 0)
	}
	send(statemachine.Client, statemachine.FIN|statemachine.ACK, 0)
	send(statemachine.Server, statemachine.FIN|statemachine.ACK, 0)
	send(statemachine.Client, statemachine.ACK, 0)
	m.Finish(c, at)
	return steps + len(m.Steps())
}

// TestNoAllocationPerPacket: in the steady state neither data nor whole
// connections allocate.
func TestNoAllocationPerPacket(t *testing.T) {
	m := statemachine.NewMachine(statemachine.Linux())
	var c statemachine.Conn
	exchange(m, &c, 10)
	if n := testing.AllocsPerRun(100, func() {
		c = statemachine.Conn{}
		if got := exchange(m, &c, 10); got != 10 {
			t.Fatalf("%d steps, want 10", got)
		}
	}); n != 0 {
		t.Errorf("%v allocations per connection of 46 packets, want 0", n)
	}
}

func BenchmarkObserveData(b *testing.B) {
	m := statemachine.NewMachine(statemachine.Linux())
	var c statemachine.Conn
	b.ReportAllocs()
	for b.Loop() {
		c = statemachine.Conn{}
		exchange(m, &c, 10000)
	}
	b.ReportMetric(float64(b.N)*40006/b.Elapsed().Seconds(), "packets/s")
}

func BenchmarkObserveShortConnections(b *testing.B) {
	m := statemachine.NewMachine(statemachine.Linux())
	var c statemachine.Conn
	b.ReportAllocs()
	for b.Loop() {
		c = statemachine.Conn{}
		exchange(m, &c, 1)
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "packets/s")
}
