//go:build linux

package ktrace

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, line string
		want       Event
		local      string
		remote     string
	}{
		{
			"state, IPv4, a task whose name has blanks and colons",
			"  my: task [x]-23448   [001] ..s2. 1795181900.130723: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP sport=41033 dport=48642 saddr=127.0.0.1 daddr=127.0.0.2 saddrv6=::ffff:127.0.0.1 daddrv6=::ffff:127.0.0.2 oldstate=TCP_LISTEN newstate=TCP_SYN_RECV",
			Event{Name: "inet_sock_set_state", Old: "LISTEN", New: "SYN_RECV"}, "127.0.0.1:41033", "127.0.0.2:48642",
		},
		{
			"retransmission, IPv6, that did not leave",
			"          <idle>-0     [000] ..s2. 1795181900.130723: tcp_retransmit_skb: skbaddr=0000000000000000 skaddr=ffff888109090940 family=AF_INET6 sport=1 dport=2 saddr=0.0.0.0 daddr=0.0.0.0 saddrv6=2001:db8::1 daddrv6=2001:db8::2 state=TCP_ESTABLISHED err=-113",
			Event{Name: "tcp_retransmit_skb", State: "ESTABLISHED", Err: -113}, "[2001:db8::1]:1", "[2001:db8::2]:2",
		},
		{
			"reset without a socket",
			"python3-23448   [001] ..s1. 1795181900.130723: tcp_send_reset: skbaddr=ffff88810adab2e0 skaddr=0000000000000000 src=[::1]:1 dest=[::1]:58312 state=UNKNOWN reason=NO_SOCKET",
			Event{Name: "tcp_send_reset", State: "UNKNOWN", Reason: "NO_SOCKET"}, "[::1]:1", "[::1]:58312",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.line, -37*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if want := time.Unix(1795181900-37, 130723000); !got.At.Equal(want) {
				t.Errorf("time %v, want %v", got.At, want)
			}
			if got.Local.String() != tt.local || got.Remote.String() != tt.remote {
				t.Errorf("addresses %v %v", got.Local, got.Remote)
			}
			if got.Name != tt.want.Name || got.Old != tt.want.Old || got.New != tt.want.New || got.State != tt.want.State ||
				got.Reason != tt.want.Reason || got.Err != tt.want.Err {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestParseRejects(t *testing.T) {
	for _, line := range []string{"", "CPU:1 [LOST 27 EVENTS]", "x-1 [000] ..... notime: name: a=b", "x-1 [000] ..... 1.000001: tcp_send_reset: src=bad dest=1.2.3.4:5"} {
		if _, err := parse(line, 0); err == nil {
			t.Errorf("%q was understood", line)
		}
	}
}
