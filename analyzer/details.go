package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// details are what is kept of a connection of which more than its SYN was seen.
// The fields that every segment touches come first.
type details struct {
	last    [2]uint64 // latest segment of each side
	data    [2]uint64 // its latest with payload
	finEnd  [2]statemachine.Seq
	ttl     [2]uint8
	bare    [2]uint8 // segments without the timestamps that both ends agreed upon
	watch   watchBits
	synAck  uint64 // the latest SYN-ACK that was sent again
	trouble uint32 // index of what only few connections need, 0 for none
	extras
}

// account is what is known of a connection that is observed, beside its states.
type account struct {
	analysis statemachine.Analysis
	details  details
}

func (t *tracker) analysis(f *flow) *statemachine.Analysis {
	return &t.accounts.at(f.analysis).analysis
}

func (t *tracker) detailsOf(f *flow) *details { return &t.accounts.at(f.analysis).details }

// watchBits are what a connection must be watched for; those up to watchSlow
// take its segments off the short way.
type watchBits uint16

const (
	sawFIN    watchBits         = 1 << iota // of the client; of the server one bit further
	_                                       //
	sawReset                                // a RST was captured
	unsettled                               // the outcome of a gap or of a copy is open
	watchSlow = 1<<iota - 1                 // all so far
	stamps    = 1 << (iota - 1)             // both SYNs carried timestamps
	stampless = 1 << iota                   // an end has given them up since
	thirdACK                                // the client's ACK of the SYN-ACK was captured
)

// extras are what the connection's record takes from the details.
type extras struct {
	since  [2]statemachine.Time // when the end entered its state
	state  [2]statemachine.State
	spent  [2][statemachine.TimeWait + 1]float32 // seconds in each state
	syn    [2]synOptions
	zero   [2]uint32 // segments that offered no window
	full   [2]uint32 // segments that filled the peer's window
	losses [2]Losses
	reset  ResetVerdict // the one that ended the connection, or the last that tried
	gaveUp gaveUp
}

// gaveUp is what is known of an end that repeated itself without an answer.
type gaveUp struct {
	packet uint64 // what it repeated, as sent last
	began  uint64 // the first packet of the repetitions
	first  statemachine.Time
	last   statemachine.Time
	tries  uint16 // copies since the peer last spoke
	side   statemachine.Side
	shape  repeatShape
}

// repeatShape says what an end repeated.
type repeatShape uint8

const (
	repeatData repeatShape = iota
	repeatFIN
	repeatProbe // keep-alives and window probes
)

// synOptions are what a SYN or SYN-ACK offered.
type synOptions struct {
	set    statemachine.OptionSet
	mss    uint16
	wscale uint8
	seen   bool
}

// Losses counts segments of one side by what became of them.
type Losses struct {
	AfterTap    uint32 // passed the tap and had to be sent again
	BeforeTap   uint32 // gaps that a retransmission filled
	NotCaptured uint32 // gaps that the peer acknowledged
}

// short reports a segment that needs no look but at its place.
func (d *details) short(side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) bool {
	const odd = statemachine.SYN | statemachine.FIN | statemachine.RST | statemachine.URG | statemachine.Reserved
	return r.Class == statemachine.New && r.Marks == 0 && r.Hints == 0 && d.watch&watchSlow == 0 &&
		seg.Flags&(odd|statemachine.ACK) == statemachine.ACK && seg.TTL == d.ttl[side] &&
		(d.watch&stamps == 0) == (seg.Options.Set&statemachine.OptTimestamp == 0)
}

// look takes what a segment shows beside its state and its class.
func (t *tracker) look(f *flow, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	d := t.detailsOf(f)
	if !d.short(side, seg, r) {
		t.lookAgain(f, d, at, side, seg, r)
	}
	d.last[side] = at.Packet
	if seg.Len > 0 {
		d.data[side] = at.Packet
	}
	if d.gaveUp.tries > 0 && d.gaveUp.side != side {
		d.gaveUp = gaveUp{} // somebody is there
	}
}

