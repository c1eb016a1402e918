package report

import (
	"strconv"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
)

// TimeFormat chooses how a line begins, as tcpdump's -t switches do.
type TimeFormat uint8

// The time formats, numbered by how many -t tcpdump takes.
const (
	TimeOfDay      TimeFormat = iota // HH:MM:SS.ffffff in the chosen location
	TimeNone                         // -t: no time
	TimeEpoch                        // -tt: seconds since 1970
	TimeSinceLast                    // -ttt: since the line before, with a leading blank or minus
	TimeDate                         // -tttt: YYYY-MM-DD HH:MM:SS.ffffff in the chosen location
	TimeSinceFirst                   // -ttttt: since the first line, with a leading blank or minus
)

// TcpdumpOptions are the switches of tcpdump that change a line.
type TcpdumpOptions struct {
	Absolute bool           // -S: absolute sequence numbers
	Time     TimeFormat     // -t … -ttttt
	Location *time.Location // of the first and the -tttt format; nil is time.Local
	Link     bool           // -e: the link header
	Verbose  int            // how many -v, 0 to 3
	Number   bool           // -#: the packet number
	// InterfaceName gives the name of an interface of the reading machine by
	// its index, "" when there is none. tcpdump prints it for Linux cooked v2;
	// nil prints ? as tcpdump does for an index that it cannot find.
	InterfaceName func(index uint32) string
}

// TcpdumpPrinter writes the line that tcpdump 4.99 with -nn writes for a TCP
// packet, up to and including its length field; what tcpdump decodes of the
// payload behind it is left out. docs/differences.md lists where the lines
// differ on purpose.
//
// Relative sequence numbers need memory: like tcpdump's own, the table has an
// entry for each pair of endpoints that sent an ACK, and never forgets one,
// since tcpdump would remember it too (40 to 70 octets for IPv4, 70 to 130 for
// IPv6), besides some 150 KB for the senders met last.
// With Absolute there is no table. A printer belongs to one goroutine.
type TcpdumpPrinter struct {
	opt   TcpdumpOptions
	seqs  seqTable
	known []talk // by a hash of addresses and ports
	zone  zoneCache
	ref   stamp // what -ttt and -ttttt count from

	// The packet being printed: all offsets count from the start of frame.
	b       []byte
	frame   []byte
	end     int // where the readable octets end: captured, and within the length of the IP packet
	p       *analyzer.Packet
	reached bool // the IP header that the decoder found was met
	depth   int  // IP headers entered

	// own and peer are what the line subtracts from the numbers of the
	// segment's sender and of its peer, so that what is said of a segment can
	// use the numbers that its line shows; 0 where they are absolute.
	own, peer uint32
}

// NewTcpdumpPrinter returns a printer with an empty table.
func NewTcpdumpPrinter(o TcpdumpOptions) *TcpdumpPrinter {
	t := &TcpdumpPrinter{opt: o, known: make([]talk, talks)}
	t.zone.loc = o.Location
	if t.zone.loc == nil {
		t.zone.loc = time.Local
	}
	return t
}

// Append appends the line of p to b, without newline at its end, and returns
// the extended slice. It is meant for packets with HasTCP, in file order.
// With Verbose an IPv4 line has a line break in it, as tcpdump's has.
func (t *TcpdumpPrinter) Append(b []byte, p *analyzer.Packet) []byte {
	t.b, t.frame, t.p = b, p.Frame, p
	t.own, t.peer = 0, 0
	if t.opt.Number {
		t.b = appendPadded(t.b, p.Number, 5)
		t.str("  ")
	}
	t.time(p.Time)
	start := len(t.b)
	t.end, t.reached, t.depth = len(p.Frame), false, 0
	t.link()
	if !t.reached && p.IPVersion != 0 {
		// The segment lies in something that only the decoder understands:
		// print its own IP packet.
		t.b = t.b[:start]
		t.end, t.depth = len(p.Frame), 0
		t.ip(p.NetOff, int(p.WireLen)-p.NetOff)
	}
	b = t.b
	t.b, t.frame, t.p = nil, nil, nil
	return b
}

// Pass tells the printer of a packet that gets no line. tcpdump without a
// filter prints a line for it too, so the times of -ttt and -ttttt count from
// it. A caller that does not call Pass gets the times of `tcpdump tcp`.
func (t *TcpdumpPrinter) Pass(p *analyzer.Packet) {
	if t.opt.Time == TimeSinceLast || t.opt.Time == TimeSinceFirst {
		t.elapsed(stampOf(p.Time))
	}
}

// The writers. Each appends to the line.

func (t *TcpdumpPrinter) str(s string) { t.b = append(t.b, s...) }

func (t *TcpdumpPrinter) dec(v uint32) { t.b = strconv.AppendUint(t.b, uint64(v), 10) }

func (t *TcpdumpPrinter) num(s string, v uint32) {
	t.b = append(t.b, s...)
	t.b = strconv.AppendUint(t.b, uint64(v), 10)
}

// hex writes v in at least width lower-case hexadecimal digits.
func (t *TcpdumpPrinter) hex(v uint64, width int) {
	t.b = appendHex(t.b, v, width)
}

// bytes writes octets as pairs of hexadecimal digits.
func (t *TcpdumpPrinter) bytes(o []byte) {
	for _, c := range o {
		t.b = append(t.b, hexDigits[c>>4], hexDigits[c&15])
	}
}

// cut ends the line where the captured octets end: " [|protocol]".
func (t *TcpdumpPrinter) cut(protocol string) {
	t.str(" [|")
	t.str(protocol)
	t.str("]")
}

// has tells whether n octets at off are readable.
func (t *TcpdumpPrinter) has(off, n int) bool { return n >= 0 && off >= 0 && off+n <= t.end }

func (t *TcpdumpPrinter) u16(off int) uint16 {
	return uint16(t.frame[off])<<8 | uint16(t.frame[off+1])
}

func (t *TcpdumpPrinter) u32(off int) uint32 {
	return uint32(t.u16(off))<<16 | uint32(t.u16(off+2))
}

func (t *TcpdumpPrinter) u64(off int) uint64 {
	return uint64(t.u32(off))<<32 | uint64(t.u32(off+4))
}

const hexDigits = "0123456789abcdef"

func appendHex(b []byte, v uint64, width int) []byte {
	n := 1
	for x := v >> 4; x != 0; x >>= 4 {
		n++
	}
	for n = max(n, width); n > 0; n-- {
		b = append(b, hexDigits[v>>(4*uint(n-1))&15])
	}
	return b
}

// appendPadded writes v right-aligned in width columns.
func appendPadded(b []byte, v uint64, width int) []byte {
	n := 1
	for x := v / 10; x != 0; x /= 10 {
		n++
	}
	for ; n < width; n++ {
		b = append(b, ' ')
	}
	return strconv.AppendUint(b, v, 10)
}
