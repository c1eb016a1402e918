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
	b.BeginRun(r.link, s.current.file, fillPlain)
	when, kinds := b.Room(most)
	for n < len(when) {
		found := r.walkOn()
		if len(found) == 0 {
			break
		}
		found = found[:min(len(found), len(when)-n)]
		s.deal(b, r.whole.octets, found, when[n:], kinds[n:])
		r.pass(len(found))
		n += len(found)
	}
	b.Took(n)
	return n
}

// deal puts the packets of records of a block into b.
func (s *Source) deal(b *analyzer.Batch, octets []byte, found []walkedRecord, when []statemachine.Moment, kinds []analyzer.PacketKind) {
	dealer := s.decoder.dealer
	number := s.packets
	for i := range found {
		o := &found[i]
		number++
		when[i].Packet, when[i].Time = number, o.time
		if dealer != nil && !dealer.Mine(o.sum) {
			kinds[i] = analyzer.ForeignSegment
			continue
		}
		kinds[i] = analyzer.OwnSegment
		frame := octets[o.at:o.end:o.end]
		wire := binary.LittleEndian.Uint32(octets[o.at-4:]) // the last field of the record's header
		if o.four {
			src, dst, ports := (*plainFrame)(frame).four()
			b.OwnIPv4(frame, wire, src, dst, ports)
			continue
		}
		var ends analyzer.Ends
		h, _ := plainHeadersOf(frame)
		h.ends(frame, &ends)
		b.Own(frame, wire, &ends)
	}
	s.packets = number
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
