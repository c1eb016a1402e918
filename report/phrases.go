package report

import (
	"strconv"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// numbers turns absolute sequence numbers into those that the line of the
// segment at hand shows. The zero value knows no segment and leaves them.
type numbers struct {
	packet    *analyzer.Packet
	reading   *statemachine.Reading
	side      statemachine.Side // its sender
	own, peer uint32            // what the line subtracts
}

// append appends the number n of the given end.
func (k numbers) append(b []byte, side statemachine.Side, n statemachine.Seq) []byte {
	base := k.peer
	if side == k.side {
		base = k.own
	}
	return strconv.AppendUint(b, uint64(uint32(n)-base), 10)
}

// appendStepDetail appends what a step's segment did, in a few words.
func appendStepDetail(b []byte, s *statemachine.Step, k numbers) []byte {
	switch s.Event {
	case statemachine.SendSYN, statemachine.SendSYNACK:
		return appendISN(b, s)
	case statemachine.SendSynchronized:
		return append(b, "seen for the first time, in mid-stream"...)
	case statemachine.SendFIN:
		if s.NumberKind != statemachine.FINNumber {
			return append(b, "FIN"...)
		}
		return k.append(append(b, "FIN takes number "...), s.Side, s.Number)
	case statemachine.SendRST:
		return append(b, "sends RST and keeps nothing"...)
	case statemachine.RecvSYN:
		return appendPeerISN(b, "SYN", s)
	case statemachine.RecvSYNACK:
		return appendPeerISN(b, "SYN-ACK", s)
	case statemachine.RecvACKOfSYN:
		return appendScale(append(b, "ACK of SYN"...), s, k)
	case statemachine.RecvFIN:
		b = append(b, "FIN"...)
		if s.NumberKind == statemachine.FINNumber {
			b = k.append(append(b, " at number "...), s.Side.Peer(), s.Number)
		}
		return b
	case statemachine.RecvACKOfFIN:
		return append(b, "ACK of FIN"...)
	case statemachine.RecvRST:
		return append(b, "RST taken"...)
	case statemachine.RecvICMP:
		return append(b, "ICMP error taken"...)
	case statemachine.TimeWaitExpiry:
		return append(b, "2MSL are over"...)
	case statemachine.FinWait2Timeout:
		return append(b, "no FIN came"...)
	case statemachine.StateLost:
		return append(b, "has forgotten the connection"...)
	case statemachine.Reuse:
		return append(b, "a new SYN takes over the ports"...)
	case statemachine.NoEvent:
	}
	return b
}

func appendISN(b []byte, s *statemachine.Step) []byte {
	if s.NumberKind != statemachine.ISNNumber {
		return b
	}
	b = strconv.AppendUint(append(b, "ISN "...), uint64(s.Number), 10)
	if s.Doubt != statemachine.NoDoubt {
		return b // the line goes on about it
	}
	b = append(b, ", SYN takes one number: next is "...)
	return strconv.AppendUint(b, uint64(s.Number.Add(1)), 10)
}

func appendPeerISN(b []byte, what string, s *statemachine.Step) []byte {
	b = append(b, what...)
	if s.NumberKind != statemachine.ISNNumber {
		return b
	}
	b = append(b, ", ISN of the "...)
	b = append(append(b, s.Side.Peer().String()...), ' ')
	return strconv.AppendUint(b, uint64(s.Number), 10)
}

// appendScale appends the first scaled window, where the segment at hand is the
// ACK that brought the step and a scale is at work.
func appendScale(b []byte, s *statemachine.Step, k numbers) []byte {
	if k.packet == nil || s.Cause.Packet != k.packet.Number || !k.reading.Scaled {
		return b
	}
	raw, window := uint32(k.packet.Segment.Window), k.reading.Window
	if raw == 0 || window <= raw || k.packet.Segment.Flags.Has(statemachine.SYN) {
		return b
	}
	b = strconv.AppendUint(append(b, ", window "...), uint64(raw), 10)
	b = strconv.AppendUint(append(b, " × "...), uint64(window/raw), 10)
	return strconv.AppendUint(append(b, " = "...), uint64(window), 10)
}

// appendClass appends what the sequence analysis says of a segment, nothing
// for a new one.
func appendClass(b []byte, r *statemachine.Reading) []byte {
	switch r.Class {
	case statemachine.NoClass, statemachine.New:
	case statemachine.Retransmission:
		b = appendRetransmission(b, r)
	case statemachine.OutOfOrder:
		if r.Hints&statemachine.OlderACK != 0 {
			return append(b, "out of order: an older ACK, late"...)
		}
		b = append(b, "out of order: the first captured copy, late"...)
	case statemachine.DuplicateFrame:
		b = appendRepeats(append(b, "the same frame captured again"...), " as ", r)
	case statemachine.NetworkDuplicate:
		b = appendRepeats(append(b, "duplicated by the network"...), ": a copy of ", r)
	case statemachine.KeepAlive:
		b = append(b, "keep-alive"...)
	case statemachine.KeepAliveACK:
		b = append(b, "answer to a keep-alive"...)
	case statemachine.ZeroWindowProbe:
		b = append(b, "zero-window probe"...)
	case statemachine.ZeroWindowProbeACK:
		b = append(b, "answer to a zero-window probe"...)
	case statemachine.WindowUpdate:
		b = strconv.AppendUint(append(b, "window update: "...), uint64(r.Window), 10)
	case statemachine.DuplicateACK:
		b = append(b, "duplicate ACK"...)
		if r.Dups > 0 {
			return append(appendOrdinal(append(b, ", "...), uint64(r.Dups)), " in a row"...)
		}
		b = append(b, " that reports octets which arrived twice (DSACK)"...)
	case statemachine.ChallengeACK:
		b = append(b, "challenge ACK"...)
	case statemachine.TimeWaitACK:
		b = append(b, "ACK again out of TIME-WAIT"...)
	}
	return b
}

func appendRepeats(b []byte, words string, r *statemachine.Reading) []byte {
	if r.Repeats == 0 {
		return b
	}
	return appendPacket(append(b, words...), r.Repeats)
}

func appendRetransmission(b []byte, r *statemachine.Reading) []byte {
	b = append(b, "retransmission"...)
	if r.Kind != statemachine.NoKind && r.Kind != statemachine.KindUnknown {
		b = append(append(append(b, " ("...), r.Kind.String()...), ')')
	}
	if r.Repeats == 0 {
		if r.Seen {
			return append(b, " of octets captured too long ago to name the packet"...)
		}
		return append(b, " of octets that were not captured before"...)
	}
	b = appendPacket(append(b, " of "...), r.Repeats)
	b = append(appendElapsed(append(b, ", "...), r.Since), " later"...)
	if r.Backoff > 0 {
		b = append(appendOrdinal(append(b, ", "...), uint64(r.Backoff)+1), " try"...)
	}
	if r.Hints&statemachine.DataRefused != 0 {
		b = append(b, ": the peer had taken the SYN without its payload"...)
	}
	return b
}

// markPhrases are the words for marks, in the order of the bits. The first two
// outcomes of a gap stand in for the gap itself.
var markPhrases = [...]struct {
	mark  statemachine.Marks
	words string
}{
	{statemachine.Spurious, "spurious: it had arrived before"},
	{statemachine.LostBeforeTap, "the gap before it was lost before the tap"},
	{statemachine.NotCaptured, "the gap before it was not captured, yet acknowledged"},
	{statemachine.GapBefore, "octets before it were not captured"},
	{statemachine.ACKsUnseen, "acknowledges octets that were not captured"},
	{statemachine.WindowFull, "fills the peer's window"},
	{statemachine.ZeroWindow, "offers no window"},
	{statemachine.PartialOverlap, "part new, part sent before"},
	{statemachine.LostAfterTap, "lost after the tap"},
	{statemachine.OverlapConflict, "other octets at the same numbers"},
}

// appendMarks appends the words for marks, each after ", " unless b is where
// the line starts.
func appendMarks(b []byte, start int, marks statemachine.Marks) []byte {
	if marks&(statemachine.LostBeforeTap|statemachine.NotCaptured) != 0 {
		marks &^= statemachine.GapBefore
	}
	for i := range markPhrases {
		if marks&markPhrases[i].mark == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ", "...)
		}
		b = append(b, markPhrases[i].words...)
	}
	return b
}

