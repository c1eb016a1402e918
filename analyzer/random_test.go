package analyzer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// noise is a script of segments that no two TCPs ever exchanged, on so few
// four-tuples and numbers that reuse, held SYNs and stragglers abound.
func noise(seed uint64, packets int) *script {
	r := rand.New(rand.NewPCG(seed, 7))
	s := &script{}
	var talks []*talk
	for i := range 6 {
		talks = append(talks, s.talk(fmt.Sprintf("10.0.0.%d:%d", 1+i%3, 40000+i), "10.0.0.1:40000"))
	}
	letters := []string{"S", "S", "S.", "S.", ".", ".", "P.", "F.", "R", "R.", "", "FPU", "SF"}
	for range packets {
		k := talks[r.IntN(len(talks))]
		side := sm.Side(r.IntN(2))
		l := letters[r.IntN(len(letters))]
		switch r.IntN(4) {
		case 0:
			k.raw(side, l, r.Uint32N(4)*1000, r.Uint32N(4)*1000+1, sm.Size(r.Uint32N(3)*10))
		case 1:
			k.again(r.Uint32N(50_000))
			k.send(side, "S", 0)
		default:
			k.send(side, l, sm.Size(r.Uint32N(2)*100))
		}
		if r.IntN(20) == 0 {
			s.wait(time.Duration(r.IntN(100)-10) * time.Second)
		}
	}
	return s
}

// Whatever comes: every packet has one connection, nothing is counted twice or
// lost, and the two modes agree on all that is not a matter of hindsight.
func TestRandomSegments(t *testing.T) {
	reused := 0
	for seed := range uint64(60) {
		s := noise(seed, 300)
		opt := Options{Wants: wantAll, MaxConnections: int(seed % 5)}
		two := s.run(t, opt)
		spilled, onePass := opt, opt
		spilled.SpoolLimit, onePass.OnePass = 1, true
		if again := s.run(t, spilled); !slices.Equal(two.lines, again.lines) {
			t.Fatalf("seed %d: a second run that spills gives other lines", seed)
		}
		one := s.run(t, onePass)
		if len(one.conns) != len(two.conns) {
			t.Fatalf("seed %d: %d connections in one pass, %d in two", seed, len(one.conns), len(two.conns))
		}
		var sum, ids uint64
		for i, c := range two.conns {
			sum += c.Ends[0].Packets + c.Ends[1].Packets
			ids += uint64(c.ID)
			if a, b := fmt.Sprint(one.conns[i]), fmt.Sprint(c); a != b {
				t.Fatalf("seed %d: records differ:\n%s\n%s", seed, a, b)
			}
		}
		if n := uint64(len(two.conns)); sum != two.capture.TCP || ids != n*(n+1)/2 || n != two.capture.Connections {
			t.Fatalf("seed %d: %d of %d packets counted, %d connections", seed, sum, two.capture.TCP, n)
		}
		if has(two.lines, "conn 0") {
			t.Fatalf("seed %d: a packet without connection in the second pass", seed)
		}
		reused += len(two.conns) - 6
	}
	if reused < 60 {
		t.Errorf("only %d connections on used four-tuples: the noise is too tame", reused)
	}
}

// A SYN alone is not observed until more comes; nobody may notice.
func TestLoneSYNs(t *testing.T) {
	s := &script{}
	var all []*talk
	for i := range 20 {
		k := s.talk(fmt.Sprintf("10.0.0.1:%d", 4000+i), "10.0.0.2:80")
		k.send(cl, "S", sm.Size(i%2))
		all = append(all, k)
	}
	all[3].send(sv, "S.", 0)
	all[5].raw(cl, "S", all[5].iss[cl], 0, 1)
	out := s.run(t, Options{Wants: wantAll})
	for i := range 20 {
		if !has(out.lines, fmt.Sprintf("#%d conn %d client", i+1, i+1), "CLOSED -> SYN-SENT witnessed") {
			t.Errorf("no SYN-SENT for connection %d", i+1)
		}
		if i != 3 && out.conns[i].Verdict != VerdictUnanswered {
			t.Errorf("connection %d: %s", i+1, out.conns[i].Detail)
		}
	}
	if out.conns[5].Detail != "unanswered: 2 SYNs in 0.016 s, no answer" {
		t.Errorf("two SYNs: %s", out.conns[5].Detail)
	}
}