// lookAgain is look for the segments that are not plain.
func (t *tracker) lookAgain(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	fd := statemachine.Finding{At: at, Side: side}
	say := func(code statemachine.Code, by uint64, a, b int64) {
		fd.Code, fd.By, fd.A, fd.B = code, by, a, b
		t.finding(f, fd)
	}
	once := func(code statemachine.Code, a, b int64) {
		fd.Code, fd.By, fd.A, fd.B = code, 0, a, b
		t.once(f, fd)
	}
	if seg.Flags&statemachine.Reserved != 0 {
		once(statemachine.ReservedBits, int64(seg.Flags&statemachine.Reserved), 0)
	}
	if seg.Flags.Has(statemachine.URG | statemachine.ACK) {
		once(statemachine.UrgentData, int64(seg.Urgent), 0)
	}
	if !seg.Flags.Has(statemachine.RST) && !isProbe(seg) {
		if old := d.ttl[side]; old != 0 && old != seg.TTL {
			once(statemachine.TTLChange, int64(seg.TTL), int64(old))
		}
		d.ttl[side] = seg.TTL
	}
	if seg.Flags&(statemachine.SYN|statemachine.RST) == statemachine.SYN && !isProbe(seg) {
		t.lookSYN(f, d, at, side, seg, r)
	} else {
		t.lookStamps(f, d, at, side, seg)
	}
	if r.Hints != 0 {
		edge, _ := t.analysis(f).Edge(side)
		switch {
		case r.Hints&statemachine.BeyondWindow != 0:
			say(statemachine.DataOutOfWindow, 0, int64(seg.Seq), int64(edge))
		case r.Hints&statemachine.OlderTimestamp != 0:
			last, _ := t.analysis(f).LastTimestamp(side)
			if int32(last-seg.Options.TSVal) > 1 {
				t.holdStale(f, d, stale{at, seg.End(), seg.Options.TSVal, last, side})
			}
		case r.Hints&statemachine.EdgeMovedBack != 0:
			once(statemachine.WindowShrunk, int64(r.Window), 0)
		}
	}
	if r.Marks&statemachine.OverlapConflict != 0 {
		say(statemachine.Overlap, r.Repeats, 0, 0)
	}
	if r.Class == statemachine.ChallengeACK && d.last[side.Peer()] != d.synAck {
		say(statemachine.ChallengeACKSent, d.last[side.Peer()], 0, 0)
	}
	if r.Marks&statemachine.ZeroWindow != 0 && !seg.Flags.Has(statemachine.RST) {
		d.zero[side] = min(d.zero[side]+1, 1<<32-2)
	}
	if r.Marks&statemachine.WindowFull != 0 {
		d.full[side] = min(d.full[side]+1, 1<<32-2)
	}
	t.lookClose(f, d, at, side, seg)
	t.hindsight(f, d, at, side, seg, r)
	d.repeated(at, side, seg, r)
}

// lookClose takes FINs and RSTs, and payload behind them.
func (t *tracker) lookClose(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	const m = statemachine.SYN | statemachine.FIN | statemachine.RST | statemachine.ACK
	if seg.Len > 0 && seg.Flags&(m&^statemachine.FIN) == statemachine.ACK {
		end := seg.Seq.Add(seg.Len)
		if f.facts.did[side]&sentFIN != 0 && d.watch&(sawFIN<<side) != 0 && d.finEnd[side].LessEq(end) && !seg.Flags.Has(statemachine.FIN) {
			t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.DataAfterFIN, A: int64(end), B: int64(d.finEnd[side] - 1)})
		}
		if d.watch&sawReset != 0 {
			tr := t.troubled(d)
			if tr.late.packet == 0 {
				tr.late = lateData{at.Packet, at.Time, side}
			}
			t.sayLateData(f, d)
		}
	}
	if seg.Flags&m == statemachine.FIN|statemachine.ACK && d.watch&(sawFIN<<side) == 0 {
		d.watch |= sawFIN << side
		d.finEnd[side] = seg.End()
	}
	if seg.Flags.Has(statemachine.RST) {
		d.watch |= sawReset
	}
}

