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
	b.Link = r.link
	d := &s.decoder
	var ends analyzer.Ends
	for ; n < most; n++ {
		head := r.buf[r.start:r.end]
		if len(head) < pcapRecordHeader {
			break
		}
		captured := binary.LittleEndian.Uint32(head[8:])
		size := pcapRecordHeader + int(captured)
		if captured > r.bound || size > len(head) {
			break
		}
		frame := head[pcapRecordHeader:size:size]
		h, ok := plainHeadersOf(frame)
		if !ok {
			break
		}
		at := r.time(binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]))
		r.packets++
		s.packets++
		r.take(size)
		h.ends(frame, &ends)
		if d.dealer != nil && !d.dealer.Mine(ends.Sum()) {
			b.Foreign(statemachine.Moment{Packet: s.packets, Time: at})
			continue
		}
		p, again := b.SlotInRun()
		if !again { // what fill does not set is as it should be behind another plain one
			clearDecoded(p)
			p.Interface, p.Comment, p.Drops = 0, nil, 0
		}
		p.Number, p.File, p.Time, p.Link, p.Frame = s.packets, s.current.file, at, r.link, frame
		p.CapLen, p.WireLen = captured, binary.LittleEndian.Uint32(head[12:])
		h.fill(p)
		b.Own(&ends)
	}
	return n
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
