package analyzer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// polite is a script of connections that go by the book, several at a time and in
// many ways; in each of the given share of them something is amiss.
func polite(seed uint64, conns int, amiss float64) *script {
	r := rand.New(rand.NewPCG(seed, 12))
	s := &script{}
	var all [][]Packet
	for i := range conns {
		one := politeTalk(r, i)
		if r.Float64() < amiss {
			one = spoil(r, one)
		}
		all = append(all, one)
	}
	for first := 0; first < len(all); {
		// One of the next few goes on, a while later.
		i := first + r.IntN(min(5, len(all)-first))
		if len(all[i]) == 0 {
			if i == first {
				first++
			}
			continue
		}
		pause := time.Duration(r.IntN(3_000_000))
		switch r.IntN(200) {
		case 0:
			pause = time.Duration(r.IntN(100)) * time.Second
		case 1:
			pause = 0
		case 2:
			pause = -time.Millisecond
		}
		s.wait(pause)
		p := all[i][0]
		all[i] = all[i][1:]
		s.wait(time.Duration(p.Time))
		p.Number, p.Time = uint64(len(s.packets)+1), sm.Time(1e18)+sm.Time(s.now)
		s.packets = append(s.packets, p)
	}
	return s
}

// politeTalk is a connection by the book.
func politeTalk(r *rand.Rand, i int) []Packet {
	client, server := fmt.Sprintf("10.0.%d.%d:%d", r.IntN(2), 1+r.IntN(9), 20000+i%1000), "10.9.0.1:443"
	if i%5 == 0 {
		client, server = fmt.Sprintf("[2001:db8::%x]:%d", r.IntN(9), 20000+i%1000), "[2001:db8:9::1]:443"
	}
	k := (&script{}).talk(client, server)
	k.next = [2]uint32{r.Uint32(), r.Uint32()}
	if r.IntN(8) == 0 {
		k.next[r.IntN(2)] = -r.Uint32N(3000) // wraps around
	}
	size := func() sm.Size { return sm.Size(r.IntN(3) * r.IntN(1461)) }
	k.handshake()
	side := cl
	for range r.IntN(5) {
		if n := size(); n > 0 || r.IntN(9) == 0 {
			k.send(side, "P.", n)
		}
		if r.IntN(3) > 0 {
			k.send(side.Peer(), ".", 0)
		}
		side = sm.Side(r.IntN(2))
	}
	if r.IntN(4) > 0 {
		k.send(sv, "P.", 1+size())
		k.send(cl, ".", 0)
	}
	first := sm.Side(r.IntN(2))
	fin := func(side sm.Side) { k.send(side, []string{"F.", "FP."}[r.IntN(2)], []sm.Size{0, 0, 50}[r.IntN(3)]) }
	silent := -1
	switch r.IntN(13) {
	case 0: // stays open
	case 12: // as after a time-out, of which copies died
		silent = len(k.packets)
		k.send(first.Peer(), "P.", 1+size())
		k.send(first, "F.", 0)
		k.send(first.Peer(), ".", 0)
		fin(first.Peer())
		k.send(first, ".", 0)
	case 1:
		fin(first) // half-closed
		k.send(first.Peer(), ".", 0)
		k.send(first.Peer(), "P.", 9)
		k.send(first, ".", 0)
	case 2: // both at once
		fin(first)
		k.raw(first.Peer(), "F.", k.next[first.Peer()], k.next[first]-1, 0)
		k.next[first.Peer()]++
		k.send(first, ".", 0)
		k.send(first.Peer(), ".", 0)
	case 3:
		k.send(first, "R.", 0)
	case 4, 5, 6:
		fin(first)
		k.send(first.Peer(), ".", 0)
		fin(first.Peer())
		k.send(first, ".", 0)
	default:
		fin(first)
		fin(first.Peer())
		k.send(first, ".", 0)
	}
	politeOptions(r, k.packets, silent)
	return k.packets
}

