package report

import (
	"encoding/binary"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/zeek"
	"github.com/tcpstate/tcpstate/statemachine"
)

// zeekLog writes conn.log as Zeek does, by Zeek's own rules: it follows the
// packets itself and passes over what the observer found.
type zeekLog struct {
	out     output
	tracker *zeek.Tracker
	json    bool
	begun   bool
	first   statemachine.Time // of the first TCP packet
	j       object
}

func newZeekLog(w io.Writer, o Options, json bool) *zeekLog {
	z := &zeekLog{out: newOutput(w, o.Prompt), json: json}
	z.tracker = zeek.NewTracker(z.record)
	return z
}

// Packet gives the packet to the rules.
func (z *zeekLog) Packet(o *analyzer.Observation) error {
	if o.Packet == nil {
		return nil
	}
	if !z.begun {
		z.begun, z.first = true, o.Packet.Time
		z.header()
	}
	return z.tracker.Observe(o.Packet)
}

// Tick ends what is due by the clock and writes out what was gathered: in a
// live run nobody waits for a full buffer.
func (z *zeekLog) Tick(now statemachine.Time) error {
	if err := z.tracker.Advance(now); err != nil {
		return err
	}
	return z.out.flush()
}

// Connection has nothing to do: these are the observer's connections.
func (z *zeekLog) Connection(*analyzer.Connection) error { return nil }

// Capture writes what is left.
func (z *zeekLog) Capture(c *analyzer.Capture) error {
	if err := z.tracker.Finish(); err != nil {
		return err
	}
	if z.begun && !z.json {
		z.out.b = append(appendZeekDate(append(z.out.b, "#close\t"...), c.Last.Time), '\n')
	}
	return z.out.flush()
}

func (z *zeekLog) record(c *zeek.Connection) error {
	if z.json {
		z.object(c)
	} else {
		z.line(c)
	}
	return z.out.done(z.out.b)
}

// zeekColumns are the columns of conn.log with their types.
var zeekColumns = [...][2]string{
	{"ts", "time"}, {"uid", "string"}, {"id.orig_h", "addr"}, {"id.orig_p", "port"}, {"id.resp_h", "addr"},
	{"id.resp_p", "port"}, {"proto", "enum"}, {"service", "string"}, {"duration", "interval"},
	{"orig_bytes", "count"}, {"resp_bytes", "count"}, {"conn_state", "string"}, {"local_orig", "bool"},
	{"local_resp", "bool"}, {"missed_bytes", "count"}, {"history", "string"}, {"orig_pkts", "count"},
	{"orig_ip_bytes", "count"}, {"resp_pkts", "count"}, {"resp_ip_bytes", "count"},
	{"tunnel_parents", "set[string]"}, {"ip_proto", "count"},
}

// protocolTCP is TCP's number in the IP header (IANA).
const protocolTCP = 6

