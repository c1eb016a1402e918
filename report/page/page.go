// Package page writes the report as one file of HTML: a table of all
// connections, and of some of them the ladder, the graphs and the packets. The
// file needs no network and no server. Its data are compressed columns, which
// the program in the page unpacks; the program is in web, and what is built
// from it in dist.
package page

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
)

// Page gathers what a report shows. A connection's row comes when its record
// does; its segments, where some are kept, are packed then.
type Page struct {
	opt      Options
	table    table
	chunk    bytes.Buffer // connections packed so far into the chunk at hand
	entries  uint32       // how many
	chunks   []string     // finished ones, in base64
	segments int          // kept
	total    uint64       // that the connections have
}

// Options are a page's choices.
type Options struct {
	Absolute bool           // absolute sequence numbers in the ladder, as in the packets' lines
	Zone     *time.Location // of the times in those lines
}

// New returns an empty page.
func New(o Options) *Page { return &Page{opt: o} }

// chunkSize is how many octets of connections are packed together: what the
// browser unpacks when one of them is opened.
const chunkSize = 512 << 10

// place is where the segments of a connection are.
type place struct {
	chunk uint32 // counted from 1; 0 where its segments are not kept
	entry uint32 // within it, from 0
}

// Add adds a connection, with the segments kept of it, nil for none.
func (p *Page) Add(c *analyzer.Connection, t *Talk) error {
	var at place
	if t != nil && len(t.Segments) > 0 {
		at = place{uint32(len(p.chunks)) + 1, p.entries}
		separator := byte('[')
		if p.entries > 0 {
			separator = ','
		}
		p.chunk.WriteByte(separator)
		b, err := json.Marshal(newDetail(t, c, p.opt.Absolute))
		if err != nil {
			return err
		}
		p.chunk.Write(b)
		p.entries++
		p.segments += len(t.Segments)
		if p.chunk.Len() >= chunkSize {
			if err := p.endChunk(); err != nil {
				return err
			}
		}
	}
	p.total += c.Ends[0].Packets + c.Ends[1].Packets
	p.table.add(c, at)
	return nil
}

// endChunk packs the chunk at hand.
func (p *Page) endChunk() error {
	if p.entries == 0 {
		return nil
	}
	p.chunk.WriteByte(']')
	text, err := pack(p.chunk.Bytes())
	p.chunks = append(p.chunks, text)
	p.chunk.Reset()
	p.entries = 0
	return err
}

// pack compresses b and writes it in base64.
func pack(b []byte) (string, error) {
	var out bytes.Buffer
	text := base64.NewEncoder(base64.StdEncoding, &out)
	z := gzip.NewWriter(text)
	if _, err := z.Write(b); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	if err := text.Close(); err != nil {
		return "", err
	}
	return out.String(), nil
}

// Write writes the file.
func (p *Page) Write(w io.Writer, c *analyzer.Capture) error {
	if err := p.endChunk(); err != nil {
		return err
	}
	columns, places := p.table.encode(nil)
	head, err := json.Marshal(p.header(c, places))
	if err != nil {
		return err
	}
	for len(head)%8 != 4 { // so that the columns begin at a multiple of eight
		head = append(head, ' ')
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	table, err := pack(append(append(b, head...), columns...))
	if err != nil {
		return err
	}
	return p.write(w, table)
}

// write puts the parts together. Nothing in the file comes from outside but in
// base64.
func (p *Page) write(w io.Writer, table string) error {
	if _, err := io.WriteString(w, head()); err != nil {
		return err
	}
	if err := data(w, "table", table); err != nil {
		return err
	}
	for i, c := range p.chunks {
		if err := data(w, "chunk"+strconv.Itoa(i+1), c); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "<script>"+program+"</script>\n</body>\n</html>\n")
	return err
}

func data(w io.Writer, id, text string) error {
	_, err := fmt.Fprintf(w, "<script type=\"application/octet-stream\" id=%q>%s</script>\n", id, text)
	return err
}

// appendPair appends "a:b" behind a comma, unless it is the first.
func appendPair(b []byte, x, y uint64) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = append(strconv.AppendUint(b, x, 10), ':')
	return strconv.AppendUint(b, y, 10)
}
