package zeek_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/zeek"
	"github.com/tcpstate/tcpstate/internal/segtext"
	"github.com/tcpstate/tcpstate/statemachine"
)

// ends are the client and the server of the conversations; Zeek knows the
// second port as that of a server only where a test says so.
var ends = [2]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:9")}

// Offsets of a frame without link layer.
const (
	ipHeader  = 20
	tcpHeader = 20
)

// packet builds the frame of a segment, of whose payload cut octets were not
// captured.
func packet(c *segtext.Captured, ends [2]netip.AddrPort, cut int) *analyzer.Packet {
	length := ipHeader + tcpHeader + int(c.Segment.Len)
	f := make([]byte, length)
	f[2], f[3], f[ipHeader+12] = byte(length>>8), byte(length), 5<<4
	return &analyzer.Packet{
		Number: c.At.Packet, Time: c.At.Time, Frame: f[:length-cut], IPVersion: 4, SegOff: ipHeader,
		SegLen: tcpHeader + int(c.Segment.Len), HasTCP: true, Segment: c.Segment,
		Src: ends[c.Side], Dst: ends[c.Side.Peer()],
	}
}

// describe writes what the tests compare.
func describe(c *zeek.Connection) string {
	return fmt.Sprintf("%d>%d %s %s pkts %d/%d bytes %d/%d ip %d/%d missed %d lasted %s",
		c.Orig.Addr.Port(), c.Resp.Addr.Port(), c.State, c.History, c.Orig.Packets, c.Resp.Packets,
		c.Orig.Bytes, c.Resp.Bytes, c.Orig.IPBytes, c.Resp.IPBytes, c.Missed, c.Duration)
}

