package analyzer

import (
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// Each verdict from a conversation that ends in it.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		play   func(k *talk)
		want   Verdict
		detail string // "|" separates parts that must all be there
	}{
		{"refused", func(k *talk) {
			k.send(cl, "S", 0)
			k.raw(sv, "R.", 0, k.next[cl], 0)
		}, VerdictRefused, "refused: 10.0.0.2:80 answered the SYN with RST"},
		{"unanswered", func(k *talk) {
			for i := range 6 {
				k.raw(cl, "S", k.iss[cl], 0, 0)
				k.wait(time.Second<<i - time.Millisecond)
			}
		}, VerdictUnanswered, "unanswered: 6 SYNs in 31 s, no answer"},
		{"unanswered once", func(k *talk) { k.send(cl, "S", 0) }, VerdictUnanswered, "unanswered: 1 SYN, no answer"},
		{"half-open", func(k *talk) {
			k.send(cl, "S", 0)
			k.send(sv, "S.", 0)
			k.wait(time.Second)
			k.raw(sv, "S.", k.iss[sv], k.next[cl], 0)
		}, VerdictHalfOpen, "half-open: 2 SYN-ACKs from the server, the client did not complete the handshake"},
		{"third ACK not taken", func(k *talk) {
			k.handshake()
			for range 4 {
				k.wait(2 * time.Second)
				k.raw(sv, "S.", k.iss[sv], k.iss[cl]+1, 0)
			}
		}, VerdictHalfOpen, "half-open: the client is ESTABLISHED"},
		{"closed by client", func(k *talk) { k.handshake(); k.data(); k.clientCloses() },
			VerdictClosed, "closed: the client closed first, then the server; TIME-WAIT at the client"},
		{"closed by server", func(k *talk) {
			k.handshake()
			k.data()
			k.send(sv, "F.", 0)
			k.send(cl, "F.", 0)
			k.send(sv, ".", 0)
		}, VerdictClosed, "closed: the server closed first, then the client; TIME-WAIT at the server"},
		{"closed by both", func(k *talk) {
			k.handshake()
			k.data()
			a, b := k.next[cl], k.next[sv]
			k.raw(cl, "F.", a, b, 0)
			k.raw(sv, "F.", b, a, 0)
			k.raw(cl, ".", a+1, b+1, 0)
			k.raw(sv, ".", b+1, a+1, 0)
		}, VerdictClosedSimultaneously, "closed by both ends at the same time|TIME-WAIT at the client|TIME-WAIT at the server"},
		{"reset by server", func(k *talk) {
			k.handshake()
			k.data()
			k.wait(1200 * time.Millisecond)
			k.send(sv, "R.", 0)
		}, VerdictReset, "reset by the server after 1.206 s"},
		{"reset by client after the server's FIN", func(k *talk) {
			k.handshake()
			k.data()
			k.send(sv, "F.", 0)
			k.send(cl, ".", 0)
			k.send(cl, "R.", 0)
		}, VerdictReset, "reset by the client after 0.008 s, in answer to a server that had sent FIN"},
		{"old SYN-ACK refused, then opened", func(k *talk) {
			k.send(cl, "S", 0)
			k.raw(sv, "S.", 300, 999, 0)
			k.raw(cl, "R", 999, 0, 0)
			k.wait(time.Second)
			k.raw(cl, "S", k.iss[cl], 0, 0)
			k.send(sv, "S.", 0)
			k.send(cl, ".", 0)
			k.send(cl, "P.", 4)
			k.send(sv, ".", 0)
		}, VerdictOpenAtEnd, "open at the end of the capture"},
		{"reset in the handshake", func(k *talk) {
			k.send(cl, "S", 0)
			k.send(sv, "S.", 0)
			k.send(cl, "R", 0)
		}, VerdictReset, "reset by the client during the handshake"},
		{"half-closed", func(k *talk) {
			k.handshake()
			k.send(cl, "F.", 0)
			k.send(sv, ".", 0)
			k.wait(12298 * time.Millisecond)
			k.send(sv, "P.", 10)
			k.send(cl, ".", 0)
		}, VerdictHalfClosed, "half-closed: the server has not closed for 12.3 s after the client's FIN"},
		{"half-closed, one direction", func(k *talk) {
			k.send(cl, ".", 0)
			k.send(cl, "P.", 10)
			k.send(cl, "F.", 0)
		}, VerdictOneWay, "one-way: only the client's segments were captured; it sent FIN after|of the server there are only its numbers"},
		{"figure 10", func(k *talk) {
			k.send(cl, "S", 0)
			k.raw(sv, ".", 300, 100, 0)
			k.raw(cl, "R", 100, 0, 0)
		}, VerdictHalfOpen, "half-open: the server held another connection on these ports, which the client reset"},
		{"open", func(k *talk) { k.handshake(); k.data() }, VerdictOpenAtEnd, "open at the end of the capture"},
		{"open, unheard", func(k *talk) {
			k.handshake()
			k.data()
			seq, ack := k.next[cl], k.next[sv]
			for i := range 3 {
				k.raw(cl, "P.", seq, ack, 100)
				k.wait(200 * time.Millisecond << i)
			}
		}, VerdictOpenAtEnd, "open at the end of the capture; nothing answered the last 2 repetitions of the client, the latest as #9"},
		{"mid-stream open", func(k *talk) { k.data(); k.data() }, VerdictMidStreamOpen, "the capture lacks the handshake"},
		{"mid-stream closed", func(k *talk) { k.data(); k.clientCloses() }, VerdictMidStreamClosed, "closed: the client closed first"},
		{"closing", func(k *talk) {
			k.handshake()
			k.data()
			k.send(cl, "F.", 0)
			k.send(sv, ".", 0)
			for range 3 {
				k.raw(sv, "F.", k.next[sv], k.next[cl], 0)
				k.wait(time.Second)
			}
		}, VerdictOpenAtEnd, "closing at the end of the capture"},
		{"null scan", func(k *talk) { k.raw(cl, "", 1, 0, 0) }, VerdictScan, "scan"},
		{"xmas scan", func(k *talk) { k.raw(cl, "FPU", 1, 0, 0) }, VerdictScan, "scan"},
		{"stray reset", func(k *talk) { k.raw(sv, "R", 77, 0, 0) }, VerdictNone, "no connection: stray segments only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{}
			c.play(s.talk("10.0.0.1:40000", "10.0.0.2:80"))
			out := s.run(t, Options{Wants: wantAll})
			if len(out.conns) != 1 {
				t.Fatalf("%d connections:\n%s", len(out.conns), strings.Join(out.lines, "\n"))
			}
			r := out.conns[0]
			ok := r.Verdict == c.want
			for part := range strings.SplitSeq(c.detail, "|") {
				ok = ok && strings.Contains(r.Detail, part)
			}
			if !ok {
				t.Errorf("%s: %q (%s, %s), want %s: %q\n%s", r.Verdict, r.Detail, r.Ends[0].State, r.Ends[1].State,
					c.want, c.detail, strings.Join(out.lines, "\n"))
			}
		})
	}
}

