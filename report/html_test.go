package report_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/report"
)

// pageData are the data of a page as its program unpacks them.
type pageData struct {
	head struct {
		Rows    int
		Columns []struct {
			Name, Kind string
			At         int
		}
		Addrs, Details, Found, Verdicts, Certainty []string
		States                                     []struct{ Name string }
		Codes                                      []struct{ Name string }
		Capture                                    struct {
			Packets, TCP, Connections uint64
			First                     string
			BaseNS                    int64
		}
		Segments struct{ Kept, Total int }
	}
	columns map[string][]float64
	chunks  [][]pageDetail
}

type pageDetail struct {
	Conn    int
	Total   int
	Left    int
	Packet  []int
	Time    []int64
	Side    []int
	Seq     []int64
	Len     []int
	Ack     []int64
	Window  []int64
	Class   []string
	Marks   [][]string
	Repeats []int
	Found   [][]int
	Before  []int
	Text    []string
	Rungs   []struct {
		S, K    int
		L, A, T int64
		Z       [2]int
	}
}

// unpack returns the octets of a data element.
func unpack(t *testing.T, page, id string) []byte {
	t.Helper()
	m := regexp.MustCompile(`id="` + id + `">([^<]*)</script>`).FindStringSubmatch(page)
	if m == nil {
		return nil
	}
	packed, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readPage(t *testing.T, page string) *pageData {
	t.Helper()
	b := unpack(t, page, "table")
	d := &pageData{columns: make(map[string][]float64)}
	size := binary.LittleEndian.Uint32(b)
	if err := json.Unmarshal(b[4:4+size], &d.head); err != nil {
		t.Fatal(err)
	}
	b = b[4+size:]
	for _, c := range d.head.Columns {
		if (c.At+4+int(size))%8 != 0 {
			t.Errorf("column %s begins where a typed array may not", c.Name)
		}
		values := make([]float64, d.head.Rows)
		for i := range values {
			switch c.Kind {
			case "u8":
				values[i] = float64(b[c.At+i])
			case "u16":
				values[i] = float64(binary.LittleEndian.Uint16(b[c.At+2*i:]))
			case "u32":
				values[i] = float64(binary.LittleEndian.Uint32(b[c.At+4*i:]))
			case "f64":
				values[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[c.At+8*i:]))
			}
		}
		d.columns[c.Name] = values
	}
	for n := 1; ; n++ {
		text := unpack(t, page, "chunk"+strconv.Itoa(n))
		if text == nil {
			return d
		}
		var chunk []pageDetail
		if err := json.Unmarshal(text, &chunk); err != nil {
			t.Fatal(err)
		}
		d.chunks = append(d.chunks, chunk)
	}
}

// jsonObject is an object of NDJSON.
type jsonObject = map[string]any

func ndjsonRecords(t *testing.T, text string) map[string][]jsonObject {
	t.Helper()
	out := make(map[string][]jsonObject)
	for line := range strings.Lines(text) {
		var r jsonObject
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		kind := r["type"].(string)
		out[kind] = append(out[kind], r)
	}
	return out
}

// TestPageAgreesWithNDJSON compares all that a page says of connections and
// segments with the other output of the same run.
func TestPageAgreesWithNDJSON(t *testing.T) {
	for _, file := range captures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			d := readPage(t, render(t, file, report.HTML, report.Options{}, false))
			want := ndjsonRecords(t, render(t, file, report.NDJSON, report.Options{Segments: true}, false))
			if len(want["connection"]) != d.head.Rows {
				t.Fatalf("%d rows, %d connections", d.head.Rows, len(want["connection"]))
			}
			at := d.head.Capture.BaseNS
			first, err := time.Parse(time.RFC3339Nano, d.head.Capture.First)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range want["connection"] {
				at += int64(d.columns["start"][i])
				compareConnection(t, d, i, first.Add(time.Duration(at)), c)
				chunk := int(d.columns["chunk"][i])
				if chunk == 0 {
					t.Fatalf("connection %v has no segments", c["conn"])
				}
				detail := &d.chunks[chunk-1][int(d.columns["entry"][i])]
				compareSegments(t, d, detail, c["conn"], want)
				compareStates(t, d, detail, c)
			}
		})
	}
}