func follow(t *testing.T, text string, ends [2]netip.AddrPort) []string {
	t.Helper()
	conversation, err := segtext.Parse(text, statemachine.Time(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	tracker := zeek.NewTracker(func(c *zeek.Connection) error {
		got = append(got, describe(c))
		return nil
	})
	for i := range conversation.Segments {
		if err := tracker.Observe(packet(&conversation.Segments[i], ends, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tracker.Finish(); err != nil {
		t.Fatal(err)
	}
	return got
}

const handshake = `
	C>S S 100:100(0)
	S>C S. 500:500(0) ack 101
	C>S . 101:101(0) ack 501
`

// TestConnections holds conversations against what Zeek logs for them.
func TestConnections(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"closed by both", handshake + `
			C>S P. 101:111(10) ack 501
			S>C P. 501:521(20) ack 111
			C>S F. 111:111(0) ack 521
			S>C F. 521:521(0) ack 112
			C>S . 112:112(0) ack 522`,
			"40000>9 SF ShADdFf pkts 5/3 bytes 10/20 ip 210/140 missed 0 lasted 6ms"},
		{"no answer for five seconds is two attempts", `
			C>S S 100:100(0)
			+1 C>S S 100:100(0)
			+2 C>S S 100:100(0)
			+4 C>S S 100:100(0)`,
			"40000>9 S0 S pkts 3/0 bytes 0/0 ip 120/0 missed 0 lasted 3s\n" +
				"40000>9 S0 S pkts 1/0 bytes 0/0 ip 40/0 missed 0 lasted 0s"},
		{"the SYN-ACK alone establishes", `
			C>S S 100:100(0)
			S>C S. 500:500(0) ack 101`,
			"40000>9 S1 Sh pkts 1/1 bytes 0/0 ip 40/40 missed 0 lasted 1ms"},
		{"refused", `
			C>S S 100:100(0)
			S>C R. 0:0(0) ack 101 win 0`,
			"40000>9 REJ Sr pkts 1/1 bytes 0/0 ip 40/40 missed 0 lasted 1ms"},
		{"a RST outside the window counts all the same", handshake + `
			S>C R 900000000:900000000(0) win 0`,
			"40000>9 RSTR ShAr pkts 2/2 bytes 0/0 ip 80/80 missed 0 lasted 3ms"},
		{"FIN of both, then RST, is closed", handshake + `
			C>S F. 101:101(0) ack 501
			S>C F. 501:501(0) ack 102
			C>S R. 102:102(0) ack 502 win 0`,
			"40000>9 SF ShAFfR pkts 4/2 bytes 0/0 ip 160/80 missed 0 lasted 4ms"},
		{"FIN, RST and a late FIN is closed too", handshake + `
			C>S F. 101:101(0) ack 501
			C>S R. 102:102(0) ack 501 win 0
			S>C F. 501:501(0) ack 102`,
			"40000>9 SF ShAFRf pkts 4/2 bytes 0/0 ip 160/80 missed 0 lasted 5ms"},
		{"SYN and RST", `
			C>S S 100:100(0)
			C>S R 101:101(0) win 0`,
			"40000>9 RSTOS0 SR pkts 2/0 bytes 0/0 ip 80/0 missed 0 lasted 1ms"},
		{"SYN and FIN", `
			C>S S 100:100(0)
			C>S F. 101:101(0) ack 501`,
			"40000>9 SH SF pkts 2/0 bytes 0/0 ip 80/0 missed 0 lasted 1ms"},
		{"only the originator closed", handshake + `
			C>S F. 101:101(0) ack 501
			S>C . 501:501(0) ack 102`,
			"40000>9 S2 ShAFa pkts 3/2 bytes 0/0 ip 120/80 missed 0 lasted 4ms"},
		{"only the responder closed", handshake + `
			S>C F. 501:501(0) ack 101
			C>S . 101:101(0) ack 502`,
			"40000>9 S3 ShAf pkts 3/2 bytes 0/0 ip 120/80 missed 0 lasted 4ms"},
		{"begun in the middle", `
			C>S P. 101:111(10) ack 501
			S>C P. 501:521(20) ack 111`,
			"40000>9 OTH Dd pkts 1/1 bytes 10/20 ip 50/60 missed 0 lasted 1ms"},
		{"a SYN-ACK without SYN turns round at the ACK", `
			S>C S. 500:500(0) ack 101
			C>S . 101:101(0) ack 501
			C>S P. 101:111(10) ack 501`,
			"40000>9 S1 ^hAD pkts 2/1 bytes 10/0 ip 90/40 missed 0 lasted 2ms"},
		{"a SYN-ACK without SYN that is refused does not", `
			S>C S. 500:500(0) ack 101
			C>S R 101:101(0) win 0`,
			"9>40000 REJ Hr pkts 1/1 bytes 0/0 ip 40/40 missed 0 lasted 1ms"},
		{"SYN behind its SYN-ACK", `
			S>C S. 500:500(0) ack 101
			C>S S 100:100(0)
			C>S . 101:101(0) ack 501`,
			"40000>9 S1 Hs^A pkts 2/1 bytes 0/0 ip 80/40 missed 0 lasted 2ms"},
		{"a SYN of each end makes two", `
			C>S S 100:100(0)
			S>C S 500:500(0)`,
			"40000>9 S0 S pkts 1/0 bytes 0/0 ip 40/0 missed 0 lasted 0s\n" +
				"9>40000 S0 S pkts 1/0 bytes 0/0 ip 40/0 missed 0 lasted 0s"},
		{"letters of repetition, closed window, control with new numbers", handshake + `
			C>S P. 101:111(10) ack 501
			C>S P. 101:111(10) ack 501
			S>C . 501:501(0) ack 111 win 0
			C>S R 111:111(0) win 0
			C>S R 112:112(0) win 0`,
			"40000>9 RSTO ShADTawRR pkts 6/2 bytes 10/0 ip 260/80 missed 0 lasted 7ms"},
		{"flags that no TCP sends together", handshake + `
			S>C SR. 501:501(0) ack 101
			C>S FR 101:101(0)`,
			"40000>9 REJ ShAqI pkts 3/2 bytes 0/0 ip 120/80 missed 0 lasted 4ms"},
		{"a hole that the peer acknowledges", handshake + `
			C>S P. 111:121(10) ack 501
			S>C . 501:501(0) ack 121`,
			"40000>9 S1 ShADaG pkts 3/2 bytes 20/0 ip 130/80 missed 10 lasted 4ms"},
		{"a hole that is filled in time", handshake + `
			C>S P. 111:121(10) ack 501
			C>S P. 101:111(10) ack 501
			S>C . 501:501(0) ack 121`,
			"40000>9 S1 ShADTa pkts 4/2 bytes 20/0 ip 180/80 missed 0 lasted 5ms"},
		{"silence of five minutes splits", handshake + `
			+301 C>S P. 101:111(10) ack 501`,
			"40000>9 S1 ShA pkts 2/1 bytes 0/0 ip 80/40 missed 0 lasted 2ms\n" +
				"40000>9 OTH D pkts 1/0 bytes 10/0 ip 50/0 missed 0 lasted 0s"},
		{"what comes five seconds behind the close is another", handshake + `
			C>S F. 101:101(0) ack 501
			S>C F. 501:501(0) ack 102
			+6 S>C F. 501:501(0) ack 102`,
			"40000>9 SF ShAFf pkts 3/2 bytes 0/0 ip 120/80 missed 0 lasted 4ms\n" +
				"9>40000 SH F pkts 1/0 bytes 0/0 ip 40/0 missed 0 lasted 0s"},
		{"a new SYN at once", handshake + `
			C>S R. 101:101(0) ack 501 win 0
			C>S S 900:900(0)`,
			"40000>9 RSTO ShAR pkts 3/1 bytes 0/0 ip 120/40 missed 0 lasted 3ms\n" +
				"40000>9 S0 S pkts 1/0 bytes 0/0 ip 40/0 missed 0 lasted 0s"},
		{"numbers that wrap", `
			C>S S 4294967290:4294967290(0)
			S>C S. 4294967295:4294967295(0) ack 4294967291
			C>S . 4294967291:4294967291(0) ack 0
			C>S P. 4294967291:10(15) ack 0
			S>C F. 0:0(0) ack 10
			C>S F. 10:10(0) ack 1`,
			"40000>9 SF ShADfF pkts 4/2 bytes 15/0 ip 175/80 missed 0 lasted 5ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(follow(t, c.text, ends), "\n"); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
			}
		})
	}
}

// TestPorts tells the responder of a conversation without SYN by its port.
func TestPorts(t *testing.T) {
	const text = "S>C P. 501:521(20) ack 111"
	for server, want := range map[string]string{"192.0.2.2:80": "40000>80 OTH ^d", "192.0.2.2:9": "9>40000 OTH D"} {
		got := follow(t, text, [2]netip.AddrPort{ends[0], netip.MustParseAddrPort(server)})
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("server %s: got %q, want %s", server, got, want)
		}
	}
}

