package check

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// DiffLine is one line of a comparison.
type DiffLine struct {
	// Sign is ' ' for what both recordings have, '-' for what only the first
	// has, '+' for what only the second has, and '@' for a heading.
	Sign byte
	Text string
	// A and B are the packets in the first and second recording, 0 for none.
	A, B uint64
}

// Compare returns what differs between two recordings, connection by
// connection in their order, with three lines around each difference. It is
// empty when they are the same.
func Compare(a, b *Trace) []DiffLine {
	var out []DiffLine
	both := min(len(a.connections), len(b.connections))
	if len(a.connections) != len(b.connections) {
		out = append(out,
			DiffLine{Sign: '-', Text: fmt.Sprintf("%d connections", len(a.connections))},
			DiffLine{Sign: '+', Text: fmt.Sprintf("%d connections", len(b.connections))})
	}
	for i := range both {
		if lines := compareLines(a.connections[i], b.connections[i]); len(lines) > 0 {
			out = append(out, DiffLine{Sign: '@', Text: fmt.Sprintf("connection %d", i+1)})
			out = append(out, lines...)
		}
	}
	out = append(out, alone(a.connections[both:], both, '-')...)
	return append(out, alone(b.connections[both:], both, '+')...)
}

// alone tells of the connections that only one recording has.
func alone(list [][]traceLine, from int, sign byte) []DiffLine {
	var out []DiffLine
	for i, c := range list {
		out = append(out, DiffLine{Sign: '@', Text: fmt.Sprintf("connection %d, in one recording only", from+i+1)})
		for _, l := range c {
			d := DiffLine{Sign: sign, Text: l.text}
			if sign == '-' {
				d.A = l.packet
			} else {
				d.B = l.packet
			}
			out = append(out, d)
		}
	}
	return out
}

// hunk finds the line numbers in the head of a hunk.
func hunk() *regexp.Regexp { return regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`) }

// compareLines compares the words of one connection.
func compareLines(a, b []traceLine) []DiffLine {
	text := diff.Diff("a", words(a), "b", words(b))
	head := hunk()
	var out []DiffLine
	var i, j int
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := head.FindStringSubmatch(line); m != nil {
			i, j = lineNumber(m[1]), lineNumber(m[2])
			if len(out) > 0 {
				out = append(out, DiffLine{Sign: '@', Text: "…"})
			}
			continue
		}
		switch {
		case i == 0 || line == "":
			// The names of the two texts stand above the first hunk.
		case line[0] == '-':
			out = append(out, DiffLine{Sign: '-', Text: line[1:], A: a[i-1].packet})
			i++
		case line[0] == '+':
			out = append(out, DiffLine{Sign: '+', Text: line[1:], B: b[j-1].packet})
			j++
		case line[0] == ' ':
			out = append(out, DiffLine{Sign: ' ', Text: line[1:], A: a[i-1].packet, B: b[j-1].packet})
			i, j = i+1, j+1
		}
	}
	return out
}

func words(lines []traceLine) []byte {
	var b []byte
	for _, l := range lines {
		b = append(append(b, l.text...), '\n')
	}
	return b
}

func lineNumber(s string) int {
	n, _ := strconv.Atoi(s) // the pattern has digits only
	return n
}
