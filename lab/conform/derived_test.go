package conform

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// records are the connections of a capture, and of each end what can be counted
// packet by packet without any analysis.
type records struct {
	conns []analyzer.Connection
	zero  [2]uint32            // segments that offered no window, behind the handshake
	most  [2]statemachine.Size // octets beyond the peer's highest ACK at the tap
	high  [2]statemachine.Seq
	acked [2]statemachine.Seq
}

func (r *records) Packet(o *analyzer.Observation) error {
	p := o.Packet
	if p == nil || p.Skip != analyzer.NotSkipped {
		return nil
	}
	s, x, y := &p.Segment, o.Side, o.Side.Peer()
	if s.Flags.Has(statemachine.SYN) {
		r.high[x], r.acked[x] = s.End(), s.End()
		return nil
	}
	if s.Flags.Has(statemachine.RST) {
		return nil
	}
	if r.high[x].Less(s.End()) {
		r.high[x] = s.End()
	}
	if s.Flags.Has(statemachine.ACK) && r.acked[y].Less(s.Ack) {
		r.acked[y] = s.Ack
	}
	if s.Window == 0 {
		r.zero[x]++
	}
	if r.acked[x].Less(r.high[x]) {
		r.most[x] = max(r.most[x], r.high[x].Sub(r.acked[x]))
	}
	return nil
}

func (r *records) Connection(c *analyzer.Connection) error {
	r.conns = append(r.conns, *c)
	return nil
}

func (r *records) Capture(*analyzer.Capture) error { return nil }

// derive reads the capture of a recording at a tap.
func derive(t *testing.T, dir string, f *truth.File, tap string) *records {
	t.Helper()
	r := &records{}
	open := func() (analyzer.Source, error) { return capture.Open(filepath.Join(dir, f.Captures[tap])) }
	err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantPackets | analyzer.WantConnections}, open, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const ms statemachine.Time = 1e6

// TestRoundTrips holds the halves of the round trip against the path of the lab:
// 2 ms before and 4 ms behind the tap in the middle, each way, and nothing on
// the hosts themselves.
func TestRoundTrips(t *testing.T) {
	near := map[string]analyzer.Tap{truth.Client: analyzer.TapClient, truth.Middle: analyzer.TapBetween, truth.Server: analyzer.TapServer}
	client := map[string]statemachine.Time{truth.Client: 0, truth.Middle: 4 * ms, truth.Server: 12 * ms}
	server := map[string]statemachine.Time{truth.Client: 12 * ms, truth.Middle: 8 * ms, truth.Server: 0}
	const slack = 6 * ms // of the hosts
	for _, name := range []string{
		"close-client", "close-server", "half-close", "ipv6", "no-timestamps", "no-options", "window-small",
		"lost-data-plain", "lost-data", "lost-backoff", "third-ack-with-data",
	} {
		dir := filepath.Join("../../testdata/truth", name)
		f, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for tap, want := range near {
			early := statemachine.Time(0) // the wire in the middle lets packets that wait go in one
			if tap == truth.Middle {
				early = 3 * ms
			}
			c := &derive(t, dir, f, tap).conns[0]
			if c.Tap != want {
				t.Errorf("%s, %s tap: it stands %s, want %s", name, tap, c.Tap, want)
			}
			if d := c.RTTClient - client[tap]; d < -early || d > slack {
				t.Errorf("%s, %s tap: %d ns to the client and back, want %d or little more", name, tap, c.RTTClient, client[tap])
			}
			if d := c.RTTServer - server[tap]; d < -early || d > slack {
				t.Errorf("%s, %s tap: %d ns to the server and back, want %d or little more", name, tap, c.RTTServer, server[tap])
			}
			// No ACK is faster than the path, and none of what was sent
			// again, after 200 ms or more, counts (RFC 6298 §3).
			for side, least := range [2]statemachine.Time{server[tap], client[tap]} {
				e := &c.Ends[side]
				if e.RTTMin != 0 && (e.RTTMin < least-early || e.RTTMean < e.RTTMin || e.RTTMean > least+100*ms) {
					t.Errorf("%s, %s tap, %s: ACKs after %d ns, smoothed %d, the path takes %d", name, tap, statemachine.Side(side), e.RTTMin, e.RTTMean, least)
				}
			}
		}
	}
}

// TestWindowsAndFlight counts packet by packet what the records say of windows
// and of octets in flight.
func TestWindowsAndFlight(t *testing.T) {
	zeros := 0
	for _, name := range []string{
		"close-client", "half-close", "window-small", "zero-window", "zero-window-fin", "zero-window-lost-update", "bulk-plain", "no-window-scale",
	} {
		dir := filepath.Join("../../testdata/truth", name)
		f, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, tap := range taps {
			r := derive(t, dir, f, tap)
			c := &r.conns[0]
			for side := range statemachine.Side(2) {
				e := &c.Ends[side]
				zeros += int(r.zero[side])
				if e.Windows.Zero != r.zero[side] {
					t.Errorf("%s, %s tap, %s: %d segments without window, want %d", name, tap, side, e.Windows.Zero, r.zero[side])
				}
				if e.InFlight != r.most[side] {
					t.Errorf("%s, %s tap, %s: %d octets in flight at most, want %d", name, tap, side, e.InFlight, r.most[side])
				}
			}
		}
	}
	if zeros == 0 {
		t.Error("no window was closed: the test shows nothing")
	}
}

// TestTimeInStates holds the time in each state, at the end's own tap, against
// the kernel's, where the kernel traced both the entry and the exit. The wire
// does not show a server that waits for data before it accepts, one that keeps
// no state (SYN cookies), or a close behind a closed window.
func TestTimeInStates(t *testing.T) {
	unseen := []string{
		"defer-accept", "defer-accept-close", "syn-cookies", "syn-cookies-lost-third-ack", "zero-window-fin", "zero-window-lost-update",
	}
	compared := 0
	for _, dir := range Dirs("../../testdata/truth") {
		f, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if f.Seed != 0 || len(f.Connections) != 1 || slices.Contains(unseen, f.Scenario) {
			continue
		}
		for i, tap := range [2]string{truth.Client, truth.Server} {
			e := &f.Connections[0].Client
			if i == 1 {
				e = &f.Connections[0].Server
			}
			r := derive(t, dir, f, tap)
			if e.Raw || e.Doubt != "" || len(r.conns) != 1 {
				continue
			}
			for k := 1; k < len(e.Steps); k++ {
				in, out := &e.Steps[k-1], &e.Steps[k]
				if in.How != "traced" || out.How != "traced" || in.Silent != "" || out.Silent != "" || in.To != out.From {
					continue
				}
				got := spent(&r.conns[0], e.Addr, in.To)
				want := statemachine.Time(out.At.Sub(in.At))
				compared++
				if d := got - want; d < -3*ms || d > 3*ms {
					t.Errorf("%s, %s in %s: %.3f ms, the kernel says %.3f", f.Scenario, tap, in.To, float64(got)/1e6, float64(want)/1e6)
				}
			}
		}
	}
	if compared < 600 {
		t.Errorf("only %d times were compared", compared)
	}
}

// spent returns how long the end at addr was in the state.
func spent(c *analyzer.Connection, addr, state string) statemachine.Time {
	for side := range c.Ends {
		for s, d := range c.Ends[side].Spent {
			if c.Ends[side].Addr.String() == addr && statemachine.State(s).String() == state {
				return d
			}
		}
	}
	return 0
}
