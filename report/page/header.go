package page

import (
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/figure"
	"github.com/tcpstate/tcpstate/statemachine"
)

// header is what the page knows beside the columns: the names of everything
// that they number, and the record of the capture.
type header struct {
	Rows      int              `json:"rows"`
	Columns   []columnPlace    `json:"columns"`
	Addrs     []string         `json:"addrs"`
	Details   []string         `json:"details"`
	Found     []string         `json:"found"`
	States    []stateName      `json:"states"`
	Verdicts  []string         `json:"verdicts"`
	Certainty []string         `json:"certainty"`
	Taps      []string         `json:"taps"`
	Codes     []codeName       `json:"codes"` // by the number of the code, from 0
	Capture   captureRecord    `json:"capture"`
	Segments  segmentsIncluded `json:"segments"`
	Zone      string           `json:"zone"`
}

// stateName is a state with its colours on light and on dark ground.
type stateName struct {
	Name  string `json:"name"`
	Light string `json:"light"`
	Dark  string `json:"dark"`
}

type codeName struct {
	Name     string `json:"name"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Cite     string `json:"cite"`
}

// captureRecord is what is said of the whole input.
type captureRecord struct {
	Files       []string          `json:"files"`
	Packets     uint64            `json:"packets"`
	TCP         uint64            `json:"tcp"`
	Skipped     map[string]uint64 `json:"skipped"`
	Drops       uint64            `json:"drops"`
	Fragments   uint64            `json:"fragments"`
	Connections uint64            `json:"connections"`
	Evicted     uint64            `json:"evicted"`
	First       string            `json:"first"`    // RFC 3339 in UTC, empty without packets
	LastsNS     int64             `json:"lastsNS"`  // from the first packet to the last
	BaseNS      int64             `json:"baseNS"`   // from there to the start of the first row's connection
	Findings    map[int]int       `json:"findings"` // of segments that belong to no connection
	Errors      []string          `json:"errors"`
}

// segmentsIncluded tells how much of the input the page has packets of.
type segmentsIncluded struct {
	Kept  int    `json:"kept"`
	Total uint64 `json:"total"`
}

func (p *Page) header(c *analyzer.Capture, places []columnPlace) *header {
	h := &header{
		Rows: p.table.rows, Columns: places,
		Addrs: p.table.addrs.list, Details: p.table.details.list, Found: p.table.found.list,
		Zone: time.Unix(0, int64(c.First.Time)).In(p.opt.Zone).Format("MST (-07:00)"), Capture: captureOf(c),
	}
	for _, s := range statemachine.States() {
		ink := figure.Color(s)
		h.States = append(h.States, stateName{s.String(), ink.Light, ink.Dark})
	}
	for v := range analyzer.Verdict(analyzer.NumVerdicts) {
		h.Verdicts = append(h.Verdicts, v.String())
	}
	for s := statemachine.Uncertain; s <= statemachine.Witnessed; s++ {
		h.Certainty = append(h.Certainty, s.String())
	}
	for t := analyzer.TapUnknown; t <= analyzer.TapServer; t++ {
		h.Taps = append(h.Taps, t.String())
	}
	h.Codes = append(h.Codes, codeName{}) // of no finding
	for _, code := range statemachine.Codes() {
		info := code.Info()
		h.Codes = append(h.Codes, codeName{info.Name, info.Severity.String(), info.Title, info.Cite})
	}
	h.Segments = segmentsIncluded{p.segments, p.total}
	h.Capture.BaseNS = p.table.first - int64(c.First.Time)
	return h
}

func captureOf(c *analyzer.Capture) captureRecord {
	r := captureRecord{
		Files: c.Files, Packets: c.Packets, TCP: c.TCP, Drops: c.Drops, Fragments: c.Fragments,
		Connections: c.Connections, Evicted: c.Evicted, Errors: c.Errors,
		Skipped: make(map[string]uint64), Findings: make(map[int]int),
	}
	for reason, n := range c.Skipped {
		if n > 0 {
			r.Skipped[analyzer.Skip(reason).String()] = n
		}
	}
	for code, n := range c.Findings {
		r.Findings[int(code)] = n
	}
	if c.Packets > 0 {
		r.First = time.Unix(0, int64(c.First.Time)).UTC().Format(time.RFC3339Nano)
		r.LastsNS = int64(c.Last.Time - c.First.Time)
	}
	return r
}