// appendMark appends what later packets showed of a packet.
func appendMark(b []byte, m *analyzer.Mark) []byte {
	switch m.What { //nolint:exhaustive // the others need no hindsight
	case statemachine.LostAfterTap:
		return appendPacket(append(b, "lost after the tap: sent again as "...), m.By)
	case statemachine.GapBefore:
		return appendPacket(append(b, "what is missing before it comes late, as "...), m.By)
	case statemachine.ACKsUnseen:
		return appendPacket(append(b, "what it acknowledges comes late, as "...), m.By)
	case statemachine.LostBeforeTap:
		return appendPacket(append(b, "what is missing before it was lost before the tap: sent again as "...), m.By)
	case statemachine.NotCaptured:
		return append(b, "octets were not captured, though the peer has them"...)
	case statemachine.Spurious:
		b = appendPacket(append(b, "spurious: "...), m.By)
		return append(b, " shows that it had arrived before"...)
	}
	return b
}

// appendFindingDetail appends the finding's sentence, the numbers involved and
// the other packet that it speaks of. Sequence numbers are those of the line
// that k is about. The text needs no escape in JSON.
func appendFindingDetail(b []byte, f *statemachine.Finding, k numbers) []byte {
	b = append(b, f.Code.Info().Title...)
	switch f.Code { //nolint:exhaustive // the others have the one form
	case statemachine.ICMPError:
		b = append(append(b, "; "...), analyzer.ICMPName(f.A)...)
	case statemachine.OptionStripped:
		return appendStripped(b, f)
	case statemachine.CaptureDrops:
		return append(strconv.AppendInt(append(b, "; "...), f.A, 10), " packets were dropped"...)
	case statemachine.MissingOctets:
		return append(strconv.AppendInt(append(b, "; "...), f.A, 10), " octets are missing"...)
	}
	if words := findingNumbers(f.Code); words[1] != "" && (f.A != 0 || f.B != 0) {
		b = appendFindingNumber(append(append(b, "; "...), words[0]...), f, f.A, k)
		b = appendFindingNumber(append(b, words[1]...), f, f.B, k)
		b = append(b, words[2]...)
	}
	if f.By != 0 {
		b = append(appendPacket(append(b, " (see "...), f.By), ')')
	}
	return b
}

