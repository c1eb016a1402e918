package statemachine

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// A reading test is a conversation, one line for each captured segment:
//
//	TIME SIDE FLAGS SEQ LEN ACK WIN [ts=VAL/ECR] [id=N] [sack=L-R,…] [ws=N] [mss] = CLASS[/KIND] [what else]
//
// TIME is in milliseconds, SIDE is c or s, "no" stands for NoClass. What else:
// marks by name (all of them), repeats=N, dups=N, backoff=N, win=N, seq=N.
// Only named numbers are compared.

type readingLine struct {
	at   Moment
	side Side
	seg  Segment
	want string
}

func parseReading(t testing.TB, text string) []readingLine {
	t.Helper()
	var out []readingLine
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		have, want, _ := strings.Cut(strings.TrimSpace(line), " = ")
		f := strings.Fields(have)
		if len(f) < 7 {
			t.Fatalf("short line %q", line)
		}
		ms, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		l := readingLine{want: strings.TrimSpace(want)}
		l.at = Moment{Packet: uint64(len(out) + 1), Time: 1e18 + Time(ms*1e6)}
		if f[1] == "s" {
			l.side = Server
		}
		for _, c := range f[2] {
			for _, fl := range flagLetters {
				if rune(fl.letter) == c {
					l.seg.Flags |= fl.flag
				}
			}
		}
		num := func(s string) uint64 {
			v, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return v
		}
		l.seg.Seq, l.seg.Len, l.seg.Ack, l.seg.Window = Seq(num(f[3])), Size(num(f[4])), Seq(num(f[5])), uint16(num(f[6]))
		for _, o := range f[7:] {
			k, v, _ := strings.Cut(o, "=")
			a, b, _ := strings.Cut(v, "/")
			switch k {
			case "ts":
				l.seg.Options.Set |= OptTimestamp
				l.seg.Options.TSVal, l.seg.Options.TSEcr = uint32(num(a)), uint32(num(b))
			case "id":
				l.seg.HasIPID, l.seg.IPID = true, uint16(num(v))
			case "ws":
				l.seg.Options.Set |= OptWScale
				l.seg.Options.WScale = uint8(num(v))
			case "cut":
				l.seg.Options.Set |= OptCut
			case "sack":
				l.seg.Options.Set |= OptSACK
				for _, r := range strings.Split(v, ",") {
					x, y, _ := strings.Cut(r, "-")
					l.seg.Options.SACK[l.seg.Options.NSACK] = SACKBlock{Seq(num(x)), Seq(num(y))}
					l.seg.Options.NSACK++
				}
			default:
				t.Fatalf("%q: what is %q", line, o)
			}
		}
		out = append(out, l)
	}
	return out
}

// readingText prints of r what want asks for.
func readingText(r Reading, want string) string {
	s := r.Class.String()
	if s == "" {
		s = "no"
	}
	if r.Kind != NoKind {
		s += "/" + r.Kind.String()
	}
	for _, m := range r.Marks.Names(nil) {
		s += " " + m
	}
	for _, w := range strings.Fields(want) {
		k, _, named := strings.Cut(w, "=")
		if !named {
			continue
		}
		v := map[string]any{
			"repeats": r.Repeats, "dups": r.Dups, "backoff": r.Backoff, "win": r.Window, "scaled": r.Scaled,
			"seq": r.RelSeq, "ack": r.RelAck, "since": r.Since, "ok": r.RelOK,
		}[k]
		s += fmt.Sprintf(" %s=%v", k, v)
	}
	return s
}

const openReading = `
0 c S 1000 0 0 65535 = new seq=0 ok=true
10 s S. 5000 0 1001 65535 = new seq=0 ack=1
20 c . 1001 0 5001 65535 = new seq=1 ack=1
`

