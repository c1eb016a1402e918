//go:build linux

package canon

import (
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/diag"
	"github.com/tcpstate/tcpstate/lab/internal/ktrace"
)

var start = time.Unix(1_700_000_000, 0)

func at(ms float64) time.Time { return start.Add(time.Duration(ms * float64(time.Millisecond))) }

// set is an event of inet_sock_set_state.
func set(ms float64, old, new string) ktrace.Event {
	return ktrace.Event{At: at(ms), Name: "inet_sock_set_state", Old: old, New: new}
}

// seen is a sighting; gone is negative when the socket was still there.
func seen(state, kind string, first, gone float64) diag.Sighting {
	s := diag.Sighting{State: state, Kind: kind, Before: at(first - 2), First: at(first), Last: at(gone - 2)}
	if gone >= 0 {
		s.Gone = at(gone)
	}
	return s
}

func TestEndpoint(t *testing.T) {
	tests := []struct {
		rule   string
		events []ktrace.Event
		seen   []diag.Sighting
		forgot []time.Time
		want   string
		doubt  bool
	}{
		{
			rule:   "K1: the request dates SYN-RECEIVED, the child says no more",
			events: []ktrace.Event{set(12, "LISTEN", "SYN_RECV"), set(12.01, "SYN_RECV", "ESTABLISHED")},
			seen:   []diag.Sighting{seen("SYN-RECEIVED", "request", 1, 13)},
			want:   "LISTEN>SYN-RECEIVED diag, SYN-RECEIVED>ESTABLISHED traced",
		},
		{
			rule:   "K1: a request that no dump caught",
			events: []ktrace.Event{set(1, "LISTEN", "SYN_RECV"), set(1.01, "SYN_RECV", "ESTABLISHED")},
			want:   "LISTEN>SYN-RECEIVED traced, SYN-RECEIVED>ESTABLISHED traced",
		},
		{
			rule: "K2: a request without a child returns to LISTEN",
			seen: []diag.Sighting{seen("SYN-RECEIVED", "request", 1, 20)},
			want: "LISTEN>SYN-RECEIVED diag, SYN-RECEIVED>LISTEN diag",
		},
		{
			rule: "K2: one that is still there has not returned",
			seen: []diag.Sighting{seen("SYN-RECEIVED", "request", 1, -1)},
			want: "LISTEN>SYN-RECEIVED diag",
		},
		{
			rule:   "K2: an attempt that failed comes before the one that did not",
			events: []ktrace.Event{set(60, "LISTEN", "SYN_RECV"), set(60.01, "SYN_RECV", "ESTABLISHED")},
			seen:   []diag.Sighting{seen("SYN-RECEIVED", "request", 1, 20), seen("SYN-RECEIVED", "request", 50, 61)},
			want:   "LISTEN>SYN-RECEIVED diag, SYN-RECEIVED>LISTEN diag, LISTEN>SYN-RECEIVED diag, SYN-RECEIVED>ESTABLISHED traced",
		},
		{
			rule:   "K3: the mini-socket that follows is TIME-WAIT",
			events: []ktrace.Event{set(1, "ESTABLISHED", "FIN_WAIT1"), set(9, "FIN_WAIT1", "FIN_WAIT2"), set(9.01, "FIN_WAIT2", "CLOSE")},
			seen:   []diag.Sighting{seen("TIME-WAIT", "mini", 11, -1)},
			want:   "ESTABLISHED>FIN-WAIT-1 traced, FIN-WAIT-1>FIN-WAIT-2 traced, FIN-WAIT-2>TIME-WAIT mini-socket",
		},
		{
			rule:   "K4, K5: FIN-WAIT-2 as a mini-socket, then TIME-WAIT, then its end",
			events: []ktrace.Event{set(1, "ESTABLISHED", "FIN_WAIT1"), set(9, "FIN_WAIT1", "FIN_WAIT2"), set(9.01, "FIN_WAIT2", "CLOSE")},
			seen:   []diag.Sighting{seen("FIN-WAIT-2", "mini", 11, 50), seen("TIME-WAIT", "mini", 50, 60050)},
			want:   "ESTABLISHED>FIN-WAIT-1 traced, FIN-WAIT-1>FIN-WAIT-2 traced, FIN-WAIT-2>TIME-WAIT diag, TIME-WAIT>CLOSED diag",
		},
		{
			rule: "K5: reuse ends TIME-WAIT before the new socket begins",
			events: []ktrace.Event{
				set(1, "FIN_WAIT1", "CLOSING"), set(9, "CLOSING", "CLOSE"),
				set(500, "LISTEN", "SYN_RECV"), set(500.01, "SYN_RECV", "ESTABLISHED"),
			},
			seen: []diag.Sighting{seen("TIME-WAIT", "mini", 10, 490), seen("SYN-RECEIVED", "request", 490, 501)},
			want: "FIN-WAIT-1>CLOSING traced, CLOSING>TIME-WAIT mini-socket, TIME-WAIT>CLOSED diag, LISTEN>SYN-RECEIVED diag, SYN-RECEIVED>ESTABLISHED traced",
		},
		{
			rule:   "K6: neither mini-socket nor reset is a doubt",
			events: []ktrace.Event{set(1, "ESTABLISHED", "FIN_WAIT1"), set(9, "FIN_WAIT1", "FIN_WAIT2"), set(9.01, "FIN_WAIT2", "CLOSE")},
			want:   "ESTABLISHED>FIN-WAIT-1 traced, FIN-WAIT-1>FIN-WAIT-2 traced, FIN-WAIT-2>CLOSED traced",
			doubt:  true,
		},
		{
			rule: "K6: with a reset it is the end",
			events: []ktrace.Event{
				set(1, "ESTABLISHED", "FIN_WAIT1"), set(9, "FIN_WAIT1", "FIN_WAIT2"),
				{At: at(20), Name: "tcp_receive_reset"}, set(20.01, "FIN_WAIT2", "CLOSE"),
			},
			want: "ESTABLISHED>FIN-WAIT-1 traced, FIN-WAIT-1>FIN-WAIT-2 traced, FIN-WAIT-2>CLOSED traced",
		},
		{
			rule:   "K6: a socket that the lab made vanish leaves none",
			events: []ktrace.Event{set(1, "ESTABLISHED", "FIN_WAIT1"), set(9, "FIN_WAIT1", "FIN_WAIT2"), set(30, "FIN_WAIT2", "CLOSE")},
			forgot: []time.Time{at(29.9)},
			want:   "ESTABLISHED>FIN-WAIT-1 traced, FIN-WAIT-1>FIN-WAIT-2 traced, FIN-WAIT-2>CLOSED traced",
		},
		{
			rule:   "K7: the same state again is no step",
			events: []ktrace.Event{set(1, "ESTABLISHED", "CLOSE_WAIT"), set(2, "CLOSE_WAIT", "LAST_ACK"), set(3, "LAST_ACK", "LAST_ACK")},
			want:   "ESTABLISHED>CLOSE-WAIT traced, CLOSE-WAIT>LAST-ACK traced",
		},
		{
			rule:   "an event that does not follow from the one before is a doubt",
			events: []ktrace.Event{set(1, "ESTABLISHED", "CLOSE_WAIT"), set(2, "FIN_WAIT1", "FIN_WAIT2")},
			want:   "ESTABLISHED>CLOSE-WAIT traced, FIN-WAIT-1>FIN-WAIT-2 traced",
			doubt:  true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			events := tt.events
			want := tt.want
			if len(events) > 0 && events[0].Old != "LISTEN" && events[0].Old != "CLOSE" {
				// A state that is not reached by an open: begin with one.
				open := []ktrace.Event{set(-9, "CLOSE", "SYN_SENT"), set(-8, "SYN_SENT", "ESTABLISHED")}
				lead := "CLOSED>SYN-SENT traced, SYN-SENT>ESTABLISHED traced, "
				if events[0].Old == "FIN_WAIT1" {
					open = append(open, set(-7, "ESTABLISHED", "FIN_WAIT1"))
					lead += "ESTABLISHED>FIN-WAIT-1 traced, "
				}
				events, want = append(open, events...), lead+want
			}
			steps, doubt := Endpoint(events, tt.seen, tt.forgot)
			var got []string
			for _, s := range steps {
				got = append(got, s.From+">"+s.To+" "+s.How)
			}
			if g := strings.Join(got, ", "); g != want {
				t.Errorf("steps\n got %s\nwant %s", g, want)
			}
			if (doubt != "") != tt.doubt {
				t.Errorf("doubt %q, want one: %v", doubt, tt.doubt)
			}
		})
	}
}
