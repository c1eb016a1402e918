package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/internal/capgen"
)

// The bar moves with the reading, tells the speed, and is gone at the end.
func TestProgress(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.pcap")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := capgen.Bulk.Write(f, 3*(barEvery+1)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	size := totalSize([]string{name})
	var out bytes.Buffer
	p := startProgress(&out, 2*size, 0)
	for pass := range 2 {
		src := p.follow(capture.OpenAll([]string{name}, nil))
		var packet analyzer.Packet
		for err = nil; err == nil; {
			err = src.Next(&packet)
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		src.Close()
		if want := int64(pass+1) * size; p.done != want {
			t.Errorf("%d octets after pass %d, want %d", p.done, pass+1, want)
		}
	}
	p.finish()
	if got := out.String(); !strings.Contains(got, "packets/s") || !strings.Contains(got, "%") {
		t.Errorf("the bar shows %q", got)
	}
	if p.packets.Load() != 6*(barEvery+1) {
		t.Errorf("%d packets", p.packets.Load())
	}
}

// No bar for a pipe, a small file, or a terminal with results on it.
func TestNoProgress(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(barFrom); err != nil {
		t.Fatal(err)
	}
	f.Close()
	terminal := &streams{err: io.Discard, errTerminal: true}
	for name, p := range map[string]*progress{
		"pipe": newProgress(&streams{err: io.Discard}, []string{big}, 1, false),
		"busy": newProgress(terminal, []string{big}, 1, true),
		"part": newProgress(terminal, []string{big, capture.Stdin}, 1, false),
		"none": newProgress(terminal, nil, 1, false),
	} {
		if p != nil {
			t.Errorf("%s: a bar", name)
		}
	}
	if newProgress(terminal, []string{big}, 1, false) == nil {
		t.Error("no bar for a large file")
	}
}
