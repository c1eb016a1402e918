package conform

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/lab/truth"
)

// TestResetReasons holds the reasons for the RSTs of recordings against what
// was done there. Taps are those that saw it; RSTs are named in their order by
// sender and reason.
func TestResetReasons(t *testing.T) {
	for _, c := range []struct{ scenario, taps, want string }{
		{"refused", "client middle server", "server refused"},
		{"refused-ipv6", "client middle server", "server refused"},
		{"refused-by-filter", "client middle server", "server refused"},
		{"refused-then-accepted", "client middle server", "server refused"},
		{"half-open-data", "client middle server", "server no-connection"},
		{"half-open-close", "client middle server", "server no-connection"},
		{"keep-alive-half-open", "client middle server", "server no-connection"},
		{"half-open-recovery", "client middle server", "client opening-anew"},
		{"syn-in-fin-wait-2", "client middle server", "client opening-anew"},
		{"rst-unread", "client middle server", "server unread-or-abort"},
		{"rst-shutdown-read", "client middle server", "server unread-or-abort"},
		{"urgent-unread", "client middle server", "server unread-or-abort"},
		{"rst-linger", "client middle server", "client unread-or-abort"},
		{"rst-linger-data", "client middle server", "client abort, client reset-before"},
		{"rst-linger-server", "client middle server", "server abort"},
		{"accept-queue-closed", "client middle server", "server abort"},
		{"listener-closed-in-syn-received", "client middle server", "server not-taken"},
		{"keep-alive-death", "client middle", "client gave-up"},
		{"fin-wait-1-data", "client", "client closed"},
		{"fin-wait-2-late-fin", "client middle server", "client closed"},
		{"abort-in-syn-sent", "client middle server", "client abandoned"},
		{"scan-syn-open", "client middle server", "client abandoned, client abandoned"},
		{"scan-null-closed", "client middle server", "server no-connection, server no-connection"},
		{"wrong-syn-ack", "client middle server", "client wrong-syn-ack"},
		{"spoof-rst-exact", "middle server", "client injected, server was-reset"},
		{"spoof-rst-in-window", "middle server", "client injected"},
		{"spoof-rst-outside", "middle server", "client injected"},
		{"spoof-rst-below", "middle server", "client injected"},
		// Nobody contradicts the forged RST before it has done its work.
		{"spoof-rst-exact-client", "client middle", "server abort"},
		// The kernel gives up without a word.
		{"user-timeout", "client middle server", ""},
		{"retries-exhausted", "client middle server", ""},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			f, err := truth.LoadDir(filepath.Join("../../testdata/truth", c.scenario))
			if err != nil {
				t.Fatal(err)
			}
			for _, tap := range strings.Fields(c.taps) {
				s, err := observe(filepath.Join("../../testdata/truth", c.scenario, f.Captures[tap]))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for i := range s.packets {
					if v, ok := s.resets[s.packets[i].number]; ok {
						got = append(got, fmt.Sprint(v.Side, " ", v.Reason))
					}
				}
				if g := strings.Join(got, ", "); g != c.want {
					t.Errorf("%s tap: %s, want %s", tap, g, c.want)
				}
			}
		})
	}
}

// reasonsFor gives the reasons that fit each of the kernel's own, as its
// tracepoint of a RST that leaves prints it.
var reasonsFor = map[string]string{
	"TCP_ABORT_ON_CLOSE":       "unread-or-abort",
	"TCP_ABORT_ON_DATA":        "closed",
	"TCP_INVALID_ACK_SEQUENCE": "wrong-syn-ack opening-anew",
	"TCP_KEEPALIVE_TIMEOUT":    "gave-up",
	"TCP_STATE":                "abort unread-or-abort gave-up",
	"TCP_TIMEWAIT_SOCKET":      "closed",
	"NO_SOCKET":                "refused no-connection closed reset-before was-reset abandoned no-attempt not-taken",
}

// TestKernelsReasons holds the reasons at each sender's own tap against those
// of its kernel: in the scripted scenarios all but the listed fit, of random
// traffic 98 %.
func TestKernelsReasons(t *testing.T) {
	listed := []string{
		"spoof-fin-exact server TCP_ABORT_ON_DATA no-connection", // its FIN never left
	}
	fits, others, unlisted := 0, 0, 0
	for _, dir := range Dirs("../../testdata/truth") {
		f, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, tap := range []string{truth.Client, truth.Server} {
			s, err := observe(filepath.Join(dir, f.Captures[tap]))
			if err != nil {
				t.Fatal(err)
			}
			for i := range f.Connections {
				e := &f.Connections[i].Client
				if tap == truth.Server {
					e = &f.Connections[i].Server
				}
				for _, r := range e.ResetsSent {
					v, ok := s.resets[uint64(r.Packet)]
					want := strings.Fields(reasonsFor[r.Reason])
					if len(want) == 0 || !ok {
						continue
					}
					said := fmt.Sprint(f.Scenario, " ", tap, " ", r.Reason, " ", v.Reason)
					switch {
					case slices.Contains(want, v.Reason.String()):
						fits++
					case f.Seed != 0:
						others++
					case !slices.Contains(listed, said):
						unlisted++
						t.Errorf("%s, packet %d", said, r.Packet)
					}
				}
			}
		}
	}
	if fits < 500 {
		t.Errorf("only %d reasons were compared", fits)
	}
	if others*50 > fits {
		t.Errorf("random traffic: %d reasons are not the kernel's, %d are", others, fits)
	}
	t.Logf("%d reasons fit the kernel's, %d of random traffic do not, %d are not listed", fits, others, unlisted)
}