// politeOptions gives the packets the options, windows and IP IDs of two hosts. The
// one with the number silent comes late, and perhaps behind others that died.
func politeOptions(r *rand.Rand, packets []Packet, silent int) {
	agreed := sm.OptionSet(0)
	for _, o := range []sm.OptionSet{sm.OptWScale, sm.OptSACKPerm, sm.OptTimestamp} {
		if r.IntN(3) > 0 {
			agreed |= o
		}
	}
	windows := [2]uint16{uint16(1 + r.IntN(65535)), uint16(1 + r.IntN(65535))}
	clock := [2]uint32{r.Uint32(), r.Uint32()}
	id := [2]uint16{uint16(r.Uint32()), uint16(r.Uint32())}
	for n := range packets {
		p := &packets[n]
		side := cl
		if p.Src != packets[0].Src {
			side = sv
		}
		g := &p.Segment
		id[side]++
		p.Time = 0 // how long it waits
		if n == silent {
			id[side] += uint16(r.IntN(3))
			p.Time = sm.Time(300 * time.Millisecond)
		}
		clock[side] += r.Uint32N(3)
		g.IPID, g.HasIPID, g.TTL, g.Window = id[side], p.IPVersion == 4, 64-10*uint8(side), windows[side]
		if r.IntN(6) == 0 {
			windows[side] += uint16(r.IntN(2000))
		}
		if r.IntN(40) == 0 {
			windows[side] -= uint16(r.IntN(100))
		}
		if g.Flags.Has(sm.SYN) {
			g.Options = sm.Options{Set: agreed | sm.OptMSS, MSS: 1460}
			if agreed&sm.OptWScale != 0 {
				g.Options.WScale = uint8(r.IntN(8))
			}
			if agreed&sm.OptWScale != 0 && r.IntN(3) == 0 { // as Linux does; by its window of one whose own SYN is missing
				g.Options.Set |= sm.OptScaleLate
				if r.IntN(2) == 0 {
					g.Window = uint16(1460 * (1 + r.IntN(44)))
				}
			}
		}
		if agreed&sm.OptTimestamp != 0 {
			g.Options.Set |= sm.OptTimestamp
			g.Options.TSVal, g.Options.TSEcr = clock[side], clock[side.Peer()]
		}
		if r.IntN(30) == 0 {
			p.Sums = SumChecked
		}
		if r.IntN(200) == 0 {
			p.Sums = SumChecked | SumBad
		}
	}
}

// spoil does something to a connection that the book does not know.
func spoil(r *rand.Rand, packets []Packet) []Packet {
	i := r.IntN(len(packets))
	p := &packets[i]
	g := &p.Segment
	switch r.IntN(23) {
	case 22: // cut, and something else
		p.Frame, p.CapLen = p.Frame[:40], 40
		return spoil(r, packets)
	case 20: // a SYN's options
		packets[r.IntN(2)].Segment.Options.Set |= []sm.OptionSet{sm.OptBad, sm.OptPadded, sm.OptFastOpen, sm.OptCut, sm.OptOther}[r.IntN(5)]
	case 21: // timestamps given up
		for n := i; n < len(packets); n++ {
			if packets[n].Src == p.Src && !packets[n].Segment.Flags.Has(sm.SYN) {
				packets[n].Segment.Options = sm.Options{}
			}
		}
	case 0:
		return slices.Delete(packets, i, i+1)
	case 1:
		return slices.Insert(packets, i, *p)
	case 2:
		if i > 0 {
			packets[i], packets[i-1] = packets[i-1], packets[i]
		}
	case 3:
		g.Window = 0
	case 4:
		g.Window /= 50
	case 5:
		g.TTL -= 3
	case 6:
		g.Options.TSVal -= 40
	case 7:
		g.Options.Set ^= sm.OptTimestamp
	case 8:
		g.Options.Set |= []sm.OptionSet{sm.OptBad, sm.OptPadded, sm.OptFastOpen, sm.OptCut, sm.OptOther}[r.IntN(5)]
	case 9:
		g.Flags |= []sm.Flags{sm.URG, sm.ECE, sm.CWR, sm.AE, 0x200, sm.SYN, sm.FIN, sm.RST}[r.IntN(8)]
	case 10:
		g.Urgent = 7
	case 11:
		g.Ack += uint32Seq(r.IntN(5) - 2)
	case 12:
		g.Seq += uint32Seq(r.IntN(5) - 2)
	case 13:
		g.Len++
	case 14:
		p.Overlap = true
	case 15:
		g.Options.WScale, g.Options.Set = 3, g.Options.Set^sm.OptWScale
	case 16: // the last one again
		return append(packets, packets[len(packets)-1])
	case 17: // the four-tuple again
		again := slices.Clone(packets)
		for n := range again {
			again[n].Segment.Seq += 7_000_000
			again[n].Segment.Ack += 7_000_000
		}
		return append(packets, again...)
	case 18:
		return packets[:i+1]
	case 19:
		g.Flags &^= sm.ACK
	}
	return packets
}

