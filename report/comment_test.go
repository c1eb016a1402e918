package report_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
)

// commented turns a pcap file into a pcapng file with a comment on its section
// and on each packet.
func commented(file []byte, text string) []byte {
	le := binary.LittleEndian
	block := func(kind uint32, body []byte) []byte {
		body = append(body, make([]byte, -len(body)&3)...)
		n := uint32(len(body) + 12)
		return le.AppendUint32(append(le.AppendUint32(le.AppendUint32(nil, kind), n), body...), n)
	}
	comment := le.AppendUint16(le.AppendUint16(nil, 1), uint16(len(text)))
	comment = append(append(comment, text...), make([]byte, -len(text)&3+4)...)
	section := le.AppendUint64(le.AppendUint32(le.AppendUint32(nil, 0x1a2b3c4d), 1), math.MaxUint64)
	out := block(0x0a0d0d0a, append(section, comment...))
	out = append(out, block(1, le.AppendUint32(le.AppendUint32(nil, le.Uint32(file[20:])), 0))...)
	for off := 24; off < len(file); {
		n := le.Uint32(file[off+8:])
		b := le.AppendUint64(make([]byte, 4), 0)
		le.PutUint32(b[8:], le.Uint32(file[off:])) // the second as a microsecond will do
		b = le.AppendUint32(le.AppendUint32(b, n), le.Uint32(file[off+12:]))
		b = append(append(b, file[off+16:off+16+int(n)]...), make([]byte, -n&3)...)
		out = append(out, block(6, append(b, comment...))...)
		off += 16 + int(n)
	}
	return out
}

// Comments of the capture stand under their packets and in the totals, and
// steer no terminal.
func TestComments(t *testing.T) {
	plain, err := os.ReadFile("../testdata/pcaps/refused.pcap")
	if err != nil {
		t.Fatal(err)
	}
	file := commented(plain, "look: \x1b[2J\x9b\nsecond \"line\" \xff é")
	schema := loadSchema(t)
	for _, onePass := range []bool{false, true} {
		text := func(f report.Format) string {
			o := report.Options{Segments: true, Tcpdump: report.TcpdumpOptions{Location: time.UTC}}
			var b bytes.Buffer
			open := func() (analyzer.Source, error) {
				return capture.OpenAll([]string{capture.Stdin}, bytes.NewReader(file)), nil
			}
			run := analyzer.Options{Wants: report.Wants(f, o), OnePass: onePass}
			if err := analyzer.Run(context.Background(), run, open, report.New(&b, f, o)); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		timeline := text(report.Timeline)
		under := "length 0\n    comment: look: \\x1b[2J\\x9b\n    comment: second \\\"line\\\" \\xff é\n"
		totals := "\ncomment: look: \\x1b[2J\\x9b\\nsecond \\\"line\\\" \\xff é\nwith a comment: 2 packets\n"
		if strings.Count(timeline, under) != 2 || !strings.Contains(timeline, totals) || !harmless(timeline) {
			t.Errorf("timeline:\n%s", timeline)
		}
		json := text(report.NDJSON)
		checkLines(t, schema, json)
		spelled := `"look: \u001b[2J` + "\ufffd" + `\u000asecond \"line\" ` + "\ufffd" + ` é"`
		if strings.Count(json, `"comment":`+spelled) != 2 || !strings.Contains(json, `"comments":[`+spelled+`],"packet_comments":2`) {
			t.Errorf("ndjson:\n%s", json)
		}
	}
}
