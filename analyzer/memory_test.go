package analyzer

import (
	"net/netip"
	"runtime"
	"testing"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// liveBytes returns how many octets of the heap each of n connections takes
// that play gives a tracker; all structures count, and what they allocate.
func liveBytes(t *testing.T, opt Options, n int, play func(tr *tracker, i int, p *Packet)) (each, counted float64) {
	t.Helper()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers freed
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var notes noteTaker
	if opt.wants(WantNotes) {
		notes = &dropNotes{}
	}
	opt = opt.withDefaults()
	tr := newTracker(&opt, notes, nil)
	var p Packet
	for i := range n {
		play(tr, i, &p)
	}
	after := heap()
	runtime.KeepAlive(tr)
	if tr.table.live != n {
		t.Fatalf("%d live connections, want %d", tr.table.live, n)
	}
	counted = float64(tr.memory()) / float64(n)
	return float64(after-before) / float64(n), counted
}

// dropNotes takes notes and forgets them.
type dropNotes struct{}

func (dropNotes) take(*Note) {}

// openingOf gives the tracker the first packets of connection i: its SYN, and its
// SYN-ACKs.
func openingOf(synacks int) func(tr *tracker, i int, p *Packet) {
	server := netip.MustParseAddrPort("10.0.0.2:80")
	return func(tr *tracker, i int, p *Packet) {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 40000)
		syn := sm.Segment{Seq: sm.Seq(i), Flags: sm.SYN, Window: 64240, Options: sm.Options{Set: sm.OptMSS, MSS: 1460}}
		*p = Packet{Number: p.Number + 1, Time: p.Time + 1e3, Src: client, Dst: server, HasTCP: true, Segment: syn}
		tr.observe(p)
		for range synacks {
			reply := sm.Segment{Seq: 77, Ack: syn.Seq + 1, Flags: sm.SYN | sm.ACK, Window: 64240, Options: syn.Options}
			*p = Packet{Number: p.Number + 1, Time: p.Time + 1e3, Src: server, Dst: client, HasTCP: true, Segment: reply}
			tr.observe(p)
		}
	}
}

// A connection that is half open costs at most 400 octets, all structures
// counted, in every mode; and what is counted against the limit of memory is
// what the heap holds, within a tenth.
func TestHalfOpenMemory(t *testing.T) {
	const limit = 400
	for _, c := range []struct {
		name    string
		n       int
		opt     Options
		synacks int
		limit   float64 // 0: only the count matters
	}{
		{"a SYN, two passes", 200_000, Options{Wants: WantConnections}, 0, limit},
		{"a SYN, one pass with notes", 200_000, Options{Wants: wantAll, OnePass: true}, 0, limit},
		{"SYN and SYN-ACK, two passes", 200_000, Options{Wants: wantAll}, 1, limit},
		{"SYN and SYN-ACK, one pass with notes", 200_000, Options{Wants: wantAll, OnePass: true}, 1, limit},
		{"SYN and two SYN-ACKs, one pass with notes", 200_000, Options{Wants: wantAll, OnePass: true}, 2, limit},
		{"SYN and six SYN-ACKs, two passes", 200_000, Options{Wants: wantAll}, 6, 0},
		{"SYN and nine SYN-ACKs, one pass with notes", 20_000, Options{Wants: wantAll, OnePass: true}, 9, 0},
	} {
		each, counted := liveBytes(t, c.opt, c.n, openingOf(c.synacks))
		t.Logf("%s: %.0f octets, counted %.0f", c.name, each, counted)
		if c.limit > 0 && each > c.limit {
			t.Errorf("%s: %.0f octets each, more than %.0f", c.name, each, c.limit)
		}
		if counted < 0.9*each || counted > 1.1*each {
			t.Errorf("%s: %.0f octets each, counted as %.0f", c.name, each, counted)
		}
	}
}
