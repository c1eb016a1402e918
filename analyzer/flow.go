package analyzer

import (
	"math"
	"net/netip"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// flow is one four-tuple with the connection that uses it now. It is kept
// lean, since a flood makes millions of them: what not every connection needs
// lies in slabs of its own and is named by index, 0 for none.
type flow struct {
	// What the segments of connections that are kept ask for stands first, in one
	// line of a processor's cache.

	key         flowKey
	orderly     uint32 // of a connection that is alone: what there was but for its opening, by the book (orderly.go)
	list        listID
	kept        keptBits
	role        RoleReason
	lowIsClient bool
	last        statemachine.Moment

	prev, next uint32     // neighbours on the idle list
	conn       uint32     // statemachine.Conn
	analysis   uint32     // statemachine.Analysis, with the details beside it
	held       uint32     // a SYN that may open the next connection, or the one that is all there was so far (alone)
	answer     uint32     // of a connection that is alone: its SYN-ACK
	again      uint32     // likewise: the first copy of either
	shelved    shelfPlace // likewise: in place of orderly, once it is over
	live       uint32     // what one-pass output has said
	tally      uint32     // findings by code, checksums
	due        statemachine.Time
	from       uint64 // packet from which on this connection has the four-tuple; later than first after a held SYN
	first      statemachine.Moment
	packets    [2]uint64 // by side
	id         uint32    // the connection's number
	facts      facts
}

// keptBits are facts of a connection that is alone.
type keptBits uint8

const (
	previewed keptBits = 1 << iota // what it holds was said
	byTheBook                      // what it holds in orderly is a whole Life
	cutShort                       // as wasCut of its facts, which lie farther off
)

// alone reports that the connection's segments are kept unread: its SYN, in held,
// perhaps its SYN-ACK, in answer, and what else there was as long as it went by
// the book. Until something else comes it has neither conn nor analysis.
func (f *flow) alone() bool { return f.conn == 0 }

// side returns which side sent a packet of the flow.
func (f *flow) side(fromLow bool) statemachine.Side {
	if fromLow == f.lowIsClient {
		return statemachine.Client
	}
	return statemachine.Server
}

// ends returns the endpoints by side.
func (f *flow) ends() [2]netip.AddrPort { return endsOf(&f.key, f.lowIsClient) }

// facts are what the verdict needs to know of a connection's past. Times are
// milliseconds since the first packet.
type facts struct {
	lastSYN  uint32    // by the client
	finAt    [2]uint32 // when the end sent its FIN, by side
	rstAt    uint32    // when the reset that ended the connection was sent
	syns     [2]uint16 // SYNs without ACK, by side
	synacks  uint16    // SYNs with ACK, both sides
	icmp     uint16    // code of the last ICMP error, see ICMPError.code
	requeued uint16    // SYN-ACKs repeated behind the third ACK
	did      [2]deeds  // by side
	probe    crowdKind // what kind of probe the first segment was, 0 for none
	probeBy  statemachine.Side
	is       factBits
	rstState statemachine.State     // of the end that the reset ended, before it
	rstSure  statemachine.Certainty // of that step
}

// deeds are what one end did or met.
type deeds uint16

const (
	sentSYN        deeds = 1 << iota // with or without ACK
	offeredScale                     // its SYN carried a window scale
	acked                            // sent a segment with ACK, no RST
	ackedOn                          // and another one
	established                      // reached ESTABLISHED, or was seen behind it
	sentFIN                          // its FIN left
	gotRST                           // took a reset
	sentRST                          // left by a reset
	timeWaited                       // was in TIME-WAIT
	timedOut                         // gave up in FIN-WAIT-2
	lostState                        // forgot the connection
	closedFirst                      // sent its FIN before the peer's
	closedTogether                   // was in CLOSING
	gotICMP                          // gave up opening at an ICMP error
)

// factBits are facts of the whole connection.
type factBits uint8

const (
	begunInMiddle factBits = 1 << iota // the first packet belongs behind the handshake
	lackedPackets                      // has a hole, or acknowledges what was not captured
	seenOrdinary                       // a segment that a TCP may send
	resetByServer                      // the reset's sender is the server
	wasCut                             // a segment was captured without its end
)

// since returns t in milliseconds after the first packet, within 0 and 49
// days.
func since(first, t statemachine.Time) uint32 {
	ms := int64(t-first) / int64(time.Millisecond)
	return uint32(min(max(ms, 0), math.MaxUint32))
}

// sent notes a segment as it was captured.
func (x *facts) sent(side statemachine.Side, seg *statemachine.Segment, first, now statemachine.Time) {
	d := &x.did[side]
	switch {
	case seg.IsSYN():
		*d |= sentSYN
		x.syns[side] = increment(x.syns[side])
		if side == statemachine.Client {
			x.lastSYN = since(first, now)
		}
	case seg.IsSYNACK():
		*d |= sentSYN
		x.synacks = increment(x.synacks)
	}
	if *d&sentSYN != 0 && seg.Flags&(statemachine.SYN|statemachine.RST) == statemachine.SYN && seg.Options.Has(statemachine.OptWScale) {
		*d |= offeredScale
	}
	if seg.Flags&(statemachine.ACK|statemachine.RST) == statemachine.ACK {
		if *d&acked != 0 {
			*d |= ackedOn
		}
		*d |= acked
	}
	if !isProbe(seg) {
		x.is |= seenOrdinary
	} else if x.probe == 0 {
		x.probe, x.probeBy = probeKind(seg), side
	}
}

// probeKind names the scan that a segment would belong to.
func probeKind(seg *statemachine.Segment) crowdKind {
	switch {
	case isNull(seg):
		return crowdNull
	case isXmas(seg):
		return crowdXmas
	}
	return crowdFIN
}

func increment(n uint16) uint16 {
	if n < math.MaxUint16 {
		n++
	}
	return n
}

// step notes a settled step.
func (x *facts) step(s *statemachine.Step, first statemachine.Time) {
	d := &x.did[s.Side]
	if s.To.Synchronized() {
		*d |= established
		if !s.From.Synchronized() {
			*d &^= gotRST | sentRST // of an attempt before
		}
	}
	if s.To == statemachine.TimeWait {
		*d |= timeWaited
	}
	if s.To == statemachine.Closing {
		*d |= closedTogether
	}
	switch s.Event {
	case statemachine.SendFIN:
		x.fin(s, first)
	case statemachine.SendRST:
		*d |= sentRST
		x.reset(s, s.Side, first)
	case statemachine.RecvRST:
		*d |= gotRST
		x.reset(s, s.Side.Peer(), first)
	case statemachine.RecvICMP:
		*d |= gotICMP
	case statemachine.FinWait2Timeout:
		*d |= timedOut
	case statemachine.StateLost:
		*d |= lostState
	case statemachine.RecvSYN:
		if s.From == statemachine.Listen && *d&(gotRST|sentRST) != 0 {
			x.forgetReset() // it only ended an earlier attempt; this one went on
		}
	case statemachine.NoEvent, statemachine.SendSYN, statemachine.SendSYNACK, statemachine.SendSynchronized,
		statemachine.RecvSYNACK, statemachine.RecvACKOfSYN, statemachine.RecvFIN,
		statemachine.RecvACKOfFIN, statemachine.TimeWaitExpiry, statemachine.Reuse:
		// Told by the states before and after.
	}
}

func (x *facts) fin(s *statemachine.Step, first statemachine.Time) {
	x.did[s.Side] |= sentFIN
	x.finAt[s.Side] = since(first, s.Cause.Time)
	if x.did[s.Side.Peer()]&sentFIN == 0 {
		x.did[s.Side] |= closedFirst
	}
}

// reset notes the first reset by its sender; of the two steps of one reset the
// receiver's tells more.
func (x *facts) reset(s *statemachine.Step, by statemachine.Side, first statemachine.Time) {
	if x.rstSure != statemachine.Uncertain && s.Event == statemachine.SendRST {
		return
	}
	if x.did[statemachine.Client]&gotRST != 0 && x.did[statemachine.Server]&gotRST != 0 {
		return
	}
	x.rstAt = since(first, s.Cause.Time)
	x.rstState, x.rstSure = s.From, s.Certainty
	if by == statemachine.Server {
		x.is |= resetByServer
	} else {
		x.is &^= resetByServer
	}
}

// forgetReset takes back what was noted of a reset.
func (x *facts) forgetReset() {
	for side := range x.did {
		x.did[side] &^= gotRST | sentRST
	}
	x.rstAt, x.rstState, x.rstSure = 0, statemachine.Unknown, statemachine.Uncertain
	x.is &^= resetByServer
}

// resetBy returns who sent the reset that ended the connection, and whether
// there was one.
func (x *facts) resetBy() (statemachine.Side, bool) {
	by := statemachine.Client
	if x.is&resetByServer != 0 {
		by = statemachine.Server
	}
	return by, x.did[0]&(gotRST|sentRST) != 0 || x.did[1]&(gotRST|sentRST) != 0
}

// probed reports that all its client sent were segments that no TCP sends.
func (x *facts) probed() bool {
	return x.probe != 0 && x.syns == [2]uint16{} && x.synacks == 0 && x.did[x.probeBy]&(acked|sentRST) == 0
}