var readingTests = []struct{ name, text string }{
	{"ip ids of fifteen bits wrap below a hole", `
0 c S 1000 0 0 65535 id=1 = new
10 s S. 5000 0 1001 65535 id=32750 = new
20 c . 1001 0 5001 65535 id=2 = new
30 s P. 5001 100 1001 65535 id=32751 = new
31 s P. 5101 100 1001 65535 id=32752 = new
32 s P. 5301 100 1001 65535 id=32754 = new gap-before
33 c . 1001 0 5201 65535 id=3 = new
800 s P. 5201 100 1001 65535 id=9 = retransmission/rto`},
	{"ip ids that are no counter", `
0 c S 1000 0 0 65535 id=1 = new
10 s S. 5000 0 1001 65535 id=300 = new
20 c . 1001 0 5001 65535 id=2 = new
30 s P. 5001 100 1001 65535 id=900 = new
31 s P. 5101 100 1001 65535 id=1156 = new
32 s P. 5201 100 1001 65535 id=1412 = new
33 s P. 5301 100 1001 65535 id=1668 = new
34 s P. 5401 100 1001 65535 id=400 = new
35 s P. 5501 100 1001 65535 id=401 = new
36 s P. 5601 100 1001 65535 id=402 = new
37 s P. 5701 100 1001 65535 id=403 = new
80 c . 1001 0 5001 65535 sack=5101-5401 = duplicate-ack dups=1
81 c . 1001 0 5001 65535 sack=5101-5501 = duplicate-ack dups=2
82 c . 1001 0 5001 65535 sack=5101-5601 = duplicate-ack dups=3
83 s P. 5001 100 1001 65535 id=404 = retransmission/fast`},
	{"a SYN copied by the network draws a SYN-ACK of its own", `
0 c S 1000 0 0 65535 id=1 = new
0.01 s S. 5000 0 1001 65535 id=0 = new
0.05 c S 1000 0 0 65535 id=1 = duplicate-frame
0.06 s S. 5000 0 1001 65535 id=0 = retransmission/syn-ack
0.07 s S. 5000 0 1001 65535 id=0 = duplicate-frame`},
	{"a handshake captured twice", `
0 c S 1000 0 0 65535 id=1 = new
0.01 c S 1000 0 0 65535 id=1 = duplicate-frame
0.05 s S. 5000 0 1001 65535 id=0 = new
0.06 s S. 5000 0 1001 65535 id=0 = duplicate-frame`},
	{"a copy that was asked for is none of the network", `
0 c S 1000 0 0 65535 id=1 = new
10 s S. 5000 0 1001 65535 id=300 = new
20 c . 1001 0 5001 65535 id=2 = new
30 s P. 5001 100 1001 65535 id=301 = new
31 s P. 5101 100 1001 65535 id=302 = new
32 s P. 5201 100 1001 65535 id=303 = new
33 s P. 5301 100 1001 65535 id=304 = new
34 s P. 5401 100 1001 65535 id=305 = new
35 s P. 5501 100 1001 65535 id=306 = new
80 c . 1001 0 5001 65535 sack=5101-5401 = duplicate-ack
83 s P. 5001 100 1001 65535 id=299 = retransmission/fast`},
	{"an older ack takes no window back", `
0 c S 1000 0 0 65535 ts=100/0 = new
10 s S. 5000 0 1001 65535 ts=900/100 = new
20 c . 1001 0 5001 60000 ts=110/900 = new
30 s P. 5001 2000 1001 65535 ts=920/110 = new
40 c . 1001 0 7001 63000 ts=130/920 id=7 = new
41 c F. 1001 0 7001 65000 ts=131/920 = new
42 c . 1001 0 7001 58001 ts=129/920 = out-of-order win=58001
43 c . 1001 0 7001 63000 ts=130/920 id=7 = out-of-order
80 s . 7001 0 1002 65535 ts=960/131 = new
81 s P. 7001 64000 1002 65535 ts=961/131 = new`},
	{"keep-alive as the first segment", `
0 s . 5000 0 1001 65535 = new
1 c . 1001 0 5001 65535 = keep-alive-ack
2000 s . 5000 0 1001 65535 = keep-alive
2001 c . 1001 0 5001 65535 = keep-alive-ack
3000 s P. 5001 10 1001 65535 = new`},
	{"one octet more, much later", `
0 s . 5000 0 1001 65535 = new
1500 c . 1001 0 5001 65535 = new acks-unseen`},
	{"payload and fin again, for the payload's sake", openReading + `
30 c P. 1001 100 5001 65535 = new
31 c F. 1101 0 5001 65535 = new
50 s . 5001 0 1001 65535 sack=1101-1102 = duplicate-ack
51 c FP. 1001 100 5001 65535 = retransmission/fast repeats=4
70 s . 5001 0 1102 65535 = new`},
	{"fin again", openReading + `
30 c FP. 1001 100 5001 65535 = new
330 c FP. 1001 100 5001 65535 = retransmission/fin repeats=4
630 c F. 1101 0 5001 65535 = retransmission/fin repeats=5`},
	{"two servers answer in turn", `
0 c S 1000 0 0 65535 = new
10 s S. 5000 0 1001 65535 = new
1000 c S 1000 0 0 65535 = retransmission/syn spurious repeats=1
1010 s S. 8000 0 1001 65535 = new
1020 s S. 5000 0 1001 65535 = retransmission/syn-ack repeats=2 backoff=1
2000 s S. 8000 0 1001 65535 = retransmission/syn-ack repeats=4 backoff=1
3000 s S. 5000 0 1001 65535 = retransmission/syn-ack repeats=5 backoff=2
3010 c . 1001 0 5001 65535 = new
3020 s . 5001 10 1001 65535 = new`},
	{"dsack reports no loss", openReading + `
30 c P. 1001 100 5001 65535 = new
38 c P. 1001 100 5001 65535 = retransmission/unknown
61 s . 5001 0 1101 65535 = new
62 s . 5001 0 1101 65535 sack=1001-1101 = duplicate-ack dups=0
70 c P. 1101 100 5001 65535 = new
78 c P. 1101 100 5001 65535 = retransmission/unknown`},
	{"plain exchange", openReading + `
30 c P. 1001 100 5001 65535 = new
40 s . 5001 0 1101 65535 = new
50 s P. 5001 200 1101 65535 = new
60 c . 1101 0 5201 65535 = new seq=101 ack=201`},
	{"wraparound", `
0 c S 4294967290 0 0 65535 = new
10 s S. 5000 0 4294967291 65535 = new
20 c . 4294967291 0 5001 65535 = new
30 c P. 4294967291 100 5001 65535 = new seq=1
40 c P. 95 100 5001 65535 = new seq=101
50 s . 5001 0 195 65535 = new ack=201
400 c P. 95 100 5001 65535 = retransmission/rto spurious repeats=5 seq=101`},
	{"syn backs off", `
0 c S 1000 0 0 65535 = new
1000 c S 1000 0 0 65535 = retransmission/syn repeats=1 since=1000000000 backoff=1
3000 c S 1000 0 0 65535 = retransmission/syn repeats=2 backoff=2
7000 c S 1000 0 0 65535 = retransmission/syn repeats=3 backoff=3`},
	{"syn-ack again, then challenge ack", openReading + `
1010 s S. 5000 0 1001 65535 = retransmission/syn-ack spurious repeats=2
1020 c . 1001 0 5001 65535 = challenge-ack`},
	{"syn with another isn", `
0 c S 1000 0 0 65535 = new
1000 c S 9000 0 0 65535 = new seq=0
1010 s S. 5000 0 9001 65535 = new ack=1`},
	{"syn-ack with another isn after the handshake", openReading + `
40 s S. 7000 0 1001 65535 = no
50 s P. 5001 10 1001 65535 = new seq=1`},
	{"simultaneous open", `
0 c S 1000 0 0 65535 = new
1 s S 5000 0 0 65535 = new
20 s S. 5000 0 1001 65535 = new
21 c S. 1000 0 5001 65535 = new
40 c P. 1001 10 5001 65535 = new seq=1`},
	{"syn captured twice", `
0 c S 1000 0 0 65535 id=7 = new
0.01 c S 1000 0 0 65535 id=7 = duplicate-frame repeats=1
10 s S. 5000 0 1001 65535 = new`},
	{"syn captured after its answer", `
0 s S. 5000 0 1001 65535 = new
0.1 c S 1000 0 0 65535 = out-of-order seq=0 ok=true
1 c . 1001 0 5001 65535 = new`},
	{"fast open refused", `
0 c S 1000 100 0 65535 = new
10 s S. 5000 0 1001 65535 = new
20 c P. 1001 100 5001 65535 = retransmission/unknown repeats=1`},
	{"window scale by both", `
0 c S 1000 0 0 65535 ws=7 = new win=65535 scaled=true
10 s S. 5000 0 1001 65535 ws=15 = new win=65535 scaled=true
20 c . 1001 0 5001 10 = new win=1280 scaled=true
30 s . 5001 0 1001 3 = window-update win=49152 scaled=true`},
	{"window scale by one", `
0 c S 1000 0 0 65535 ws=7 = new
10 s S. 5000 0 1001 65535 = new
20 c . 1001 0 5001 10 = new win=10 scaled=true`},
	{"window scale cut off", `
0 c S 1000 0 0 65535 cut = new
10 s S. 5000 0 1001 65535 ws=3 = new
20 c . 1001 0 5001 10 = new win=10 scaled=false
30 s P. 5001 8 1001 10 = new win=80 scaled=true`},
	{"fast retransmission", openReading + `
30 c . 1001 100 5001 65535 = new
30 c . 1101 100 5001 65535 = new
30 c . 1201 100 5001 65535 = new
30 c . 1301 100 5001 65535 = new
41 s . 5001 0 1101 65535 = new
42 s . 5001 0 1101 65535 = duplicate-ack dups=1
43 s . 5001 0 1101 65535 = duplicate-ack dups=2
44 s . 5001 0 1101 65535 = duplicate-ack dups=3
45 c . 1101 100 5001 65535 = retransmission/fast repeats=5 backoff=1
55 s . 5001 0 1201 65535 = new
56 c . 1201 100 5001 65535 = retransmission/fast repeats=6`},
	{"early retransmission", openReading + `
30 c . 1001 100 5001 65535 = new
30 c P. 1101 100 5001 65535 = new
40 s . 5001 0 1001 65535 = duplicate-ack dups=1
41 c . 1001 100 5001 65535 = retransmission/fast repeats=4`},
	{"sack recovery that the ack crosses", openReading + `
30 c . 1001 100 5001 65535 = new
30 c P. 1101 100 5001 65535 = new
41 s . 5001 0 1001 65535 sack=1101-1201 = duplicate-ack
42 s . 5001 0 1201 65535 = new
43 c . 1001 100 5001 65535 = retransmission/fast spurious repeats=4`},
	{"a clock that goes backwards", openReading + `
30 c . 1001 100 5001 65535 = new
20 s . 5001 0 1101 65535 = new
21 c . 1001 100 5001 65535 = retransmission/unknown spurious repeats=4`},
	{"sack recovery", openReading + `
30 c . 1001 100 5001 65535 = new
30 c . 1101 100 5001 65535 = new
41 s . 5001 0 1001 65535 sack=1101-1201 = duplicate-ack dups=1
42 c . 1001 100 5001 65535 = retransmission/fast`},
	{"sack with another window is a duplicate ack", openReading + `
30 c . 1001 100 5001 65535 = new
30 c . 1101 100 5001 65535 = new
41 s . 5001 0 1001 60000 sack=1101-1201 = duplicate-ack
42 s . 5001 0 1001 61000 sack=1101-1201 = window-update`},
	{"time-outs back off", openReading + `
30 c P. 1001 100 5001 65535 = new
330 c P. 1001 100 5001 65535 = retransmission/rto repeats=4 backoff=1
930 c P. 1001 100 5001 65535 = retransmission/rto repeats=5 backoff=2
2130 c P. 1001 100 5001 65535 = retransmission/rto repeats=6 backoff=3`},
	{"after a time-out the rest follows", openReading + `
30 c . 1001 100 5001 65535 = new
30 c . 1101 100 5001 65535 = new
330 c . 1001 100 5001 65535 = retransmission/rto
341 s . 5001 0 1101 65535 = new
342 c . 1101 100 5001 65535 = retransmission/rto repeats=5`},
	{"tail loss probe", openReading + `
30 c . 1001 100 5001 65535 = new
40 s . 5001 0 1101 65535 = new
50 c P. 1101 100 5001 65535 = new
92 c P. 1101 100 5001 65535 = retransmission/tlp repeats=6`},
	{"spurious", openReading + `
30 c P. 1001 100 5001 65535 = new
240 s . 5001 0 1101 65535 = new
241 c P. 1001 100 5001 65535 = retransmission/rto spurious repeats=4
251 s . 5001 0 1101 65535 sack=1001-1101 = duplicate-ack`},
	{"part new, part old", openReading + `
30 c P. 1001 100 5001 65535 = new
400 c P. 1001 250 5001 65535 = retransmission/rto partial-overlap repeats=4
410 c P. 1251 10 5001 65535 = new`},
	{"late by timestamp", openReading + `
30 c . 1001 100 5001 65535 ts=50/1 = new
31 c . 1201 100 5001 65535 ts=52/1 = new gap-before
900 c . 1101 100 5001 65535 ts=51/1 = out-of-order`},
	{"lost before the tap by timestamp", openReading + `
30 c . 1001 100 5001 65535 ts=50/1 = new
31 c . 1201 100 5001 65535 ts=50/1 = new gap-before
32 c . 1101 100 5001 65535 ts=52/1 = retransmission/unknown backoff=1`},
	{"late by ip id", openReading + `
30 c . 1001 100 5001 65535 id=50 = new
30 c . 1101 100 5001 65535 id=51 = new
30 c . 1201 100 5001 65535 id=52 = new
31 c . 1401 100 5001 65535 id=54 = new gap-before
900 c . 1301 100 5001 65535 id=53 = out-of-order`},
	{"lost before the tap by ip id", openReading + `
30 c . 1001 100 5001 65535 id=50 = new
30 c . 1101 100 5001 65535 id=51 = new
30 c . 1201 100 5001 65535 id=52 = new
31 c . 1401 100 5001 65535 id=53 = new gap-before
32 c . 1301 100 5001 65535 id=54 = retransmission/unknown`},
	{"late by time alone", openReading + `
30 c . 1001 100 5001 65535 = new
31 c . 1201 100 5001 65535 = new gap-before
32 c . 1101 100 5001 65535 = out-of-order`},
	{"lost before the tap by time alone", openReading + `
30 c . 1001 100 5001 65535 = new
31 c . 1201 100 5001 65535 = new gap-before
331 c . 1101 100 5001 65535 = retransmission/rto`},
	{"a hole filled from the middle", openReading + `
30 c . 1301 100 5001 65535 = new gap-before
31 c . 1101 100 5001 65535 = out-of-order
32 c . 1001 100 5001 65535 = out-of-order
33 c . 1201 100 5001 65535 = out-of-order
36 c . 1201 100 5001 65535 = retransmission/unknown repeats=7`},
	{"ack of what was not captured", openReading + `
30 s . 5001 0 1101 65535 ts=90/70 = new acks-unseen
31 c P. 1101 50 5001 65535 ts=71/89 = new
32 c P. 1001 100 5001 65535 ts=70/89 = out-of-order`},
	{"frames captured twice", openReading + `
30 c P. 1001 100 5001 65535 id=50 = new
30.1 c P. 1001 100 5001 65535 id=50 = duplicate-frame repeats=4
31 c P. 1101 100 5001 65535 id=51 = new
31.1 c P. 1101 100 5001 65535 id=51 = duplicate-frame repeats=6
32 c . 1201 0 5001 65535 id=52 = new
32.1 c . 1201 0 5001 65535 id=52 = duplicate-frame repeats=8
33 c . 1201 0 5001 65535 id=53 = new`},
	{"duplicate acks are no frames captured twice", openReading + `
30 c . 1001 100 5001 65535 = new
30 c . 1101 100 5001 65535 = new
41 s . 5001 0 1001 65535 id=0 = duplicate-ack dups=1
41.01 s . 5001 0 1001 65535 id=0 = duplicate-ack dups=2
41.02 s . 5001 0 1001 65535 id=0 = duplicate-ack dups=3`},
	{"twice without ip id", openReading + `
30 c P. 1001 100 5001 65535 ts=50/1 = new
30.1 c P. 1001 100 5001 65535 ts=50/1 = duplicate-frame repeats=4
31 s . 5001 0 1101 65535 ts=90/50 = new
31.1 s . 5001 0 1101 65535 ts=90/50 = duplicate-frame repeats=6`},
	{"late, then sent again, both forgotten and overtaken", openReading + `
30 c P. 1001 100 5001 65535 ts=50/1 = new
30 c P. 1201 100 5001 65535 ts=50/1 = new gap-before
31 c P. 1101 100 5001 65535 ts=50/1 = out-of-order
32 s . 5001 0 1301 65535 ts=90/50 = new
50 c P. 1301 100 5001 65535 ts=60/1 = new
50 c P. 1401 100 5001 65535 ts=60/1 = new
50 c P. 1501 100 5001 65535 ts=60/1 = new
50 c P. 1601 100 5001 65535 ts=60/1 = new
50 c P. 1701 100 5001 65535 ts=60/1 = new
51 c P. 1101 100 5001 65535 ts=50/1 = network-duplicate
52 c P. 1101 100 5001 65535 ts=55/1 = retransmission/unknown spurious`},
	{"copied by the network", openReading + `
30 c P. 1001 100 5001 65535 id=50 ts=50/1 = new
31 c P. 1101 100 5001 65535 id=51 ts=51/1 = new
90 c P. 1101 100 5001 65535 id=51 ts=51/1 = network-duplicate repeats=5
95 c P. 1001 100 5001 65535 ts=50/1 = network-duplicate repeats=4`},
	{"keep-alive", openReading + `
30 c P. 1001 100 5001 65535 = new
40 s . 5001 0 1101 65535 = new
7200040 c . 1100 0 5001 65535 = keep-alive
7200050 s . 5001 0 1101 65535 = keep-alive-ack
7200055 s . 5000 1 1101 65535 = keep-alive
7200060 c . 1101 0 5001 65535 = keep-alive-ack`},
	{"one octet again is no keep-alive", openReading + `
30 c P. 1001 1 5001 65535 = new
330 c P. 1001 1 5001 65535 = retransmission/rto repeats=4`},
	{"an overtaken ack is no keep-alive", openReading + `
30 c . 1001 0 5001 65535 ts=70/1 = new
31 c P. 1001 1 5001 65535 ts=71/1 = new
31.1 c . 1001 0 5001 65535 ts=70/1 = out-of-order`},
	{"linux probes a closed window", openReading + `
30 c P. 1001 100 5001 65535 = new
40 s . 5001 0 1101 0 = new zero-window
300 c . 1100 0 5001 65535 = zero-window-probe
310 s . 5001 0 1101 0 = zero-window-probe-ack zero-window
900 c . 1100 0 5001 65535 = zero-window-probe
910 s . 5001 0 1101 65535 = window-update
911 c P. 1101 100 5001 65535 = new`},
	{"a probe with an octet", openReading + `
30 c P. 1001 100 5001 65535 = new
40 s . 5001 0 1101 0 = new zero-window
300 c . 1101 1 5001 65535 = zero-window-probe
310 s . 5001 0 1101 0 = zero-window-probe-ack zero-window
900 c . 1101 1 5001 65535 = zero-window-probe repeats=6 backoff=1
910 s . 5001 0 1102 0 = zero-window-probe-ack zero-window
950 s . 5001 0 1102 900 = window-update
951 c P. 1101 100 5001 65535 = new seq=101`},
	{"window full", `
0 c S 1000 0 0 65535 = new
10 s S. 5000 0 1001 300 = new
20 c . 1001 0 5001 65535 = new
30 c . 1001 200 5001 65535 = new
31 c . 1201 100 5001 65535 = new window-full`},
	{"window update", openReading + `
30 s . 5001 0 1001 60000 = window-update
31 s . 5001 0 1001 60000 = new`},
	{"fin again", openReading + `
30 c F. 1001 0 5001 65535 = new
40 s . 5001 0 1002 65535 = new
50 s F. 5001 0 1002 65535 = new
60 c . 1002 0 5002 65535 = new
250 s F. 5001 0 1002 65535 = retransmission/fin spurious repeats=6 backoff=1
260 c . 1002 0 5002 65535 = time-wait-ack
650 s F. 5001 0 1002 65535 = retransmission/fin spurious repeats=8 backoff=2
660 c . 1002 0 5002 65535 = time-wait-ack`},
	{"fin with data again, without the data", openReading + `
30 c FP. 1001 100 5001 65535 = new
40 s . 5001 0 1101 65535 = new
250 c F. 1101 0 5001 65535 = retransmission/fin repeats=4`},
	{"inexact reset", openReading + `
30 c R 1101 0 0 0 = no
40 s . 5001 0 1001 65535 = challenge-ack`},
	{"exact reset", openReading + `
30 c R 1001 0 0 0 = no
40 s . 5001 0 1001 65535 = new`},
	{"syn on a live connection", openReading + `
30 c S 7777 0 0 65535 = no
40 s . 5001 0 1001 65535 = challenge-ack
50 c P. 1001 10 5001 65535 = new seq=1`},
	{"ack far beyond all that was sent", `
0 c S 1000 0 0 65535 = new
10 s S. 5000 0 1001 65535 = new
20 c . 1001 0 5001 65535 = new
30 c . 1001 0 99005001 65535 = new acks-unseen
40 s . 5001 0 1001 65535 = challenge-ack
50 s P. 5001 10 1001 65535 = new seq=1`},
	{"syn-ack of another attempt", `
0 c S 100 0 0 65535 = new
1 s S. 300 0 999 65535 = new
2 c R 999 0 0 0 = no
1000 c S 100 0 0 65535 = retransmission/syn repeats=1 since=1000000000 backoff=1
1001 s S. 400 0 101 65535 = new
1002 c . 101 0 401 65535 = new
1003 c P. 101 4 401 65535 = new seq=1
1004 s . 401 0 105 65535 = new`},
	{"a forged segment moves nothing", openReading + `
30 c P. 500001001 100 5001 65535 = no gap-before
40 c P. 1001 100 5001 65535 = new seq=1
50 s . 5001 0 1101 65535 = new`},
	{"a far segment that the peer acknowledges", openReading + `
30 c P. 500001001 100 5001 65535 = no gap-before
40 s . 5001 0 500001101 65535 = new acks-unseen
50 c P. 500001101 100 5001 65535 = new seq=500000101`},
	{"a far segment that others follow", openReading + `
30 c P. 500001001 100 5001 65535 = no gap-before
31 c P. 500001101 100 5001 65535 = no gap-before
32 c P. 500001201 100 5001 65535 = no gap-before
33 c P. 500001301 100 5001 65535 = new gap-before
34 c P. 500001401 100 5001 65535 = new`},
	{"a far ack before its segment", openReading + `
30 s . 5001 0 500001001 65535 = new acks-unseen
31 c P. 500001001 100 5001 65535 = new gap-before`},
	{"an ack of what was never sent, denied by its receiver", openReading + `
30 c . 1001 0 5101 65535 = new acks-unseen
31 s . 5001 0 1001 65535 = new
40 s P. 5001 23 1001 65535 = new`},
	{"payload at a forged fin", openReading + `
30 c F. 1001 0 5001 65535 = new
40 c P. 1001 24 5001 65535 = new`},
	{"the copy was captured first", openReading + `
30 c P. 1001 10 5001 65535 ts=70/1 = new
60 c P. 1001 10 5001 65535 ts=50/1 = out-of-order`},
	{"no live tcp sends these", openReading + `
30 c none 1001 0 0 1024 = no
31 c FPU 1001 0 0 1024 = no
32 c SF 1001 0 0 1024 = no
33 c F 1001 0 0 1024 = no
34 c P 1001 10 0 1024 = no
35 c SR 1001 0 0 1024 = no
40 c P. 1001 100 5001 65535 = new seq=1`},
	{"segments larger than any mss", openReading + `
30 c P. 1001 60000 5001 65535 = new
40 s . 5001 0 61001 65535 = new`},
	{"mid-stream", `
0 c P. 9000 100 7000 500 = new seq=0 ack=0 ok=false win=500 scaled=false
10 s . 7000 0 9100 500 = new seq=0 ack=100
20 s P. 7000 50 9100 500 = new seq=0
30 c . 9100 0 7050 500 = new
40 c P. 8900 100 7050 500 = retransmission/unknown spurious seq=-100`},
	{"mid-stream with data in flight", `
0 s . 7000 0 9000 500 = new
10 c P. 9500 100 7000 500 = new`},
	{"mid-stream, late by timestamp", `
0 c P. 9000 100 7000 500 ts=8/1 = new
1 c P. 8900 100 7000 500 ts=7/1 = out-of-order`},
	{"an old ack was overtaken", openReading + `
30 c . 1001 100 5001 65535 = new
30 c . 1101 100 5001 65535 = new
41 s . 5001 0 1201 60000 = new
42 s . 5001 0 1101 65535 = out-of-order
43 s . 5001 0 1201 60000 = new`},
	{"a pure ack tells of data not captured", openReading + `
30 c . 1101 0 5001 65535 = new gap-before
31 c P. 1101 10 5001 65535 = new seq=101`},
	{"keep-alives that cross", openReading + `
30 c P. 1001 100 5001 65535 = new
40 s P. 5001 50 1101 65535 = new
50 c . 1101 0 5051 65535 = new
30040 s . 5050 1 1101 65535 = keep-alive
30041 c . 1101 0 5051 65535 = keep-alive-ack
30050 c . 1100 1 5051 65535 = keep-alive
30060 s . 5051 0 1101 65535 = keep-alive-ack`},
	{"dsack", openReading + `
30 c . 1001 100 5001 65535 = new
30 s P. 5001 50 1001 65535 = new
330 s P. 5001 50 1001 65535 = retransmission/rto repeats=5
340 c . 1101 0 5051 65535 = new
341 s . 5051 0 1101 65535 = new
342 c . 1101 0 5051 65535 = duplicate-ack
343 s P. 5051 50 1101 65535 = new
350 c . 1101 0 5101 65535 = new
351 c . 1101 0 5101 65535 sack=5001-5051 = duplicate-ack
352 c . 1101 0 5101 65535 sack=5001-5051,4901-5051 = duplicate-ack
353 c . 1101 0 5101 65535 = new`},
	{"data again, now with the fin", openReading + `
30 c P. 1001 100 5001 65535 = new
400 c FP. 1001 100 5001 65535 = retransmission/rto partial-overlap repeats=4
410 s . 5001 0 1102 65535 = new
800 c F. 1101 0 5001 65535 = retransmission/fin spurious repeats=5`},
	{"a late fin", openReading + `
30 c P. 1001 100 5001 65535 ts=50/1 = new
31 s . 5001 0 1102 65535 ts=9/51 = new acks-unseen
32 c F. 1101 0 5001 65535 ts=51/1 = out-of-order
33 c F. 1101 0 5001 65535 ts=60/1 = retransmission/fin spurious repeats=6`},
	{"part in a hole", openReading + `
30 c . 1001 100 5001 65535 = new
31 c . 1201 100 5001 65535 = new gap-before
32 c . 1051 100 5001 65535 = out-of-order partial-overlap
33 c . 1101 300 5001 65535 = out-of-order partial-overlap
34 c . 1401 100 5001 65535 = new seq=401`},
	{"time alone after the same tick", openReading + `
30 c . 1001 100 5001 65535 ts=50/1 = new
31 c . 1201 100 5001 65535 ts=50/1 = new gap-before
131 c . 1101 100 5001 65535 ts=50/1 = out-of-order`},
	{"asked for in the same tick", openReading + `
30 c . 1001 100 5001 65535 ts=50/1 = new
31 c . 1201 100 5001 65535 ts=50/1 = new gap-before
40 s . 5001 0 1101 65535 sack=1201-1301 = new
61 c . 1101 100 5001 65535 ts=50/1 = retransmission/fast`},
	{"news in sack blocks is no challenge ack", openReading + `
30 c . 1001 100 5001 65535 = new
30 c F. 1101 0 5001 65535 = new
31 c R 1102 0 0 0 = no
40 s . 5001 0 1001 65535 sack=1101-1102 = duplicate-ack`},
	{"the server opens its window", openReading + `
30 s . 5001 0 1001 60000 = window-update`},
	{"reset captured twice", openReading + `
30 c P. 1001 10 5001 65535 id=5 = new
31 c . 1011 0 5001 65535 id=6 = new
32 c R. 1011 0 5001 0 id=7 = no
32.1 c R. 1011 0 5001 0 id=7 = duplicate-frame repeats=6`},
	{"no octet under a closed window that shrank", openReading + `
30 c P. 1001 100 5001 65535 = new
31 s . 5001 0 1051 0 = new zero-window
400 c . 1050 0 5001 65535 = zero-window-probe
900 c . 1051 50 5001 65535 = retransmission/rto repeats=4`},
	{"one direction only", `
0 s S. 5000 0 1001 65535 ws=2 = new
20 s . 5001 0 1101 100 = new win=400
30 s P. 5001 50 1201 100 = new`},
}

