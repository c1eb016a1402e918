package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// TestExplained holds that every disagreement with tshark about those of our own
// captures in which something goes wrong is explained, and that there are some: else nothing was compared.
func TestExplained(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	root := filepath.Join("..", "..")
	var files []string
	for _, name := range []string{
		"duplicate-data", "keep-alive", "lost-data-before-tap", "lost-fin-raw-ip", "lost-last-ack",
		"lost-third-ack", "reordered-data", "simultaneous-open", "zero-window",
	} {
		files = append(files, filepath.Join(root, "testdata", "pcaps", name+".pcap"))
	}
	var out bytes.Buffer
	ok, err := run(context.Background(), &out, files, filepath.Join(root, "docs", "differences.md"), "")
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Errorf("docs/differences.md does not explain all:\n%s", &out)
	}
	for _, want := range []string{"class: ours", "retransmission", "spurious: ours", "zero-window-probe", "lost-fin-raw-ip.pcap #"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestCompare holds which cells a pair of opinions goes to.
func TestCompare(t *testing.T) {
	const retrans = retransmission
	for _, c := range []struct {
		name      string
		our, thei opinion
		want      string
	}{
		{"new", opinion{class: "new"}, opinion{}, "class: –, –"},
		{"time-out", opinion{class: retrans, kind: "rto"}, opinion{class: retrans}, "class: retransmission, retransmission; kind: rto, rto"},
		{"fast", opinion{class: retrans, kind: fast}, opinion{class: retrans}, "class: retransmission, retransmission; kind: fast, –"},
		{"fast for them", opinion{class: retrans, kind: "tlp"}, opinion{class: retrans, kind: fast}, "class: retransmission, retransmission; kind: tlp, fast"},
		{"spurious has no kind for them", opinion{class: retrans, kind: fast, marks: statemachine.Spurious}, opinion{class: retrans, marks: statemachine.Spurious},
			"class: retransmission, retransmission; spurious: spurious, spurious"},
		{"marks", opinion{class: "new", marks: statemachine.GapBefore}, opinion{marks: statemachine.ZeroWindow},
			"class: –, –; gap-before: gap-before, –; zero-window: –, zero-window"},
	} {
		var got []string
		tally := newTally()
		tally.show = func(c cell, _ place) { got = append(got, c.String()) }
		tally.compare(place{"f", 1}, c.our, c.thei)
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}

// TestUnderstood holds which of tshark's words counts where it gives several.
func TestUnderstood(t *testing.T) {
	names := fieldNames()
	values := make([]string, len(names))
	for i, n := range names {
		switch strings.TrimPrefix(n, analysisPrefix) {
		case "spurious_retransmission", "retransmission", "duplicate_ack", "zero_window":
			values[i] = "1"
		}
	}
	want := opinion{class: retransmission, marks: statemachine.Spurious | statemachine.ZeroWindow}
	if got := understood(names, values); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestUnexplained holds that a cell which no document names is told.
func TestUnexplained(t *testing.T) {
	doc := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(doc, []byte("- `class: new, out-of-order`: because\n| `kind: fast, –` | x |\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := explained(doc)
	if err != nil || !known["class: new, out-of-order"] || !known["kind: fast, –"] || len(known) != 2 {
		t.Fatalf("%v, %v", known, err)
	}
	for _, kind := range []string{"", fast} {
		tally := newTally()
		tally.compare(place{"f", 1}, opinion{class: retransmission, kind: fast}, opinion{class: retransmission, kind: kind})
		tally.compare(place{"f", 2}, opinion{class: "new"}, opinion{})
		if !tally.print(&bytes.Buffer{}, known) {
			t.Errorf("kind %q: something explained counts as not explained", kind)
		}
	}
	tally := newTally()
	tally.compare(place{"f", 1}, opinion{class: "new"}, opinion{class: "keep-alive"})
	var out bytes.Buffer
	if tally.print(&out, known) || !strings.Contains(out.String(), "NOT EXPLAINED") {
		t.Errorf("a cell that nobody explains passes:\n%s", &out)
	}
}
