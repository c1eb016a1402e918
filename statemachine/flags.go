package statemachine

// Flags holds the control bits of a segment (RFC 9293 §3.1), with AE of
// RFC 9768 above them and the three bits that are still reserved above that.
type Flags uint16

// The control bits, at their places in the header's octets 12 and 13.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE // RFC 3168 §6.1
	CWR // RFC 3168 §6.1
	AE  // RFC 9768 §3.1; once NS of RFC 3540
)

// Reserved masks the bits that no RFC has given a meaning.
const Reserved Flags = 0xe00

// flagLetters is the one table of flag letters: tcpdump's, in tcpdump's order,
// which is the order of the bits.
var flagLetters = [...]struct {
	flag   Flags
	letter byte
	name   string
}{
	{FIN, 'F', "FIN"},
	{SYN, 'S', "SYN"},
	{RST, 'R', "RST"},
	{PSH, 'P', "PSH"},
	{ACK, '.', "ACK"},
	{URG, 'U', "URG"},
	{ECE, 'E', "ECE"},
	{CWR, 'W', "CWR"},
	{AE, 'e', "AE"},
}

// Has reports whether all bits of g are set in f.
func (f Flags) Has(g Flags) bool { return f&g == g }

// Any reports whether at least one bit of g is set in f.
func (f Flags) Any(g Flags) bool { return f&g != 0 }

// Append appends the letters that tcpdump prints between the brackets of
// Flags […], AE as 'e' at their end, and "none" when no bit is set.
func (f Flags) Append(b []byte) []byte {
	n := len(b)
	for _, l := range flagLetters {
		if f.Has(l.flag) {
			b = append(b, l.letter)
		}
	}
	if len(b) == n {
		b = append(b, "none"...)
	}
	return b
}

// String returns the letters of Append.
func (f Flags) String() string { return string(f.Append(nil)) }
