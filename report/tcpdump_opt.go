package report

// Kinds of TCP options (IANA, TCP parameters).
const (
	optEOL       = 0
	optNOP       = 1
	optMSS       = 2
	optWScale    = 3
	optSACKPerm  = 4
	optSACK      = 5
	optEcho      = 6
	optEchoReply = 7
	optTimestamp = 8
	optCC        = 11
	optCCNew     = 12
	optCCEcho    = 13
	optMD5       = 19
	optSCPS      = 20
	optUTO       = 28
	optAO        = 29
	optMPTCP     = 30
	optFastOpen  = 34
	optExp2      = 254
)

// fixedSize gives the octets behind kind and length that an option of the kind
// always has for tcpdump, -1 where the length octet rules.
func fixedSize(kind byte) int {
	switch kind {
	case optEOL, optNOP, optSACKPerm:
		return 0
	case optWScale:
		return 1
	case optMSS, optSCPS, optUTO:
		return 2
	case optEcho, optEchoReply, optCC, optCCNew, optCCEcho:
		return 4
	case optTimestamp:
		return 8
	case optMD5:
		return 16
	}
	return -1
}

func optionName(kind byte) string {
	switch kind {
	case optEOL:
		return "eol"
	case optNOP:
		return "nop"
	case optMSS:
		return "mss"
	case optWScale:
		return "wscale"
	case optSACKPerm:
		return "sackOK"
	case optSACK:
		return "sack"
	case optEcho:
		return "echo"
	case optEchoReply:
		return "echoreply"
	case optTimestamp:
		return "TS"
	case optCC:
		return "cc"
	case optCCNew:
		return "ccnew"
	case optCCEcho:
		return "" // 4.99.3 has no name for it
	case optMD5:
		return "md5"
	case optSCPS:
		return "scps"
	case optUTO:
		return "uto"
	case optAO:
		return "tcp-ao"
	case optMPTCP:
		return "mptcp"
	case optFastOpen:
		return "tfo"
	case optExp2:
		return "exp"
	}
	return "unknown-"
}

// outcome tells how printing an option ended.
type outcome uint8

const (
	optionDone    outcome = iota
	optionBad             // it contradicts its length: the line ends with [bad opt]
	optionCut             // the captured octets end inside it
	optionStopped         // they end before its length: the line ends without a mark of where
)

// optionPrinter walks through the options of one segment (RFC 9293 §3.2).
type optionPrinter struct {
	t        *TcpdumpPrinter
	at       int // the next octet
	left     int // octets of the header not yet accounted for
	tcp      int // where the segment starts
	header   int // length of its header
	payload  int
	sackBase uint32
	flags    byte
	sub      bool // an MPTCP option was printed: tcpdump blames it for what is cut later
}

// print writes the options field; it reports false when the line ends in it.
func (o *optionPrinter) print() bool {
	o.t.str(", options [")
	first := !o.timestamp()
	for ; o.left > 0; first = false {
		if !first {
			o.t.str(",")
		}
		kind, result := o.one()
		switch result {
		case optionDone:
		case optionBad:
			o.t.str("[bad opt]")
			if !first {
				o.t.str("]")
			}
			return false
		case optionCut:
			o.cut()
			if !first {
				o.t.str(">") // as 4.99.3 does
			}
			return false
		case optionStopped:
			o.cut()
			return false
		}
		if kind == optEOL {
			break
		}
	}
	o.t.str("]")
	return true
}

// timestamp prints the list that most segments begin with, two NOPs and a
// timestamp (RFC 7323 appendix A), in one go.
func (o *optionPrinter) timestamp() bool {
	const size = 12
	if o.left < size || !o.t.has(o.at, size) || o.t.u32(o.at) != optNOP<<24|optNOP<<16|optTimestamp<<8|10 {
		return false
	}
	o.t.num("nop,nop,TS val ", o.t.u32(o.at+4))
	o.t.num(" ecr ", o.t.u32(o.at+8))
	o.at, o.left = o.at+size, o.left-size
	return true
}

func (o *optionPrinter) cut() {
	if o.sub {
		o.t.cut("mptcp")
	} else {
		o.t.cut("tcp")
	}
}

// one prints the option at hand and steps behind it.
func (o *optionPrinter) one() (kind byte, result outcome) {
	t := o.t
	if !t.has(o.at, 1) {
		return 0, optionStopped
	}
	kind = t.frame[o.at]
	o.at++
	size := 1
	if kind != optEOL && kind != optNOP {
		if !t.has(o.at, 1) {
			return kind, optionStopped
		}
		size = int(t.frame[o.at])
		o.at++
		if size < 2 || size > o.left {
			return kind, optionBad
		}
		o.left--
	}
	o.left--
	name := optionName(kind)
	t.str(name)
	if name == "unknown-" {
		t.dec(uint32(kind))
	}
	n := fixedSize(kind)
	if n < 0 {
		n = size - 2
		result = o.variable(kind, n)
	} else if result = o.check(n); result == optionDone {
		o.fixed(kind, n)
	}
	if result != optionDone {
		return kind, result
	}
	o.at += n
	o.left -= n
	expected := n + 1
	if kind != optEOL && kind != optNOP {
		expected++
	}
	if expected != size {
		t.num("[len ", uint32(size))
		t.str("]")
	}
	return kind, optionDone
}

