package figure

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// TestLaddersEnd gives far more connections than one image holds.
func TestLaddersEnd(t *testing.T) {
	talk := &Talk{Conn: 1, Segments: make([]Segment, svgRows/2), Verdict: "open"}
	for i := range talk.Segments {
		talk.Segments[i] = Segment{Packet: uint64(i + 1), Flags: statemachine.ACK}
	}
	var l Ladders
	for range 10 {
		l.Add(talk, false)
	}
	text := string(l.AppendTo(nil))
	if n := strings.Count(text, ">connection 1<"); n != 2 {
		t.Errorf("%d ladders are drawn, want 2", n)
	}
	if !strings.Contains(text, ">8 more connections are not drawn: choose some with --where<") {
		t.Errorf("nothing is said of the others: …%s", text[len(text)-200:])
	}
	var any struct{}
	if err := xml.Unmarshal([]byte(text), &any); err != nil {
		t.Error(err)
	}
}
