package report

// style is a way of printing an annotation; plain output ignores it.
type style string

// The styles (ECMA-48 SGR sequences): sparing, readable on dark and light.
const (
	styleSide     style = "\x1b[36m"   // which end
	styleFaint    style = "\x1b[2m"    // details
	styleState    style = "\x1b[1m"    // the state that was reached
	styleSure     style = "\x1b[32m"   // witnessed, proven, confirmed
	stylePresumed style = "\x1b[33m"   // presumed, timer
	styleUnknown  style = "\x1b[35m"   // unknown, withdrawn
	styleClass    style = "\x1b[34m"   // what a segment is
	styleWarning  style = "\x1b[33m"   // findings
	styleError    style = "\x1b[1;31m" //
	styleOff            = "\x1b[0m"
)

// painter adds styles where colour is on.
type painter bool

// start opens a style, end closes it.
func (p painter) start(b []byte, s style) []byte {
	if p {
		b = append(b, s...)
	}
	return b
}

func (p painter) end(b []byte) []byte {
	if p {
		b = append(b, styleOff...)
	}
	return b
}

// text appends s in style st.
func (p painter) text(b []byte, st style, s string) []byte {
	return p.end(append(p.start(b, st), s...))
}
