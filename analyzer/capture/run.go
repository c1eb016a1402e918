package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
)

// This file reads the packets that captures mostly consist of in runs: records of
// the usual form, at hand as a whole, with a plain packet in each (plain.go).
// What it takes Next would give alike, which a test holds it to.

var _ analyzer.BatchSource = (*Source)(nil)

// NextRun sets run to the next packets; see analyzer.BatchSource.
func (s *Source) NextRun(run *analyzer.PacketRun, most int) (n int) {
	r := s.usualRecords()
	if r == nil || !r.walkOn(s.decoder.dealer) {
		return 0
	}
	a := &r.ahead
	n = min(len(a.found), most)
	*run = analyzer.PacketRun{
		Records: a.found[:n], All: s.decoder.dealer == nil, First: s.packets + 1, InOrder: a.inOrder,
		Octets: r.whole.octets, Reader: &plainReader{}, Link: r.link, File: s.current.file,
	}
	if !run.All {
		run.Passed, run.Own = a.passed, a.takeOwn(n)
	}
	s.packets += uint64(n)
	r.pass(n)
	return n
}

// takeOwn returns which of the next n records are the reader's own, as PacketRun.Own has
// them.
func (a *ahead) takeOwn(n int) []uint8 {
	k, end := 0, a.passed+n
	if len(a.own) > 0 && int(a.own[len(a.own)-1]) < end { // as nearly always, all that are left
		k = len(a.own)
	}
	for k < len(a.own) && int(a.own[k]) < end {
		k++
	}
	own := a.own[:k]
	a.own = a.own[k:]
	return own
}

// plainReader reads plain packets in the records of a pcap file.
type plainReader struct{}

// Ends sets e to the ends of a packet; see analyzer.PacketReader.
func (*plainReader) Ends(octets []byte, o *analyzer.RunRecord, e *analyzer.Ends) {
	frame := octets[o.At:o.End]
	h, _ := plainHeadersOf(frame)
	h.ends(frame, e)
}

// Decode decodes a packet; see analyzer.PacketReader.
func (*plainReader) Decode(octets []byte, o *analyzer.RunRecord, p *analyzer.Packet) {
	p.Frame, p.CapLen, p.WireLen = octets[o.At:o.End:o.End], o.End-o.At, wireLen(octets, o)
	fillPlain(p)
}

// Sent returns how long a frame was; see analyzer.PacketReader.
func (*plainReader) Sent(octets []byte, o *analyzer.RunRecord) int64 {
	f := (*plainFrame)(octets[o.At:o.End])
	return max(int64(wireLen(octets, o)), int64(fourTCP+f.length()))
}

// wireLen returns the last field of the record's header.
func wireLen(octets []byte, o *analyzer.RunRecord) uint32 {
	return binary.LittleEndian.Uint32(octets[o.At-4:])
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
