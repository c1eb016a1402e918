package report

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tcpstate/tcpstate/statemachine"
)

// utcStamp writes RFC 3339 times in UTC with nine digits of fraction. It keeps
// the text of the last second, since neighbouring packets share it.
type utcStamp struct {
	second int64
	text   [len("2006-01-02T15:04:05")]byte
	valid  bool
}

// append appends the time to b.
func (u *utcStamp) append(b []byte, at statemachine.Time) []byte {
	second, nano := int64(at)/1e9, int64(at)%1e9
	if nano < 0 {
		second, nano = second-1, nano+1e9
	}
	if !u.valid || second != u.second {
		time.Unix(second, 0).UTC().AppendFormat(u.text[:0], "2006-01-02T15:04:05")
		u.second, u.valid = second, true
	}
	b = append(b, u.text[:]...)
	b = append(b, '.')
	return append(appendDigits(b, nano, 9), 'Z')
}

// appendDigits appends n >= 0 with leading zeros up to width digits.
func appendDigits(b []byte, n int64, width int) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	for i := len(text); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, text...)
}

// appendEndpoint appends addr:port, IPv6 addresses in brackets.
func appendEndpoint(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return append(b, '?')
	}
	return a.AppendTo(b)
}

// appendElapsed appends a length of time for people: seconds with three
// digits of fraction from a tenth of a second on, else milliseconds with three.
func appendElapsed(b []byte, d statemachine.Time) []byte {
	if d < 0 {
		b, d = append(b, '-'), -d
	}
	unit, name := statemachine.Time(1e6), " ms"
	if d >= 1e8 {
		unit, name = 1e9, " s"
	}
	thousandths := (d + unit/2000) / (unit / 1000)
	b = strconv.AppendInt(b, int64(thousandths/1000), 10)
	b = append(b, '.')
	b = appendDigits(b, int64(thousandths%1000), 3)
	return append(b, name...)
}

// appendOrdinal appends 1st, 2nd, 3rd, 4th …
func appendOrdinal(b []byte, n uint64) []byte {
	b = strconv.AppendUint(b, n, 10)
	switch {
	case n%100 >= 11 && n%100 <= 13:
		return append(b, "th"...)
	case n%10 == 1:
		return append(b, "st"...)
	case n%10 == 2:
		return append(b, "nd"...)
	case n%10 == 3:
		return append(b, "rd"...)
	}
	return append(b, "th"...)
}

// appendPacket appends #n.
func appendPacket(b []byte, n uint64) []byte {
	return strconv.AppendUint(append(b, '#'), n, 10)
}

// appendGrouped appends n with a blank between groups of three digits, as
// counts are easier to read so.
func appendGrouped(b []byte, n uint64) []byte {
	var digits [20]byte
	text := strconv.AppendUint(digits[:0], n, 10)
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b = append(b, ' ')
		}
		b = append(b, c)
	}
	return b
}

// count returns "1 packet", "2 packets": n with the noun in its number.
func count(n uint64, noun string) string {
	b := appendGrouped(nil, n)
	b = append(b, ' ')
	b = append(b, noun...)
	if n != 1 {
		b = append(b, 's')
	}
	return string(b)
}

// pad appends blanks until what was written since start takes width columns,
// and at least one. All text of ours takes one column a rune.
func pad(b []byte, start, width int) []byte {
	b = append(b, ' ')
	for n := utf8.RuneCount(b[start:]); n < width; n++ {
		b = append(b, ' ')
	}
	return b
}

// clean returns text from outside (a file's name) with everything that could
// steer a terminal replaced by an escape.
func clean(s string) string {
	strange := func(r rune) bool { return !strconv.IsPrint(r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, strange) {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