// repeated counts what an end sends again and again without an answer.
func (d *details) repeated(at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	shape := repeatData
	switch r.Class { //nolint:exhaustive // the other classes ask for no answer
	case statemachine.Retransmission:
		if seg.Flags.Has(statemachine.SYN) {
			return
		}
		if r.Kind == statemachine.KindFIN {
			shape = repeatFIN
		}
	case statemachine.KeepAlive, statemachine.ZeroWindowProbe:
		shape = repeatProbe
	default:
		return
	}
	g := &d.gaveUp
	if g.tries == 0 || g.side != side {
		*g = gaveUp{first: at.Time - r.Since, side: side, began: at.Packet}
	}
	g.packet, g.last, g.shape = at.Packet, at.Time, shape
	if g.tries < 1<<16-1 {
		g.tries++
	}
}

// strippedLater and the others say what option-stripped is about, as its A.
const (
	strippedSYN   = 1 // the SYN-ACK has options that its SYN has not; B is which
	strippedLater = 2 // timestamps agreed upon and given up
	strippedOver  = 3 // padding in the place of an option; B is which it may have been
)

// lookSYN takes the options of a SYN, and what repeated SYN-ACKs say of the
// server's accept queue.
func (t *tracker) lookSYN(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment, r *statemachine.Reading) {
	const asked = statemachine.OptWScale | statemachine.OptSACKPerm | statemachine.OptTimestamp
	const hidden = statemachine.OptCut | statemachine.OptBad
	if r.Class == statemachine.New {
		d.syn[side] = synOptions{seg.Options.Set, seg.Options.MSS, seg.Options.WScale, true}
	}
	peer := &d.syn[side.Peer()]
	if lacks := asked &^ seg.Options.Set; seg.Options.Has(statemachine.OptPadded) && lacks != 0 {
		if seg.IsSYNACK() && peer.seen {
			lacks &= peer.set
		}
		if lacks != 0 {
			t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.OptionStripped, A: strippedOver, B: int64(lacks)})
		}
	}
	if seg.IsSYNACK() && peer.seen && f.facts.syns[side] == 0 {
		// An answer may carry only what its question had (RFC 7323 §2.2, §3.2; RFC 2018 §2).
		if extra := seg.Options.Set & asked &^ peer.set; extra != 0 && peer.set&hidden == 0 {
			t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.OptionStripped, A: strippedSYN, B: int64(extra)})
		}
		if seg.Options.Set&peer.set&statemachine.OptTimestamp != 0 {
			d.watch |= stamps
		}
	}
	if seg.IsSYNACK() && r.Class == statemachine.Retransmission {
		d.synAck = at.Packet // its answer is ordinary
	}
	if d.synAck == at.Packet && d.watch&thirdACK != 0 {
		t.queueFull(f, at, side, seg)
	}
}

// step takes a settled step of an end.
func (d *details) step(s *statemachine.Step) {
	if s.To.Synchronized() && !s.From.Synchronized() && d.reset.State <= statemachine.SynReceived {
		d.reset = ResetVerdict{} // it ended an attempt before
	}
	d.enter(s.Side, s.To, s.Cause.Time)
}

// enter has an end enter a state at the given time of the tap's clock, and accounts
// for the time that it spent in the state that it leaves.
func (x *extras) enter(side statemachine.Side, to statemachine.State, at statemachine.Time) {
	x.leave(side, at)
	x.state[side], x.since[side] = to, at
}

// leave adds the time since the last step, up to t.
func (x *extras) leave(side statemachine.Side, t statemachine.Time) {
	if since := x.since[side]; since != 0 && t > since {
		x.spent[side][x.state[side]] += float32(t-since) / 1e9
		x.since[side] = t
	}
}

// stamplessEnough is how many segments of an end must lack timestamps for them
// to count as stripped; a few may be forged.
const stamplessEnough = 3

// lookStamps reports timestamps that both ends agreed upon and one gives up
// (RFC 7323 §3.2: every segment but RST must have them).
func (t *tracker) lookStamps(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	const there = statemachine.OptTimestamp | statemachine.OptCut | statemachine.OptBad
	if d.watch&(stamps|stampless) != stamps || seg.Options.Set&there != 0 || seg.Flags&(statemachine.RST|statemachine.ACK) != statemachine.ACK {
		return
	}
	if d.bare[side]++; d.bare[side] < stamplessEnough {
		return
	}
	d.watch |= stampless
	t.once(f, statemachine.Finding{At: at, Side: side, Code: statemachine.OptionStripped, A: strippedLater})
}
