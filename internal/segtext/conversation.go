package segtext

import (
	"fmt"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Captured is one segment of a conversation as the tap saw it.
type Captured struct {
	At      statemachine.Moment
	Side    statemachine.Side // the sender
	Segment statemachine.Segment
	Text    string // the line as it was written
}

// Conversation is a whole capture of one four-tuple.
type Conversation struct {
	Segments []Captured
	End      statemachine.Moment // when the capture ended: the last packet, and the time of the "end" line
}

// Parse reads a conversation, one segment a line. Its first segment passes the
// tap one delay after start. The error names the line.
func Parse(text string, start statemachine.Time) (*Conversation, error) {
	c := &Conversation{End: statemachine.Moment{Time: start}}
	ended := false
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		var err error
		if ended {
			err = fmt.Errorf("%q behind the end of the capture", line)
		} else {
			ended, err = c.add(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return c, nil
}

// add takes one line and tells whether it was the end.
func (c *Conversation) add(text string) (ended bool, err error) {
	if after, ok := strings.CutSuffix(text, " end"); ok {
		if after[0] != '+' {
			return true, fmt.Errorf("end: %q is not like +61 end", text)
		}
		d, err := parseDelay(after)
		c.End.Time += d
		return true, err
	}
	l, err := ParseLine(text)
	if err != nil {
		return false, err
	}
	c.End.Packet++
	c.End.Time += l.Delay
	if l.Number != 0 && l.Number != c.End.Packet {
		return false, fmt.Errorf("packet number: #%d is the packet %d", l.Number, c.End.Packet)
	}
	c.Segments = append(c.Segments, Captured{At: c.End, Side: l.Side, Segment: l.Segment, Text: text})
	return false, nil
}
