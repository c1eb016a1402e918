package report

import (
	"strconv"
	"unicode/utf8"
)

// object writes one JSON object (RFC 8259) by appending; the keys are our own
// and need no escape.
type object struct {
	b     []byte
	comma bool
}

func (j *object) open() {
	j.b = append(j.b, '{')
	j.comma = false
}

func (j *object) close() {
	j.b = append(j.b, '}')
	j.comma = true
}

// key begins a member.
func (j *object) key(name string) {
	if j.comma {
		j.b = append(j.b, ',')
	}
	j.comma = true
	j.b = append(j.b, '"')
	j.b = append(j.b, name...)
	j.b = append(j.b, '"', ':')
}

// lit writes text that spells out what stands between two values, or before the first.
func (j *object) lit(text string) {
	j.b = append(j.b, text...)
	j.comma = text[len(text)-1] != '{'
}

// num writes text as lit does, and a number.
func (j *object) num(text string, v uint64) {
	j.b = strconv.AppendUint(append(j.b, text...), v, 10)
	j.comma = true
}

// str writes text as lit does, and a value that is known to need no escape; their quotes
// are part of this text and the next one.
func (j *object) str(text, value string) {
	j.b = append(append(j.b, text...), value...)
	j.comma = true
}

// within begins a member that is an object; close ends it.
func (j *object) within(name string) {
	j.key(name)
	j.open()
}

// word writes a member whose text is known to need no escape.
func (j *object) word(name, value string) {
	j.key(name)
	j.b = append(j.b, '"')
	j.b = append(j.b, value...)
	j.b = append(j.b, '"')
}

// text writes a member with any text.
func (j *object) text(name, value string) {
	j.key(name)
	j.b = appendJSONString(j.b, value)
}

func (j *object) uint(name string, v uint64) {
	j.key(name)
	j.b = strconv.AppendUint(j.b, v, 10)
}

func (j *object) int(name string, v int64) {
	j.key(name)
	j.b = strconv.AppendInt(j.b, v, 10)
}

// flag writes a member only when it is true; absent means false.
func (j *object) flag(name string, v bool) {
	if v {
		j.key(name)
		j.b = append(j.b, "true"...)
	}
}

// appendJSONString appends s quoted. Octets that are no UTF-8 become U+FFFD,
// control characters escapes.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		if n := plainRun(s[i:]); n > 0 {
			b = append(b, s[i:i+n]...)
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, "\ufffd"...)
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}

// plainRun returns how many octets at the start of s are ASCII that stands for
// itself in a string of JSON.
func plainRun(s string) int {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
}
