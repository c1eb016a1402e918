package report_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
)

var more = flag.String("captures", "", "a directory with further captures whose packets are to be accounted for")

// records returns how many packets a plain pcap file has, by its record headers
// alone; ok is false for other files and damaged ones.
func records(file []byte) (n uint64, ok bool) {
	if len(file) < 24 || file[0] != 0xd4 && file[0] != 0x4d || binary.LittleEndian.Uint16(file[4:]) != 2 || binary.LittleEndian.Uint16(file[6:]) != 4 {
		return 0, false
	}
	off := 24
	for ; off+16 <= len(file); n++ {
		off += 16 + int(binary.LittleEndian.Uint32(file[off+8:]))
	}
	return n, off == len(file)
}

// account is what a reading of the packets themselves shows.
type account struct {
	packets, tcp, lines, cut uint64
	skipped                  [analyzer.NumSkips]uint64
}

// accountOf reads a capture without analysing it.
func accountOf(t *testing.T, path string) (a account) {
	t.Helper()
	s := capture.OpenAll([]string{path}, strings.NewReader(""))
	defer s.Close()
	var p analyzer.Packet
	for {
		if err := s.Next(&p); errors.Is(err, io.EOF) {
			return a
		} else if err != nil {
			t.Fatal(err)
		}
		a.packets++
		if p.HasTCP {
			a.lines++
		}
		if p.Skip == analyzer.NotSkipped {
			a.tcp++
			continue
		}
		a.skipped[p.Skip]++
		if p.HasTCP {
			a.cut++
		}
	}
}

// last keeps the capture's record.
type last struct {
	analyzer.Sink
	capture analyzer.Capture
}

func (l *last) Capture(c *analyzer.Capture) error {
	l.capture = *c
	return l.Sink.Capture(c)
}

// TestEveryPacketAccountedFor: every record of a file is a packet; every packet
// is a segment that was followed, or counted under one reason (fragments that
// wait for the rest of their datagram among them); and every packet in which a
// TCP header was reached has its line, with the reason under it where it was
// not followed.
func TestEveryPacketAccountedFor(t *testing.T) {
	files := captures(t)
	if *more != "" {
		err := filepath.WalkDir(*more, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Ext(path) != ".tsv" && filepath.Ext(path) != ".md" {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range files {
		a := accountOf(t, path)
		if file, err := os.ReadFile(path); err != nil {
			t.Fatal(err)
		} else if n, ok := records(file); ok && n != a.packets {
			t.Errorf("%s: %d records, %d packets", path, n, a.packets)
		}
		var b bytes.Buffer
		o := report.Options{Tcpdump: report.TcpdumpOptions{Location: time.UTC}}
		sink := &last{Sink: report.New(&b, report.Timeline, o)}
		open := func() (analyzer.Source, error) { return capture.OpenAll([]string{path}, strings.NewReader("")), nil }
		if err := analyzer.Run(context.Background(), analyzer.Options{Wants: report.Wants(report.Timeline, o)}, open, sink); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		c := &sink.capture
		if c.Packets != a.packets || c.TCP != a.tcp || c.Skipped != a.skipped || c.Skipped[analyzer.SkipPanic] != 0 {
			t.Errorf("%s: %d packets, %d TCP, skipped %v; read apart %+v", path, c.Packets, c.TCP, c.Skipped, a)
		}
		sum := c.TCP
		for _, n := range c.Skipped {
			sum += n
		}
		if sum != c.Packets {
			t.Errorf("%s: %d of %d packets accounted for", path, sum, c.Packets)
		}
		lines, reasons := uint64(0), uint64(0)
		for line := range strings.Lines(b.String()) {
			if line == "\n" || strings.HasPrefix(line, path) {
				break // the totals follow
			}
			if strings.HasPrefix(line, "    not followed: ") {
				reasons++
			} else if !strings.HasPrefix(line, "    ") {
				lines++
			}
		}
		if c.Skipped[analyzer.NotSkipped] != 0 || lines != a.lines || reasons != a.cut {
			t.Errorf("%s: %d lines for %d TCP headers, %d reasons for %d not followed", path, lines, a.lines, reasons, a.cut)
		}
	}
}