func compareConnection(t *testing.T, d *pageData, i int, start time.Time, c jsonObject) {
	t.Helper()
	col := func(name string) int { return int(d.columns[name][i]) }
	got := jsonObject{
		"conn": col("conn"), "first_ts": start.UTC().Format("2006-01-02T15:04:05.000000000Z"),
		"last_ts": start.Add(time.Duration(col("lasts"))).UTC().Format("2006-01-02T15:04:05.000000000Z"),
		"verdict": d.head.Verdicts[col("verdict")], "verdict_detail": d.head.Details[col("detail")],
	}
	packets, octets := jsonObject{}, jsonObject{}
	for _, side := range []string{"client", "server"} {
		addr := netip.MustParseAddr(d.head.Addrs[col(side+"Addr")])
		got[side] = netip.AddrPortFrom(addr, uint16(col(side+"Port"))).String()
		got[side+"_state"] = d.head.States[col(side+"State")].Name
		got[side+"_certainty"] = d.head.Certainty[col(side+"Sure")]
		packets[side], octets[side] = col(side+"Packets"), col(side+"Bytes")
		again := 0.0
		for _, n := range c["retransmissions"].(jsonObject)[side].(jsonObject) {
			again += n.(float64)
		}
		if int(again) != col(side+"Again") {
			t.Errorf("connection %v: %s sent %d again, want %v", c["conn"], side, col(side+"Again"), again)
		}
	}
	got["packets"], got["bytes"] = packets, octets
	findings := jsonObject{}
	if text := d.head.Found[col("found")]; text != "" {
		for pair := range strings.SplitSeq(text, ",") {
			var code, n int
			if _, err := fmt.Sscanf(pair, "%d:%d", &code, &n); err != nil {
				t.Fatal(err)
			}
			findings[d.head.Codes[code].Name] = n
		}
	}
	got["findings"] = findings
	for name, value := range got {
		if g, w := fmt.Sprint(value), fmt.Sprint(c[name]); g != w {
			t.Errorf("connection %v: %s is %s, want %s", c["conn"], name, g, w)
		}
	}
}

// compareSegments holds the segments of a connection against their records.
func compareSegments(t *testing.T, d *pageData, got *pageDetail, conn any, want map[string][]jsonObject) {
	t.Helper()
	found := make(map[string]bool)
	for _, f := range want["finding"] {
		found[fmt.Sprint(f["conn"], f["packet"], f["code"])] = true
	}
	i := 0
	for _, s := range want["segment"] {
		if s["conn"] != conn {
			continue
		}
		if i >= len(got.Packet) {
			t.Fatalf("connection %v has %d segments only", conn, i)
		}
		kind := s["class"].(string)
		if kind == "retransmission" {
			kind += " (" + s["kind"].(string) + ")"
		}
		values := jsonObject{"packet": got.Packet[i], "role": [2]string{"client", "server"}[got.Side[i]], "repeats": got.Repeats[i], "marks": got.Marks[i]}
		if _, ok := s["rel_seq"]; ok {
			values["rel_seq"] = got.Seq[i]
			if strings.Contains(s["flags"].(string), ".") {
				values["rel_ack"] = got.Ack[i]
			}
		}
		if _, ok := s["scaled_win"]; ok {
			values["scaled_win"] = got.Window[i]
		}
		for name, value := range values {
			if g, w := fmt.Sprint(value), fmt.Sprint(s[name]); g != w {
				t.Errorf("packet %v: %s is %s, want %s", s["packet"], name, g, w)
			}
		}
		if got.Class[i] != kind {
			t.Errorf("packet %v is %s, want %s", s["packet"], got.Class[i], kind)
		}
		for _, code := range got.Found[i] {
			if !found[fmt.Sprint(conn, s["packet"], d.head.Codes[code].Name)] {
				t.Errorf("packet %v has the finding %s, which was not made", s["packet"], d.head.Codes[code].Name)
			}
		}
		i++
	}
	if i != len(got.Packet) {
		t.Errorf("connection %v has %d segments, want %d", conn, len(got.Packet), i)
	}
}