func TestReadings(t *testing.T) {
	for _, tt := range readingTests {
		t.Run(tt.name, func(t *testing.T) {
			for _, slow := range []bool{false, true} {
				a := Analysis{slow: slow}
				for i, l := range parseReading(t, tt.text) {
					r := a.Read(l.at, l.side, &l.seg)
					if got := readingText(r, l.want); got != l.want {
						t.Errorf("slow %v, segment %d: got %q, want %q", slow, i+1, got, l.want)
					}
				}
			}
		})
	}
}

// TestRecord checks what the connection's record takes.
func TestRecord(t *testing.T) {
	var a Analysis
	for _, l := range parseReading(t, `
0 c S 1000 0 0 65535 ws=7
30 s S. 5000 0 1001 65535 ws=2
32 c . 1001 0 5001 65535
40 c . 1001 100 5001 65535
60 s . 5001 0 1101 65535
70 c . 1101 100 5001 65535
470 c . 1101 100 5001 65535
500 s . 5001 0 1201 65535
510 c P. 1201 100 5001 65535
510.2 c P. 1201 100 5001 65535
570 s F. 5001 10 1301 65535`) {
		a.Read(l.at, l.side, &l.seg)
	}
	if c, s := a.HandshakeRTT(); c != 2e6 || s != 30e6 {
		t.Errorf("handshake halves %d and %d", c, s)
	}
	if got := a.Segments(Client); got != 6 {
		t.Errorf("segments of the client %d, want 6: the copy is no segment", got)
	}
	if c, s := a.Bytes(Client), a.Bytes(Server); c != 300 || s != 10 {
		t.Errorf("octets %d and %d, want 300 and 10", c, s)
	}
	if got := a.Retransmissions(Client); got[KindRTO] != 1 {
		t.Errorf("retransmissions %v", got)
	}
	// Samples 30, 20 and 60 ms; none from what was sent twice.
	if got, want := a.SRTT(Client), Time(30e6-10e6/8); got != want+(60e6-want)/8 {
		t.Errorf("SRTT %d", got)
	}
	if got := a.MinRTT(Client); got != 20e6 {
		t.Errorf("shortest %d", got)
	}
	if iss, ok := a.ISS(Server); iss != 5000 || !ok {
		t.Errorf("ISS %d %v", iss, ok)
	}
	if n, ok := a.Next(Server); n != 5012 || !ok {
		t.Errorf("next %d %v", n, ok)
	}
	if c, s := a.InFlight(Client), a.InFlight(Server); c != 0 || s != 11 {
		t.Errorf("in flight %d and %d, want 0 and 11", c, s)
	}
	if c, ok := a.Scale(Client); c != 7 || !ok {
		t.Errorf("scale %d %v", c, ok)
	}
}

