package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// endRecord is what a record keeps of one end.
type endRecord struct {
	packets, bytes uint64
	again          [statemachine.NumKinds]uint32
	iss            statemachine.Seq
	hasISS         bool
	state          statemachine.State
	sure           statemachine.Certainty
}

// record is a Connection before anybody asks for it: without pointers, and
// with the facts in place of the sentence that tells them.
type record struct {
	key         flowKey
	id          uint32
	lowIsClient bool
	role        RoleReason
	why         endReason
	first, last statemachine.Moment
	from        uint64            // see flow.from
	until       statemachine.Time // the capture's clock when the record was made
	ends        [2]endRecord
	half        [2]statemachine.Time // of the handshake's round trip, by side
	facts       facts
	counts      findingCounts
	extra       extras
	numbers     [2]endNumbers
}

// endNumbers are what a record takes from the sequence analysis.
type endNumbers struct {
	rttLeast, rttMean   statemachine.Time // from the tap to the peer and back, by its ACKs
	inFlight            statemachine.Size
	leastWindow, most   uint32 // offered
	hasWindow, hasScale bool
	scale               uint8
}

// beginRecord makes t.record the record of the flow's connection, but for what
// machine and analysis know of it.
func (t *tracker) beginRecord(f *flow, why endReason) {
	r := &t.record
	*r = record{} // field by field below: a record is too long to be made and copied
	r.key, r.id, r.lowIsClient, r.role, r.why = f.key, f.id, f.lowIsClient, f.role, why
	r.first, r.last, r.from, r.until, r.facts = f.first, f.last, f.from, t.now.Time, f.facts
	t.tallies.counts(f, &r.counts)
}

// fillRecord makes t.record the record of the flow's connection.
func (t *tracker) fillRecord(f *flow, why endReason) {
	t.beginRecord(f, why)
	r := &t.record
	c, a := t.conns.at(f.conn), t.analysis(f)
	for side := range statemachine.Side(2) {
		e := &r.ends[side]
		e.packets, e.bytes, e.again = f.packets[side], a.Bytes(side), a.Retransmissions(side)
		if e.iss, e.hasISS = c.ISS(side); !e.hasISS {
			e.iss, e.hasISS = a.ISS(side)
		}
		e.state, e.sure = c.State(side)
	}
	r.extra = t.detailsOf(f).extras
	for side := range statemachine.Side(2) {
		n := &r.numbers[side]
		n.rttLeast, n.rttMean, n.inFlight = a.MinRTT(side), a.SRTT(side), a.MaxInFlight(side)
		n.leastWindow, n.most, n.hasWindow = a.Windows(side)
		n.scale, n.hasScale = a.Scale(side)
		r.extra.leave(side, t.now.Time)
	}
	r.half[statemachine.Client], r.half[statemachine.Server] = a.HandshakeRTT()
}

// fill makes c the connection of the record. The findings go into spare,
// cleared, unless it is nil; fill returns what may be the next spare.
func (r *record) fill(c *Connection, spare map[statemachine.Code]int) map[statemachine.Code]int {
	*c = Connection{} // and field by field: it is too long to be made and copied
	c.ID, c.Role, c.First, c.Last, c.Evicted = r.id, r.role, r.first, r.last, r.why == endEvicted || r.why == endIdle
	c.RTTClient, c.RTTServer = r.half[statemachine.Client], r.half[statemachine.Server]
	low := statemachine.Server
	if r.lowIsClient {
		low = statemachine.Client
	}
	c.Ends[low].Addr, c.Ends[low.Peer()].Addr = r.key.ends()
	for side := range r.ends {
		e, to := &r.ends[side], &c.Ends[side]
		to.ISS, to.HasISS, to.State, to.Certainty = e.iss, e.hasISS, e.state, e.sure
		to.Packets, to.Bytes, to.Retransmissions = e.packets, e.bytes, e.again
	}
	for code, n := range &r.counts {
		if n == 0 {
			continue
		}
		if c.Findings == nil {
			if spare == nil {
				spare = make(map[statemachine.Code]int)
			}
			clear(spare)
			c.Findings = spare
		}
		c.Findings[statemachine.Code(code)] = int(n)
	}
	c.Verdict, c.Detail = judge(r)
	r.fillExtras(c)
	return spare
}
