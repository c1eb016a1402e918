package statemachine_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/internal/segtext"
	"github.com/tcpstate/tcpstate/statemachine"
)

// This file plays connections between two model hosts that keep RFC 9293, over
// a path that loses segments before and behind the tap, and holds what the
// machine says of both ends against what the hosts did.

// TestSimulation demands two things. A proven step is never wrong, as long as
// all that was sent passed the tap; a SYN or FIN that died before it can make
// any reading wrong. And the sequence of states is right as often as the path
// allows: always where nothing is lost.
func TestSimulation(t *testing.T) {
	for _, tt := range []struct {
		loss    path
		right   float64 // least share of ends whose sequence of states is right
		unsound float64 // highest share of proven steps that are wrong
	}{
		{path{}, 1, 0},
		{path{before: 0, behind: 0.2}, 0.985, 0},
		{path{before: 0.05, behind: 0.05}, 0.97, 0.01},
	} {
		t.Run(fmt.Sprintf("lost %g before, %g behind", tt.loss.before, tt.loss.behind), func(t *testing.T) {
			var right, ends, wrong, proven int
			for seed := range uint64(1500) {
				w := play(seed, tt.loss)
				if w.gaveUp {
					continue
				}
				o := run(statemachine.Linux(), w.captured, statemachine.Moment{Packet: uint64(len(w.captured)), Time: w.now})
				for _, s := range o.steps {
					if s.Certainty != statemachine.Proven {
						continue
					}
					proven++
					if w.madeBy(s) {
						continue
					}
					if wrong++; tt.unsound == 0 {
						t.Errorf("seed %d: %s is not so: the end went %s\n%s", seed, formatStep(s), w.hosts[s.Side].walk(), w.dump())
					}
				}
				for side := range w.hosts {
					ends++
					if said := o.walk(statemachine.Side(side)); said == w.hosts[side].walk() {
						right++
					} else if tt.right == 1 {
						t.Errorf("seed %d: %s\n\twent %s\n\tsaid %s\n%s", seed, statemachine.Side(side), w.hosts[side].walk(), said, w.dump())
					}
				}
			}
			t.Logf("%d of %d ends are right, %d of %d proven steps are wrong", right, ends, wrong, proven)
			if share := float64(right) / float64(ends); share < tt.right {
				t.Errorf("%.2f %% of the ends are right, want %.2f %%", 100*share, 100*tt.right)
			}
			if share := float64(wrong) / float64(proven); share > tt.unsound {
				t.Errorf("%.2f %% of the proven steps are wrong, at most %.2f %% may be", 100*share, 100*tt.unsound)
			}
		})
	}
}

// walk prints the states that the machine says an end went through.
func (o *outcome) walk(side statemachine.Side) string {
	var own []said
	for _, s := range o.steps {
		if s.Side == side {
			own = append(own, s)
		}
	}
	slices.SortStableFunc(own, func(a, b said) int {
		if a.conn != b.conn {
			return a.conn - b.conn
		}
		return int(a.Place) - int(b.Place)
	})
	var states []string
	for _, s := range own {
		states = append(states, s.To.String())
	}
	return strings.Join(states, " ")
}

// madeBy reports that the end made the proven step before the segment that
// proves it left.
func (w *world) madeBy(s said) bool {
	left := w.left[s.Proof-1]
	return slices.ContainsFunc(w.hosts[s.Side].moves, func(m move) bool {
		return m.from == s.From && m.to == s.To && m.at <= left
	})
}

// path tells how often a segment is lost before and behind the tap.
type path struct{ before, behind float64 }

// world is the path with its tap, its clock and both hosts.
type world struct {
	rng      *rand.Rand
	now      statemachine.Time
	events   eventQueue
	count    int
	hosts    [2]*host
	loss     path
	near     [2]statemachine.Time // from each host to the tap
	far      [2]statemachine.Time // from the tap to each host
	stamps   bool
	captured []segtext.Captured
	left     []statemachine.Time // when each captured segment left its host
	gaveUp   bool
}

type event struct {
	at statemachine.Time
	n  int
	do func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].n < q[j].n
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func (w *world) after(d statemachine.Time, do func()) {
	w.count++
	heap.Push(&w.events, event{w.now + d, w.count, do})
}

