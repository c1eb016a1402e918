package statemachine

// Seq is a TCP sequence or acknowledgment number: a position on the circle of
// 2^32 octets (RFC 9293 §3.4).
//
// Every method is total. Two positions exactly 2^31 apart have no order on the
// circle; here the one is then neither before nor after the other: Less is
// false both ways.
type Seq uint32

// Size is a distance between two positions, in octets of sequence space
// (RFC 9293 §3.4); SYN and FIN take one each.
type Size uint32

// halfSpace is half of the sequence space, the distance at which order is
// lost.
const halfSpace = 1 << 31

// Add returns the position n octets after s, modulo 2^32.
func (s Seq) Add(n Size) Seq { return s + Seq(n) }

// Sub returns how far s lies after t, modulo 2^32: always 0 to 2^32-1.
func (s Seq) Sub(t Seq) Size { return Size(s - t) }

// Diff returns the signed distance from t to s: positive when s lies after t.
// The range is -2^31 to 2^31-1; positions 2^31 apart give -2^31 both ways.
func (s Seq) Diff(t Seq) int32 { return int32(s - t) }

// Less reports whether s lies before t: by 1 to 2^31-1 octets.
func (s Seq) Less(t Seq) bool {
	d := uint32(t - s)
	return d != 0 && d < halfSpace
}

// LessEq reports whether s equals t or lies before it.
func (s Seq) LessEq(t Seq) bool { return s == t || s.Less(t) }

// In reports whether s lies in the window of n octets that starts at left:
// left =< s < left+n (RFC 9293 §3.4).
func (s Seq) In(left Seq, n Size) bool { return s.Sub(left) < n }

// Max returns the later of s and t, and s where they have no order.
func (s Seq) Max(t Seq) Seq {
	if s.Less(t) {
		return t
	}
	return s
}
