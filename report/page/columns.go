package page

import (
	"encoding/binary"
	"math"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// column is one value of every connection, as a browser's typed array takes
// it: little-endian, without gaps.
type column struct {
	name string
	kind string // "u8", "u16", "u32", "f64"
	b    []byte
}

// table has a row for each connection, kept by columns. Texts that many rows
// share are kept once, and named by their index.
type table struct {
	rows    int
	columns []*column
	byName  map[string]*column
	addrs   words
	details words
	found   words // sets of findings: "code:count,code:count", codes as numbers
	first   int64 // when the first row's connection began, in nanoseconds since the epoch
	lastAt  int64 // that of the row before
	b       []byte
}

// words numbers texts in the order in which they come.
type words struct {
	list  []string
	index map[string]uint32
}

func (w *words) number(text []byte) uint32 {
	if n, ok := w.index[string(text)]; ok {
		return n
	}
	if w.index == nil {
		w.index = make(map[string]uint32)
	}
	n := uint32(len(w.list))
	s := string(text)
	w.list = append(w.list, s)
	w.index[s] = n
	return n
}

func (t *table) column(name, kind string) *column {
	c := t.byName[name]
	if c == nil {
		if t.byName == nil {
			t.byName = make(map[string]*column)
		}
		c = &column{name: name, kind: kind}
		t.byName[name] = c
		t.columns = append(t.columns, c)
	}
	return c
}

func (t *table) u8(name string, v uint8) {
	c := t.column(name, "u8")
	c.b = append(c.b, v)
}

func (t *table) u16(name string, v uint16) {
	c := t.column(name, "u16")
	c.b = binary.LittleEndian.AppendUint16(c.b, v)
}

func (t *table) u32(name string, v uint32) {
	c := t.column(name, "u32")
	c.b = binary.LittleEndian.AppendUint32(c.b, v)
}

// f64 adds a whole number that may be larger than 32 bits; a browser's numbers
// are exact up to 2^53.
func (t *table) f64(name string, v int64) {
	c := t.column(name, "f64")
	c.b = binary.LittleEndian.AppendUint64(c.b, math.Float64bits(float64(v)))
}

// add appends the row of a connection. Times are nanoseconds; start counts
// from the start of the row before, which compresses better.
func (t *table) add(c *analyzer.Connection, in place) {
	t.rows++
	t.u32("conn", c.ID)
	for s := range c.Ends {
		t.end([2]string{"client", "server"}[s], &c.Ends[s])
	}
	t.u8("verdict", uint8(c.Verdict))
	t.u32("detail", t.details.number([]byte(c.Detail)))
	t.u32("found", t.found.number(t.findings(c)))
	at := int64(c.First.Time)
	if t.rows == 1 {
		t.first, t.lastAt = at, at
	}
	t.f64("start", at-t.lastAt)
	t.lastAt = at
	t.f64("lasts", int64(c.Last.Time-c.First.Time))
	t.f64("rttClient", int64(c.RTTClient))
	t.f64("rttServer", int64(c.RTTServer))
	t.u8("tap", uint8(c.Tap))
	var evicted uint8
	if c.Evicted {
		evicted = 1
	}
	t.u8("evicted", evicted)
	t.u32("chunk", in.chunk)
	t.u32("entry", in.entry)
}

// end adds what is said of each end.
func (t *table) end(side string, e *analyzer.EndpointRecord) {
	t.b = t.b[:0]
	if e.Addr.Addr().IsValid() {
		t.b = e.Addr.Addr().AppendTo(t.b)
	}
	t.u32(side+"Addr", t.addrs.number(t.b))
	t.u16(side+"Port", e.Addr.Port())
	t.u8(side+"State", uint8(e.State))
	t.u8(side+"Sure", uint8(e.Certainty))
	t.f64(side+"Packets", int64(e.Packets))
	t.f64(side+"Bytes", int64(e.Bytes))
	var again uint32
	for _, n := range e.Retransmissions {
		again += n
	}
	t.u32(side+"Again", again)
}

// findings writes the set of a connection's findings.
func (t *table) findings(c *analyzer.Connection) []byte {
	b := t.b[:0]
	if len(c.Findings) > 0 {
		for _, code := range statemachine.Codes() {
			if n := c.Findings[code]; n > 0 {
				b = appendPair(b, uint64(code), uint64(n))
			}
		}
	}
	t.b = b
	return b
}

// encode appends the columns behind each other, each where its kind may
// begin, and returns where they are.
func (t *table) encode(b []byte) ([]byte, []columnPlace) {
	var places []columnPlace
	for _, c := range t.columns {
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		places = append(places, columnPlace{Name: c.name, Kind: c.kind, At: len(b)})
		b = append(b, c.b...)
	}
	return b, places
}

// columnPlace tells where a column begins.
type columnPlace struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	At   int    `json:"at"` // octets from the first column's start
}
