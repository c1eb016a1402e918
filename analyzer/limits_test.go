package analyzer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// The memory of live connections stays below its limit; what is written out
// early is marked and counted.
func TestMaxMemory(t *testing.T) {
	const flows, limit = 4000, 600_000
	for _, onePass := range []bool{false, true} {
		s := &script{}
		for i := range flows {
			s.talk(fmt.Sprintf("10.%d.%d.1:4000", i>>8, i&255), "10.9.9.9:80").handshake()
		}
		opt := Options{Wants: WantConnections, OnePass: onePass, MaxMemory: limit}
		out := s.run(t, opt)
		evicted := 0
		for i := range out.conns {
			if out.conns[i].Evicted {
				evicted++
			}
		}
		if len(out.conns) != flows || evicted == 0 || uint64(evicted) != out.capture.Evicted {
			t.Errorf("%d connections, %d marked, %d counted", len(out.conns), evicted, out.capture.Evicted)
		}
		tr := newTracker(&opt, nil, nil)
		for i := range s.packets {
			tr.observe(&s.packets[i])
			// One connection may be on its way above the limit.
			if m := tr.memory(); m > limit+10_000 {
				t.Fatalf("one pass %t: %d octets", onePass, m)
			}
		}
	}
}

// Which connections a limit ends early depends on the packets alone: not on
// how many workers there may be, nor on the run.
func TestLimitsWorkers(t *testing.T) {
	s := busy(300)
	for _, opt := range []Options{
		{Wants: wantAll, MaxConnections: 50}, {Wants: wantAll, MaxMemory: 100_000}, {Wants: WantConnections, AnyOrder: true, MaxConnections: 7},
	} {
		var want *transcript
		for _, workers := range []int{1, 2, 8, 8} {
			opt.Workers = workers
			got := s.run(t, opt)
			if want == nil {
				want = got
			}
			if got.capture.Evicted == 0 || !slices.Equal(got.lines, want.lines) || !slices.EqualFunc(got.conns, want.conns, sameConnection) {
				t.Errorf("%+v: %d written out early, with one worker %d", opt, got.capture.Evicted, want.capture.Evicted)
			}
		}
	}
}

// withDrops is a source that tells of losses from a packet on.
type withDrops struct {
	fakeSource
	from int
}

func (s *withDrops) Next(p *Packet) error {
	err := s.fakeSource.Next(p)
	p.Drops = s.Stats().Drops
	return err
}

func (s *withDrops) Stats() (st SourceStats) {
	if s.i >= s.from {
		st.Drops = 7
	}
	return st
}

// A hole in a capture that lost packets is no loss on the way.
func TestDropsToldByFiles(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	k.data()
	k.next[cl] += 500 // not captured
	hole := k.send(cl, "P.", 100)
	k.raw(sv, ".", k.next[sv], k.next[cl], 0)
	k.clientCloses()
	k.wait(5 * time.Minute)
	whole := s.talk("10.0.0.3:40000", "10.0.0.2:80")
	whole.handshake()
	whole.data()
	whole.clientCloses()
	for _, c := range []struct {
		from    int
		onePass bool
		place   uint64 // 0: not told
	}{
		{1, false, hole}, {1, true, hole},
		{len(s.packets), false, never}, // told at the end of the file, when the connection is over
		{1000, false, 0}, {1000, true, 0},
	} {
		out := &transcript{}
		err := Run(t.Context(), Options{Wants: wantAll, OnePass: c.onePass, TempDir: t.TempDir()}, func() (Source, error) {
			return &withDrops{fakeSource{packets: s.packets}, c.from}, nil
		}, out)
		if err != nil {
			t.Fatal(err)
		}
		told := has(out.notes(), fmt.Sprintf("#%d conn 1 capture-drops", c.place))
		count := out.conns[0].Findings[sm.CaptureDrops]
		if want := c.place != 0; told != (want && c.place != never) || (count == 1) != want || len(out.conns) != 2 || out.conns[1].Findings[sm.CaptureDrops] != 0 {
			t.Errorf("%+v: told %t, counted %d\n%v", c, told, count, out.notes())
		}
	}
}

// Wrong checksums are a network card's business where one end has them
// throughout, and a fault elsewhere.
func TestChecksumVerdict(t *testing.T) {
	for _, c := range []struct {
		name string
		sums func(i int, side sm.Side) Checksums
		want map[sm.Code]int
	}{
		{"all right", func(int, sm.Side) Checksums { return SumChecked }, nil},
		{"not verified", func(int, sm.Side) Checksums { return 0 }, nil},
		{"client offloads", func(_ int, side sm.Side) Checksums {
			if side == cl {
				return SumChecked | SumBad
			}
			return SumChecked
		}, map[sm.Code]int{sm.ChecksumOffload: 1}},
		{"pseudo-header at times", func(i int, _ sm.Side) Checksums {
			if i%2 == 0 {
				return SumChecked | SumBad | SumPartial
			}
			return SumChecked
		}, map[sm.Code]int{sm.ChecksumOffload: 2}},
		{"one is wrong", func(i int, _ sm.Side) Checksums {
			if i == 3 {
				return SumChecked | SumBad
			}
			return SumChecked
		}, map[sm.Code]int{sm.BadChecksum: 1}},
		{"all are wrong", func(int, sm.Side) Checksums { return SumChecked | SumBad }, map[sm.Code]int{sm.BadChecksum: 2}},
	} {
		s := &script{}
		k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
		k.handshake()
		k.data()
		k.data()
		k.clientCloses()
		for i := range s.packets {
			side := cl
			if s.packets[i].Src == k.addrs[sv] {
				side = sv
			}
			s.packets[i].Sums = c.sums(i, side)
		}
		out := s.run(t, Options{Wants: wantAll})
		for _, code := range []sm.Code{sm.BadChecksum, sm.ChecksumOffload} {
			if got := out.conns[0].Findings[code]; got != c.want[code] {
				t.Errorf("%s: %s %d times, want %d", c.name, code, got, c.want[code])
			}
		}
	}
}
