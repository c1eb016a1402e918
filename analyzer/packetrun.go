package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// This file reads and follows the packets that captures mostly consist of: in runs,
// which a source has found as a whole, and of which nothing is copied.

// BatchSource is a source that can read the packets that captures mostly consist
// of without a call for each.
type BatchSource interface {
	// NextRun sets run to packets that come next and returns how many they are. It
	// stops after most packets, and before the first one of which it cannot tell
	// all that Next would: that may be the very first, and is for Next to read. So
	// each packet of a run has a segment, and neither comment nor tunnel. What it
	// tells lasts until the next call of NextRun or Next. Next must not be called
	// where NextRun has more.
	NextRun(run *PacketRun, most int) (n int)
}

// PacketRun is packets that lie one behind the other, as a BatchSource reads them.
type PacketRun struct {
	Records []RunRecord
	Own     []uint8 // which of Records the worker follows, each as its place plus Passed
	Passed  int
	All     bool   // it follows all; Own does not count
	First   uint64 // packet number of the first
	InOrder bool   // none is older than the one before it
	Octets  []byte // that the packets lie in
	Reader  PacketReader
	Link    LinkType
	File    uint16
}

// RunRecord is a packet of a run, with all that is asked of most: a worker that did not
// walk over the packet itself need not fetch its octets, so of each one line of a
// cache comes from another processor, instead of three.
type RunRecord struct {
	Time            statemachine.Time
	At, End         uint32             // of the frame, in the run's octets
	Src, Dst, Ports uint32             // with IPv4: its addresses, and the first four octets of the TCP header, as numbers
	Brief           statemachine.Brief // with Short
	IPv4            bool
	Short           bool // the segment is Brief; its payload need not be summed there
	Cut             bool // with Short: the segment's end was not captured
}

// PacketReader reads the packets of a run. It has no state.
type PacketReader interface {
	// Ends sets e to the ends of a packet without IPv4.
	Ends(octets []byte, r *RunRecord, e *Ends)
	// Decode sets all of p that a capture tells but Number, Time, Link, File, Src and
	// Dst. p is zero or was that of another packet of a run.
	Decode(octets []byte, r *RunRecord, p *Packet)
	// Sent returns how many octets the frame of a packet with IPv4 had when it was
	// sent, by its record or by its IP header, whichever has more.
	Sent(octets []byte, r *RunRecord) int64
}

// at returns when a packet of the run was captured.
func (r *PacketRun) at(place int) statemachine.Moment {
	return statemachine.Moment{Packet: r.First + uint64(place), Time: r.Records[place].Time}
}

// place returns where the k-th of the worker's own packets stands in the run, beyond
// its end when there are fewer.
func (r *PacketRun) place(k int) int {
	if k < len(r.Own) {
		return int(r.Own[k]) - r.Passed
	}
	return len(r.Records)
}

// Fill has src read a run of at most so many packets, behind those that Next read,
// and returns how many they are.
func (b *Batch) Fill(src BatchSource, most int) (n int) {
	n = src.NextRun(&b.run, most)
	if n > 0 && b.run.All {
		b.run.Own, b.run.Passed = everyPlace[:n], 0
	}
	return n
}

// everyPlace are the places of a run's packets.
var everyPlace = func() (all [BatchPackets]uint8) {
	for i := range all {
		all[i] = uint8(i)
	}
	return all
}()

// calm is a time in which no timer of a worker fires whatever its packets are: from a
// moment to before another one, where the packets are in order and not longer apart
// than for.
type calm struct{ from, before, long statemachine.Time }

// holds reports that no timer fires during the run.
func (c *calm) holds(r *PacketRun) bool {
	first, last := r.Records[0].Time, r.Records[len(r.Records)-1].Time
	return r.InOrder && first >= c.from && last < c.before && last-first < c.long
}

// calm returns when no timer fires, for all that is known now.
func (t *tracker) calm() calm {
	if t.idles {
		return calm{}
	}
	return calm{from: t.now.Time, before: t.table.due, long: t.quiet}
}

// takeRun takes the packets of the batch's run, of which these are the items.
func (t *tracker) takeRun(b *Batch, items []item) {
	r := &b.run
	if c := t.calm(); c.holds(r) { // the others' packets are left out
		for k := range items {
			i := int(r.Own[k]) - r.Passed
			at := r.at(i)
			t.now, t.own = at, true
			t.takeOwn(b, &items[k], at, &r.Records[i])
		}
		t.tick(r.at(len(r.Records) - 1))
		return
	}
	k := 0
	for i := range r.Records {
		at := r.at(i)
		backwards := t.tick(at)
		if i != r.place(k) {
			continue
		}
		if t.own = true; backwards {
			b.decode(&items[k], at, &r.Records[i])
			t.takeNow(&items[k], true)
		} else {
			t.takeOwn(b, &items[k], at, &r.Records[i])
		}
		k++
	}
}

// takeOwn takes a packet of a run, once the clock was moved.
func (t *tracker) takeOwn(b *Batch, it *item, at statemachine.Moment, o *RunRecord) {
	i, f := t.table.seek(it)
	if o.Short && f != nil && (f.orderly != 0 || t.mayBegin(f)) {
		if side := f.side(it.fromLow); t.keepBrief(i, f, at, side, &o.Brief) {
			if o.Cut && f.kept&cutShort == 0 {
				t.cut(f, at, side, o.End-o.At, b.run.Reader.Sent(b.run.Octets, o))
			}
			return
		}
	}
	b.decode(it, at, o)
	t.takeFound(i, f, it, false)
}