// TestInFlight counts before and after the first ACK.
func TestInFlight(t *testing.T) {
	var a Analysis
	for _, l := range parseReading(t, "0 c S 1000 0 0 65535\n10 s S. 5000 0 0 65535\n20 s P. 5001 10 1001 65535") {
		a.Read(l.at, l.side, &l.seg)
	}
	if c, s := a.InFlight(Client), a.InFlight(Server); c != 0 || s != 11 {
		t.Errorf("in flight %d and %d, want 0 and 11", c, s)
	}
}

// TestHandshakeRTTKarn: a half that begins with a segment sent twice is not
// measured.
func TestHandshakeRTTKarn(t *testing.T) {
	var a Analysis
	for _, l := range parseReading(t, `
0 c S 1000 0 0 65535
1000 c S 1000 0 0 65535
1010 s S. 5000 0 1001 65535
1025 c . 1001 0 5001 65535`) {
		a.Read(l.at, l.side, &l.seg)
	}
	if c, s := a.HandshakeRTT(); c != 15e6 || s != 0 {
		t.Errorf("halves %d and %d, want 15 ms and none", c, s)
	}
}

// randomSegment makes segments that mostly continue a conversation and
// sometimes do anything else.
func randomSegment(rnd *rand.Rand, nxt *[2]Seq, side Side, clock uint32) Segment {
	x, y := &nxt[side], nxt[side^1]
	s := Segment{Flags: ACK, Seq: *x, Ack: y, Window: uint16(1000 + rnd.IntN(3)*30000)}
	if rnd.IntN(2) == 0 {
		s.HasIPID, s.IPID = true, uint16(clock)
	}
	if rnd.IntN(4) > 0 {
		s.Options.Set |= OptTimestamp
		s.Options.TSVal, s.Options.TSEcr = clock/4, clock/4-1
	}
	switch k := rnd.IntN(40); {
	case k < 16:
		s.Len = Size(1 + rnd.IntN(3000))
	case k < 26:
	case k < 29:
		s.Seq -= Seq(rnd.IntN(5000))
		s.Len = Size(rnd.IntN(4000))
	case k < 31:
		s.Seq += Seq(rnd.IntN(3000))
		s.Len = Size(rnd.IntN(2000))
	case k < 33:
		s.Ack -= Seq(rnd.IntN(3000))
	case k < 34:
		s.Ack += Seq(rnd.IntN(3000))
	case k < 35:
		s.Window = 0
	case k < 36:
		s.Seq--
		s.Len = Size(rnd.IntN(2))
	case k < 37:
		s.Ack -= 2000
		s.Options.Set |= OptSACK
		s.Options.NSACK = 1
		s.Options.SACK[0] = SACKBlock{s.Ack + 500, s.Ack + 1500}
	case k < 38:
		s.Flags = Flags(rnd.IntN(64))
	case k < 39:
		s.Seq, s.Ack, s.Len = Seq(rnd.Uint32()), Seq(rnd.Uint32()), Size(rnd.IntN(70000))
	default:
		if rnd.IntN(8) == 0 {
			s.Flags |= FIN
		}
	}
	if end := s.End(); x.Less(end) && end.Sub(*x) < 100000 {
		*x = end
	}
	return s
}

