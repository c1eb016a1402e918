package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tcpstate/tcpstate/statemachine"
)

// cell is one square of a matrix.
type cell struct {
	about string // class, kind, or the name of a mark
	ours  string
	their string
}

// String returns the cell as docs/differences.md names it.
func (c cell) String() string { return c.about + ": " + c.ours + ", " + c.their }

// agrees reports that both say the same.
func (c cell) agrees() bool { return c.ours == c.their }

// place is a packet of a capture.
type place struct {
	file   string
	packet uint64
}

func (p place) String() string { return fmt.Sprintf("%s #%d", p.file, p.packet) }

// count is how often a cell was met, and where first.
type count struct {
	n     int
	files map[string]bool
	first place
}

// tally gathers the matrices of all captures.
type tally struct {
	cells    map[cell]*count
	files    int
	packets  int // that both programs spoke of
	onlyOurs int
	onlyTher int
	show     func(c cell, at place) // unless nil
}

func newTally() *tally { return &tally{cells: map[cell]*count{}} }

// compareFile compares the two programs over one capture.
func (t *tally) compareFile(ctx context.Context, path string) error {
	said, err := observe(ctx, path)
	if err != nil && len(said) == 0 {
		return err
	}
	t.files++
	err = asked(ctx, path, func(packet uint64, their opinion) {
		our, ok := said[packet]
		if !ok {
			t.onlyTher++
			return
		}
		delete(said, packet)
		t.packets++
		t.compare(place{path, packet}, our, their)
	})
	t.onlyOurs += len(said)
	return err
}

// compare notes what both say of one packet.
func (t *tally) compare(at place, our, their opinion) {
	t.note(at, cell{"class", classWord(our), classWord(their)})
	if our.class == retransmission && their.class == retransmission && their.marks&statemachine.Spurious == 0 {
		t.note(at, cell{"kind", kindWord(our, their), kindWord(their, our)})
	}
	for _, m := range markFields {
		c := cell{m.mark.Names(nil)[0], none, none}
		if our.marks&m.mark != 0 {
			c.ours = c.about
		}
		if their.marks&m.mark != 0 {
			c.their = c.about
		}
		if c.ours != none || c.their != none {
			t.note(at, c)
		}
	}
}

// classWord returns the class; tshark's silence is the word for a new segment.
func classWord(o opinion) string {
	if o.class == "" || o.class == statemachine.New.String() {
		return none
	}
	return o.class
}

// kindWord returns the kind of a retransmission. tshark knows only the fast
// ones; our other kinds agree with its silence.
func kindWord(o, other opinion) string {
	switch {
	case o.kind == fast:
		return fast
	case o.kind == "" && other.kind != fast:
		return other.kind
	case o.kind == "":
		return none
	}
	return o.kind
}

func (t *tally) note(at place, c cell) {
	n := t.cells[c]
	if n == nil {
		n = &count{first: at, files: map[string]bool{}}
		t.cells[c] = n
	}
	n.n++
	n.files[at.file] = true
	if t.show != nil {
		t.show(c, at)
	}
}

// print writes the matrices, the commonest cells first, and reports whether
// every disagreement is among those that are explained.
func (t *tally) print(w io.Writer, known map[string]bool) bool {
	fmt.Fprintf(w, "%d captures, %d packets compared; segments of one program only: %d ours, %d tshark's\n",
		t.files, t.packets, t.onlyOurs, t.onlyTher)
	about := ""
	ok := true
	var tab strings.Builder
	for _, c := range t.order() {
		n := t.cells[c]
		if c.about != about {
			about = c.about
			fmt.Fprintf(&tab, "\n%s: ours\ttshark's\tpackets\tcaptures\t\tfor example\n", about)
		}
		word := ""
		switch {
		case c.agrees():
			word = "same"
		case !known[c.String()]:
			word, ok = "NOT EXPLAINED", false
		}
		fmt.Fprintf(&tab, "%s\t%s\t%d\t%d\t%s\t%s\n", c.ours, c.their, n.n, len(n.files), word, n.first)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(columns, tab.String())
	return err == nil && columns.Flush() == nil && ok
}

// order returns the cells matrix by matrix.
func (t *tally) order() []cell {
	abouts := []string{"class", "kind"}
	return slices.SortedFunc(maps.Keys(t.cells), func(a, b cell) int {
		x, y := slices.Index(abouts, a.about), slices.Index(abouts, b.about)
		if x != y && (x >= 0) != (y >= 0) {
			return -cmp.Compare(x, y)
		}
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a.about, b.about),
			cmp.Compare(t.cells[b].n, t.cells[a].n), strings.Compare(a.String(), b.String()))
	})
}

// explained returns the cells that a document explains: they stand between
// backquotes at the beginning of a list's entry or a table's row.
func explained(path string) (map[string]bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "- `")
		if !ok {
			rest, ok = strings.CutPrefix(line, "| `")
		}
		if name, _, closed := strings.Cut(rest, "`"); ok && closed {
			known[name] = true
		}
	}
	return known, nil
}