// However many workers there are, a run says the same.
func TestWorkers(t *testing.T) {
	forms := []Options{
		{Wants: wantAll}, {Wants: WantNotes}, {Wants: WantConnections}, {Wants: WantConnections, AnyOrder: true},
		{Wants: wantAll, Idle: 30 * time.Second},
	}
	for seed := range uint64(12) {
		s := noise(seed, 2000)
		for k := range 5 { // and ordinary connections, so that each worker has some
			for i := range 40 {
				c := s.talk(fmt.Sprintf("10.1.%d.%d:%d", k, i, 2000+i), "10.2.0.1:80")
				c.handshake()
				c.data()
				if i%3 != 0 {
					c.clientCloses()
				}
			}
			s.wait(time.Duration(seed%3) * time.Minute)
		}
		for _, opt := range forms {
			opt.Workers = 1
			want := s.run(t, opt)
			for _, opt.Workers = range []int{2, 3, 8} {
				got := s.run(t, opt)
				byID := func(a, b Connection) int { return int(a.ID) - int(b.ID) }
				if opt.AnyOrder {
					slices.SortFunc(want.conns, byID)
					slices.SortFunc(got.conns, byID)
				}
				if !slices.Equal(got.lines, want.lines) || fmt.Sprint(got.conns) != fmt.Sprint(want.conns) ||
					fmt.Sprint(*got.capture) != fmt.Sprint(*want.capture) {
					for i := range min(len(got.lines), len(want.lines)) {
						if got.lines[i] != want.lines[i] {
							t.Logf("line %d: %s, want %s", i, got.lines[i], want.lines[i])
							break
						}
					}
					t.Fatalf("seed %d, %+v: not what one worker says", seed, opt)
				}
			}
		}
	}
}

// All that a capture tells beside segments (ICMP errors, broken segments, other
// packets, losses, a clock that runs backwards) means the same to every number
// of workers.
func TestWorkersBesideSegments(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 11))
		s := noise(seed, 600)
		for i := range 60 {
			c := s.talk(fmt.Sprintf("10.1.0.%d:%d", i, 2000+i), "10.2.0.1:80")
			c.handshake()
			c.data()
			c.next[cl] += r.Uint32N(2) * 500 // not captured
			c.data()
			if i%3 != 0 {
				c.clientCloses()
			}
			s.wait(time.Duration(r.IntN(40)-2) * time.Second)
		}
		told := len(s.packets) - 1
		s.wait(10 * time.Minute) // so that many are over before some worker has another packet of its own
		s.talk("10.3.0.1:1024", "10.2.0.1:80").handshake()
		for i := range s.packets {
			p := &s.packets[i]
			switch r.IntN(12) {
			case 0:
				p.Skip, p.HasTCP = SkipNotTCP, false
				p.ICMP = ICMPError{Quotes: true, Type: 3, Code: uint8(r.IntN(5)), Seq: p.Segment.Seq}
			case 1:
				p.Skip = SkipMalformed
			case 2:
				p.Skip, p.HasTCP = SkipNotIP, false
			}
			if i >= told {
				p.Drops = 7
			}
		}
		for _, opt := range []Options{{Wants: wantAll}, {Wants: WantNotes}, {Wants: WantConnections}} {
			opt.Workers = 1
			want := s.run(t, opt)
			for _, opt.Workers = range []int{2, 3, 8} {
				if got := s.run(t, opt); !slices.Equal(got.lines, want.lines) || fmt.Sprint(got.conns) != fmt.Sprint(want.conns) ||
					fmt.Sprint(*got.capture) != fmt.Sprint(*want.capture) {
					t.Fatalf("seed %d, %+v: not what one worker says", seed, opt)
				}
			}
		}
	}
}
