package report

import (
	"encoding/json"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

func TestElapsed(t *testing.T) {
	for d, want := range map[statemachine.Time]string{
		0: "0.000 ms", 94_000: "0.094 ms", 94_499: "0.094 ms", 94_500: "0.095 ms", 99_999_999: "100.000 ms",
		100_000_000: "0.100 s", 203_900_000: "0.204 s", 61_000_000_000: "61.000 s", -1_500_000: "-1.500 ms",
	} {
		if got := string(appendElapsed(nil, d)); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}

func TestOrdinal(t *testing.T) {
	for n, want := range map[uint64]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th"} {
		if got := string(appendOrdinal(nil, n)); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestUTCStamp(t *testing.T) {
	var u utcStamp
	for at, want := range map[statemachine.Time]string{
		0:                             "1970-01-01T00:00:00.000000000Z",
		-1:                            "1969-12-31T23:59:59.999999999Z",
		1_500_000_000_000_000_007:     "2017-07-14T02:40:00.000000007Z",
		1_500_000_000_999_999_999:     "2017-07-14T02:40:00.999999999Z",
		-9_223_372_036_854_775_808:    "1677-09-21T00:12:43.145224192Z",
		9_223_372_036_854_775_807:     "2262-04-11T23:47:16.854775807Z",
		statemachine.Time(1e9) * 3600: "1970-01-01T01:00:00.000000000Z",
	} {
		if got := string(u.append(nil, at)); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567"} {
		if got := string(appendGrouped(nil, n)); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := count(1, "packet") + ", " + count(2, "packet"); got != "1 packet, 2 packets" {
		t.Error(got)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"ü 漢.pcap": "ü 漢.pcap", "a\x1b[2Jb": `a\x1b[2Jb`, "a\nb": `a\nb`, "\xff": `\xff`, "a\u202eb": `a\u202eb`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzJSONString holds our quoting against the standard library's reading.
func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "a\"b\\c", "\x00\x1f\x7f\u0085", "\xff\xfe", "漢\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendJSONString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := string([]rune(s)); got != want { // each bad octet becomes U+FFFD
			t.Fatalf("%q became %q, want %q", s, got, want)
		}
	})
}

// TestFixedTextsNeedNoEscape covers the words that go into JSON unescaped.
func TestFixedTextsNeedNoEscape(t *testing.T) {
	for c := range statemachine.Code(statemachine.NumCodes) {
		f := statemachine.Finding{Code: c, A: 1, B: 2, By: 3}
		info := c.Info()
		for _, s := range []string{string(appendFindingDetail(nil, &f, numbers{})), info.Name, info.Cite} {
			if quoted := string(appendJSONString(nil, s)); quoted != `"`+s+`"` {
				t.Errorf("%s needs escapes: %s", c, quoted)
			}
		}
	}
	for r := statemachine.Rule(1); r.Info().Name != "invalid"; r++ {
		info := r.Info()
		for _, s := range []string{info.Name, info.Cite} {
			if quoted := string(appendJSONString(nil, s)); quoted != `"`+s+`"` {
				t.Errorf("%s needs escapes: %s", r, quoted)
			}
		}
	}
}

func TestCutMiddle(t *testing.T) {
	for width := 4; width < 12; width++ {
		got := []rune(cutMiddle([]rune("[2001:db8::1]:443"), width))
		if len(got) != width {
			t.Errorf("width %d: %q", width, string(got))
		}
	}
}
