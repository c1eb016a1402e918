package analyzer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// noteKeeper keeps the notes as they are.
type noteKeeper struct {
	transcript
	kept []Note
}

func (s *noteKeeper) Packet(o *Observation) error {
	s.kept = append(s.kept, o.Notes...)
	return s.transcript.Packet(o)
}

func (s *script) keep(t *testing.T, opt Options) *noteKeeper {
	t.Helper()
	out := &noteKeeper{}
	open := func() (Source, error) { return &fakeSource{packets: s.packets}, nil }
	if err := Run(context.Background(), opt, open, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What is said of RSTs in whose judgement more than one segment has a part.
func TestResetWords(t *testing.T) {
	for _, c := range []struct {
		name    string
		play    func(k *talk)
		verdict Verdict
		detail  string // of the connection
		words   string // of the first RST; "|" separates parts that must all be there
		absent  sm.Code
	}{
		{"refused again and again", func(k *talk) {
			for range 3 {
				k.raw(cl, "S", k.iss[cl], 0, 0)
				k.raw(sv, "R.", 0, k.iss[cl]+1, 0)
				k.wait(500 * time.Millisecond)
			}
		}, VerdictRefused, "answered the SYN with RST 3 times", "must take it, and asked again with #3", sm.RSTIgnored},
		{"one keep-alive in vain", func(k *talk) {
			k.handshake()
			k.data()
			k.wait(60 * time.Second)
			k.raw(cl, ".", k.next[cl]-1, k.next[sv], 0)
			k.wait(10 * time.Second)
			k.send(cl, "R.", 0)
		}, VerdictTimedOut, "nothing answered the client's 1 probe up to #7", "keep-alive or user time-out was over", sm.RSTIgnored},
		{"keep-alive answered", func(k *talk) {
			k.handshake()
			k.data()
			k.wait(60 * time.Second)
			k.raw(cl, ".", k.next[cl]-1, k.next[sv], 0)
			k.send(sv, ".", 0)
			k.wait(10 * time.Second)
			k.send(cl, "R.", 0)
		}, VerdictReset, "reset by the client", "closed with octets unread", sm.RSTIgnored},
		{"lost before the tap", func(k *talk) {
			k.handshake()
			k.data()
			k.next[cl] += 100 // not captured
			k.send(cl, "P.", 100)
			k.wait(-time.Millisecond)
			una := k.next[cl] - 200
			k.raw(sv, ".", k.next[sv], una, 0)
			k.send(cl, "R.", 0)
			k.raw(sv, ".", k.next[sv], una, 0)
			k.raw(cl, "R", una, 0, 0)
		}, VerdictReset, "because the client's application aborted", "not at the number expected|did with #10", sm.RSTIgnored},
		{"with SACK the right edge is exact", func(k *talk) {
			k.raw(cl, "S", k.iss[cl], 0, 0)
			k.packets[0].Segment.Options.Set |= sm.OptSACKPerm
			k.next[cl]++
			k.send(sv, "S.", 0)
			k.packets[1].Segment.Options.Set |= sm.OptSACKPerm
			k.send(cl, ".", 0)
			k.data()
			k.next[cl] += 100 // not captured
			k.send(cl, "P.", 100)
			k.send(cl, "R.", 0)
		}, VerdictReset, "reset by the client", "at the number expected|presumably did", sm.RSTInexact},
		{"many resets", func(k *talk) {
			k.handshake()
			k.send(sv, "P.", 100)
			k.send(cl, "R.", 0)
			for range 6 {
				k.send(sv, "P.", 100)
				k.raw(cl, "R", k.next[cl], 0, 0)
			}
		}, VerdictReset, "reset by the client", "closed with octets unread", sm.RSTOutOfWindow},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{}
			c.play(s.talk("10.0.0.1:40000", "10.0.0.2:80"))
			out := s.keep(t, Options{Wants: wantAll})
			if len(out.conns) != 1 {
				t.Fatalf("%d connections", len(out.conns))
			}
			r := out.conns[0]
			if r.Verdict != c.verdict || !strings.Contains(r.Detail, c.detail) {
				t.Errorf("%s: %q, want %s: %q", r.Verdict, r.Detail, c.verdict, c.detail)
			}
			var first string
			for i := range out.kept {
				if n := &out.kept[i]; n.Kind == ResetNote {
					first = n.Reset.Sentence()
					break
				}
			}
			for part := range strings.SplitSeq(c.words, "|") {
				if !strings.Contains(first, part) {
					t.Errorf("%q lacks %q\n%s", first, part, strings.Join(out.lines, "\n"))
				}
			}
			if r.Findings[c.absent] != 0 {
				t.Errorf("finding %s", c.absent)
			}
		})
	}
}

