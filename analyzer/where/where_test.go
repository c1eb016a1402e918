package where_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/where"
	"github.com/tcpstate/tcpstate/statemachine"
)

// sample is the connection that the expressions are asked about.
func sample() *analyzer.Connection {
	start := statemachine.Time(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	c := &analyzer.Connection{
		ID: 7, Verdict: analyzer.VerdictReset, Detail: "reset by the server after 1.5 s",
		First: statemachine.Moment{Packet: 3, Time: start}, Last: statemachine.Moment{Packet: 90, Time: start + 1_500_000_000},
		RTTClient: 1_000_000, RTTServer: 24_000_000,
		Findings: map[statemachine.Code]int{statemachine.RSTIgnored: 2},
	}
	c.Ends[statemachine.Client] = analyzer.EndpointRecord{
		Addr: netip.MustParseAddrPort("10.1.2.3:40000"), State: statemachine.Closed, Certainty: statemachine.Proven,
		Packets: 5, Bytes: 1000,
	}
	c.Ends[statemachine.Server] = analyzer.EndpointRecord{
		Addr: netip.MustParseAddrPort("[2001:db8::5]:443"), State: statemachine.FinWait2, Certainty: statemachine.Presumed,
		Packets: 6, Bytes: 200,
	}
	c.Ends[statemachine.Server].Retransmissions[statemachine.KindRTO] = 3
	c.Ends[statemachine.Client].Retransmissions[statemachine.KindFIN] = 1
	return c
}

func TestMatch(t *testing.T) {
	for source, want := range map[string]bool{
		`verdict == "reset" && server.port == 443`:                   true,
		`verdict == "closed"`:                                        false,
		`verdict in ["closed", "reset"]`:                             true,
		`verdict != "reset" or conn == 7`:                            true,
		`detail contains "by the server"`:                            true,
		`duration > 1.4 and duration < 1.6`:                          true,
		`first == date("2026-01-02T03:04:05Z")`:                      true,
		`first_packet == 3 && last_packet == 90`:                     true,
		`packets == 11 && bytes == 1200`:                             true,
		`retransmissions == 4`:                                       true,
		`server.retransmissions == 3 && client.retransmissions == 1`: true,
		`kinds["rto"] == 3 && kinds["fin"] == 1 && kinds.tlp == 0`:   true,
		`rtt > 0.0249 && rtt < 0.0251`:                               true,
		`client.rtt < server.rtt`:                                    true,
		`"rst-ignored" in findings`:                                  true,
		`"bare-fin" in findings`:                                     false,
		`findings["rst-ignored"] > 2`:                                false,
		`findings["bare-fin"] == 0`:                                  true,
		`len(findings) == 1`:                                         true,
		`severity in ["warning", "error", "note"]`:                   true,
		`evicted`: false,
		`client.state == "CLOSED" && server.state == "FIN-WAIT-2"`: true,
		`server.certainty == "presumed"`:                           true,
		`client.addr == "10.1.2.3"`:                                true,
		`host("10.1.2.3") && host("2001:db8::/32")`:                true,
		`host("10.1.2.4")`:                                         false,
		`within(server.addr, "2001:db8::/64")`:                     true,
		`within(client.addr, "10.1.0.0/24")`:                       false,
		`port(443) && port(40000) && !port(80)`:                    true,
		`server.addr startsWith "2001:" and not evicted`:           true,
		`client.addr matches "^10\\."`:                             true,
	} {
		f, err := where.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		for range 2 { // values of an earlier connection must not stay
			if got, err := f.Match(sample()); got != want || err != nil {
				t.Errorf("%s: %v, %v", source, got, err)
			}
			if got, err := f.Match(&analyzer.Connection{}); err != nil {
				t.Errorf("%s on an empty record: %v, %v", source, got, err)
			}
		}
	}
}

// TestSeen tells what the fields of an expression are.
func TestSeen(t *testing.T) {
	for source, want := range map[string]string{
		`verdict == "closed"`:                                  `verdict is "reset"`,
		`duration > 100 and duration < 200`:                    `duration is 1.5`,
		`client.bytes == 3 or server.port == 1`:                `client.bytes is 1000, server.port is 443`,
		`port(80)`:                                             `client.port is 40000, server.port is 443`,
		`host("10.9.9.9") && evicted`:                          `client.addr is "10.1.2.3", server.addr is "2001:db8::5", evicted is false`,
		`within(client.addr, "10.9.0.0/16")`:                   `client.addr is "10.1.2.3"`,
		`kinds.tlp > 0 || "bare-fin" in findings`:              `kinds is {fin: 1, rto: 3}, findings is {rst-ignored: 2}`,
		`first == date("2026-01-02T03:04:05Z")`:                `first is 2026-01-02T03:04:05Z`,
		`not (server.state in ["CLOSED"]) and len("x") == 1`:   `server.state is "FIN-WAIT-2"`,
		`let x = bytes; x > 1e9 and any([1, 2], # == packets)`: `bytes is 1200, packets is 11`,
		`1 == 2`: ``,
	} {
		f, err := where.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := f.Seen(sample()); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		source, reason string
		column         int
		known          string // one of the words that there are
	}{
		{`verdit == "reset"`, "unknown name verdit", 1, "verdict"},
		{`conn > 1 && client.prt == 4`, "unknown member prt", 20, "port"},
		{`now() > first`, "unknown name now", 1, "first"},
		{`verdict`, "the expression is no condition but a text", 0, ""},
		{`client`, "the expression is no condition but an end", 0, ""},
		{`packets + 1`, "the expression is no condition but a number", 0, ""},
		{`verdict == `, "the expression breaks off", 11, ""},
		{``, "the expression is empty", 0, ""},
		{`client.port == "443"`, "invalid operation: == (mismatched types int and string)", 13, ""},
		{`client == 4`, "invalid operation: == (mismatched types an end and int)", 8, ""},
		{`verdict == "rest"`, `no connection has "rest" there`, 12, "reset"},
		{`"rest" != verdict`, `no connection has "rest" there`, 1, "reset"},
		{`verdict in ["closed", "resets"]`, `no connection has "resets" there`, 23, "reset"},
		{`server.state == "FIN_WAIT_1"`, `no connection has "FIN_WAIT_1" there`, 17, "FIN-WAIT-1"},
		{`client.certainty == "sure"`, `no connection has "sure" there`, 21, "proven"},
		{`severity == "bad"`, `no connection has "bad" there`, 13, "none"},
		{`"rst-ignore" in findings`, `no connection has "rst-ignore" there`, 1, "rst-ignored"},
		{`findings["rst"] > 0`, `no connection has "rst" there`, 10, "rst-ignored"},
		{`kinds.rtos > 0`, `no connection has "rtos" there`, 7, "rto"},
		{`host("10.0.0.0/33")`, `"10.0.0.0/33" is neither an address nor a network such as 10.0.0.0/8`, 6, ""},
		{`within(client.addr, "here")`, `"here" is neither an address nor a network such as 10.0.0.0/8`, 21, ""},
	} {
		_, err := where.Compile(c.source)
		var e *where.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		if e.Reason != c.reason || e.Column != c.column || e.Source != c.source {
			t.Errorf("%s\n got %q at %d\nwant %q at %d", c.source, e.Reason, e.Column, c.reason, c.column)
		}
		if c.known != "" && !slices.Contains(e.Known, c.known) {
			t.Errorf("%s: %q lacks %s", c.source, e.Known, c.known)
		}
	}
}

// TestFieldsAreThere compiles an expression with each field and each word.
func TestFieldsAreThere(t *testing.T) {
	for _, f := range where.Fields() {
		for _, name := range []string{f.Name, strings.Replace(f.Name, "client.", "server.", 1)} {
			if _, err := where.Compile(name + " == " + name); err != nil && f.Type != "counts by name" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, v := range where.Verdicts() {
		if _, err := where.Compile(`verdict == "` + v + `"`); err != nil {
			t.Error(err)
		}
	}
}

// TestDocument holds docs/where.md to the fields and the words.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/where.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range where.Fields() {
		if row := "| `" + f.Name + "` | " + f.Type + " | " + f.Doc + " |\n"; !strings.Contains(string(text), row) {
			t.Errorf("docs/where.md lacks %s", row)
		}
	}
	for _, word := range slices.Concat(where.Verdicts(), where.States()) {
		if !strings.Contains(string(text), "`"+word+"`") {
			t.Errorf("docs/where.md lacks %s", word)
		}
	}
}

// TestExamples compiles what the documents and the help recommend.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/where.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| Question | Expression |")
	table, _, _ = strings.Cut(table, "\n\n")
	pieces := strings.Split(table, "`")
	if len(pieces) < 20 {
		t.Fatalf("docs/where.md has %d pieces of examples", len(pieces))
	}
	for i := 1; i < len(pieces); i += 2 {
		if _, err := where.Compile(pieces[i]); err != nil {
			t.Errorf("%s: %v", pieces[i], err)
		}
	}
	for _, name := range []string{"../../README.md", "../../docs/where.md"} {
		if text, err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		for _, rest := range strings.Split(string(text), "--where '")[1:] {
			source, _, _ := strings.Cut(rest, "'")
			if _, err := where.Compile(source); err != nil && source != `verdict == "rest"` {
				t.Errorf("%s, in %s: %v", source, name, err)
			}
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := where.Compile(`verdict == "reset" && server.port == 443 && "rst-ignored" in findings`)
	if err != nil {
		b.Fatal(err)
	}
	c := sample()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := f.Match(c); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// FuzzCompile reads arbitrary expressions: no panic, an error of ours, and the
// same answer twice.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`verdict == "reset"`, `"rst-ignored" in findings && client.port > 3`, `host("10.0.0.0/8") ? rtt > 1 : evicted`,
		`any(1..3, # == conn)`, `findings["x"]`, `"\xff" == verdict`, `not (duration < 1e9)`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		filter, err := where.Compile(source)
		if err != nil {
			if !errors.As(err, new(*where.Error)) || err.Error() == "" {
				t.Errorf("%q: %#v", source, err)
			}
			return
		}
		a, errA := filter.Match(sample())
		b, errB := filter.Match(sample())
		if a != b || (errA == nil) != (errB == nil) {
			t.Errorf("%q: %v %v, then %v %v", source, a, errA, b, errB)
		}
	})
}
