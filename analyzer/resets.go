package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// ResetReason says why a RST was sent.
type ResetReason uint8

// The reasons.
const (
	ReasonUnknown      ResetReason = iota
	ReasonRefused                  // nobody listens: RST with ACK in answer to a SYN (RFC 9293 §3.5.2 group 1)
	ReasonNoAttempt                // it never sent the SYN that a SYN-ACK answers
	ReasonWrongSYNACK              // a SYN-ACK that acknowledges another SYN (RFC 9293 §3.10.7.3)
	ReasonAbandoned                // it refused the SYN-ACK to its own SYN: the attempt was given up, or was a half-open scan
	ReasonNotTaken                 // a server answered what completes the handshake: no room in its accept queue, or no listener any more
	ReasonOpeningAnew              // it is opening and met the peer's old connection (RFC 9293 §3.5.1, figure 10)
	ReasonNoConnection             // it has forgotten the connection (RFC 9293 §3.10.7.1)
	ReasonClosed                   // its application has closed for good, and something still came
	ReasonResetBefore              // it reset the connection before, and something still came
	ReasonWasReset                 // it had been reset by its peer, and something sent before that came late
	ReasonUnread                   // its application closed with octets unread (RFC 9293 §3.6.1, RFC 2525 §2.17), or aborted: no segment tells which
	ReasonAbort                    // its application aborted: SO_LINGER 0 and the like (RFC 9293 §3.10.5)
	ReasonGaveUp                   // nothing answered its repetitions any more: user time-out, keep-alive (RFC 9293 §3.8.3, §3.8.4)
	ReasonInjected                 // probably not sent by the host whose address it bears

	NumReasons = iota
)

var reasonNames = [NumReasons]string{
	"unknown", "refused", "no-attempt", "wrong-syn-ack", "abandoned", "not-taken", "opening-anew", "no-connection", "closed",
	"reset-before", "was-reset", "unread-or-abort", "abort", "gave-up", "injected",
}

// String returns the stable name.
func (r ResetReason) String() string { return reasonNames[r] }

// ResetVerdict is all that is said of one RST.
type ResetVerdict struct {
	statemachine.Reset
	By      uint64 // the packet that it answers, or that shows the reason; 0 for none
	Reason  ResetReason
	Tries   uint8 // with ReasonGaveUp: repetitions without an answer
	TTL     uint8 // with ReasonInjected: its TTL and that of the host's other packets, 0 when they agree
	HostTTL uint8
	Probes  bool // with ReasonGaveUp: the repetitions were keep-alives or window probes
	Shape   bool // with ReasonInjected: SYN beside RST, which no TCP sends
}

// pendingReset is what was known of a RST when it was captured.
type pendingReset struct {
	verdict ResetVerdict
	closed  bool // its sender had sent a FIN
	spoke   bool // its sender was part of the connection
}

// noteReset takes a RST before the machine does: what its sender and its peer
// had done by then tells why it was sent.
func (t *tracker) noteReset(f *flow, d *details, at statemachine.Moment, side statemachine.Side, seg *statemachine.Segment) {
	tr := t.troubled(d)
	p := &tr.resets[tr.reset]
	earlier := false
	for i := range tr.resets {
		earlier = earlier || tr.resets[i].verdict.At.Packet != 0 && tr.resets[i].verdict.Side == side
	}
	if tr.reset++; int(tr.reset) == len(tr.resets) {
		tr.reset = 1 // the first tells most
	}
	*p = pendingReset{closed: d.watch&(sawFIN<<side) != 0, spoke: f.facts.did[side]&acked != 0}
	v := &p.verdict
	v.At, v.Side, v.Seq = at, side, seg.Seq
	if seg.Flags.Has(statemachine.SYN) {
		v.Reason, v.Shape = ReasonInjected, true
		return
	}
	v.Reason, v.By = t.resetReason(f, d, p, side, seg, earlier)
	switch v.Reason { //nolint:exhaustive // the others are no attempts
	case ReasonRefused:
		t.join(f, at, side, crowdRefused, seg.Seq)
	case ReasonAbandoned:
		t.join(f, at, side, crowdHalfOpen, seg.Seq)
	}
	if v.Reason == ReasonGaveUp {
		v.Tries, v.Probes = uint8(min(t.conns.at(f.conn).Unanswered(side), 255)), d.probedInVain(side)
	}
	if ttl := d.ttl[side]; ttl != 0 && ttl != seg.TTL {
		v.Reason, v.By, v.TTL, v.HostTTL = ReasonInjected, d.last[side], seg.TTL, ttl
		t.conns.at(f.conn).Strange()
	}
}

