package capture

import (
	"math"
	"math/bits"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Option codes of pcapng (draft-ietf-opsawg-pcapng §3.5, §4).
const (
	optEnd          = 0
	optComment      = 1
	optIfName       = 2
	optIfTsresol    = 9
	optIfTsoffset   = 14
	optEPBDropCount = 4
	optISBIfDrop    = 5
	optISBOSDrop    = 7
)

// maxName bounds the interface names that are kept, in octets.
const maxName = 256

// ngInterface is an interface as its description block has it.
type ngInterface struct {
	name      string
	link      analyzer.LinkType
	snaplen   uint32 // 0: no limit
	perSecond uint64 // ticks of its clock
	offset    int64  // seconds to add
	lost      uint64 // by the drop counts in its packet blocks
	reported  uint64 // by its last statistics block
}

// drops returns what the interface lost: the statistics count the same packets
// as the packet blocks, so the larger is taken.
func (i *ngInterface) drops() uint64 { return max(i.lost, i.reported) }

// at converts a time stamp of the interface.
func (i *ngInterface) at(ticks uint64) statemachine.Time {
	t := int64(nanoseconds(ticks, i.perSecond))
	if i.offset == 0 {
		return statemachine.Time(t)
	}
	hi, lo := bits.Mul64(uint64(max(i.offset, -i.offset)), 1e9)
	if hi != 0 || lo > math.MaxInt64 || i.offset == math.MinInt64 {
		return statemachine.Time(t)
	}
	if i.offset < 0 {
		return statemachine.Time(t - int64(lo))
	}
	if t > math.MaxInt64-int64(lo) {
		return math.MaxInt64
	}
	return statemachine.Time(t + int64(lo))
}

// describe reads the body of an interface description block.
func (r *pcapng) describe(b []byte) error {
	const fixed = 8
	if len(b) < fixed {
		return r.damage(r.off, "the interface description is too short for its fields")
	}
	if len(r.interfaces) == maxInterfaces {
		return r.damage(r.off, "more than %d interfaces in one section", maxInterfaces)
	}
	i := ngInterface{
		link: analyzer.LinkType(r.order.Uint16(b)), snaplen: r.order.Uint32(b[4:]), perSecond: 1e6,
	}
	var remarks [][]byte
	for rest := b[fixed:]; ; {
		code, v, next := r.option(rest)
		switch {
		case code == optEnd:
			for _, v := range remarks {
				r.declared.comment(i.name, v)
			}
			r.interfaces = append(r.interfaces, i)
			r.declared.links.add(i.link)
			return nil
		case code == optComment:
			remarks = append(remarks, v)
		case code == optIfName && i.name == "":
			i.name = string(v[:min(len(v), maxName)])
		case code == optIfTsresol && len(v) >= 1:
			per, ok := resolution(v[0])
			if !ok {
				return r.damage(r.off, "the interface's time resolution %#02x is impossible", v[0])
			}
			i.perSecond = per
		case code == optIfTsoffset && len(v) == 8:
			i.offset = int64(r.order.Uint64(v))
		}
		rest = next
	}
}

// resolution returns the ticks in a second for the value of if_tsresol: the
// negative exponent of 10, or of 2 where the top bit is set.
func resolution(v byte) (perSecond uint64, ok bool) {
	if e := v & 0x7f; v&0x80 != 0 {
		return 1 << (e & 63), e <= 63
	}
	if v > 19 {
		return 0, false
	}
	perSecond = 1
	for range v {
		perSecond *= 10
	}
	return perSecond, true
}

// statistics reads the body of an interface statistics block. Its counts run
// from the start of the capture, so the last block holds.
func (r *pcapng) statistics(b []byte) {
	const fixed = 12
	if len(b) < fixed {
		return
	}
	id := r.order.Uint32(b)
	if int64(id) >= int64(len(r.interfaces)) {
		return
	}
	var sum uint64
	for rest := b[fixed:]; ; {
		code, v, next := r.option(rest)
		if code == optEnd {
			break
		}
		if (code == optISBIfDrop || code == optISBOSDrop) && len(v) == 8 {
			if n := r.order.Uint64(v); n != math.MaxUint64 { // all ones: not known
				sum += n
			}
		}
		rest = next
	}
	r.lose(&r.interfaces[id], func(i *ngInterface) { i.reported = sum })
}

// packetOptions reads the options of a packet block: the packet's comments, and
// how many packets were lost before it.
func (r *pcapng) packetOptions(p *analyzer.Packet, b []byte) (lost uint64) {
	for {
		code, v, next := r.option(b)
		switch {
		case code == optEnd:
			return lost
		case code == optComment && len(v) > 0:
			r.remark(p, v)
		case code == optEPBDropCount && len(v) == 8:
			lost = r.order.Uint64(v)
		}
		b = next
	}
}

// remark adds a comment to the packet's.
func (r *pcapng) remark(p *analyzer.Packet, v []byte) {
	if len(r.comment) >= maxComment && p.Comment != nil {
		return
	}
	if p.Comment != nil {
		r.comment = append(r.comment, '\n')
	} else {
		r.comment = r.comment[:0]
	}
	r.comment = append(r.comment, v[:min(len(v), max(0, maxComment-len(r.comment)))]...)
	p.Comment = r.comment
}

// option splits the first option off a list: its code, its value, and what
// follows. A list that ends, or is damaged, gives the end-of-options code.
func (r *pcapng) option(b []byte) (code uint16, v, next []byte) {
	const head = 4
	if len(b) < head {
		return optEnd, nil, nil
	}
	code = r.order.Uint16(b)
	n := int(r.order.Uint16(b[2:]))
	if len(b) < head+n {
		return optEnd, nil, nil
	}
	return code, b[head : head+n], b[min(len(b), head+(n+3)&^3):]
}
