package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Magic numbers of pcap files, as they read in the writer's byte order.
const (
	pcapMicro    = 0xa1b2c3d4
	pcapNano     = 0xa1b23c4d
	pcapModified = 0xa1b2cd34 // Kuznetzov's: eight octets more in each record header
)

// Sizes in pcap files, in octets.
const (
	pcapFileHeader     = 24
	pcapRecordHeader   = 16
	pcapModifiedHeader = 24
)

// linkTypeMask takes the link type out of its field, whose upper bits tell the
// length of the frame check sequence.
const linkTypeMask = 0x03ffffff

// pcap reads the records of a pcap file.
type pcap struct {
	stream
	link      analyzer.LinkType
	headerLen int   // octets of a record header
	fraction  int64 // nanoseconds in a unit of the second time field
	bound     uint32
	lenFirst  bool // the wire length stands before the captured length
	mayBeSwap bool // either may stand first: the captured one is the smaller
	usual     bool // the record headers have the form that nearly all files have
	ahead     ahead
}

// pcapOrder returns the byte order in which a file starts with one of pcap's
// magic numbers, or nil when it does not.
func pcapOrder(magic []byte) binary.ByteOrder {
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(magic) {
		case pcapMicro, pcapNano, pcapModified:
			return o
		}
	}
	return nil
}

// newPcap reads the file header, whose magic number is known to be one of
// pcap's.
func newPcap(s stream) (records, error) {
	h := s.view(pcapFileHeader)
	if len(h) < pcapFileHeader {
		return nil, s.short("the file header", pcapFileHeader, len(h))
	}
	s.order = pcapOrder(h)
	r := &pcap{headerLen: pcapRecordHeader, fraction: 1000}
	switch s.order.Uint32(h) {
	case pcapNano:
		r.fraction = 1
	case pcapModified:
		r.headerLen = pcapModifiedHeader
	}
	major, minor := s.order.Uint16(h[4:]), s.order.Uint16(h[6:])
	if major != 2 {
		return nil, s.damage(4, "pcap version %d.%d is not known (only 2.x)", major, minor)
	}
	// Before 2.3 the lengths stood in the other order; 2.3 was written both ways.
	r.lenFirst, r.mayBeSwap = minor < 3, minor == 3
	r.usual = s.order == binary.LittleEndian && r.headerLen == pcapRecordHeader && !r.lenFirst && !r.mayBeSwap
	r.bound = min(max(s.order.Uint32(h[16:]), minRecordBound), maxRecordBound)
	r.link = analyzer.LinkType(s.order.Uint32(h[20:]) & linkTypeMask)
	s.declared.links.add(r.link)
	s.take(pcapFileHeader)
	r.stream = s
	return r, nil
}

// next reads the next record.
func (r *pcap) next(p *analyzer.Packet) error {
	if b := r.buf[r.start:r.end]; r.usual && len(b) >= pcapRecordHeader {
		captured := binary.LittleEndian.Uint32(b[8:])
		if n := pcapRecordHeader + int(captured); captured <= r.bound && n <= len(b) {
			r.give(p, binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), captured, binary.LittleEndian.Uint32(b[12:]))
			p.Frame = b[pcapRecordHeader:n:n]
			r.take(n)
			return nil
		}
	}
	return r.nextOfAny(p)
}

// nextOfAny is next for any form of header, and for records of which not all is
// at hand.
func (r *pcap) nextOfAny(p *analyzer.Packet) error {
	h, err := r.header("the record header", r.headerLen)
	if err != nil {
		return err
	}
	second, fraction, captured, wire := r.order.Uint32(h), r.order.Uint32(h[4:]), r.order.Uint32(h[8:]), r.order.Uint32(h[12:])
	if r.lenFirst || r.mayBeSwap && captured > wire {
		captured, wire = wire, captured
	}
	if captured > r.bound {
		return r.damage(r.off, "the record length %d is implausible (at most %d)", captured, r.bound)
	}
	n := r.headerLen + int(captured)
	b := r.view(n)
	if len(b) < n {
		if r.cause() != nil {
			return r.short("the record", n, len(b))
		}
		return r.damage(r.off, "the record is cut short (the header promises %s, %d are left)",
			octets(int(captured)), len(b)-r.headerLen)
	}
	r.give(p, second, fraction, captured, wire)
	p.Frame = b[r.headerLen:n:n]
	r.take(n)
	return nil
}

// give fills in what the header of a record tells.
func (r *pcap) give(p *analyzer.Packet, second, fraction, captured, wire uint32) {
	r.packets++
	p.Time = recordTime(second, fraction, r.fraction)
	p.CapLen, p.WireLen = captured, wire
	p.Interface, p.Link, p.Comment = 0, r.link, nil
}

// recordTime returns the time that the two fields of a record header tell, the second
// in units of so many nanoseconds.
func recordTime(second, fraction uint32, unit int64) statemachine.Time {
	return statemachine.Time(int64(second)*1e9 + int64(fraction)*unit)
}

// drops returns 0: pcap files do not tell.
func (r *pcap) drops() uint64 { return 0 }

// interfaceName returns "": pcap files do not tell.
func (r *pcap) interfaceName(uint16) string { return "" }