// compareStates holds the ladder against the steps: the same end, and rungs of
// one end in the order of time.
func compareStates(t *testing.T, d *pageData, got *pageDetail, c jsonObject) {
	t.Helper()
	last := got.Rungs[len(got.Rungs)-1]
	for side, name := range []string{"client_state", "server_state"} {
		if g := d.head.States[last.Z[side]].Name; g != c[name] {
			t.Errorf("connection %v: the ladder's %s is %s, want %v", c["conn"], name, g, c[name])
		}
	}
	now := [2]int64{math.MinInt64, math.MinInt64}
	states := got.Rungs[0].Z
	for i, r := range got.Rungs {
		for side := range states {
			if r.Z[side] == states[side] {
				continue
			}
			at := r.T
			if r.S >= 0 {
				if at = r.L; got.Side[r.S] != side {
					at = r.A
				}
			}
			if at < now[side] {
				t.Errorf("connection %v, rung %d: an end moves at %d, after it moved at %d", c["conn"], i, at, now[side])
			}
			now[side] = at
		}
		states = r.Z
		if r.S >= 0 && r.K&2 != 0 && r.A < r.L {
			t.Errorf("connection %v, rung %d: a segment arrives before it leaves", c["conn"], i)
		}
	}
}

// TestPageTextIsTheTimeline compares the packets' text with the timeline.
func TestPageTextIsTheTimeline(t *testing.T) {
	for _, file := range captures(t) {
		d := readPage(t, render(t, file, report.HTML, report.Options{}, false))
		if d.head.Rows != 1 {
			continue // notes of other connections stand elsewhere in the timeline
		}
		var text strings.Builder
		for _, s := range d.chunks[0][0].Text {
			text.WriteString(s)
		}
		timeline, _, _ := strings.Cut(render(t, file, report.Timeline, report.Options{}, false), "\n\n")
		if got := strings.TrimSuffix(text.String(), "\n"); got != timeline {
			compareLines(t, got, timeline)
		}
	}
}

// TestPageBudget limits a page, in both kinds of runs.
func TestPageBudget(t *testing.T) {
	const file = "../testdata/pcaps/time-wait-reuse.pcap"
	for _, onePass := range []bool{false, true} {
		d := readPage(t, render(t, file, report.HTML, report.Options{PageSegments: 10}, onePass))
		kept := 0
		for _, chunk := range d.chunks {
			for _, c := range chunk {
				kept += len(c.Packet)
				missing := c.Left
				for _, n := range c.Before {
					missing += n
				}
				if len(c.Packet)+missing != c.Total {
					t.Errorf("connection %d: %d segments here and %d not, of %d", c.Conn, len(c.Packet), missing, c.Total)
				}
			}
		}
		if kept > 10 || kept != d.head.Segments.Kept || kept >= d.head.Segments.Total {
			t.Errorf("one pass %v: %d segments kept, said %d of %d", onePass, kept, d.head.Segments.Kept, d.head.Segments.Total)
		}
	}
}

// TestPageHoldsNothingOfFiles finds no text of the input in the page but in
// base64.
func TestPageHoldsNothingOfFiles(t *testing.T) {
	page := render(t, "../testdata/pcaps/lost-data.pcap", report.HTML, report.Options{}, false)
	page = strings.ReplaceAll(page, "http://www.w3.org/2000/svg", "") // the name of a language, not an address
	for _, text := range []string{"lost-data", "10.35.0.1", "http://", "https://"} {
		if strings.Contains(page, text) {
			i := strings.Index(page, text)
			t.Errorf("the page has %q: …%s…", text, page[max(0, i-40):min(len(page), i+60)])
		}
	}
	if size := len(page); size > 1<<20 {
		t.Errorf("a page of %d octets for a small capture", size)
	}
}