// carry takes a segment from a host over the tap to the other.
func (w *world) carry(from statemachine.Side, seg statemachine.Segment) {
	left := w.now
	if w.rng.Float64() < w.loss.before {
		return
	}
	dies := w.rng.Float64() < w.loss.behind
	w.after(w.near[from], func() {
		at := statemachine.Moment{Packet: uint64(len(w.captured)) + 1, Time: w.now}
		w.captured = append(w.captured, segtext.Captured{At: at, Side: from, Segment: seg})
		w.left = append(w.left, left)
		if !dies {
			w.after(w.far[from.Peer()], func() { w.hosts[from.Peer()].receive(&seg) })
		}
	})
}

// dump prints the capture in the notation of the conversations.
func (w *world) dump() string {
	var b strings.Builder
	last := captureStart
	for i, c := range w.captured {
		l := segtext.Line{Number: c.At.Packet, Delay: c.At.Time - last, Side: c.Side, Segment: c.Segment}
		last = c.At.Time
		fmt.Fprintf(&b, "\t%s  (left %.3f ms before)\n", l, float64(c.At.Time-w.left[i])/1e6)
	}
	return b.String()
}

// play runs one connection to its end. The tap's place, the timing, the
// manner of opening and closing follow from the seed.
func play(seed uint64, loss path) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 9293)), now: captureStart, loss: loss}
	w.stamps = w.rng.IntN(2) == 0
	const ms = 1e6
	way := statemachine.Time(1+w.rng.IntN(20)) * ms
	tap := statemachine.Time(w.rng.IntN(5)) * way / 4
	w.near = [2]statemachine.Time{tap + 1e4, way - tap + 1e4}
	w.far = w.near
	both := w.rng.IntN(8) == 0
	for side := range w.hosts {
		w.hosts[side] = newHost(w, statemachine.Side(side))
	}
	w.hosts[0].connect()
	if both {
		w.after(statemachine.Time(w.rng.IntN(int(way))), w.hosts[1].connect)
	} else {
		w.hosts[1].state = statemachine.Listen
	}
	for len(w.events) > 0 && !w.gaveUp {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	return w
}

type move struct {
	at       statemachine.Time
	from, to statemachine.State
}

// host is a model of a TCP that keeps RFC 9293 §3.10, with Linux' answer where
// hosts depart from it.
type host struct {
	w       *world
	side    statemachine.Side
	state   statemachine.State
	passive bool
	moves   []move

	iss, una, nxt statemachine.Seq
	irs, rcv      statemachine.Seq
	queued        statemachine.Size // octets not yet sent for the first time
	finWanted     bool
	finSent       bool
	fin           statemachine.Seq // the number behind the FIN
	stored        []statemachine.Segment
	tries         int
	timer         int // generation: older timers are void
	ipid          uint16
	recent        uint32 // TS.Recent
	lastAck       statemachine.Seq
}

const segSize statemachine.Size = 100

func newHost(w *world, side statemachine.Side) *host {
	return &host{w: w, side: side, state: statemachine.Closed, passive: side == statemachine.Server,
		iss: statemachine.Seq(w.rng.Uint32()), ipid: uint16(w.rng.Uint32())}
}

func (h *host) walk() string {
	var states []string
	for _, m := range h.moves {
		states = append(states, m.to.String())
	}
	return strings.Join(states, " ")
}

func (h *host) to(s statemachine.State) {
	h.moves = append(h.moves, move{h.w.now, h.state, s})
	h.state = s
	switch s {
	case statemachine.Established:
		h.plan()
	case statemachine.CloseWait:
		if h.w.rng.IntN(2) == 0 {
			h.finWanted = true // with the ACK, in one segment
		} else {
			h.w.after(statemachine.Time(h.w.rng.IntN(300e6)), h.close)
		}
	case statemachine.Closed, statemachine.TimeWait, statemachine.Listen:
		h.timer++
	}
}

// plan decides what the application does with the connection.
func (h *host) plan() {
	r := h.w.rng
	for range r.IntN(3) {
		h.w.after(statemachine.Time(r.IntN(80e6)), func() {
			h.queued += segSize * statemachine.Size(1+r.IntN(3))
			h.push()
		})
	}
	switch r.IntN(8) {
	case 0:
		h.w.after(statemachine.Time(r.IntN(200e6)), h.abort)
	case 1, 2, 3:
		h.w.after(statemachine.Time(r.IntN(100e6)), h.close)
	default:
		h.w.after(statemachine.Time(200e6+r.IntN(200e6)), h.close)
	}
}

func (h *host) connect() {
	if h.state != statemachine.Closed {
		return
	}
	h.passive = false
	h.una, h.nxt = h.iss, h.iss.Add(1)
	h.to(statemachine.SynSent)
	h.send(statemachine.SYN, h.iss, 0)
	h.arm()
}

