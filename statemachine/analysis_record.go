package statemachine

// What the connection's record takes from the analysis.

// Segments returns how many segments side sent; copies made by the capture
// or the network do not count.
func (a *Analysis) Segments(side Side) uint64 { return uint64(a.flows[side].segments) }

// Bytes returns the payload octets of side that were captured, each octet of
// the sequence space counted once.
func (a *Analysis) Bytes(side Side) uint64 { return a.flows[side].bytes }

// Retransmissions returns how many segments side sent again, by Kind. The
// entry of NoKind is always 0.
func (a *Analysis) Retransmissions(side Side) [NumKinds]uint32 {
	var n [NumKinds]uint32
	copy(n[KindRTO:], a.flows[side].again[:])
	return n
}

// ISS returns the initial sequence number of side, and whether it was captured
// or follows from the handshake. Without it the first number seen is returned.
func (a *Analysis) ISS(side Side) (Seq, bool) {
	return a.flows[side].base, a.flows[side].has(issKnown)
}

// Next returns SND.NXT of side as the tap knows it, and whether anything is
// known of it.
func (a *Analysis) Next(side Side) (Seq, bool) {
	return a.flows[side].nxt(), a.flows[side].has(started)
}

// InFlight returns the octets of sequence space that side has sent and its
// peer has not acknowledged, as they passed the tap.
func (a *Analysis) InFlight(side Side) Size {
	x := &a.flows[side]
	if !x.has(acked) {
		return Size(min(max(x.high, 0), halfSpace))
	}
	return Size(max(x.nxt().Diff(x.una), 0))
}

// Scale returns the shift of the windows that side offers, 0 to 14, and
// whether it is known (RFC 7323 §2.2: only when both SYNs carried the option).
func (a *Analysis) Scale(side Side) (uint8, bool) {
	return a.flows[side].shift, a.flows[side].has(shiftKnown)
}

// SRTT returns the smoothed time from the tap to side's peer and back, by the
// ACKs of what side sent (RFC 6298 §2, one sample at a time, none from
// segments sent again), in nanoseconds; 0 when there was no sample. The peer's
// delayed ACKs are in it.
func (a *Analysis) SRTT(side Side) Time { return a.flows[side].srtt }

// MinRTT returns the shortest of the samples behind SRTT, 0 when there was
// none.
func (a *Analysis) MinRTT(side Side) Time { return a.flows[side].minRTT }

// HandshakeRTT returns the halves of the handshake's round trip in
// nanoseconds: from the tap to the client and back (SYN-ACK to ACK), and from
// the tap to the server and back (SYN to SYN-ACK). A half is 0 when it was not
// captured or when the segment that begins it was sent more than once.
func (a *Analysis) HandshakeRTT() (client, server Time) { return a.half[Client], a.half[Server] }

// senderTrip estimates the round trip as side measures it: the smoothed way
// from the tap to its peer, and the handshake's half toward side.
func (a *Analysis) senderTrip(side Side) Time {
	return max(a.flows[side].srtt+a.half[side], a.roundTrip())
}

// roundTrip estimates the whole way from one end to the other and back, 0
// when nothing is known.
func (a *Analysis) roundTrip() Time {
	if a.half[Client] > 0 && a.half[Server] > 0 {
		return a.half[Client] + a.half[Server]
	}
	return a.flows[Client].minRTT + a.flows[Server].minRTT
}

// sample takes one round trip for what x sent.
func (x *flow) sample(rtt Time) {
	if rtt < 0 {
		return
	}
	if x.srtt == 0 { // RFC 6298 §2.2
		x.srtt, x.minRTT = rtt, rtt
		return
	}
	x.srtt += (rtt - x.srtt) / 8 // RFC 6298 §2.3, alpha = 1/8
	x.minRTT = min(x.minRTT, rtt)
}

// MaxInFlight returns the most octets of sequence space that side had sent and
// not seen acknowledged, as they passed the tap.
func (a *Analysis) MaxInFlight(side Side) Size { return a.flows[side].maxFlight }

// Windows returns the smallest and the largest receive window that side offered
// behind its SYN, in octets; ok is false when none was seen or the scale is not
// known.
func (a *Analysis) Windows(side Side) (least, most uint32, ok bool) {
	x := &a.flows[side]
	if x.bits&(windowSeen|shiftKnown|synced) != windowSeen|shiftKnown|synced {
		return 0, 0, false
	}
	return x.minWindow, x.maxWindow, true
}

// Acked returns the highest number that side's peer has acknowledged, and
// whether there was one.
func (a *Analysis) Acked(side Side) (Seq, bool) {
	return a.flows[side].una, a.flows[side].has(acked)
}

// Edge returns the highest right edge that side's peer has offered it, and
// whether it is known.
func (a *Analysis) Edge(side Side) (Seq, bool) {
	return a.flows[side].right, a.flows[side].has(rightKnown)
}

// LastTimestamp returns the highest TSval of side, and whether there was one.
func (a *Analysis) LastTimestamp(side Side) (uint32, bool) {
	return a.flows[side].lastTS, a.flows[side].has(tsSeen)
}