// TestPause allows interactive services an hour of silence.
func TestPause(t *testing.T) {
	got := follow(t, handshake+"\n+3000 C>S P. 101:111(10) ack 501", [2]netip.AddrPort{ends[0], netip.MustParseAddrPort("192.0.2.2:22")})
	if len(got) != 1 {
		t.Errorf("got %q, want one connection", got)
	}
}

// TestCut counts payload that was not captured as a gap, and takes nothing of
// a packet whose TCP header is cut.
func TestCut(t *testing.T) {
	conversation, err := segtext.Parse(handshake+`
		C>S P. 101:111(10) ack 501
		S>C . 501:501(0) ack 111`, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	tracker := zeek.NewTracker(func(c *zeek.Connection) error { got += describe(c) + "\n"; return nil })
	for i := range conversation.Segments {
		p := packet(&conversation.Segments[i], ends, 0)
		if p.Segment.Len > 0 {
			p.Frame = p.Frame[:len(p.Frame)-3]
		}
		if i == 2 {
			p.Frame[ipHeader+12] = 6 << 4 // options that were not captured
		}
		if err := tracker.Observe(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := tracker.Finish(); err != nil {
		t.Fatal(err)
	}
	if want := "40000>9 S1 ShDaG pkts 2/2 bytes 10/0 ip 90/80 missed 10 lasted 4ms\n"; got != want {
		t.Errorf("got %swant %s", got, want)
	}
}

// TestAdvance ends an attempt by the clock alone.
func TestAdvance(t *testing.T) {
	n := 0
	tracker := zeek.NewTracker(func(*zeek.Connection) error { n++; return nil })
	conversation, err := segtext.Parse("C>S S 100:100(0)", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := tracker.Observe(packet(&conversation.Segments[0], ends, 0)); err != nil {
		t.Fatal(err)
	}
	at := conversation.End.Time
	for _, c := range []struct {
		after time.Duration
		ended int
	}{{4 * time.Second, 0}, {5 * time.Second, 1}, {time.Hour, 1}} {
		if err := tracker.Advance(at + statemachine.Time(c.after)); err != nil || n != c.ended {
			t.Errorf("after %s: %d ended, %v", c.after, n, err)
		}
	}
}

// TestFragments takes what the later fragments of a whole frame hold as seen.
func TestFragments(t *testing.T) {
	conversation, err := segtext.Parse(handshake+"C>S P. 101:111(10) ack 501\nS>C . 501:501(0) ack 111", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tunnelled bool
		missed    uint64
	}{{true, 0}, {false, 10}} {
		var missed uint64
		tracker := zeek.NewTracker(func(c *zeek.Connection) error { missed = c.Missed; return nil })
		for i := range conversation.Segments {
			p := packet(&conversation.Segments[i], ends, int(conversation.Segments[i].Segment.Len))
			p.Tunnelled, p.WireLen = c.tunnelled, uint32(len(p.Frame))
			if err := tracker.Observe(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := tracker.Finish(); err != nil || missed != c.missed {
			t.Errorf("tunnelled %t: %d octets missed, want %d, %v", c.tunnelled, missed, c.missed, err)
		}
	}
}

// TestChecksums leaves out packets whose checksums were found bad, the first
// one of a connection too.
func TestChecksums(t *testing.T) {
	conversation, err := segtext.Parse(handshake+"C>S P. 101:111(10) ack 501\nS>C . 501:501(0) ack 101", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bad  []int
		sums analyzer.Checksums
		want string
	}{
		{[]int{3}, analyzer.SumChecked | analyzer.SumBad, "40000>9 S1 ShACa pkts 2/2 bytes 0/0 ip 80/80 missed 0 lasted 4ms\n"},
		{[]int{3}, analyzer.SumPartial, "40000>9 S1 ShACa pkts 2/2 bytes 0/0 ip 80/80 missed 0 lasted 4ms\n"},
		{[]int{3}, analyzer.SumChecked, "40000>9 S1 ShADa pkts 3/2 bytes 10/0 ip 130/80 missed 0 lasted 4ms\n"},
		{[]int{0, 2, 3}, analyzer.SumBad, "40000>9 OTH C pkts 0/0 bytes 0/0 ip 0/0 missed 0 lasted 0s\n" +
			"9>40000 OTH HcA pkts 2/0 bytes 0/0 ip 80/0 missed 0 lasted 3ms\n"},
	} {
		var got string
		tracker := zeek.NewTracker(func(c *zeek.Connection) error { got += describe(c) + "\n"; return nil })
		for i := range conversation.Segments {
			p := packet(&conversation.Segments[i], ends, 0)
			if slices.Contains(c.bad, i) {
				p.Sums = c.sums
			}
			if err := tracker.Observe(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := tracker.Finish(); err != nil || got != c.want {
			t.Errorf("%v %b\n got %swant %s%v", c.bad, c.sums, got, c.want, err)
		}
	}
}

// TestError stops at the first failure of the receiver of records.
func TestError(t *testing.T) {
	full := errors.New("disk full")
	calls := 0
	tracker := zeek.NewTracker(func(*zeek.Connection) error { calls++; return full })
	conversation, err := segtext.Parse("C>S S 100:100(0)\n+9 C>S S 100:100(0)\n+9 C>S S 100:100(0)", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range conversation.Segments {
		err = tracker.Observe(packet(&conversation.Segments[i], ends, 0))
	}
	if !errors.Is(err, full) || !errors.Is(tracker.Finish(), full) || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

// FuzzTracker feeds arbitrary segments of two endpoints: no panic, no lost
// packet, sensible times.
func FuzzTracker(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x01\x12\x80\x00\x00\x01\x10\x00\x00\x00\x01\x18\x00\x00\x40\x02\x11\x00\x00\x40\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		packets, got := uint64(0), uint64(0)
		tracker := zeek.NewTracker(func(c *zeek.Connection) error {
			got += c.Orig.Packets + c.Resp.Packets
			if c.State == "" || c.Duration < 0 {
				t.Errorf("%+v", c)
			}
			return nil
		})
		c := segtext.Captured{}
		for ; len(data) >= 5; data = data[5:] {
			packets++
			c.At.Packet = packets
			c.At.Time += statemachine.Time(data[1]) * statemachine.Time(time.Second) / 8
			c.Side = statemachine.Side(data[1] & 1)
			c.Segment = statemachine.Segment{
				Flags: statemachine.Flags(data[0]), Seq: statemachine.Seq(data[2]) << 24, Ack: statemachine.Seq(data[3]) << 24,
				Len: statemachine.Size(data[4]), Window: uint16(data[4]),
			}
			c.Segment.Seq |= statemachine.Seq(data[4])
			if err := tracker.Observe(packet(&c, ends, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tracker.Finish(); err != nil || got != packets {
			t.Errorf("%d packets, %d in records, %v", packets, got, err)
		}
	})
}

// established returns a tracker with a connection, and a data segment and its
// ACK that go round in it.
func established(tb testing.TB) (t *zeek.Tracker, data, ack *analyzer.Packet) {
	tb.Helper()
	conversation, err := segtext.Parse(handshake+"C>S P. 101:201(100) ack 501\nS>C . 501:501(0) ack 201", 0)
	if err != nil {
		tb.Fatal(err)
	}
	t = zeek.NewTracker(func(*zeek.Connection) error { return nil })
	for i := range conversation.Segments {
		data, ack = ack, packet(&conversation.Segments[i], ends, 0)
		if err := t.Observe(ack); err != nil {
			tb.Fatal(err)
		}
	}
	return t, data, ack
}

// exchange sends the next 100 octets and their ACK.
func exchange(tb testing.TB, t *zeek.Tracker, data, ack *analyzer.Packet) {
	data.Time += statemachine.Time(time.Millisecond)
	ack.Time = data.Time
	data.Segment.Seq += 100
	ack.Segment.Ack += 100
	if t.Observe(data) != nil || t.Observe(ack) != nil {
		tb.Fatal("the tracker ended")
	}
}

// TestNoAllocation holds the path of a packet to no allocation, over more than
// six minutes, in which its timers fire.
func TestNoAllocation(t *testing.T) {
	tracker, data, ack := established(t)
	if n := testing.AllocsPerRun(400_000, func() { exchange(t, tracker, data, ack) }); n != 0 {
		t.Errorf("%v allocations for two packets", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	tracker, data, ack := established(b)
	b.ReportAllocs()
	for b.Loop() {
		exchange(b, tracker, data, ack)
	}
}