func (h *host) close() {
	h.finWanted = true
	h.push()
}

func (h *host) abort() {
	if h.state.Synchronized() && h.state != statemachine.TimeWait {
		h.send(statemachine.RST|statemachine.ACK, h.nxt, 0)
		h.to(statemachine.Closed)
	}
}

// send lets one segment leave.
func (h *host) send(f statemachine.Flags, seq statemachine.Seq, n statemachine.Size) {
	s := statemachine.Segment{Flags: f, Seq: seq, Len: n, Window: 65535, TTL: 64, IPID: h.ipid, HasIPID: true}
	h.ipid++
	if f.Has(statemachine.ACK) {
		s.Ack, h.lastAck = h.rcv, h.rcv
	}
	if h.w.stamps && !f.Has(statemachine.RST) {
		s.Options.Set = statemachine.OptTimestamp
		s.Options.TSVal = uint32(h.w.now / 1e6)
		if f.Has(statemachine.ACK) {
			s.Options.TSEcr = h.recent
		}
	}
	h.w.carry(h.side, s)
}

func (h *host) ack() { h.send(statemachine.ACK, h.nxt, 0) }

// push sends what may be sent, the FIN with the last octets or alone.
// It reports whether anything left.
func (h *host) push() bool {
	if h.state != statemachine.Established && h.state != statemachine.CloseWait {
		return false
	}
	sent := false
	for h.queued > 0 {
		n := min(h.queued, segSize)
		h.queued -= n
		f := statemachine.ACK | statemachine.PSH
		if h.queued == 0 && h.finWanted {
			f |= statemachine.FIN
		}
		h.emit(f, n)
		sent = true
	}
	if h.finWanted && !h.finSent {
		h.emit(statemachine.ACK|statemachine.FIN, 0)
		sent = true
	}
	return sent
}

// emit sends new octets.
func (h *host) emit(f statemachine.Flags, n statemachine.Size) {
	seq := h.nxt
	h.nxt = h.nxt.Add(n)
	if f.Has(statemachine.FIN) {
		h.nxt = h.nxt.Add(1)
		h.fin, h.finSent = h.nxt, true
		if h.state == statemachine.CloseWait {
			h.to(statemachine.LastAck)
		} else {
			h.to(statemachine.FinWait1)
		}
	}
	h.send(f, seq, n)
	h.arm()
}

// arm starts the retransmission timer.
func (h *host) arm() {
	h.timer++
	mine := h.timer
	h.w.after(200e6<<h.tries, func() {
		if mine == h.timer && h.una != h.nxt {
			h.again()
		}
	})
}

// again sends the oldest unacknowledged segment once more.
func (h *host) again() {
	if h.tries++; h.tries > 7 {
		h.w.gaveUp = true
		return
	}
	switch {
	case h.state == statemachine.SynSent:
		h.send(statemachine.SYN, h.iss, 0)
	case h.state == statemachine.SynReceived:
		h.send(statemachine.SYN|statemachine.ACK, h.iss, 0)
	default:
		left := h.nxt.Sub(h.una)
		f := statemachine.ACK
		if h.finSent {
			left--
		}
		n := min(left, segSize)
		if h.finSent && n == left {
			f |= statemachine.FIN
		}
		h.send(f, h.una, n)
	}
	h.arm()
}

// reset answers a segment that finds no connection (RFC 9293 §3.10.7.1).
func (h *host) reset(s *statemachine.Segment) {
	switch {
	case s.Flags.Has(statemachine.RST):
	case s.Flags.Has(statemachine.ACK):
		h.send(statemachine.RST, s.Ack, 0)
	default:
		h.rcv = s.End()
		h.send(statemachine.RST|statemachine.ACK, 0, 0)
	}
}

func (h *host) receive(s *statemachine.Segment) {
	switch h.state {
	case statemachine.Closed:
		h.reset(s)
	case statemachine.Listen:
		h.listen(s)
	case statemachine.SynSent:
		h.synSent(s)
	default:
		h.synchronized(s)
	}
}

// listen is RFC 9293 §3.10.7.2.
func (h *host) listen(s *statemachine.Segment) {
	switch {
	case s.Flags.Has(statemachine.RST):
	case s.Flags.Has(statemachine.ACK):
		h.reset(s)
	case s.Flags.Has(statemachine.SYN):
		h.takeSYN(s)
		h.una, h.nxt = h.iss, h.iss.Add(1)
		h.to(statemachine.SynReceived)
		h.send(statemachine.SYN|statemachine.ACK, h.iss, 0)
		h.arm()
	}
}