// In one pass an end that goes on after each of many resets draws one word and
// its withdrawal, not one of each for each reset.
func TestResetStormIsCalm(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	k.data()
	for range 20 {
		k.send(cl, "R.", 0)
		k.wait(3 * time.Second)
		k.send(sv, "P.", 100)
	}
	out := s.keep(t, Options{Wants: wantAll, OnePass: true})
	said, withdrawn := 0, 0
	for i := range out.kept {
		if n := &out.kept[i]; n.Step.Event == sm.RecvRST && n.Step.Side == sv {
			switch n.Kind { //nolint:exhaustive // the others do not count
			case ProvisionalNote:
				said++
			case WithdrawnNote:
				withdrawn++
			}
		}
	}
	if said != 1 || withdrawn != 1 {
		t.Errorf("%d provisional words, %d withdrawn, want 1 and 1\n%s", said, withdrawn, strings.Join(out.lines, "\n"))
	}
}

// Copies of a SYN that waited for its answer belong to the connection that it
// opened: they count as its packets, as its SYNs and as sent again.
func TestHeldCopiesCount(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	k.data()
	k.iss[cl] += 500000
	for range 3 {
		k.raw(cl, "S", k.iss[cl], 0, 0)
		k.wait(100 * time.Millisecond)
	}
	k.raw(sv, "S.", k.iss[sv]+700000, k.iss[cl]+1, 0)
	out := s.run(t, Options{Wants: wantAll})
	if len(out.conns) != 2 {
		t.Fatalf("%d connections, want 2", len(out.conns))
	}
	r := out.conns[1]
	if r.Ends[cl].Packets != 3 || r.Ends[cl].Retransmissions[sm.KindSYN] != 2 {
		t.Errorf("%d packets of the client, %d SYNs sent again, want 3 and 2", r.Ends[cl].Packets, r.Ends[cl].Retransmissions[sm.KindSYN])
	}
	if out.conns[0].Ends[cl].Packets != 4 {
		t.Errorf("the old connection has %d packets of the client, want 4", out.conns[0].Ends[cl].Packets)
	}
}

// A RST that another host has probably sent shows nothing for sure of the host
// whose address it bears; that is said of this RST alone, and not of one behind it.
func TestStrangeRST(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(k *talk)
		want string
	}{
		{"its own", func(k *talk) { k.send(sv, "R.", 0) }, "6 witnessed "},
		{"another's", func(k *talk) {
			k.send(sv, "R.", 0)
			k.packets[len(k.packets)-1].Segment.TTL = 251
		}, "6 presumed unless somebody else sent the RST"},
		{"another's twice, then its own", func(k *talk) {
			for _, ttl := range []uint8{251, 251, 64} { // the second is the same frame again
				k.raw(sv, "R.", k.next[sv]+2000, k.next[cl], 0)
				s := &k.packets[len(k.packets)-1].Segment
				s.TTL, s.IPID = ttl, 77
			}
			s := &k.packets[len(k.packets)-1].Segment
			s.Seq, s.IPID = sm.Seq(k.next[sv]), 9
		}, "8 witnessed "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s script
			k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
			k.handshake()
			k.data()
			k.packets = k.packets[:len(k.packets)-1]
			c.play(k)
			got := ""
			for _, n := range s.keep(t, Options{Wants: wantAll}).kept {
				if n.Kind == StepNote && n.Step.Side == sv && n.Step.Event == sm.SendRST {
					got += fmt.Sprintf("%d %v %v", n.Step.Cause.Packet, n.Step.Certainty, n.Step.Doubt)
				}
			}
			if got != c.want {
				t.Errorf("the server leaves by a RST: %q, want %q", got, c.want)
			}
		})
	}
}
