package conform

import (
	"fmt"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// TestShare gives packets that are alike to those that left: origins and
// arrivals in milliseconds, and for each arrival its origin, with a c where it
// is a copy.
func TestShare(t *testing.T) {
	for _, tt := range []struct {
		name     string
		sent     []statemachine.Time
		arrivals []statemachine.Time
		want     string
	}{
		{"one passes", []statemachine.Time{0}, []statemachine.Time{10}, "[0]"},
		{"the network copies it", []statemachine.Time{0}, []statemachine.Time{10, 12}, "[0 0c]"},
		{"both pass, close together", []statemachine.Time{0, 11}, []statemachine.Time{27, 38}, "[0 1]"},
		{"the first died long before", []statemachine.Time{0, 200}, []statemachine.Time{210, 212}, "[1 1c]"},
		{"three of two: which is the copy does not show", []statemachine.Time{0, 20}, []statemachine.Time{10, 30, 32}, "[0 0c 1]"},
	} {
		var s sight
		var list []int
		for i, at := range tt.sent {
			s.packets = append(s.packets, packet{at: at * ms})
			list = append(list, i)
		}
		out := make([]passage, len(tt.arrivals))
		arrivals := make([]int, len(out))
		for i, at := range tt.arrivals {
			out[i].origin, arrivals[i] = latest(&s, list, at*ms), i
		}
		share(&s, list, out, arrivals)
		var got []string
		for _, w := range out {
			text := fmt.Sprint(w.origin)
			if w.copy {
				text += "c"
			}
			got = append(got, text)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}