func (h *host) takeSYN(s *statemachine.Segment) {
	h.irs, h.rcv = s.Seq, s.Seq.Add(1)
	h.recent = s.Options.TSVal
}

// synSent is RFC 9293 §3.10.7.3.
func (h *host) synSent(s *statemachine.Segment) {
	acks := s.Flags.Has(statemachine.ACK)
	if acks && s.Ack != h.nxt {
		h.reset(s)
		return
	}
	if s.Flags.Has(statemachine.RST) {
		if acks {
			h.to(statemachine.Closed)
		}
		return
	}
	if !s.Flags.Has(statemachine.SYN) {
		return
	}
	h.takeSYN(s)
	h.tries = 0
	if !acks {
		h.to(statemachine.SynReceived)
		h.send(statemachine.SYN|statemachine.ACK, h.iss, 0)
		h.arm()
		return
	}
	h.una = s.Ack
	h.to(statemachine.Established)
	h.ack()
}

// synchronized is RFC 9293 §3.10.7.4, with the window test of Linux, which
// takes a segment that ends at RCV.NXT.
func (h *host) synchronized(s *statemachine.Segment) {
	if s.End().Less(h.rcv) || !s.Seq.Less(h.rcv.Add(65535)) {
		if !s.Flags.Has(statemachine.RST) {
			h.ack()
		}
		return
	}
	if s.Flags.Has(statemachine.RST) {
		h.takeRST(s)
		return
	}
	if s.Flags.Has(statemachine.SYN) && !s.Flags.Has(statemachine.ACK) {
		if h.state == statemachine.SynReceived {
			h.send(statemachine.SYN|statemachine.ACK, h.iss, 0)
		} else {
			h.ack()
		}
		return
	}
	if s.Options.Has(statemachine.OptTimestamp) && s.Seq.LessEq(h.lastAck) {
		h.recent = s.Options.TSVal
	}
	if !h.takeACK(s) {
		return
	}
	before := h.rcv
	h.store(s)
	if s.SeqLen() == 0 {
		return
	}
	if h.rcv == before || !h.push() {
		h.ack()
	}
}

func (h *host) takeRST(s *statemachine.Segment) {
	switch {
	case s.Seq != h.rcv:
		h.ack()
	case h.state == statemachine.SynReceived && h.passive:
		h.to(statemachine.Listen)
	default:
		h.to(statemachine.Closed)
	}
}

// takeACK is step 5; it reports whether the segment is processed further.
func (h *host) takeACK(s *statemachine.Segment) bool {
	if h.state == statemachine.SynReceived {
		if s.Ack != h.nxt {
			h.send(statemachine.RST, s.Ack, 0)
			return false
		}
		h.una, h.tries = s.Ack, 0
		h.to(statemachine.Established)
		return true
	}
	if h.nxt.Less(s.Ack) {
		h.ack()
		return false
	}
	if h.una.Less(s.Ack) {
		h.una, h.tries = s.Ack, 0
		if h.una != h.nxt {
			h.arm()
		}
	}
	if !h.finSent || h.una != h.fin {
		return true
	}
	switch h.state {
	case statemachine.FinWait1:
		h.to(statemachine.FinWait2)
	case statemachine.Closing:
		h.to(statemachine.TimeWait)
	case statemachine.LastAck:
		h.to(statemachine.Closed)
		return false
	}
	return true
}

// store keeps what came and consumes what is in order, steps 7 and 8.
func (h *host) store(s *statemachine.Segment) {
	if s.SeqLen() > 0 && !s.Flags.Has(statemachine.SYN) {
		h.stored = append(h.stored, *s)
	}
	for moved := true; moved; {
		moved = false
		for i := range h.stored {
			p := &h.stored[i]
			if p.Seq.LessEq(h.rcv) && h.rcv.Less(p.End()) {
				h.rcv = p.End()
				moved = true
				if p.Flags.Has(statemachine.FIN) {
					h.takeFIN()
				}
			}
		}
	}
}

func (h *host) takeFIN() {
	switch h.state {
	case statemachine.Established:
		h.to(statemachine.CloseWait)
	case statemachine.FinWait1:
		h.to(statemachine.Closing)
	case statemachine.FinWait2:
		h.to(statemachine.TimeWait)
	}
}
