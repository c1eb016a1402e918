package capture

import (
	"encoding/binary"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng §4).
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
)

// ngOrderMagic stands in each section header in the section's byte order.
const ngOrderMagic = 0x1a2b3c4d

// Sizes in pcapng files, in octets.
const (
	ngBlockHead    = 8  // type and total length
	ngMinBlock     = 12 // with the total length again at the end
	ngSectionFixed = 16 // octets of a section header block's body before its options
)

// maxInterfaces bounds the interfaces of one section, which a Packet numbers
// with 16 bits.
const maxInterfaces = 1 << 16

// pcapng reads the packets of a pcapng file.
type pcapng struct {
	stream
	interfaces []ngInterface // of the current section
	dropped    uint64        // by earlier sections
	lost       uint64        // by the current one
	time       statemachine.Time
	comment    []byte // of the last packet
}

// newPcapng returns a reader of s, which is known to start with the type of a
// section header block.
func newPcapng(s stream) (records, error) {
	r := &pcapng{stream: s}
	return r, r.section()
}

// next reads blocks up to the next packet.
func (r *pcapng) next(p *analyzer.Packet) error {
	for {
		h, err := r.header("the block header", ngBlockHead)
		if err != nil {
			return err
		}
		kind := r.order.Uint32(h)
		if kind == blockSection {
			if err := r.section(); err != nil {
				return err
			}
			continue
		}
		n := r.order.Uint32(h[4:])
		if n < ngMinBlock || n%4 != 0 {
			return r.damage(r.off, "the block length %d is impossible", n)
		}
		if done, err := r.block(p, kind, n); done || err != nil {
			return err
		}
	}
}

// block reads one block of n octets; done tells that it held a packet.
func (r *pcapng) block(p *analyzer.Packet, kind, n uint32) (done bool, err error) {
	switch kind {
	case blockEnhanced, blockOldPacket, blockSimple, blockInterface, blockStatistics:
	default:
		return false, r.passOver(n)
	}
	if n > maxRecordBound+ngMinBlock {
		return false, r.damage(r.off, "the block length %d is implausible (at most %d)", n, maxRecordBound)
	}
	b := r.view(int(n))
	if len(b) < int(n) {
		return false, r.short("the block", int(n), len(b))
	}
	if last := r.order.Uint32(b[n-4:]); last != n {
		return false, r.damage(r.off, "the block says it has %d octets at its start and %d at its end", n, last)
	}
	switch body := b[ngBlockHead : n-4 : n-4]; kind {
	case blockEnhanced:
		done, err = true, r.enhanced(p, body)
	case blockOldPacket:
		done, err = true, r.oldPacket(p, body)
	case blockSimple:
		done, err = true, r.simple(p, body)
	case blockInterface:
		err = r.describe(body)
	case blockStatistics:
		r.statistics(body)
	}
	if err != nil {
		return false, err
	}
	r.take(int(n))
	if done {
		r.packets++
	}
	return done, nil
}

// passOver skips a block of n octets, of any size.
func (r *pcapng) passOver(n uint32) error {
	at := r.off
	if got := r.skip(int64(n)); got < int64(n) {
		if err := r.cause(); err != nil {
			return r.damage(r.off, "reading failed: %s", openReason(err))
		}
		return r.damage(at, "the block is cut short (%s needed, %d left)", octets(int(n)), got)
	}
	return nil
}

// section reads a section header block, whose byte order holds from there on.
func (r *pcapng) section() error {
	h := r.view(ngBlockHead + ngSectionFixed)
	if len(h) < ngBlockHead+ngSectionFixed {
		return r.short("the section header", ngBlockHead+ngSectionFixed, len(h))
	}
	switch {
	case binary.LittleEndian.Uint32(h[8:]) == ngOrderMagic:
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint32(h[8:]) == ngOrderMagic:
		r.order = binary.BigEndian
	default:
		return r.damage(r.off, "the section header has no byte-order magic")
	}
	n := r.order.Uint32(h[4:])
	if n < ngBlockHead+ngSectionFixed+4 || n%4 != 0 {
		return r.damage(r.off, "the section header's length %d is impossible", n)
	}
	if major := r.order.Uint16(h[12:]); major != 1 {
		return r.damage(r.off, "pcapng version %d.%d is not known (only 1.x)", major, r.order.Uint16(h[14:]))
	}
	r.dropped = r.drops()
	r.interfaces, r.lost = r.interfaces[:0], 0
	if n <= maxHeaderBlock {
		b := r.view(int(n))
		r.sectionOptions(b[:min(len(b), int(n)-4)])
	}
	return r.passOver(n)
}