// check tells whether n octets of the option are there.
func (o *optionPrinter) check(n int) outcome {
	switch {
	case n > o.left:
		return optionBad
	case !o.t.has(o.at, n):
		return optionCut
	}
	return optionDone
}

// fixed prints the value of an option whose n octets are there.
func (o *optionPrinter) fixed(kind byte, n int) {
	t, at := o.t, o.at
	switch kind {
	case optMSS:
		t.num(" ", uint32(t.u16(at)))
	case optWScale:
		t.num(" ", uint32(t.frame[at]))
	case optEcho, optEchoReply, optCC, optCCNew, optCCEcho:
		t.num(" ", t.u32(at))
	case optTimestamp:
		t.num(" val ", t.u32(at))
		t.num(" ecr ", t.u32(at+4))
	case optSCPS:
		t.str(" cap ")
		t.bytes(t.frame[at : at+1])
		t.num(" id ", uint32(t.frame[at+1]))
	case optMD5:
		// RFC 2385. Whether the digest is right nobody can say without the key.
		if t.has(o.tcp+o.header, o.payload) {
			t.str(" shared secret not supplied with -M, can't check - ")
		} else {
			t.str(" snaplen too short, can't check - ")
		}
		t.bytes(t.frame[at : at+n])
	case optUTO:
		o.userTimeout(at)
	}
}

// userTimeout prints RFC 5482 §3 as tcpdump reads it: it takes the lowest bit
// for the granularity, where the RFC has the highest.
func (o *optionPrinter) userTimeout(at int) {
	v := uint32(o.t.u16(at))
	o.t.str(" 0x")
	o.t.hex(uint64(v), 1)
	if v&1 != 0 {
		o.t.num(" ", v>>1*60)
	} else {
		o.t.num(" ", v>>1)
	}
}

// variable prints the value of an option whose length octet leaves n octets.
func (o *optionPrinter) variable(kind byte, n int) outcome {
	switch kind {
	case optSACK:
		return o.sack(n)
	case optAO:
		return o.authentication(n)
	}
	if kind == optMPTCP || kind == optFastOpen || kind == optExp2 {
		if r := o.check(n); r != optionDone {
			return r
		}
	}
	t := o.t
	switch kind {
	case optMPTCP:
		o.sub = true
		m := mptcpPrinter{t: t, at: o.at - 2, size: n + 2, flags: o.flags}
		if !m.print() {
			return optionBad
		}
	case optFastOpen:
		t.str(" ")
		o.fastOpen(o.at, n)
	case optExp2:
		return o.experiment(n)
	default:
		return o.unknown(n)
	}
	return optionDone
}

// sack prints the blocks of RFC 2018 §3.
func (o *optionPrinter) sack(n int) outcome {
	t := o.t
	if n%8 != 0 {
		t.str(" invalid sack")
		return optionDone
	}
	t.num(" ", uint32(n/8))
	t.str(" ")
	for i := 0; i < n; i += 8 {
		if r := o.check(i + 8); r != optionDone {
			return r
		}
		t.num("{", t.u32(o.at+i)-o.sackBase)
		t.num(":", t.u32(o.at+i+4)-o.sackBase)
		t.str("}")
	}
	return optionDone
}

// authentication prints the authentication option (RFC 5925 §2.2).
func (o *optionPrinter) authentication(n int) outcome {
	t := o.t
	if n < 2 {
		t.str(" (invalid)")
		return optionDone
	}
	if r := o.check(1); r != optionDone {
		return r
	}
	t.num(" keyid ", uint32(t.frame[o.at]))
	if r := o.check(2); r != optionDone {
		return r
	}
	t.num(" rnextkeyid ", uint32(t.frame[o.at+1]))
	if n == 2 {
		return optionDone
	}
	t.str(" mac 0x")
	return o.octets(2, n)
}

func (o *optionPrinter) unknown(n int) outcome {
	if n == 0 {
		return optionDone
	}
	o.t.str(" 0x")
	return o.octets(0, n)
}

// octets writes those from place i to n, as far as they are there.
func (o *optionPrinter) octets(i, n int) outcome {
	for ; i < n; i++ {
		if r := o.check(i + 1); r != optionDone {
			return r
		}
		o.t.bytes(o.t.frame[o.at+i : o.at+i+1])
	}
	return optionDone
}

// fastOpen prints a cookie of n octets or the request for one (RFC 7413 §4.1.1).
func (o *optionPrinter) fastOpen(at, n int) {
	switch {
	case n == 0:
		o.t.str(" cookiereq")
	case n%2 != 0 || n < 4 || n > 16:
		o.t.str(" (invalid)")
	default:
		o.t.str(" cookie ")
		o.t.bytes(o.t.frame[at : at+n])
	}
}

// experiment prints an option with an experiment identifier (RFC 6994 §3).
func (o *optionPrinter) experiment(n int) outcome {
	const fastOpenID = 0xf989
	if n < 2 {
		return optionBad
	}
	o.t.str("-")
	if id := o.t.u16(o.at); id == fastOpenID {
		o.t.str("tfo")
		o.fastOpen(o.at+2, n-2)
	} else {
		o.t.hex(uint64(id), 4)
	}
	return optionDone
}
