package report

import (
	"strconv"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// teach prints, with -v, what each field of a segment says: the numbers that it
// takes, relative to the ISN and absolute, what it acknowledges, and the window
// in octets with its right edge (RFC 9293 §3.4, §3.8.6).
func (t *timeline) teach(b []byte, o *analyzer.Observation) []byte {
	if t.opt.Tcpdump.Verbose == 0 || o.Packet == nil || o.Conn == 0 {
		return b
	}
	s, r := &o.Packet.Segment, &o.Reading
	b = t.paint.start(t.start(b, o.Conn), styleFaint)
	b = append(append(b, o.Side.String()...), ": "...)
	b = appendTaken(b, s, r)
	if s.Flags.Has(statemachine.ACK) {
		b = appendPlace(append(b, "; ACK: all before "...), r.RelAck, s.Ack, r.RelOK)
		b = append(b, " has arrived"...)
	}
	if !s.Flags.Has(statemachine.RST) {
		b = appendRoom(b, s, r)
	}
	return append(t.paint.end(b), '\n')
}

// appendTaken says which numbers a segment takes.
func appendTaken(b []byte, s *statemachine.Segment, r *statemachine.Reading) []byte {
	n := s.SeqLen()
	if n == 0 || s.Flags.Has(statemachine.RST) {
		return appendPlace(append(b, "takes no number, stands at "...), r.RelSeq, s.Seq, r.RelOK)
	}
	b = append(b, "takes "...)
	if s.Flags.Has(statemachine.SYN) {
		b = append(b, "one number for SYN"...)
	}
	if s.Len > 0 {
		if s.Flags.Has(statemachine.SYN) {
			b = append(b, " and "...)
		}
		b = append(strconv.AppendUint(b, uint64(s.Len), 10), " for payload"...)
	}
	if s.Flags.Has(statemachine.FIN) {
		if n > 1 {
			b = append(b, " and "...)
		}
		b = append(b, "one number for FIN"...)
	}
	b = appendPlace(append(b, ", from "...), r.RelSeq, s.Seq, r.RelOK)
	return appendPlace(append(b, ", next is "...), r.RelSeq+int64(n), s.End(), r.RelOK)
}

// appendPlace appends a number, relative where that is known and absolute.
func appendPlace(b []byte, relative int64, absolute statemachine.Seq, known bool) []byte {
	if !known {
		return strconv.AppendUint(b, uint64(absolute), 10)
	}
	b = strconv.AppendInt(b, relative, 10)
	return append(strconv.AppendUint(append(b, " (absolute "...), uint64(absolute), 10), ')')
}

// appendRoom says what the window offers.
func appendRoom(b []byte, s *statemachine.Segment, r *statemachine.Reading) []byte {
	b = append(b, "; window "...)
	b = strconv.AppendUint(b, uint64(s.Window), 10)
	if !r.Scaled {
		return append(b, ", its scale is not known"...)
	}
	if s.Flags.Has(statemachine.SYN) {
		return append(b, " octets, never scaled on a SYN"...)
	}
	if s.Window > 0 && r.Window != uint32(s.Window) {
		b = strconv.AppendUint(append(b, " × "...), uint64(r.Window/uint32(s.Window)), 10)
		b = strconv.AppendUint(append(b, " = "...), uint64(r.Window), 10)
	}
	b = append(b, " octets"...)
	if r.RelOK && s.Flags.Has(statemachine.ACK) {
		b = strconv.AppendInt(append(b, ", room up to "...), r.RelAck+int64(r.Window), 10)
	}
	return b
}

// classRules are the rules behind the classes of segments.
var classRules = [...]string{
	statemachine.NoClass:            "",
	statemachine.New:                "",
	statemachine.Retransmission:     "RFC 6298 5, RFC 9293 3.8.1",
	statemachine.OutOfOrder:         "RFC 9293 3.10.7.4",
	statemachine.DuplicateFrame:     "RFC 6864 4: one IP ID, one packet",
	statemachine.NetworkDuplicate:   "RFC 6864 4: one IP ID, one packet",
	statemachine.KeepAlive:          "RFC 9293 3.8.4",
	statemachine.KeepAliveACK:       "RFC 9293 3.8.4",
	statemachine.ZeroWindowProbe:    "RFC 9293 3.8.6.1",
	statemachine.ZeroWindowProbeACK: "RFC 9293 3.8.6.1",
	statemachine.WindowUpdate:       "RFC 9293 3.8.6",
	statemachine.DuplicateACK:       "RFC 5681 2",
	statemachine.ChallengeACK:       "RFC 5961 3.2, 4.2, 5.2",
	statemachine.TimeWaitACK:        "RFC 9293 3.10.7.4",
}

// kindRules are the rules behind the kinds of retransmissions.
var kindRules = [statemachine.NumKinds]string{
	statemachine.KindRTO:  "RFC 6298 5",
	statemachine.KindFast: "RFC 5681 3.2, RFC 6675 5",
	statemachine.KindTLP:  "RFC 8985 7",
	statemachine.KindSYN:  "RFC 6298 5.7", statemachine.KindSYNACK: "RFC 6298 5.7",
	statemachine.KindFIN: "RFC 6298 5",
}

// appendClassRule appends, with -v, the rule behind the class.
func (t *timeline) appendClassRule(b []byte, r *statemachine.Reading) []byte {
	if t.opt.Tcpdump.Verbose == 0 || int(r.Class) >= len(classRules) {
		return b
	}
	rule := classRules[r.Class]
	if r.Class == statemachine.Retransmission && kindRules[r.Kind] != "" {
		rule = kindRules[r.Kind]
	}
	if rule == "" {
		return b
	}
	return append(append(append(b, " ["...), rule...), ']')
}