// TestFastPath compares the fast path with the slow one, and the memory they
// leave, over random conversations.
func TestFastPath(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		fast, slow := Analysis{}, Analysis{slow: true}
		nxt := [2]Seq{Seq(rnd.Uint32()), Seq(rnd.Uint32())}
		at := Moment{Time: 1e18}
		read := func(side Side, s Segment) {
			at.Packet++
			f, w := fast.Read(at, side, &s), slow.Read(at, side, &s)
			if f != w {
				t.Fatalf("seed %d, segment %d %+v:\nfast %+v\nslow %+v", seed, at.Packet, s, f, w)
			}
			left := slow
			left.slow = false
			if fast != left {
				t.Fatalf("seed %d, segment %d %+v:\nfast leaves %+v\nslow leaves %+v", seed, at.Packet, s, fast, left)
			}
		}
		if seed%4 != 0 { // else mid-stream
			read(Client, Segment{Flags: SYN, Seq: nxt[0] - 1, Window: 60000})
			read(Server, Segment{Flags: SYN | ACK, Seq: nxt[1] - 1, Ack: nxt[0], Window: 60000})
		}
		var last [2]Segment
		for range 300 {
			at.Time += Time(rnd.IntN(3e6))
			if rnd.IntN(30) == 0 {
				at.Time += Time(rnd.Int64N(3e9))
			}
			side := Side(rnd.IntN(2))
			s := randomSegment(rnd, &nxt, side, uint32(at.Time/1e6))
			if rnd.IntN(12) == 0 {
				s = last[side]
			}
			last[side] = s
			read(side, s)
		}
	}
}