// header writes the lines with # on top. Zeek puts the wall clock's time
// there; the same capture shall give the same bytes, so it is the capture's.
func (z *zeekLog) header() {
	if z.json {
		return
	}
	var names, types strings.Builder
	for _, c := range zeekColumns {
		names.WriteString("\t" + c[0])
		types.WriteString("\t" + c[1])
	}
	b := z.out.b
	b = append(b, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t"...)
	b = appendZeekDate(b, z.first)
	b = append(b, "\n#fields"+names.String()+"\n#types"+types.String()+"\n"...)
	z.out.b = b
}

func appendZeekDate(b []byte, t statemachine.Time) []byte {
	return time.Unix(0, int64(t)).UTC().AppendFormat(b, "2006-01-02-15-04-05")
}

// line writes a connection as a line of tab-separated columns.
func (z *zeekLog) line(c *zeek.Connection) {
	b := appendZeekTime(z.out.b, int64(c.Time))
	b = append(appendZeekUID(append(b, '\t'), c), '\t')
	b = appendZeekEnd(b, &c.Orig)
	b = appendZeekEnd(b, &c.Resp)
	b = append(b, "tcp\t-\t"...)
	if c.Duration > 0 {
		b = appendZeekTime(b, int64(c.Duration))
		b = strconv.AppendUint(append(b, '\t'), c.Orig.Bytes, 10)
		b = strconv.AppendUint(append(b, '\t'), c.Resp.Bytes, 10)
	} else {
		b = append(b, "-\t-\t-"...)
	}
	b = append(append(append(b, '\t'), c.State...), "\t-\t-\t"...)
	b = append(strconv.AppendUint(b, c.Missed, 10), '\t')
	if c.History == "" {
		b = append(b, '-')
	}
	b = append(b, c.History...)
	for _, n := range [...]uint64{c.Orig.Packets, c.Orig.IPBytes, c.Resp.Packets, c.Resp.IPBytes} {
		b = strconv.AppendUint(append(b, '\t'), n, 10)
	}
	b = append(strconv.AppendUint(append(b, "\t-\t"...), protocolTCP, 10), '\n')
	z.out.b = b
}

func appendZeekEnd(b []byte, e *zeek.End) []byte {
	b = append(e.Addr.Addr().AppendTo(b), '\t')
	return append(strconv.AppendUint(b, uint64(e.Addr.Port()), 10), '\t')
}

// object writes a connection as a JSON object; what is not known has no
// member.
func (z *zeekLog) object(c *zeek.Connection) {
	j := &z.j
	j.b = z.out.b
	j.open()
	j.key("ts")
	j.b = appendZeekTime(j.b, int64(c.Time))
	j.key("uid")
	j.b = append(appendZeekUID(append(j.b, '"'), c), '"')
	j.word("id.orig_h", c.Orig.Addr.Addr().String())
	j.uint("id.orig_p", uint64(c.Orig.Addr.Port()))
	j.word("id.resp_h", c.Resp.Addr.Addr().String())
	j.uint("id.resp_p", uint64(c.Resp.Addr.Port()))
	j.word("proto", "tcp")
	if c.Duration > 0 {
		j.key("duration")
		j.b = appendZeekTime(j.b, int64(c.Duration))
		j.uint("orig_bytes", c.Orig.Bytes)
		j.uint("resp_bytes", c.Resp.Bytes)
	}
	j.word("conn_state", c.State)
	j.uint("missed_bytes", c.Missed)
	if c.History != "" {
		j.word("history", c.History)
	}
	j.uint("orig_pkts", c.Orig.Packets)
	j.uint("orig_ip_bytes", c.Orig.IPBytes)
	j.uint("resp_pkts", c.Resp.Packets)
	j.uint("resp_ip_bytes", c.Resp.IPBytes)
	j.uint("ip_proto", protocolTCP)
	j.close()
	j.b = append(j.b, '\n')
	z.out.b = j.b
}

// appendZeekTime appends seconds with six digits of fraction.
func appendZeekTime(b []byte, ns int64) []byte {
	if ns < 0 {
		b, ns = append(b, '-'), -ns
	}
	us := (ns + 500) / 1000
	b = strconv.AppendInt(b, us/1e6, 10)
	return appendDigits(append(b, '.'), us%1e6, 6)
}

// appendZeekUID appends an identifier of Zeek's form. Zeek draws it at random;
// here it follows from the connection, so that it is the same in every run.
func appendZeekUID(b []byte, c *zeek.Connection) []byte {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	h := mix(mix(mix(0, uint64(c.Time)), c.Serial), uint64(c.Orig.Addr.Port())<<16|uint64(c.Resp.Addr.Port()))
	for _, a := range [...]netip.Addr{c.Orig.Addr.Addr(), c.Resp.Addr.Addr()} {
		octets := a.As16()
		h = mix(mix(h, binary.BigEndian.Uint64(octets[:8])), binary.BigEndian.Uint64(octets[8:]))
	}
	b = append(b, 'C')
	for range 2 { // 62^10 fits in 64 bits, so the 17 digits take two numbers
		for n, i := h, 0; i < 10; i++ {
			b = append(b, digits[n%62])
			n /= 62
		}
		h = mix(h, 1)
	}
	return b[:len(b)-3]
}

// mix adds a number to a hash (the finisher of SplitMix64).
func mix(h, n uint64) uint64 {
	h = (h ^ n) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
