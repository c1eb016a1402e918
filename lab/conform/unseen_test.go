package conform

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/internal/segtext"
	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// The path of these tests: a packet passes the tap in the middle 5 ms after it
// left and arrives after 10 ms. The end compared is the server.
const half = 5 * ms

// lines are packets in the notation of segtext, one a line, each behind the
// milliseconds at which it left; a last word "before" or "behind" says on which
// side of the tap in the middle it died.
func sightsOf(t *testing.T, lines string) map[string]*sight {
	t.Helper()
	at := map[string]*sight{}
	for _, tap := range taps {
		at[tap] = &sight{numbered: map[uint64]int{}, tuple: map[key][]int{}, steps: map[key][]statemachine.Step{}, resets: map[uint64]analyzer.ResetVerdict{}}
	}
	ends := [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:20000"), netip.MustParseAddrPort("10.0.0.2:80")}
	n := uint64(0)
	for line := range strings.Lines(lines) {
		n++
		var left int
		text := strings.TrimSpace(line)
		if _, err := fmt.Sscanf(text, "%d", &left); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		_, text, _ = strings.Cut(text, " ")
		text, before := strings.CutSuffix(text, " before")
		text, behind := strings.CutSuffix(text, " behind")
		l, err := segtext.ParseLine(text)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		p := packet{number: n, src: ends[l.Side], dst: ends[l.Side.Peer()], seg: l.Segment}
		p.sender = key{p.src.String(), p.dst.String()}
		way := []string{truth.Client, truth.Middle, truth.Server}
		if l.Side == statemachine.Server {
			slices.Reverse(way)
		}
		for i, tap := range way {
			if before && i > 0 || behind && i > 1 {
				break
			}
			p.at = statemachine.Time(left)*ms + statemachine.Time(i)*half
			at[tap].packets = append(at[tap].packets, p)
		}
	}
	for _, s := range at {
		slices.SortStableFunc(s.packets, func(a, b packet) int { return int(a.at - b.at) })
		for i := range s.packets {
			p := &s.packets[i]
			s.numbered[p.number] = i
			for _, k := range []key{p.sender, {p.sender.peer, p.sender.addr}} {
				s.tuple[k] = append(s.tuple[k], i)
			}
		}
	}
	return at
}

// stepsOf reads "LISTEN 15 SYN-RECEIVED 35 ESTABLISHED": states, and between
// them the milliseconds of the step. A star behind a state marks a silent step.
func stepsOf(text string) []truth.Step {
	w := strings.Fields(text)
	var out []truth.Step
	for i := 0; i+2 < len(w); i += 2 {
		var at int
		fmt.Sscan(w[i+1], &at)
		to, silent := strings.CutSuffix(w[i+2], "*")
		s := truth.Step{At: time.Unix(0, int64(statemachine.Time(at)*ms)), From: strings.TrimSuffix(w[i], "*"), To: to, Socket: 1, How: "traced"}
		if silent {
			s.Silent = "a clock"
		}
		out = append(out, s)
	}
	return out
}

// gotOf reads "LISTEN SYN-RECEIVED=2 CLOSE-WAIT~5": states with the packet that
// caused them, presumed with a tilde and proven with an equals sign.
func gotOf(t *testing.T, text string) []Got {
	t.Helper()
	var out []Got
	for _, w := range strings.Fields(text) {
		name, cause, sure := strings.Cut(w, "=")
		g := Got{Certainty: statemachine.Proven}
		if !sure {
			name, cause, sure = strings.Cut(w, "~")
			g.Certainty = statemachine.Presumed
		}
		if sure {
			fmt.Sscan(cause, &g.Cause)
		} else {
			g.Certainty = statemachine.Uncertain
		}
		st, ok := statemachine.ParseState(name)
		if !ok {
			t.Fatalf("%q is no state", name)
		}
		g.State = st
		out = append(out, g)
	}
	return out
}

// opened is how the conversations of these tests begin, with the steps of the
// server and what is said of them.
const (
	opened = `0 C>S S 100:100(0)
10 S>C S. 300:300(0) ack 101
20 C>S P. 101:111(10) ack 301
30 S>C P. 301:311(10) ack 111
`
	kernelOpened = "LISTEN 10 SYN-RECEIVED 30 ESTABLISHED"
	saidOpened   = "LISTEN SYN-RECEIVED=1 ESTABLISHED=3"
)

// TestDied excuses what segments that died on either side of the tap in the
// middle leave open, and nothing that comes near it.
func TestDied(t *testing.T) {
	for _, tt := range []struct {
		name, packets, kernel, said string
		resets                      []truth.Reset // sent by the server
		taken                       []truth.Reset // received by it
		verdict                     statemachine.ResetOutcome
		want                        Reason
	}{
		{
			name:    "a FIN died before the tap",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n110 S>C F. 311:311(0) ack 112 before\n400 S>C F. 311:311(0) ack 112 before",
			kernel:  kernelOpened + " 110 CLOSE-WAIT 110 LAST-ACK",
			said:    saidOpened + " CLOSE-WAIT~5", want: DiedBefore,
		},
		{
			name:    "one copy of it passed",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n110 S>C F. 311:311(0) ack 112 before\n400 S>C F. 311:311(0) ack 112 behind",
			kernel:  kernelOpened + " 110 CLOSE-WAIT 110 LAST-ACK",
			said:    saidOpened + " CLOSE-WAIT~5",
		},
		{
			name:    "an ACK with the number behind it passed",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n110 S>C F. 311:311(0) ack 112 before\n400 S>C . 312:312(0) ack 112",
			kernel:  kernelOpened + " 110 CLOSE-WAIT 110 LAST-ACK",
			said:    saidOpened + " CLOSE-WAIT=7",
		},
		{
			name:    "the peer acknowledges it",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n110 S>C F. 311:311(0) ack 112 before\n400 C>S . 112:112(0) ack 312",
			kernel:  kernelOpened + " 110 CLOSE-WAIT 110 LAST-ACK",
			said:    saidOpened + " CLOSE-WAIT~5",
		},
		{
			name:    "the peer reports it by SACK",
			packets: opened + "110 S>C F. 321:321(0) ack 111 before\n400 C>S . 111:111(0) ack 311 <sack 1 {321:322}>",
			kernel:  kernelOpened + " 110 FIN-WAIT-1",
			said:    saidOpened,
		},
		{
			name:    "an end whose FIN died looks open: CLOSING is like CLOSE-WAIT",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n105 S>C F. 311:311(0) ack 111 before",
			kernel:  kernelOpened + " 105 FIN-WAIT-1 110 CLOSING",
			said:    saidOpened + " CLOSE-WAIT~5", want: DiedBefore,
		},
		{
			name:    "another state than the one that it looks like",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n105 S>C F. 311:311(0) ack 111 before",
			kernel:  kernelOpened + " 105 FIN-WAIT-1 110 CLOSING",
			said:    saidOpened + " CLOSE-WAIT~5 LAST-ACK~5",
		},
		{
			name:    "a sure word is not excused",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n105 S>C F. 311:311(0) ack 111 before",
			kernel:  kernelOpened + " 105 FIN-WAIT-1 110 CLOSING",
			said:    saidOpened + " CLOSE-WAIT=5",
		},
		{
			name:    "a RST died before the tap",
			packets: opened + "100 S>C R. 311:311(0) ack 111 before",
			kernel:  kernelOpened + " 100 CLOSED",
			said:    saidOpened, resets: []truth.Reset{{Packet: 5, Reason: "TCP_ABORT_ON_CLOSE"}}, want: DiedBefore,
		},
		{
			name:    "another one of the end passed: it answers as if closed",
			packets: opened + "100 S>C R. 311:311(0) ack 111 before\n200 C>S P. 111:121(10) ack 311\n210 S>C R 311:311(0)",
			kernel:  kernelOpened + " 100 CLOSED",
			said:    saidOpened, resets: []truth.Reset{{Packet: 5, Reason: "TCP_ABORT_ON_CLOSE"}, {Packet: 7, Reason: "NO_SOCKET"}},
		},
		{
			name:    "a RST that only answers as if closed is no end",
			packets: opened + "100 S>C R 311:311(0) before",
			kernel:  kernelOpened + " 100 CLOSED",
			said:    saidOpened, resets: []truth.Reset{{Packet: 5, Reason: "NO_SOCKET"}},
		},
		{
			name:    "a RST that left with the end's last word, which another RST was",
			packets: opened + "90 C>S R. 111:111(0) ack 311\n100 S>C R. 311:311(0) ack 111 before",
			kernel:  kernelOpened + " 100 CLOSED",
			said:    saidOpened, resets: []truth.Reset{{Packet: 6, Reason: "TCP_STATE"}},
			taken: []truth.Reset{{Packet: 5, Verdict: string(Taken)}}, verdict: statemachine.ResetIgnored,
		},
		{
			name:    "a bare SYN died before the tap, and the SYN-ACK is like a listener's",
			packets: "0 C>S S 100:100(0)\n5 S>C S 300:300(0) before\n10 S>C S. 300:300(0) ack 101 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>\n20 C>S P. 101:111(10) ack 301\n30 S>C P. 301:311(10) ack 111",
			kernel:  "CLOSED 5 SYN-SENT 10 SYN-RECEIVED 30 ESTABLISHED",
			said:    "LISTEN SYN-RECEIVED=1 ESTABLISHED=4", want: DiedBefore,
		},
		{
			name:    "the SYN-ACK has an IP ID",
			packets: "0 C>S S 100:100(0)\n5 S>C S 300:300(0) before\n10 S>C S. 300:300(0) ack 101 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7> ipid 7\n20 C>S P. 101:111(10) ack 301\n30 S>C P. 301:311(10) ack 111",
			kernel:  "CLOSED 5 SYN-SENT 10 SYN-RECEIVED 30 ESTABLISHED",
			said:    "LISTEN SYN-RECEIVED=1 ESTABLISHED=4",
		},
		{
			name:    "the SYN-ACK has the window of a socket that connects",
			packets: "0 C>S S 100:100(0)\n5 S>C S 300:300(0) before\n10 S>C S. 300:300(0) ack 101 win 64240 <mss 1460,sackOK,TS val 7 ecr 1,nop,wscale 7>\n20 C>S P. 101:111(10) ack 301\n30 S>C P. 301:311(10) ack 111",
			kernel:  "CLOSED 5 SYN-SENT 10 SYN-RECEIVED 30 ESTABLISHED",
			said:    "LISTEN SYN-RECEIVED=1 ESTABLISHED=4",
		},
		{
			name:    "the SYN-ACK of a simultaneous open died, and nothing counts it",
			packets: "0 C>S S 100:100(0)\n1 S>C S 300:300(0)\n10 S>C S. 300:300(0) ack 101 before\n11 C>S S. 100:100(0) ack 301\n21 S>C . 301:301(0) ack 101",
			kernel:  "CLOSED 1 SYN-SENT 10 SYN-RECEIVED 21 ESTABLISHED",
			said:    "CLOSED SYN-SENT=2 ESTABLISHED=4", want: DiedBefore,
		},
		{
			name:    "IP IDs count it",
			packets: "0 C>S S 100:100(0)\n1 S>C S 300:300(0) ipid 7\n10 S>C S. 300:300(0) ack 101 ipid 8 before\n11 C>S S. 100:100(0) ack 301\n21 S>C . 301:301(0) ack 101 ipid 9",
			kernel:  "CLOSED 1 SYN-SENT 10 SYN-RECEIVED 21 ESTABLISHED",
			said:    "CLOSED SYN-SENT=2 ESTABLISHED=4",
		},
		{
			name:    "a DSACK tells of the SYN that came",
			packets: "0 C>S S 100:100(0)\n1 S>C S 300:300(0)\n10 S>C S. 300:300(0) ack 101 before\n11 C>S S. 100:100(0) ack 301\n21 S>C . 301:301(0) ack 101 <sack 1 {100:101}>",
			kernel:  "CLOSED 1 SYN-SENT 10 SYN-RECEIVED 21 ESTABLISHED",
			said:    "CLOSED SYN-SENT=2 ESTABLISHED=4",
		},
		{
			name:    "all answers of a listener died",
			packets: "0 C>S S 100:100(0)\n10 S>C S. 300:300(0) ack 101 before\n1010 S>C S. 300:300(0) ack 101 before",
			kernel:  "LISTEN 10 SYN-RECEIVED 60000 LISTEN*",
			want:    DiedBefore,
		},
		{
			name:    "one of them passed",
			packets: "0 C>S S 100:100(0)\n10 S>C S. 300:300(0) ack 101 before\n1010 S>C S. 300:300(0) ack 101",
			kernel:  "LISTEN 10 SYN-RECEIVED 60000 LISTEN*",
		},
		{
			name:    "a FIN died behind the tap and the end is silent",
			packets: opened + "100 C>S F. 111:111(0) ack 311 behind",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~5", want: DiedBehind,
		},
		{
			name:    "it is said to be sure",
			packets: opened + "100 C>S F. 111:111(0) ack 311 behind",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT=5",
		},
		{
			name:    "the end spoke later",
			packets: opened + "100 C>S F. 111:111(0) ack 311 behind\n150 S>C P. 311:321(10) ack 111",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~5",
		},
		{
			name:    "what it sent later died too",
			packets: opened + "100 C>S F. 111:111(0) ack 311 behind\n150 S>C P. 311:321(10) ack 111 before",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~5", want: DiedBehind,
		},
		{
			name:    "what passed later had left before",
			packets: opened + "100 C>S F. 111:111(0) ack 311 behind\n103 S>C P. 311:321(10) ack 111",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~5", want: DiedBehind,
		},
		{
			name:    "the FIN arrived and the kernel did not take it",
			packets: opened + "100 C>S F. 111:111(0) ack 311",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~5",
		},
		{
			name:    "the FIN arrived, and payload before it died behind the tap",
			packets: opened + "100 C>S P. 111:121(10) ack 311 behind\n101 C>S F. 121:121(0) ack 311\n111 S>C . 311:311(0) ack 111 before",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~6", want: DiedBehind,
		},
		{
			name:    "payload before it died before the tap: the hole shows",
			packets: opened + "100 C>S P. 111:121(10) ack 311 before\n101 C>S F. 121:121(0) ack 311\n111 S>C . 311:311(0) ack 111 before",
			kernel:  kernelOpened, said: saidOpened + " CLOSE-WAIT~6",
		},
		{
			name:    "a state too many rests on what the end itself sent",
			packets: opened + "100 S>C F. 311:311(0) ack 111 behind",
			kernel:  kernelOpened, said: saidOpened + " FIN-WAIT-1~5",
		},
		{
			name:    "the kernel took a FIN, the answer died, and we leave it open",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n110 S>C . 311:311(0) ack 112 before",
			kernel:  kernelOpened + " 110 CLOSE-WAIT", said: saidOpened, want: DiedBehind,
		},
		{
			name:    "an answer passed",
			packets: opened + "100 C>S F. 111:111(0) ack 311\n111 S>C . 311:311(0) ack 112",
			kernel:  kernelOpened + " 110 CLOSE-WAIT", said: saidOpened,
		},
		{
			name:    "the FIN that the kernel took never passed the tap",
			packets: opened + "100 S>C F. 311:311(0) ack 111\n110 C>S . 111:111(0) ack 312",
			kernel:  kernelOpened + " 100 FIN-WAIT-1 120 FIN-WAIT-2 300 TIME-WAIT", said: saidOpened + " FIN-WAIT-1=5 FIN-WAIT-2~6",
		},
		{
			name:    "the kernel took a RST of which the program leaves open what came",
			packets: opened + "100 C>S R. 111:111(0) ack 311",
			kernel:  kernelOpened + " 110 CLOSED", said: saidOpened,
			taken: []truth.Reset{{Packet: 5, Verdict: string(Taken)}}, want: DiedBehind,
		},
		{
			name:    "of which it says that it was dropped",
			packets: opened + "100 C>S R. 111:111(0) ack 311",
			kernel:  kernelOpened + " 110 CLOSED", said: saidOpened,
			taken: []truth.Reset{{Packet: 5, Verdict: string(Taken)}}, verdict: statemachine.ResetIgnored,
		},
		{
			name:    "the order is wrong though all arrived",
			packets: opened + "100 S>C F. 311:311(0) ack 111\n102 C>S . 111:111(0) ack 312\n103 C>S F. 111:111(0) ack 312\n114 S>C . 312:312(0) ack 112",
			kernel:  kernelOpened + " 100 FIN-WAIT-1 112 FIN-WAIT-2 113 TIME-WAIT",
			said:    saidOpened + " FIN-WAIT-1=5 CLOSING~7 TIME-WAIT~6",
		},
		{
			name:    "silent steps, and a FIN that died behind the tap",
			packets: opened + "100 C>S F. 111:111(0) ack 311 behind",
			kernel:  kernelOpened + " 9000 CLOSED*", said: saidOpened + " CLOSE-WAIT~5", want: DiedBehind,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := sightsOf(t, tt.packets)
			hosts := map[string]*sight{"10.0.0.1": at[truth.Client], "10.0.0.2": at[truth.Server]}
			own := func(p *packet) *sight { return hosts[p.src.Addr().String()] }
			me := key{"10.0.0.2:80", "10.0.0.1:20000"}
			e := &truth.Endpoint{Addr: me.addr, Steps: stepsOf(tt.kernel), ResetsSent: tt.resets, ResetsReceived: tt.taken}
			last := e.Steps[len(e.Steps)-1].At
			for _, list := range [][]truth.Reset{e.ResetsSent, e.ResetsReceived} {
				for i := range list {
					list[i].At = last
					if tt.verdict != 0 {
						at[truth.Middle].resets[uint64(list[i].Packet)] = analyzer.ResetVerdict{Reset: statemachine.Reset{Outcome: tt.verdict, Fit: statemachine.FitOutside}}
					}
				}
			}
			r := &Result{Want: chain(e.Steps), Shown: chain(shown(e.Steps, nil)), Got: gotOf(t, tt.said)}
			r.judge()
			if r.Right || r.Unshown {
				t.Fatal("nothing to excuse")
			}
			mid := at[truth.Middle]
			r.explain(e, newCourse(me, mid, at[truth.Server], follow(mid, own), follow(at[truth.Server], own)))
			if r.Died != tt.want {
				t.Errorf("%q, want %q", r.Died, tt.want)
			}
		})
	}
}