// appendFindingNumber appends a number of a finding, one of the sequence space
// as the line at hand shows it. ISNs are absolute in every line.
func appendFindingNumber(b []byte, f *statemachine.Finding, n int64, k numbers) []byte {
	switch f.Code { //nolint:exhaustive // the others have no sequence numbers, or ISNs
	case statemachine.ACKOfUnsent:
		return k.append(b, f.Side.Peer(), statemachine.Seq(uint32(n)))
	case statemachine.DataOutOfWindow, statemachine.DataAfterFIN, statemachine.FINMoved,
		statemachine.RSTOutOfWindow, statemachine.RSTInexact, statemachine.RSTIgnored:
		return k.append(b, f.Side, statemachine.Seq(uint32(n)))
	}
	return strconv.AppendInt(b, n, 10)
}

// appendStripped names the option and where it shows.
func appendStripped(b []byte, f *statemachine.Finding) []byte {
	switch {
	case f.B == 0:
		return append(b, "; timestamps, agreed upon by both SYNs, are missing from here on"...)
	case f.A == 3:
		b = append(b, "; padding stands in its place, perhaps for"...)
	default:
		b = append(b, "; the SYN-ACK has what its SYN lacks:"...)
	}
	for _, o := range [...]struct {
		set  statemachine.OptionSet
		name string
	}{
		{statemachine.OptWScale, " window scale"}, {statemachine.OptSACKPerm, " SACK"}, {statemachine.OptTimestamp, " timestamps"},
	} {
		if statemachine.OptionSet(f.B)&o.set != 0 {
			b = append(b, o.name...)
		}
	}
	return b
}

// findingNumbers returns the words before, between and behind the two numbers
// of a finding; empty for findings without.
func findingNumbers(c statemachine.Code) [3]string {
	switch c { //nolint:exhaustive // the other findings have no numbers
	case statemachine.SYNACKWrongACK:
		return [3]string{"it acknowledges ", ", the SYN asks for ", ""}
	case statemachine.SYNACKISNChanged, statemachine.SYNISNChanged, statemachine.SYNInSynchronized,
		statemachine.OldDuplicateSYN:
		return [3]string{"its ISN is ", ", the connection's ", ""}
	case statemachine.FINMoved:
		return [3]string{"here at ", ", the other at ", ""}
	case statemachine.ACKOfUnsent:
		return [3]string{"it acknowledges ", ", sent was up to ", ""}
	case statemachine.RSTOutOfWindow, statemachine.RSTInexact, statemachine.RSTIgnored:
		return [3]string{"its SEQ is ", ", RCV.NXT ", ""}
	case statemachine.BadChecksum, statemachine.ChecksumOffload:
		return [3]string{"", " of the ", " segments that could be verified"}
	case statemachine.ICMPTooBig:
		return [3]string{"a segment of ", " octets, the MTU there is ", ""}
	case statemachine.DataOutOfWindow:
		return [3]string{"it begins at ", ", the window ended at ", ""}
	case statemachine.DataAfterFIN:
		return [3]string{"it reaches to ", ", the FIN took ", ""}
	case statemachine.PAWSReject:
		return [3]string{"TSval ", " after ", ""}
	case statemachine.TTLChange:
		return [3]string{"now ", ", before ", ""}
	case statemachine.RSTSuspectInjection:
		return [3]string{"its TTL is ", ", the host's other packets have ", ""}
	case statemachine.ISNReuse:
		return [3]string{"", ", as in connection ", ""}
	case statemachine.SYNFlood:
		return [3]string{"", " within 10 s, ", " of them completed"}
	case statemachine.SYNScan, statemachine.HalfOpenScan, statemachine.FINScan, statemachine.NullScan, statemachine.XmasScan:
		return [3]string{"", " so far, within ", " ms"}
	case statemachine.RSTStorm:
		return [3]string{"", " within ", " ms"}
	case statemachine.SnaplenCut:
		return [3]string{"here ", " of ", " octets"}
	}
	return [3]string{}
}

// skipPhrases say why the observer does not follow a segment that has a line.
var skipPhrases = [analyzer.NumSkips]string{
	analyzer.SkipNotIP:     "not IP",
	analyzer.SkipNotTCP:    "not TCP",
	analyzer.SkipLink:      "its link layer is not decoded",
	analyzer.SkipTruncated: "the captured octets end within the TCP header",
	analyzer.SkipMalformed: "a header contradicts itself",
	analyzer.SkipFragment:  "a fragment: the packet that completes its datagram has the segment",
	analyzer.SkipTunnel:    "its encapsulation is not decoded",
	analyzer.SkipEncrypted: "it is encrypted",
	analyzer.SkipPanic:     "its decoder failed",
}