// maxHeaderBlock bounds the section header blocks whose options are read, in
// octets.
const maxHeaderBlock = 64 << 10

// sectionOptions reads the options of a section header block.
func (r *pcapng) sectionOptions(b []byte) {
	for rest := b[ngBlockHead+ngSectionFixed:]; ; {
		code, v, next := r.option(rest)
		if code == optEnd {
			return
		}
		if code == optComment {
			r.declared.comment("", v)
		}
		rest = next
	}
}

// enhanced reads the body of an enhanced packet block.
func (r *pcapng) enhanced(p *analyzer.Packet, b []byte) error {
	const fixed = 20
	if len(b) < fixed {
		return r.damage(r.off, "the packet block is too short for its fields")
	}
	id, captured, wire := r.order.Uint32(b), r.order.Uint32(b[12:]), r.order.Uint32(b[16:])
	i, err := r.packetInterface(id, captured, len(b)-fixed)
	if err != nil {
		return err
	}
	ticks := uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
	r.store(p, i, i.at(ticks), b[fixed:fixed+int(captured)], wire)
	p.Interface = uint16(id)
	if rest := fixed + (int(captured)+3)&^3; rest < len(b) {
		if n := r.packetOptions(p, b[rest:]); n > 0 {
			r.lose(i, func(i *ngInterface) { i.lost += n })
		}
	}
	return nil
}

// oldPacket reads the body of an obsolete packet block.
func (r *pcapng) oldPacket(p *analyzer.Packet, b []byte) error {
	const fixed, unknown = 20, 0xffff
	if len(b) < fixed {
		return r.damage(r.off, "the packet block is too short for its fields")
	}
	id, captured, wire := uint32(r.order.Uint16(b)), r.order.Uint32(b[12:]), r.order.Uint32(b[16:])
	i, err := r.packetInterface(id, captured, len(b)-fixed)
	if err != nil {
		return err
	}
	if lost := r.order.Uint16(b[2:]); lost != unknown && lost != 0 {
		r.lose(i, func(i *ngInterface) { i.lost += uint64(lost) })
	}
	ticks := uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
	r.store(p, i, i.at(ticks), b[fixed:fixed+int(captured)], wire)
	p.Interface = uint16(id)
	if rest := fixed + (int(captured)+3)&^3; rest < len(b) {
		r.packetOptions(p, b[rest:]) // its options have no count of losses: the block itself has
	}
	return nil
}

// simple reads the body of a simple packet block. It has no time; the packet
// gets that of the packet before it, and 0 when it is the first.
func (r *pcapng) simple(p *analyzer.Packet, b []byte) error {
	const fixed = 4
	if len(b) < fixed {
		return r.damage(r.off, "the packet block is too short for its fields")
	}
	wire := r.order.Uint32(b)
	captured := min(wire, uint32(len(b)-fixed))
	if len(r.interfaces) > 0 && r.interfaces[0].snaplen != 0 {
		captured = min(captured, r.interfaces[0].snaplen)
	}
	i, err := r.packetInterface(0, captured, len(b)-fixed)
	if err != nil {
		return err
	}
	r.store(p, i, r.time, b[fixed:fixed+int(captured)], wire)
	p.Interface = 0
	return nil
}

// packetInterface returns the interface of a packet block that claims captured
// octets of the room that it has.
func (r *pcapng) packetInterface(id, captured uint32, room int) (*ngInterface, error) {
	if int64(id) >= int64(len(r.interfaces)) {
		return nil, r.damage(r.off, "a packet of interface %d, which the section does not describe", id)
	}
	if int64(captured) > int64(room) {
		return nil, r.damage(r.off, "the packet length %d exceeds its block (room for %d)", captured, room)
	}
	return &r.interfaces[id], nil
}

// store keeps what all packet blocks have.
func (r *pcapng) store(p *analyzer.Packet, i *ngInterface, t statemachine.Time, frame []byte, wire uint32) {
	t = min(max(t, minTime), maxTime)
	r.time = t
	p.Time, p.Link, p.Comment, p.Frame = t, i.link, nil, frame[:len(frame):len(frame)]
	p.CapLen, p.WireLen = uint32(len(frame)), wire
}

// drops returns what all interfaces lost.
func (r *pcapng) drops() uint64 { return r.dropped + r.lost }

// lose changes what an interface lost, and the sum.
func (r *pcapng) lose(i *ngInterface, change func(*ngInterface)) {
	before := i.drops()
	change(i)
	r.lost += i.drops() - before
}

// interfaceName returns the name of an interface of the current section.
func (r *pcapng) interfaceName(i uint16) string {
	if int(i) >= len(r.interfaces) {
		return ""
	}
	return r.interfaces[i].name
}