// Verdicts that hang on what the machine settles late, from facts.
func TestVerdictsFromFacts(t *testing.T) {
	base := func() record {
		return record{facts: facts{is: seenOrdinary, did: [2]deeds{established | acked, established | acked}}}
	}
	for _, c := range []struct {
		name   string
		change func(r *record)
		want   Verdict
		detail string
	}{
		{"FIN-WAIT-2 over", func(r *record) {
			r.facts.did[cl] |= sentFIN | timedOut
			r.ends[cl].state, r.ends[sv].state = sm.Closed, sm.CloseWait
		}, VerdictTimedOut, "timed out: the client gave up in FIN-WAIT-2, the server never closed"},
		{"lost state", func(r *record) { r.facts.did[sv] |= lostState }, VerdictHalfOpen, "half-open: the server lost its state, the client kept it"},
		{"both lost state", func(r *record) {
			r.facts.did[cl] |= lostState | established | acked
			r.facts.did[sv] |= lostState | established | acked
			r.why = endReused
		}, VerdictOpenAtEnd, "open when a new connection took its ports"},
		{"last ACK open", func(r *record) {
			r.facts.did[cl] |= sentFIN | closedFirst
			r.facts.did[sv] |= sentFIN
			r.ends[cl].state, r.ends[sv].state = sm.TimeWait, sm.LastAck
		}, VerdictTimeWait, "client TIME-WAIT, server LAST-ACK"},
		{"presumed last ACK", func(r *record) {
			r.facts.did[cl] |= sentFIN | closedFirst | timeWaited
			r.facts.did[sv] |= sentFIN
			r.ends[cl] = endRecord{state: sm.TimeWait, sure: sm.Proven}
			r.ends[sv] = endRecord{state: sm.Closed, sure: sm.Presumed}
		}, VerdictClosed, "TIME-WAIT at the client; the last ACK presumably reached the server"},
		{"TIME-WAIT assassinated", func(r *record) {
			r.facts.did = [2]deeds{sentFIN | closedFirst | established | gotRST, sentFIN | established}
			r.facts.rstState = sm.TimeWait
			r.ends[cl].state, r.ends[sv].state = sm.Closed, sm.Closed
		}, VerdictClosed, "closed: the client closed first"},
		{"reset that nobody is seen to take", func(r *record) {
			r.facts.did[cl] |= sentRST
			r.facts.rstState, r.facts.rstSure = sm.Established, sm.Witnessed
		}, VerdictReset, "nothing shows that the server took it"},
		{"handshake with a stranger", func(r *record) { r.ends[sv].state = sm.SynSent }, VerdictHalfOpen, "the handshake was not completed"},
		{"taken over", func(r *record) { r.why = endReused }, VerdictOpenAtEnd, "open when a new connection took its ports"},
		{"simultaneous open cut short", func(r *record) {
			r.facts.did = [2]deeds{sentSYN, sentSYN}
			r.ends[cl].state, r.ends[sv].state = sm.SynReceived, sm.SynReceived
		}, VerdictHalfOpen, "both ends opened"},
	} {
		r := base()
		c.change(&r)
		if v, detail := judge(&r); v != c.want || !strings.Contains(detail, c.detail) {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, v, detail, c.want, c.detail)
		}
	}
}

func TestSeconds(t *testing.T) {
	for ms, want := range map[uint32]string{
		0: "less than 1 ms", 1: "0.001 s", 1204: "1.204 s", 9500: "9.5 s", 12345: "12.3 s", 63000: "63 s", 100000: "100 s", 3600400: "3600 s",
	} {
		if got := seconds(ms); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
}
