package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
)

// lineCase is a few packets and the lines expected of them.
type lineCase struct {
	name     string
	switches []string
	packets  []analyzer.Packet
	want     []string // without the time, which -t leaves out
	// departs marks a case where the lines are not tcpdump's on purpose;
	// docs/differences.md has it.
	departs bool
}

func frames4(segs ...seg) (ps []analyzer.Packet) {
	for i := range segs {
		p := ip4(segs[i].bytes(), protoTCP)
		if segs[i].sport == 443 {
			copy(p[12:16], server4)
			copy(p[16:20], client4)
		}
		ps = append(ps, packet(analyzer.LinkEthernet, ether(p)))
	}
	return ps
}

func withOptions(opt ...byte) []analyzer.Packet {
	return frames4(seg{seq: 5, ack: 6, flags: bitACK, win: 9, opt: opt})
}

const pair = "192.0.2.1.40000 > 198.51.100.2.443: "

var lineCases = []lineCase{
	{name: "handshake", packets: frames4(
		seg{seq: 1000, flags: bitSYN, win: 64240, opt: []byte{2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}},
		seg{seq: 9000, ack: 1001, flags: bitSYN | bitACK, win: 29200}.reply(),
		seg{seq: 1001, ack: 9001, flags: bitACK, win: 4106},
		seg{seq: 1001, ack: 9001, flags: bitACK | bitPSH, win: 4106, payload: "hello"},
		seg{seq: 9001, ack: 1006, flags: bitACK | bitFIN, win: 229}.reply(),
		seg{seq: 1006, flags: bitRST}),
		want: []string{
			"IP " + pair + "Flags [S], seq 1000, win 64240, options [mss 1460,nop,wscale 8,nop,nop,sackOK], length 0",
			"IP 198.51.100.2.443 > 192.0.2.1.40000: Flags [S.], seq 9000, ack 1001, win 29200, length 0",
			"IP " + pair + "Flags [.], ack 1, win 4106, length 0",
			"IP " + pair + "Flags [P.], seq 1:6, ack 1, win 4106, length 5",
			"IP 198.51.100.2.443 > 192.0.2.1.40000: Flags [F.], seq 1, ack 6, win 229, length 0",
			"IP " + pair + "Flags [R], seq 1006, win 0, length 0",
		}},
	{name: "mid-stream, and SACK edges from the first base", packets: frames4(
		seg{seq: 1000, ack: 9000, flags: bitACK, opt: []byte{1, 1, 5, 10, 0, 0, 0x23, 0x8c, 0, 0, 0x23, 0xf0}},
		seg{seq: 9000, ack: 1100, flags: bitACK, payload: "x"}.reply(),
		seg{seq: 999, ack: 8999, flags: bitACK, payload: "x"}),
		want: []string{
			"IP " + pair + "Flags [.], ack 9000, win 0, options [nop,nop,sack 1 {101:201}], length 0",
			"IP 198.51.100.2.443 > 192.0.2.1.40000: Flags [.], seq 1:2, ack 100, win 0, length 1",
			"IP " + pair + "Flags [.], seq 4294967295:0, ack 0, win 0, length 1",
		}},
	{name: "absolute", switches: []string{"-S"}, packets: frames4(
		seg{seq: 1000, ack: 9000, flags: bitACK, payload: "x"}, seg{seq: 1001, ack: 9000, flags: bitACK, payload: "x"}),
		want: []string{"IP " + pair + "Flags [.], seq 1000:1001, ack 9000, win 0, length 1",
			"IP " + pair + "Flags [.], seq 1001:1002, ack 9000, win 0, length 1"}},
	{name: "flags and urgent", packets: frames4(seg{flags: 0}, seg{seq: 7, flags: 0xff, ack: 3, win: 1, urg: 2}),
		want: []string{"IP " + pair + "Flags [none], win 0, length 0",
			"IP " + pair + "Flags [FSRP.UEW], seq 7, ack 3, win 1, urg 2, length 0"}},
	{name: "very verbose", switches: []string{"-vv"}, packets: frames4(seg{seq: 7, flags: 0}),
		want: []string{"IP (tos 0x0, ttl 64, id 4660, offset 0, flags [DF], proto TCP (6), length 40)\n    " + pair +
			"Flags [none], cksum 0x0000 (incorrect -> 0x25ab), seq 7, win 0, length 0"}},
	{name: "user timeout as tcpdump reads it", packets: withOptions(28, 4, 0x80, 5),
		want: []string{"IP " + pair + "Flags [.], ack 6, win 9, options [uto 0x8005 983160], length 0"}},
	{name: "Fast Open both ways", packets: withOptions(34, 2, 34, 6, 1, 2, 3, 4, 254, 4, 0xf9, 0x89),
		want: []string{"IP " + pair + "Flags [.], ack 6, win 9, options [tfo  cookiereq,tfo  cookie 01020304,exp-tfo cookiereq], length 0"}},
	{name: "unknown and bad options", packets: withOptions(253, 4, 0xab, 0xcd, 2, 6, 5, 0xb4, 5, 9),
		want: []string{"IP " + pair + "Flags [.], ack 6, win 9, options [unknown-253 0xabcd,mss 1460[len 6],[bad opt]]"}},
	{name: "bad option first", packets: withOptions(2, 1, 0, 0),
		want: []string{"IP " + pair + "Flags [.], ack 6, win 9, options [[bad opt]"}},
	{name: "authentication and digest", packets: withOptions(29, 6, 1, 2, 0xaa, 0xbb, 1, 19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
		want: []string{"IP " + pair + "Flags [.], ack 6, win 9, options [tcp-ao keyid 1 rnextkeyid 2 mac 0xaabb,nop,md5 shared secret not supplied with -M, can't check - 0102030405060708090a0b0c0d0e0f10,eol], length 0"}},
	{name: "data offset too small", packets: frames4(seg{offset: 3, flags: bitACK}),
		want: []string{"IP " + pair + " tcp 8 [bad hdr length 12 - too short, < 20]"}},
	{name: "data offset too large", packets: frames4(seg{offset: 6, flags: bitACK}),
		want: []string{"IP " + pair + "Flags [.] [bad hdr length 24 - too long, > 20]"}},
	{name: "IPv6 behind options", packets: []analyzer.Packet{packet(analyzer.LinkEthernet,
		ether(ip6(append([]byte{protoTCP, 0, 1, 4, 0, 0, 0, 0}, seg{seq: 1, flags: bitSYN, win: 2}.bytes()...), protoDestOpts)))},
		want: []string{"IP6 2001:db8::1 > 2001:db8:0:1::2: DSTOPT 40000 > 443: Flags [S], seq 1, win 2, length 0"}},
	{name: "IP in IP", packets: []analyzer.Packet{packet(analyzer.LinkEthernet, ether(ip4(ip6(seg{seq: 1, flags: bitSYN}.bytes(), protoTCP), protoIPv6)))},
		want: []string{"IP 192.0.2.1 > 198.51.100.2: IP6 2001:db8::1.40000 > 2001:db8:0:1::2.443: Flags [S], seq 1, win 0, length 0"}},
	{name: "VLAN", switches: []string{"-e"}, packets: []analyzer.Packet{packet(analyzer.LinkEthernet,
		ether(ip4(seg{flags: bitSYN}.bytes(), protoTCP), 0x81, 0, 0x30, 5, 8, 0))},
		want: []string{"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 802.1Q (0x8100), length 58: vlan 5, p 1, DEI, ethertype IPv4 (0x0800), " + pair + "Flags [S], seq 0, win 0, length 0"}},
	{name: "numbers", switches: []string{"-#"}, packets: frames4(seg{flags: bitSYN}),
		want: []string{"    1  IP " + pair + "Flags [S], seq 0, win 0, length 0"}},
	{name: "a refused second attempt", departs: true, packets: frames4(
		seg{seq: 1000, flags: bitSYN}, seg{seq: 9000, ack: 1001, flags: bitSYN | bitACK}.reply(),
		seg{seq: 500000, flags: bitSYN}, seg{ack: 500001, flags: bitRST | bitACK}.reply(),
		seg{seq: 500000, flags: bitSYN}, seg{ack: 500001, flags: bitRST | bitACK}.reply()),
		want: []string{
			"IP " + pair + "Flags [S], seq 1000, win 0, length 0",
			"IP 198.51.100.2.443 > 192.0.2.1.40000: Flags [S.], seq 9000, ack 1001, win 0, length 0",
			"IP " + pair + "Flags [S], seq 500000, win 0, length 0",
			"IP 198.51.100.2.443 > 192.0.2.1.40000: Flags [R.], seq 0, ack 500001, win 0, length 0",
			"IP " + pair + "Flags [S], seq 500000, win 0, length 0",
			"IP 198.51.100.2.443 > 192.0.2.1.40000: Flags [R.], seq 0, ack 1, win 0, length 0",
		}},
	{name: "a second connection whose SYN-ACK was not captured", departs: true, packets: frames4(
		seg{seq: 1000, ack: 9001, flags: bitACK}, seg{seq: 500000, flags: bitSYN},
		seg{seq: 500001, ack: 7001, flags: bitACK}, seg{seq: 500001, ack: 7001, flags: bitACK, payload: "x"}),
		want: []string{
			"IP " + pair + "Flags [.], ack 9001, win 0, length 0",
			"IP " + pair + "Flags [S], seq 500000, win 0, length 0",
			"IP " + pair + "Flags [.], ack 7001, win 0, length 0",
			"IP " + pair + "Flags [.], seq 0:1, ack 1, win 0, length 1",
		}},
	{name: "total length 0 (segmentation offload)", departs: true, packets: offloaded(),
		want: []string{"IP " + pair + "Flags [.], seq 1:4, ack 2, win 0, length 3"}},
	{name: "total length 0, verbose", departs: true, switches: []string{"-v"}, packets: offloaded(),
		want: []string{"IP (tos 0x0, ttl 64, id 4660, offset 0, flags [DF], proto TCP (6), length 43 [was 0, presumed TSO], bad cksum 3c62 (->3c8d)!)\n    " +
			pair + "Flags [.], cksum 0x0000 (incorrect -> 0x6139), seq 1:4, ack 2, win 0, length 3"}},
	{name: "IPv6 payload length 0", departs: true, packets: func() []analyzer.Packet {
		p := ip6(seg{seq: 1, ack: 2, flags: bitACK, payload: "abc"}.bytes(), protoTCP)
		p[4], p[5] = 0, 0
		return []analyzer.Packet{packet(analyzer.LinkRaw, p)}
	}(), want: []string{"IP6 2001:db8::1.40000 > 2001:db8:0:1::2.443: Flags [.], seq 1:4, ack 2, win 0, length 3"}},
}

func offloaded() []analyzer.Packet {
	ps := frames4(seg{seq: 1, ack: 2, flags: bitACK, payload: "abc"})
	ps[0].Frame[14+2], ps[0].Frame[14+3] = 0, 0
	return ps
}

// TestLines checks the lines by the words of this file, and the same words by
// tcpdump where it is installed.
func TestLines(t *testing.T) {
	for _, c := range lineCases {
		t.Run(c.name, func(t *testing.T) {
			switches := append([]string{"-t"}, c.switches...)
			ps := numbered(c.packets)
			if got := printAll(t, switches, ps); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			real := realTcpdump(t, switches, ps)
			if same := slices.Equal(real, c.want); same == c.departs {
				t.Errorf("departs: %t, but tcpdump prints\n%s", c.departs, strings.Join(real, "\n"))
			}
		})
	}
}

// TestCut cuts a frame at each of its octets: no cut may fail, and each line
// must end where tcpdump's does.
func TestCut(t *testing.T) {
	full := ether(ip4(seg{seq: 1, ack: 2, flags: bitACK, payload: "abc", opt: []byte{
		1, 30, 12, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2}}.bytes(), protoTCP))
	var ps []analyzer.Packet
	for n := 14 + 20; n <= len(full); n++ {
		p := packet(analyzer.LinkEthernet, full[:n])
		p.WireLen = uint32(len(full))
		ps = append(ps, p)
	}
	for _, switches := range [][]string{{"-t"}, {"-t", "-v"}, {"-t", "-S"}} {
		compare(t, realTcpdump(t, switches, ps), printAll(t, switches, ps), ps)
	}
}

// TestTimes checks the time field, whose zone and first and last packets come
// from outside the packet.
func TestTimes(t *testing.T) {
	zone := time.FixedZone("", 5400) // any zone that is no whole number of hours
	p := frames4(seg{flags: bitSYN})[0]
	at := func(f TimeFormat, times ...time.Duration) (got []string) {
		printer := NewTcpdumpPrinter(TcpdumpOptions{Time: f, Location: zone})
		for _, d := range times {
			p.Time = 1_000_000_000_123_456_789
			p.Time += timeOf(d)
			line := string(printer.Append(nil, &p))
			got = append(got, line[:strings.Index(line, "IP ")])
		}
		return got
	}
	for _, c := range []struct {
		format TimeFormat
		want   []string
	}{
		{TimeOfDay, []string{"03:16:40.123456 ", "03:16:39.123456 ", "03:16:41.623456 ", "04:16:40.123456 "}},
		{TimeNone, []string{"", "", "", ""}},
		{TimeEpoch, []string{"1000000000.123456 ", "999999999.123456 ", "1000000001.623456 ", "1000090000.123456 "}},
		{TimeSinceLast, []string{" 00:00:00.000000 ", "-00:00:01.000000 ", " 00:00:02.500000 ", " 00:59:58.500000 "}},
		{TimeDate, []string{"2001-09-09 03:16:40.123456 ", "2001-09-09 03:16:39.123456 ", "2001-09-09 03:16:41.623456 ", "2001-09-10 04:16:40.123456 "}},
		{TimeSinceFirst, []string{" 00:00:00.000000 ", "-00:00:01.000000 ", " 00:00:01.500000 ", " 01:00:00.000000 "}},
	} {
		got := at(c.format, 0, -time.Second, 1500*time.Millisecond, 25*time.Hour)
		if !slices.Equal(got, c.want) {
			t.Errorf("format %d: got %q, want %q", c.format, got, c.want)
		}
	}
}

// TestPass checks that packets without a line count for the times.
func TestPass(t *testing.T) {
	printer := NewTcpdumpPrinter(TcpdumpOptions{Time: TimeSinceLast})
	p := frames4(seg{flags: bitSYN})[0]
	printer.Pass(&p)
	p.Time += timeOf(time.Second)
	if got := string(printer.Append(nil, &p)); !strings.HasPrefix(got, " 00:00:01.000000 IP ") {
		t.Errorf("got %q", got)
	}
}

// TestInterfaceName checks the name that Linux cooked v2 shows.
func TestInterfaceName(t *testing.T) {
	p := packet(analyzer.LinkSLL2, append([]byte{8, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0},
		ip4(seg{flags: bitSYN}.bytes(), protoTCP)...))
	name := func(index uint32) string { return map[uint32]string{7: "tun0"}[index] }
	for want, f := range map[string]func(uint32) string{"tun0  Out IP ": name, "?     Out IP ": nil} {
		got := string(NewTcpdumpPrinter(TcpdumpOptions{Time: TimeNone, InterfaceName: f}).Append(nil, &p))
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q first", got, want)
		}
	}
}