// TestAlike counts what was sent again apart from what nobody can tell from a
// frame captured twice: the same in every field and at most a millisecond later.
func TestAlike(t *testing.T) {
	const first = "10 S>C S. 300:300(0) ack 101 win 64240 <mss 1460,sackOK,TS val 7 ecr 1,nop,wscale 7> ipid 0"
	for _, tt := range []struct {
		name, again string
		later       statemachine.Time
		named       bool
		want        Again
	}{
		{name: "the same", later: ms / 100, want: Again{Passed: 1, Alike: 1}},
		{name: "the same, and named", later: ms / 100, named: true, want: Again{Passed: 1, Right: 1}},
		{name: "more than a millisecond later", later: ms + 1, want: Again{Passed: 1, Missed: []uint64{2}}},
		{name: "another IP ID", again: strings.Replace(first, "ipid 0", "ipid 1", 1), later: ms / 100, want: Again{Passed: 1, Missed: []uint64{2}}},
		{name: "another timestamp", again: strings.Replace(first, "val 7", "val 8", 1), later: ms / 100, want: Again{Passed: 1, Missed: []uint64{2}}},
		{name: "another echo", again: strings.Replace(first, "ecr 1", "ecr 2", 1), later: ms / 100, want: Again{Passed: 1, Missed: []uint64{2}}},
		{name: "another window", again: strings.Replace(first, "win 64240", "win 64241", 1), later: ms / 100, want: Again{Passed: 1, Missed: []uint64{2}}},
		{name: "another TTL", again: first + " ttl 63", later: ms / 100, want: Again{Passed: 1, Missed: []uint64{2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.again == "" {
				tt.again = first
			}
			at := sightsOf(t, first+"\n"+tt.again)
			own := at[truth.Server]
			own.packets[1].at = own.packets[0].at + tt.later
			e := &truth.Endpoint{Addr: "10.0.0.2:80", Retransmits: []truth.Retransmit{{Packet: 2, Seq: 300, Len: 1}}}
			named := func(p *packet) bool { return tt.named && p.number == 2 }
			way := follow(own, func(*packet) *sight { return own })
			got := again(Again{}, e, "10.0.0.1:20000", own, own, way, false, named)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestDiedIsListed holds what is measured against what was listed by hand: in
// the scripted scenarios the two must be the same.
func TestDiedIsListed(t *testing.T) {
	measured := 0
	for _, dir := range Dirs("../../testdata/truth") {
		rep, err := Compare(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rep.File.Seed != 0 || rep.File.Link == "veth" {
			continue
		}
		for i := range rep.States {
			r := &rep.States[i]
			listed := Reason("")
			for _, e := range Exceptions() {
				if !r.Right && e.Scenario == r.Scenario && e.Side == r.Side && e.Subject == States && slices.Contains(strings.Fields(e.Taps), r.Tap) &&
					(e.Reason == DiedBefore || e.Reason == DiedBehind) {
					listed = e.Reason
				}
			}
			if r.Died != "" {
				measured++
			}
			name := fmt.Sprintf("%s %s-tap %s", r.Scenario, r.Tap, r.Side)
			if r.Died != listed {
				t.Errorf("%s: measured %q, listed %q", name, r.Died, listed)
			}
		}
	}
	if measured < 8 {
		t.Errorf("only %d were measured", measured)
	}
}

// eachMiddle calls fn for each end of the recorded random traffic whose sequence
// is right in the middle.
func eachMiddle(t *testing.T, fn func(r Result, e *truth.Endpoint, c *course)) {
	t.Helper()
	for _, dir := range Dirs("../../testdata/truth") {
		f, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if f.Seed == 0 {
			continue
		}
		at, ways := map[string]*sight{}, map[string][]passage{}
		for _, tap := range taps {
			if at[tap], err = observe(filepath.Join(dir, f.Captures[tap])); err != nil {
				t.Fatal(err)
			}
		}
		for tap, s := range at {
			ways[tap] = follow(s, ownTaps(f, at))
		}
		each := func(side string, e *truth.Endpoint, peer string) {
			r := compare(e, peer, statemachine.Time(f.End.UnixNano()), at[truth.Middle].steps)
			if r.Side, r.Scenario = side, f.Scenario; e.Doubt == "" && r.Right {
				fn(r, e, newCourse(key{e.Addr, peer}, at[truth.Middle], at[side], ways[truth.Middle], ways[side]))
			}
		}
		for i := range f.Connections {
			c := &f.Connections[i]
			each(truth.Client, &c.Client, c.Server.Addr)
			each(truth.Server, &c.Server, c.Client.Addr)
		}
	}
}

// TestDiedExcusesNoLie takes sequences of random traffic that are right and makes
// them wrong where the tap shows better: a departure that passed is left out, or
// a state is added for a packet of the peer that arrived, or behind which the end
// spoke, or as a sure one. None may be excused.
func TestDiedExcusesNoLie(t *testing.T) {
	lies := 0
	eachMiddle(t, func(r Result, e *truth.Endpoint, c *course) {
		tell := func(what string, got []Got) {
			lie := r
			lie.Got, lie.False = got, nil
			lie.judge()
			lies++
			if lie.explain(e, c); lie.Died != "" {
				t.Errorf("%s %s: %s, and excused: %s", r.Scenario, e.Addr, what, lie.Died)
			}
		}
		for k, g := range r.Got {
			if g.Certainty == statemachine.Witnessed {
				tell(g.State.String()+" left out", slices.Delete(slices.Clone(r.Got), k, k+1))
			}
		}
		for _, n := range c.tap.tuple[c.me] {
			p := &c.tap.packets[n]
			if p.sender == c.me || c.way[n].origin < 0 {
				continue
			}
			more := append(slices.Clone(r.Got), Got{statemachine.SynSent, statemachine.Presumed, p.number})
			if _, arrived := c.arrived[c.way[n].origin]; arrived && !c.lackedBelow(&p.seg) || !c.silentFrom(p.at) {
				tell(fmt.Sprintf("a state added for packet %d", p.number), more)
			}
			more[len(more)-1].Certainty = statemachine.Proven
			tell(fmt.Sprintf("a sure state added for packet %d", p.number), more)
		}
	})
	if lies < 40000 {
		t.Errorf("only %d lies were told", lies)
	}
}
