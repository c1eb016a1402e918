package capture

import (
	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// This file reads the packets that captures mostly consist of in runs: records of
// the usual form, at hand as a whole, with a plain packet in each (plain.go).
// What it takes Next would give alike, which a test holds it to.

var _ analyzer.BatchSource = (*Source)(nil)

// NextRun puts the next packets into b; see analyzer.BatchSource. It goes over them
// three times, each time with few things in hand: where their records lie, whose
// they are, and what those of the reader's own hold.
func (s *Source) NextRun(b *analyzer.Batch, most int) (n int) {
	r := s.usualRecords()
	if r == nil {
		return 0
	}
	b.Link = r.link
	when, kinds := b.Room(most)
	if cap(s.run) < len(when) {
		s.run = make([]runRecord, len(when))
	}
	run := s.run[:len(when)]
	run = run[:r.walk(run)]
	for i := range run {
		o := &run[i]
		when[i] = statemachine.Moment{Packet: s.packets + uint64(i) + 1, Time: r.time(o.second, o.fraction)}
		kinds[i] = analyzer.OwnSegment
	}
	if d := s.decoder.dealer; d != nil {
		for i := range run {
			if !d.Mine(run[i].sum) {
				kinds[i] = analyzer.ForeignSegment
			}
		}
	}
	s.fillRun(b, run, when, kinds)
	b.Took(len(run))
	s.packets += uint64(len(run))
	return len(run)
}

// runRecord is a record of a run.
type runRecord struct {
	head             *plainRecord // its beginning
	frame            []byte
	sum              analyzer.FlowSum
	second, fraction uint32 // when it was captured
}

// walk finds the next records with plain packets, as many as run has room for, and
// takes them. They stay valid until the next record is read otherwise.
func (r *pcap) walk(run []runRecord) (n int) {
	rest := r.buf[r.start:r.end]
	all := len(rest)
	for n < len(run) && len(rest) >= leastPlain {
		head := (*plainRecord)(rest)
		captured := head.captured()
		size := pcapRecordHeader + int(captured)
		if captured > r.bound || size < leastPlain || size > len(rest) {
			break
		}
		o := &run[n]
		if head.isFour() {
			o.sum = analyzer.SumIPv4(head.four())
		} else if !sumOther(rest[pcapRecordHeader:size], &o.sum) {
			break
		}
		o.head, o.frame = head, rest[pcapRecordHeader:size:size]
		o.second, o.fraction = head.time()
		rest = rest[size:]
		n++
	}
	r.packets += uint64(n)
	r.take(all - len(rest))
	return n
}

// sumOther sets sum to that of the flow of a plain packet that is not the usual
// one, and reports whether it is plain.
func sumOther(frame []byte, sum *analyzer.FlowSum) bool {
	h, ok := plainHeadersOf(frame)
	if ok {
		var ends analyzer.Ends
		h.ends(frame, &ends)
		*sum = ends.Sum()
	}
	return ok
}

// fillRun decodes the packets of a run that the reader itself follows.
func (s *Source) fillRun(b *analyzer.Batch, run []runRecord, when []statemachine.Moment, kinds []analyzer.PacketKind) {
	file := s.current.file
	for i := range run {
		if kinds[i] != analyzer.OwnSegment {
			continue
		}
		head := run[i].head
		p, again := b.SlotInRun()
		if !again { // what fill does not set is as it should be behind another plain one
			clearDecoded(p)
			p.Interface, p.Comment, p.Drops = 0, nil, 0
		}
		p.Number, p.Time, p.File, p.Link = when[i].Packet, when[i].Time, file, b.Link
		p.CapLen, p.WireLen, p.Frame = head.captured(), head.wire(), run[i].frame
		if head.isFour() {
			head.fill(p)
			b.OwnIPv4(head.four())
			continue
		}
		var ends analyzer.Ends
		h, _ := plainHeadersOf(p.Frame)
		h.fill(p)
		h.ends(p.Frame, &ends)
		b.Own(&ends)
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
