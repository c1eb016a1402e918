package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/board"
	sm "github.com/tcpstate/tcpstate/statemachine"
)

// scrape returns what a scrape of the board gets.
func scrape(t *testing.T, b *board.Board) string {
	t.Helper()
	h := Handler(b, func() Capture { return Capture{Packets: 12345, DroppedKernel: 6, DroppedDevice: 7} })
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(r.Result().Body)
	if err != nil || r.Code != 200 {
		t.Fatal(r.Code, err)
	}
	return string(text)
}

// crowd gives a board connections of all endings, each from an address and
// port of its own, with findings, resets and retransmissions of all kinds.
func crowd(t *testing.T, b *board.Board, conns int) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	states := sm.States()
	for i := range conns {
		id, now := uint32(i+1), sm.Time(1.7e18)+sm.Time(i)*1e6
		ends := [2]netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i)),
			netip.MustParseAddrPort("192.0.2.1:443"),
		}
		for k, flags := range []sm.Flags{sm.SYN, sm.SYN | sm.ACK, sm.ACK, sm.RST} {
			side := sm.Side(k & 1)
			from, to := states[i%len(states)], states[(i/len(states)+k)%len(states)]
			event := []sm.Event{sm.RecvSYN, sm.RecvSYNACK, sm.RecvACKOfSYN, sm.RecvRST}[k]
			p := &analyzer.Packet{Number: uint64(k), Time: now + sm.Time(k*i)*1e3, HasTCP: true, Src: ends[side], Dst: ends[side.Peer()]}
			p.Segment.Flags = flags
			o := &analyzer.Observation{Packet: p, Conn: id, Side: side, Notes: []analyzer.Note{
				{Conn: id, Ends: ends, Kind: analyzer.ProvisionalNote, Step: sm.Step{Side: side, From: from, To: to, Event: event}},
				{Conn: id, Ends: ends, Kind: analyzer.FindingNote, Finding: sm.Finding{Code: sm.Code(1 + i%(sm.NumCodes-1)), Side: side}},
			}}
			o.Reading.Class, o.Reading.Kind = sm.Retransmission, sm.Kind(1+i%(sm.NumKinds-1))
			check(b.Packet(o))
		}
		if i%2 == 0 {
			check(b.Connection(&analyzer.Connection{ID: id, Verdict: analyzer.VerdictUnanswered}))
		}
	}
}

// TestExposition holds what a scrape gets to the rules that promtool checks.
func TestExposition(t *testing.T) {
	b := board.New()
	crowd(t, b, 1000)
	text := scrape(t, b)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	for _, want := range []string{
		"tcpstate_packets_total 12345", "tcpstate_segments_total 4000", "tcpstate_connections_total 1000", "tcpstate_connections 500",
		`tcpstate_dropped_packets_total{by="kernel"} 6`, `tcpstate_dropped_packets_total{by="interface"} 7`,
		`tcpstate_handshakes_total{outcome="unanswered"} 500`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// series returns the names and labels of all series.
func series(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, line[:strings.LastIndexByte(line, ' ')])
		}
	}
	slices.Sort(list)
	return list
}

// TestBounded has the same series whether nothing was seen or many addresses,
// and no address in any label.
func TestBounded(t *testing.T) {
	b := board.New()
	before := series(scrape(t, b))
	crowd(t, b, 3000)
	after := series(scrape(t, b))
	if !slices.Equal(before, after) || len(before) < 50 {
		t.Errorf("%d series before, %d after", len(before), len(after))
	}
	address := regexp.MustCompile(`="[^"]*(\d+\.\d+\.\d+|:\d)`)
	for _, s := range after {
		if address.MatchString(s) && !strings.Contains(s, "le=") {
			t.Errorf("an address in %s", s)
		}
	}
}
