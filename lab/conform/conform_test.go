package conform_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/lab/conform"
)

const recorded = "../../testdata/truth"

// compareAll compares every committed recording, without tshark.
func compareAll(t *testing.T) []*conform.Report {
	t.Helper()
	dirs := conform.Dirs(recorded)
	if len(dirs) < 60 {
		t.Fatalf("%d recordings in %s", len(dirs), recorded)
	}
	var out []*conform.Report
	for _, dir := range dirs {
		rep, err := conform.Compare(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rep)
	}
	return out
}

// TestKernelTruth holds the program against the kernel's own record: on the
// scripted scenarios every disagreement must be listed, and every listed one
// must be there; on random traffic the shares must hold.
func TestKernelTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("reads some hundred captures")
	}
	reports := compareAll(t)
	ledger := conform.NewLedger(conform.Exceptions())
	for _, rep := range reports {
		for _, line := range ledger.Apply(rep) {
			t.Error(line)
		}
	}
	for _, line := range ledger.Stale() {
		t.Errorf("listed, but there is no such disagreement: %s", line)
	}
	score := conform.Sum(reports)
	var text strings.Builder
	if err := score.Write(&text); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(text.String(), "| recording ")
	t.Logf("\n%s", head)
	for reason, n := range ledger.Count() {
		t.Logf("%3d × %s", n, reason)
	}
	for view, floor := range floors {
		checkFloor(t, view, score.Random[view], floor)
	}
	for view, c := range score.Scripted {
		if c.False > 0 {
			t.Errorf("scripted, %s: %d states that are sure and false", view, c.False)
		}
	}
}

// floor is what random traffic must reach, in percent; a little below what was
// measured when it was set. False is the most false sure states that are allowed,
// firm the most resets of which a false word was said that is not marked presumed.
type floor struct {
	right, shown, explained, recall, precision, resets float64
	false, firm                                        int
}

var floors = map[conform.View]floor{
	conform.Own:    {right: 99.7, shown: 100, explained: 100, recall: 100, precision: 100, resets: 97.4, false: 0, firm: 0},
	conform.Middle: {right: 98.75, shown: 99.05, explained: 99.5, recall: 98.8, precision: 99.3, resets: 95, false: 0, firm: 1},
	conform.Far:    {right: 97.3, shown: 97.7, explained: 98.5, recall: 98, precision: 98.2, resets: 87, false: 0, firm: 3},
}

func checkFloor(t *testing.T, view conform.View, c *conform.Cell, f floor) {
	t.Helper()
	if c == nil {
		t.Errorf("no random traffic at the %s tap", view)
		return
	}
	check := func(what string, part, whole int, least float64) {
		if got := 100 * float64(part) / float64(max(whole, 1)); got < least {
			t.Errorf("random, %s: %s %.2f %%, want at least %.2f", view, what, got, least)
		}
	}
	check("sequences right", c.Right, c.Sequences, f.right)
	check("right but for unshown steps", c.Right+c.Unshown, c.Sequences, f.shown)
	check("right but for what the tap cannot show", c.Explained(), c.Sequences, f.explained)
	check("resets", c.ResetsRight, c.Resets, f.resets)
	if firm := c.Resets - c.ResetsRight - c.ResetsOpen - c.ResetsPresumed; firm > f.firm {
		t.Errorf("random, %s: %d resets misjudged for sure, want at most %d", view, firm, f.firm)
	}
	if got := c.Ours.Recall(); got < f.recall {
		t.Errorf("random, %s: recall of retransmissions %.2f %%, want at least %.2f", view, got, f.recall)
	}
	if got := c.Ours.Precision(); got < f.precision {
		t.Errorf("random, %s: precision of retransmissions %.2f %%, want at least %.2f", view, got, f.precision)
	}
	if c.False > f.false {
		t.Errorf("random, %s: %d states that are sure and false, want at most %d", view, c.False, f.false)
	}
}

// TestLedger shows that an unlisted disagreement and a listed one that is none
// are both told.
func TestLedger(t *testing.T) {
	reports := compareAll(t)
	empty := conform.NewLedger(nil)
	var unlisted int
	for _, rep := range reports {
		unlisted += len(empty.Apply(rep))
	}
	if unlisted == 0 {
		t.Error("an empty list lets every disagreement pass")
	}
	stale := conform.NewLedger([]conform.Exception{{
		Scenario: "close-client", Taps: "client middle", Side: "client",
		Subject: conform.States, Reason: conform.Clock, Got: "CLOSED",
	}})
	for _, rep := range reports {
		stale.Apply(rep)
	}
	if got := stale.Stale(); len(got) != 2 || !strings.Contains(fmt.Sprint(got), "close-client middle-tap client") {
		t.Errorf("stale exceptions: %v", got)
	}
}
