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
	if r == nil {
		return 0
	}
	found, inOrder := r.walkOn()
	if len(found) == 0 {
		return 0
	}
	found = found[:min(len(found), most)]
	n = len(found)
	first := statemachine.Moment{Packet: s.packets + 1, Time: found[0].time}
	last := statemachine.Moment{Packet: s.packets + uint64(n), Time: found[n-1].time}
	b.BeginRun(r.link, s.current.file, fillPlain)
	s.deal(b, r.whole.octets, found, inOrder && b.Calm(first.Time, last.Time))
	b.EndRun(first, last)
	s.packets += uint64(n)
	r.pass(n)
	return n
}

// deal puts the packets of records of a block into b. When the run is calm it leaves
// out those of other readers.
func (s *Source) deal(b *analyzer.Batch, octets []byte, found []walkedRecord, calm bool) {
	s.own = s.own[:0]
	if d := s.decoder.dealer; d == nil {
		for i := range found {
			s.own = append(s.own, i)
		}
	} else {
		for i := range found {
			if d.Mine(found[i].sum) {
				s.own = append(s.own, i)
			}
		}
	}
	next := 0
	for _, i := range s.own {
		o := &found[i]
		if !calm {
			s.foreign(b, found[next:i], next)
			next = i + 1
		}
		at := statemachine.Moment{Packet: s.packets + uint64(i) + 1, Time: o.time}
		record := octets[o.at-4 : o.end : o.end] // with the last field of its header
		wire, frame := binary.LittleEndian.Uint32(record), record[4:]
		if o.four {
			src, dst, ports := (*plainFrame)(frame).four()
			b.OwnIPv4(at, frame, wire, src, dst, ports)
			continue
		}
		var ends analyzer.Ends
		h, _ := plainHeadersOf(frame)
		h.ends(frame, &ends)
		b.Own(at, frame, wire, &ends)
	}
	if !calm {
		s.foreign(b, found[next:], next)
	}
}

// foreign puts packets that other readers follow into b. before are read already.
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
