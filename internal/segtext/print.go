package segtext

import (
	"fmt"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Append writes the line, every part that applies spelled out. ParseLine of
// the result gives the line again, apart from reserved bits and the order and
// padding of options, which the notation does not hold.
func (l *Line) Append(b []byte) []byte {
	if l.Number != 0 {
		b = append(appendNumber(b, "#", l.Number), ' ')
	}
	b = append(appendDelay(b, l.Delay), ' ')
	if l.Side == statemachine.Client {
		b = append(b, "C>S "...)
	} else {
		b = append(b, "S>C "...)
	}
	return AppendSegment(b, &l.Segment)
}

// String returns what Append writes.
func (l Line) String() string { return string(l.Append(nil)) }

// AppendSegment writes the parts of a line that tell of the segment alone,
// from the flags on.
func AppendSegment(b []byte, s *statemachine.Segment) []byte {
	b = append(s.Flags.Append(b), ' ')
	b = appendNumber(b, "", uint64(s.Seq))
	b = appendNumber(b, ":", uint64(s.Seq.Add(s.Len)))
	b = append(appendNumber(b, "(", uint64(s.Len)), ')')
	if s.Flags.Has(statemachine.ACK) {
		b = appendNumber(b, " ack ", uint64(s.Ack))
	}
	b = appendNumber(b, " win ", uint64(s.Window))
	if s.Flags.Has(statemachine.URG) {
		b = appendNumber(b, " urg ", uint64(s.Urgent))
	}
	if s.Options.Set != 0 {
		b = append(appendOptions(append(b, " <"...), &s.Options), '>')
	}
	if s.HasIPID {
		b = appendNumber(b, " ipid ", uint64(s.IPID))
	}
	return appendNumber(b, " ttl ", uint64(s.TTL))
}

// appendDelay writes seconds with as many decimals as are needed, at least
// three.
func appendDelay(b []byte, d statemachine.Time) []byte {
	sign := byte('+')
	if d < 0 {
		sign, d = '-', -d
	}
	b = fmt.Appendf(append(b, sign), "%d.%09d", d/1e9, d%1e9)
	for i := 0; i < 6 && b[len(b)-1] == '0'; i++ {
		b = b[:len(b)-1]
	}
	return b
}