// resetReason says why the RST was sent, by its shape and its sender's past
// (RFC 9293 §3.5.2, §3.10.5, §3.10.7), and which packet shows it. Observer: a
// live end puts ACK on its RST; one without a connection takes SEG.SEQ from the
// ACK of what it answers and sets no ACK.
func (t *tracker) resetReason(f *flow, d *details, p *pendingReset, side statemachine.Side, seg *statemachine.Segment, earlier bool) (ResetReason, uint64) {
	peer := side.Peer()
	mine, theirs := f.facts.did[side], f.facts.did[peer]
	answered := d.last[peer]
	if seg.Flags.Has(statemachine.ACK) {
		switch {
		case mine&sentSYN == 0 && mine&acked == 0 && theirs&sentSYN != 0 && theirs&acked == 0:
			return ReasonRefused, answered
		case t.conns.at(f.conn).Unanswered(side) >= 2, d.probedInVain(side):
			return ReasonGaveUp, d.last[side]
		case !p.spoke && seg.Seq == 0 && answered != 0:
			return ReasonNoConnection, answered
		case !p.spoke:
			return ReasonUnknown, 0
		case d.data[peer] > d.data[side] && d.data[peer] > 0:
			return ReasonUnread, d.data[peer]
		}
		return ReasonAbort, 0
	}
	una, ok := t.analysis(f).Acked(side)
	switch {
	case answered == 0:
		return ReasonUnknown, 0
	case mine&acked == 0 && f.facts.synacks > 0 && theirs&sentSYN != 0:
		iss, known := t.conns.at(f.conn).ISS(side)
		switch {
		case f.facts.syns[side] == 0:
			return ReasonNoAttempt, answered
		case known && iss.Add(1) == seg.Seq:
			return ReasonAbandoned, answered
		}
		return ReasonWrongSYNACK, answered
	case mine&acked == 0 && f.facts.syns[side] > 0:
		return ReasonOpeningAnew, answered
	case t.opensAnew(f, side):
		return ReasonOpeningAnew, answered
	case earlier:
		return ReasonResetBefore, answered
	case mine&(sentSYN|ackedOn) == sentSYN && f.facts.syns[side] == 0:
		return ReasonNotTaken, answered
	case !ok || seg.Seq != una:
		return ReasonUnknown, 0
	case p.closed:
		return ReasonClosed, answered
	}
	return ReasonNoConnection, answered
}

// probedInVain reports that the latest segment of side was a keep-alive or a
// window probe, and that its peer has said nothing since the first of them.
func (d *details) probedInVain(side statemachine.Side) bool {
	g := &d.gaveUp
	return g.tries > 0 && g.side == side && g.shape == repeatProbe && g.packet == d.last[side] && d.last[side.Peer()] < g.began
}

// opensAnew reports that side has sent a SYN of another connection, which waits
// for its answer.
func (t *tracker) opensAnew(f *flow, side statemachine.Side) bool {
	return f.held != 0 && t.helds.at(f.held).Side == side
}

