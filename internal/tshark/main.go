// Tshark compares what the sequence analysis says of each packet with what
// tshark says in its tcp.analysis fields:
//
//	go run ./internal/tshark DIR…
//
// It prints a matrix for each question that both answer, ours × tshark's, with
// the number of packets and one example. Every cell in which they disagree has
// to be explained in docs/differences.md; those that are not are marked, and
// the program then ends with status 1.
package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	doc := flag.String("explained", filepath.Join("docs", "differences.md"), "the document that explains the disagreements")
	every := flag.String("list", "", "instead of the matrices, the packets of a cell such as \"class: –, out-of-order\", or \"all\" for those of all disagreements")
	flag.Parse()
	ok, err := run(context.Background(), os.Stdout, flag.Args(), *doc, *every)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tshark:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run compares all captures in or under places, and reports whether every
// disagreement is explained.
func run(ctx context.Context, w io.Writer, places []string, doc, every string) (bool, error) {
	files, err := captures(places)
	if err != nil {
		return false, err
	}
	known, err := explained(doc)
	if err != nil {
		return false, err
	}
	t := newTally()
	if every != "" {
		t.show = func(c cell, at place) {
			if c.String() == every || every == "all" && !c.agrees() {
				fmt.Fprintf(w, "%s\t%s\n", c, at)
			}
		}
	}
	for _, f := range files {
		if err := t.compareFile(ctx, f); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", f, err)
		}
	}
	if every != "" {
		return true, nil
	}
	return t.print(w, known), nil
}

// captures returns the files of the given files and folders, in order.
func captures(places []string) ([]string, error) {
	var files []string
	for _, p := range places {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && isCapture(path) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return files, nil
}

// isCapture goes by the first octets: pcap in either byte order, with
// microseconds or nanoseconds, pcapng, and gzip.
func isCapture(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return false
	}
	switch binary.BigEndian.Uint32(magic[:]) {
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a:
		return true
	}
	return magic[0] == 0x1f && magic[1] == 0x8b
}
