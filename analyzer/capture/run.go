package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// This file reads the packets that captures mostly consist of in runs: records of
// the usual form, at hand as a whole, with a plain packet in each (plain.go).
// What it takes Next would give alike, which a test holds it to.

var _ analyzer.BatchSource = (*Source)(nil)

// NextRun puts the next packets into b; see analyzer.BatchSource.
func (s *Source) NextRun(b *analyzer.Batch, most int) (n int) {
	r := s.usualRecords()
	if r == nil || !r.walkOn(s.decoder.dealer) {
		return 0
	}
	a := &r.ahead
	found := a.found[:min(len(a.found), most)]
	n = len(found)
	first := statemachine.Moment{Packet: s.packets + 1, Time: found[0].time}
	last := statemachine.Moment{Packet: s.packets + uint64(n), Time: found[n-1].time}
	calm := a.inOrder && b.Calm(first.Time, last.Time)
	b.BeginRun(r.link, s.current.file, fillPlain, briefPlain)
	if s.decoder.dealer == nil {
		for i := range found {
			s.own(b, r.whole.octets, &found[i], i)
		}
	} else {
		s.share(b, r, found, calm)
	}
	b.EndRun(first, last)
	s.packets += uint64(n)
	r.pass(n)
	return n
}

// share puts the packets of a run into b that are the reader's own, and unless the
// run is calm the moments of the others.
func (s *Source) share(b *analyzer.Batch, r *pcap, found []walkedRecord, calm bool) {
	a := &r.ahead
	octets, own := r.whole.octets, a.own
	next, k := 0, 0
	for ; k < len(own); k++ {
		i := int(own[k]) - a.passed
		if i >= len(found) {
			break
		}
		if !calm {
			s.foreign(b, found[next:i], next)
			next = i + 1
		}
		s.own(b, octets, &found[i], i)
	}
	a.own = own[k:]
	if !calm {
		s.foreign(b, found[next:], next)
	}
}

// own puts the packet of a record into b, which the reader itself follows. before
// packets of the run came before it.
func (s *Source) own(b *analyzer.Batch, octets []byte, o *walkedRecord, before int) {
	at := statemachine.Moment{Packet: s.packets + uint64(before) + 1, Time: o.time}
	record := octets[o.at-4 : o.end : o.end] // with the last field of its header
	wire, frame := binary.LittleEndian.Uint32(record), record[4:]
	if o.four {
		src, dst, ports := (*plainFrame)(frame).four()
		b.OwnIPv4(at, frame, wire, src, dst, ports)
		return
	}
	var ends analyzer.Ends
	h, _ := plainHeadersOf(frame)
	h.ends(frame, &ends)
	b.Own(at, frame, wire, &ends)
}

// foreign puts packets that other readers follow into b. before packets of the run
// came before them.
func (s *Source) foreign(b *analyzer.Batch, found []walkedRecord, before int) {
	for i := range found {
		b.Foreign(statemachine.Moment{Packet: s.packets + uint64(before+i) + 1, Time: found[i].time})
	}
}

// usualRecords returns the reader of the file that is read, where each of its
// packets may be plain and nothing is to be done with it besides; else nil.
func (s *Source) usualRecords() *pcap {
	if s.merge || s.filter != nil || s.tells || s.decoder.slow || s.decoder.verify || len(s.open) == 0 {
		return nil
	}
	r, ok := s.open[0].records.(*pcap)
	if !ok || !r.usual || r.link != analyzer.LinkEthernet {
		return nil
	}
	s.current = s.open[0]
	return r
}

// thin tells where runs are not worth their trouble, because few plain packets lie
// between others: there Next reads for a while.
type thin struct {
	short int // parts in a row that were short
	pause int // how many packets Next reads yet
}

const (
	shortPart    = 16 // packets, fewer than which are a short part
	shortParts   = 8  // so many of which in a row are followed by a pause
	pausePackets = 1000
)

// saw takes how many packets a part has.
func (t *thin) saw(n int) {
	if n >= shortPart {
		t.short = 0
	} else if t.short++; t.short == shortParts {
		*t = thin{pause: pausePackets}
	}
}

// pauses reports that Next is to read the next packet.
func (t *thin) pauses() bool {
	if t.pause == 0 {
		return false
	}
	t.pause--
	return true
}