// TestUnknownEncapsulation checks that a segment in what the printer does not
// know is printed by its own IP header, where the decoder found it.
func TestUnknownEncapsulation(t *testing.T) {
	inner := ip4(seg{flags: bitSYN}.bytes(), protoTCP)
	p := packet(analyzer.LinkEthernet, ether(append([]byte{1, 2, 3, 4}, inner...), 0x88, 0x47))
	p.NetOff, p.IPVersion = 18, 4
	got := string(NewTcpdumpPrinter(TcpdumpOptions{Time: TimeNone}).Append([]byte("before "), &p))
	if want := "before IP " + pair + "Flags [S], seq 0, win 0, length 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAppendDoesNotAllocate is the promise that a line costs no memory once
// its endpoints are known.
func TestAppendDoesNotAllocate(t *testing.T) {
	for _, o := range []TcpdumpOptions{{}, {Link: true, Verbose: 3, Number: true, Time: TimeDate}} {
		printer := NewTcpdumpPrinter(o)
		ps, b := benchPackets(), make([]byte, 0, 4096)
		run := func() {
			for i := range ps {
				b = printer.Append(b[:0], &ps[i])
			}
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%+v: %v allocations for %d lines", o, n, len(ps))
		}
	}
}

// benchPackets are data and ACKs with timestamps, of both IP versions.
func benchPackets() (ps []analyzer.Packet) {
	stamps := []byte{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}
	ps = frames4(
		seg{seq: 1000, ack: 9000, flags: bitACK, win: 501, opt: stamps, payload: strings.Repeat("x", 1000)},
		seg{seq: 9000, ack: 2000, flags: bitACK, win: 502, opt: stamps}.reply())
	for _, s := range []seg{{seq: 1, ack: 2, flags: bitACK | bitPSH, opt: stamps, payload: "hello"}} {
		ps = append(ps, packet(analyzer.LinkEthernet, ether(ip6(s.bytes(), protoTCP))))
	}
	return numbered(ps)
}

func BenchmarkTcpdumpLine(b *testing.B) {
	for _, c := range []struct {
		name string
		o    TcpdumpOptions
	}{{"plain", TcpdumpOptions{}}, {"absolute", TcpdumpOptions{Absolute: true}}, {"verbose", TcpdumpOptions{Verbose: 1, Link: true}}} {
		b.Run(c.name, func(b *testing.B) {
			printer, ps := NewTcpdumpPrinter(c.o), benchPackets()
			line := make([]byte, 0, 4096)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				line = printer.Append(line[:0], &ps[i%len(ps)])
			}
		})
	}
}

// FuzzTcpdumpLine gives the printer any octets as a frame of any link type.
func FuzzTcpdumpLine(f *testing.F) {
	for _, c := range lineCases {
		f.Add(uint32(c.packets[0].Link), c.packets[0].Frame, uint16(0), uint8(3))
	}
	f.Fuzz(func(t *testing.T, link uint32, frame []byte, more uint16, switches uint8) {
		o := TcpdumpOptions{Verbose: int(switches & 3), Link: switches&4 != 0, Absolute: switches&8 != 0}
		p := packet(analyzer.LinkType(link), frame)
		p.WireLen += uint32(more)
		p.IPVersion, p.NetOff = 4, min(int(switches>>4), len(frame))
		printer := NewTcpdumpPrinter(o)
		first := string(printer.Append(nil, &p))
		if len(first) > 64*len(frame)+400 {
			t.Errorf("%d octets make a line of %d", len(frame), len(first))
		}
		if again := string(NewTcpdumpPrinter(o).Append(nil, &p)); again != first {
			t.Errorf("first %q, then %q", first, again)
		}
	})
}