// FuzzRead gives the analysis anything and checks what must hold always.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x03\xe8\x00\x00\x00\x00\x00\x12\x01\x00\x00\x13\x88\x00\x00\x03\xe9\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		fast, slow := Analysis{}, Analysis{slow: true}
		at := Moment{Time: 1e18}
		for ; len(in) >= 12; in = in[12:] {
			s := Segment{
				Flags: Flags(in[0]), Seq: Seq(in[1])<<24 | Seq(in[2])<<8 | Seq(in[3]), Ack: Seq(in[4])<<24 | Seq(in[5])<<8 | Seq(in[6]),
				Len: Size(in[7]) * Size(in[8]), Window: uint16(in[9]) << 3, HasIPID: in[10]&1 != 0, IPID: uint16(in[10]),
			}
			if in[10]&2 != 0 {
				s.Options.Set, s.Options.TSVal, s.Options.NSACK = OptTimestamp|OptSACK, uint32(in[9]), in[11]>>4
				s.Options.SACK[0] = SACKBlock{s.Ack + Seq(in[11]), s.Ack + Seq(in[9])}
			}
			at.Packet++
			at.Time += Time(in[11]) << 18
			r, w := fast.Read(at, Side(in[10]>>7), &s), slow.Read(at, Side(in[10]>>7), &s)
			if r != w {
				t.Fatalf("fast %+v, slow %+v", r, w)
			}
			if r.Repeats >= at.Packet {
				t.Fatalf("repeats %d at packet %d", r.Repeats, at.Packet)
			}
			if (r.Kind != NoKind) != (r.Class == Retransmission) {
				t.Fatalf("class %v with kind %v", r.Class, r.Kind)
			}
		}
	})
}