// settleReset joins what the machine settled of a RST with its reason.
func (t *tracker) settleReset(f *flow, r *statemachine.Reset) {
	v := ResetVerdict{Reset: *r}
	d := t.detailsOf(f)
	spoke := false
	if d.trouble != 0 {
		if first := &t.troubles.at(d.trouble).resets[0].verdict; first.Side == r.Side && first.At.Packet < r.At.Packet {
			v.Reason = ReasonResetBefore // it may have been forgotten among many
		}
		for i := range t.troubles.at(d.trouble).resets {
			if p := &t.troubles.at(d.trouble).resets[i]; p.verdict.At.Packet == r.At.Packet {
				v = p.verdict
				v.Reset, spoke = *r, p.spoke
			}
		}
	}
	if iss, ok := t.conns.at(f.conn).ISS(v.Side); v.Reason == ReasonAbandoned && ok && iss.Add(1) != v.Seq {
		v.Reason = ReasonWrongSYNACK
	}
	if r.Disowns && spoke && !v.Shape {
		v.Reason, v.By = ReasonInjected, r.Answer
	}
	if d.endedBy(&v) && (v.Reason == ReasonNoConnection || v.Reason == ReasonUnknown) {
		v.Reason, v.By = ReasonWasReset, d.reset.At.Packet
	}
	finding := func(code statemachine.Code, at statemachine.Moment, by uint64, a, b int64) {
		t.finding(f, statemachine.Finding{At: at, By: by, A: a, B: b, Side: v.Side, Code: code})
	}
	switch v.Reason { //nolint:exhaustive // the others are no findings
	case ReasonInjected:
		finding(statemachine.RSTSuspectInjection, v.At, v.By, int64(v.TTL), int64(v.HostTTL))
	case ReasonNoConnection, ReasonOpeningAnew:
		if spoke || v.Reason == ReasonOpeningAnew {
			finding(statemachine.HalfOpen, v.At, v.By, 0, 0)
		}
	case ReasonClosed:
		if by := d.data[v.Side.Peer()]; by != 0 && by == v.By {
			t.finding(f, statemachine.Finding{
				At: statemachine.Moment{Packet: by, Time: v.At.Time}, By: v.At.Packet, Side: v.Side.Peer(), Code: statemachine.DataAfterClose,
			})
		}
	}
	d.count(&v)
	t.sayReset(f, &v)
	t.sayLateData(f, d)
}

// endedBy reports that the sender of v had taken a reset of its peer before.
func (d *details) endedBy(v *ResetVerdict) bool {
	r := &d.reset
	return r.Outcome == statemachine.ResetTaken && r.Side != v.Side && r.At.Packet != 0 && r.At.Packet < v.At.Packet
}

// count keeps the reset that ended the connection: the first that was taken.
// Where that one only answers what came after one that was not, its sender had
// gone for the first one's reason.
func (d *details) count(v *ResetVerdict) {
	old := d.reset
	if old.At.Packet != 0 && old.Outcome == statemachine.ResetTaken {
		return
	}
	d.reset = *v
	if old.At.Packet != 0 && old.Side == v.Side && v.Reason == ReasonResetBefore {
		d.reset.Reason, d.reset.By, d.reset.Tries = old.Reason, old.By, old.Tries
	}
}

// sayLateData reports payload behind a RST that was taken.
func (t *tracker) sayLateData(f *flow, d *details) {
	if d.trouble == 0 || d.reset.Outcome != statemachine.ResetTaken {
		return
	}
	if l := t.troubles.at(d.trouble).late; l.packet > d.reset.At.Packet {
		t.once(f, statemachine.Finding{
			At: statemachine.Moment{Packet: l.packet, Time: l.at}, By: d.reset.At.Packet, Side: l.side, Code: statemachine.DataAfterReset,
		})
	}
}

// sayReset notes the verdict on a RST.
func (t *tracker) sayReset(f *flow, v *ResetVerdict) {
	if t.notes == nil {
		return
	}
	t.note = Note{Packet: v.At.Packet, Conn: f.id, Ends: f.ends(), Kind: ResetNote, Reset: *v, Side: v.Side}
	t.notes.take(&t.note)
}

// code writes or reads the verdict.
func (v *ResetVerdict) code(c *coder) {
	some := *v != ResetVerdict{}
	if flag(c, &some); !some {
		*v = ResetVerdict{}
		return
	}
	moment(c, &v.At, statemachine.Moment{})
	number(c, &v.Answer)
	number(c, &v.Seq)
	number(c, &v.Next)
	number(c, &v.Side)
	number(c, &v.State)
	number(c, &v.Fit)
	number(c, &v.Outcome)
	number(c, &v.Sure)
	flag(c, &v.Disowns)
	number(c, &v.By)
	number(c, &v.Reason)
	number(c, &v.Tries)
	number(c, &v.TTL)
	number(c, &v.HostTTL)
	flag(c, &v.Probes)
	flag(c, &v.Shape)
}