func uint32Seq(n int) sm.Seq { return sm.Seq(uint32(int32(n))) }

// Whether an orderly connection is observed as it goes, or kept as its segments
// and added up at its end, makes no difference to what is said of it.
func TestOrderlyKept(t *testing.T) {
	forms := []Options{
		{Wants: wantAll}, {Wants: WantConnections}, {Wants: WantConnections, AnyOrder: true}, {Wants: WantNotes}, {Wants: WantConnections, OnePass: true},
		{Wants: WantConnections, Machine: sm.RFC()}, {Wants: WantConnections, Machine: sm.Config{TimeWait: 3 * time.Second}},
		{Wants: WantConnections, Machine: sm.Config{TimeWait: time.Millisecond}}, {Wants: WantConnections, MaxConnections: 9},
	}
	for seed := range uint64(80) {
		s := polite(seed, 60, []float64{0, 0.2, 0.7, 1}[seed%4])
		for i, opt := range forms {
			kept, read := opt, opt
			kept.Workers, read.Workers = 1+int(seed)%3, 1
			read.openings = openingsNone
			got, want := s.run(t, kept), s.run(t, read)
			if !slices.Equal(got.lines, want.lines) {
				t.Fatalf("seed %d, form %d: the lines differ: %q", seed, i, firstDifference(got.lines, want.lines))
			}
			byID := func(a, b Connection) int { return int(a.ID) - int(b.ID) }
			slices.SortFunc(got.conns, byID)
			slices.SortFunc(want.conns, byID)
			if !slices.EqualFunc(got.conns, want.conns, sameConnection) {
				for k := range want.conns {
					if k >= len(got.conns) || !sameConnection(got.conns[k], want.conns[k]) {
						t.Fatalf("seed %d, form %d:\n got %+v\nwant %+v", seed, i, got.conns[min(k, len(got.conns)-1)], want.conns[k])
					}
				}
				t.Fatalf("seed %d, form %d: %d records, want %d", seed, i, len(got.conns), len(want.conns))
			}
			if a, b := fmt.Sprintf("%+v", got.capture), fmt.Sprintf("%+v", want.capture); a != b {
				t.Fatalf("seed %d, form %d:\n got %s\nwant %s", seed, i, a, b)
			}
		}
	}
}

func firstDifference(a, b []string) [2]string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return [2]string{a[i], b[i]}
		}
	}
	return [2]string{fmt.Sprint(len(a)), fmt.Sprint(len(b))}
}

// Most connections that go by the book are never observed, and a few of those in
// which something is amiss.
func TestOrderlyAddedUp(t *testing.T) {
	for _, c := range []struct {
		amiss       float64
		least, most int
	}{{0, 30, 200}, {1, 1, 40}} {
		opt := Options{Wants: WantConnections}.withDefaults()
		tr := newTracker(&opt, nil, nil)
		added := 0
		s := polite(5, 200, c.amiss)
		for i := range s.packets {
			f, _ := tr.observe(&s.packets[i])
			if f.kept&byTheBook != 0 {
				added++
			}
		}
		if added < c.least || added > c.most {
			t.Errorf("%d of 200 were added up, want %d to %d", added, c.least, c.most)
		}
	}
}

// What is said under a packet comes in the order in which it is observed: of a
// segment's TTL first, of the snaplen behind that.
func TestOrderlyNotes(t *testing.T) {
	s := &script{}
	k := s.talk("10.0.0.1:40000", "10.0.0.2:80")
	k.handshake()
	n := k.send(cl, "P.", 1000)
	k.send(sv, ".", 0)
	k.clientCloses()
	p := &s.packets[n-1]
	p.Segment.TTL--
	p.Frame, p.CapLen = p.Frame[:96], 96
	out := s.run(t, Options{Wants: WantNotes | WantConnections})
	var found []string
	for _, l := range out.notes() {
		if strings.HasPrefix(l, fmt.Sprintf("  #%d conn 1 ", n)) && !strings.Contains(l, "->") {
			found = append(found, strings.Fields(l)[3])
		}
	}
	if want := []string{sm.TTLChange.String(), sm.SnaplenCut.String()}; !slices.Equal(found, want) {
		t.Errorf("%q, want %q", found, want)
	}
}