// TestAnalysisSize keeps the memory of a connection in sight.
func TestAnalysisSize(t *testing.T) {
	if n := unsafe.Sizeof(Analysis{}); n > 664 {
		t.Errorf("an Analysis takes %d octets, want at most 664", n)
	}
}

func TestReadAllocates(t *testing.T) {
	lines := parseReading(t, openReading+`
30 c . 1001 100 5001 65535
30 c . 1201 100 5001 65535
41 s . 5001 0 1001 65535 sack=1201-1301
42 c . 1001 100 5001 65535
43 c F. 1301 0 5001 65535`)
	var a Analysis
	if n := testing.AllocsPerRun(100, func() {
		a = Analysis{}
		for i := range lines {
			a.Read(lines[i].at, lines[i].side, &lines[i].seg)
		}
	}); n != 0 {
		t.Errorf("%v allocations in a conversation", n)
	}
}

// BenchmarkRead is a bulk transfer: two full segments, then the ACK of both.
func BenchmarkRead(b *testing.B) {
	for _, slow := range []bool{false, true} {
		b.Run(map[bool]string{false: "fast", true: "slow"}[slow], func(b *testing.B) {
			a := Analysis{slow: slow}
			for _, l := range parseReading(b, openReading+"30 s P. 5001 1 1001 65535\n31 c . 1001 0 5002 65535") {
				a.Read(l.at, l.side, &l.seg)
			}
			data := Segment{Flags: ACK, Seq: 1001, Ack: 5002, Len: 1448, Window: 65535, HasIPID: true, Options: Options{Set: OptTimestamp}}
			ack := Segment{Flags: ACK, Seq: 5002, Ack: 1001, Window: 65535, HasIPID: true, Options: Options{Set: OptTimestamp}}
			at := Moment{Packet: 10, Time: 2e18}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at.Packet++
				at.Time += 1000
				if i%3 == 2 {
					ack.Ack, ack.IPID, ack.Options.TSVal = data.Seq, ack.IPID+1, ack.Options.TSVal+1
					a.Read(at, Server, &ack)
					continue
				}
				a.Read(at, Client, &data)
				data.Seq, data.IPID, data.Options.TSVal = data.Seq.Add(data.Len), data.IPID+1, data.Options.TSVal+1
			}
		})
	}
}
