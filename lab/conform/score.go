package conform

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"text/tabwriter"
)

// Cell sums up what was compared from one view, or at one tap.
type Cell struct {
	// Sequences are the ends compared; Right of them agree with the kernel,
	// Unshown do so but for steps that no segment shows even at the end's
	// own tap, Before and Behind but for segments that died on either side
	// of the tap (Result.Died).
	Sequences, Right, Unshown, Before, Behind int
	// Listed are others that an Exception names.
	Listed int
	// False are the states marked witnessed or proven in which an end never
	// was; FalseListed those of listed exceptions and of unshown steps, not
	// counted in False.
	False, FalseListed int
	// Ours and Tshark are about retransmissions.
	Ours, Tshark Named
	// Resets are the RSTs that reached an end; ResetsRight of them were
	// judged as the kernel judged them; ResetsOpen are those of which the
	// program says that the capture does not tell, or only that they were not
	// taken, where that is so; of ResetsPresumed it presumes something else.
	Resets, ResetsRight, ResetsOpen, ResetsPresumed, ResetsListed int
}

// Explained are the sequences that agree with the kernel but for what the tap
// cannot show.
func (c *Cell) Explained() int { return c.Right + c.Unshown + c.Before + c.Behind }

// Named sums up one reader's retransmissions.
type Named struct {
	Passed, Hidden, Alike, Right, Missed, Invented int
	// Listed are those, missed or invented, that an Exception names.
	Listed int
}

// Recall is the share of the retransmissions that can be known that were
// named, in percent; 100 when there were none.
func (n *Named) Recall() float64 {
	known := n.Passed - n.Hidden - n.Alike
	return percent(known-n.Missed, known)
}

// Precision is the share of the named ones that the kernel sent again.
func (n *Named) Precision() float64 { return percent(n.Right, n.Right+n.Invented) }

func (n *Named) add(a *Again) {
	n.Passed += a.Passed
	n.Hidden += a.Hidden
	n.Alike += a.Alike
	n.Right += a.Right
	n.Missed += len(a.Missed)
	n.Invented += len(a.Invented)
	if a.Listed {
		n.Listed += len(a.Missed) + len(a.Invented)
	}
}

// percent returns 100 × part / whole, 100 for nothing.
func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// Score sums up reports.
type Score struct {
	// Views has the sums by view, scripted scenarios and random traffic
	// apart.
	Scripted, Random map[View]*Cell
	// Taps has the sums by scenario and tap.
	Taps map[string]map[string]*Cell
}

// Sum adds up reports.
func Sum(reports []*Report) *Score {
	s := &Score{Scripted: map[View]*Cell{}, Random: map[View]*Cell{}, Taps: map[string]map[string]*Cell{}}
	for _, rep := range reports {
		views := s.Scripted
		if rep.File.Seed != 0 {
			views = s.Random
		}
		taps := map[string]*Cell{}
		s.Taps[rep.File.Scenario] = taps
		cells := func(v View, tap string) [2]*Cell {
			if views[v] == nil {
				views[v] = &Cell{}
			}
			if taps[tap] == nil {
				taps[tap] = &Cell{}
			}
			return [2]*Cell{views[v], taps[tap]}
		}
		for i := range rep.States {
			r := &rep.States[i]
			for _, c := range cells(r.View, r.Tap) {
				c.states(r)
			}
		}
		for i := range rep.Ours {
			for _, c := range cells(rep.Ours[i].View, rep.Ours[i].Tap) {
				c.Ours.add(&rep.Ours[i])
			}
		}
		for i := range rep.Tshark {
			for _, c := range cells(rep.Tshark[i].View, rep.Tshark[i].Tap) {
				c.Tshark.add(&rep.Tshark[i])
			}
		}
		for i := range rep.Resets {
			for _, c := range cells(rep.Resets[i].View, rep.Resets[i].Tap) {
				c.resets(&rep.Resets[i])
			}
		}
	}
	return s
}

func (c *Cell) states(r *Result) {
	c.Sequences++
	switch {
	case r.Right:
		c.Right++
	case r.Unshown:
		c.Unshown++
	case r.Died == DiedBefore:
		c.Before++
	case r.Died == DiedBehind:
		c.Behind++
	case r.Listed:
		c.Listed++
	}
	if r.Listed || r.Unshown {
		c.FalseListed += len(r.False)
	} else {
		c.False += len(r.False)
	}
}

func (c *Cell) resets(r *Reset) {
	c.Resets++
	switch {
	case r.Want == r.Got:
		c.ResetsRight++
	case r.Listed:
		c.ResetsListed++
	case r.Open():
		c.ResetsOpen++
	case !r.Sure:
		c.ResetsPresumed++
	}
}

// views is the order in which views are printed.
var views = [...]View{Own, Middle, Far}

// Write prints the sums as Markdown tables, which read well as they are.
func (s *Score) Write(w io.Writer) error {
	s.writeStates(w)
	s.writeAgain(w)
	return s.writeTaps(w)
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 1, ' ', 0) }

// row writes one line of a table.
func row(w io.Writer, cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(w, "| %v\t", c)
	}
	fmt.Fprintln(w, "|")
}

func inPercent(part, whole int) string { return fmt.Sprintf("%.2f", percent(part, whole)) }

// sums calls fn for each kind of recording and view that has a cell.
func (s *Score) sums(fn func(name string, v View, c *Cell)) {
	for _, set := range []struct {
		name  string
		cells map[View]*Cell
	}{{"scripted", s.Scripted}, {"random", s.Random}} {
		for _, v := range views {
			if c := set.cells[v]; c != nil {
				fn(set.name, v, c)
			}
		}
	}
}

func (s *Score) writeStates(w io.Writer) {
	t := table(w)
	row(t, "recordings", "tap", "sequences", "right", "%", "unshown steps", "died before the tap", "died behind it", "% but for these",
		"other wrong, listed", "other wrong, not listed", "false sure states", "of listed ones")
	row(t, slices.Repeat([]any{"---"}, 13)...)
	s.sums(func(name string, v View, c *Cell) {
		explained := c.Explained()
		row(t, name, v, c.Sequences, c.Right, inPercent(c.Right, c.Sequences), c.Unshown, c.Before, c.Behind, inPercent(explained, c.Sequences),
			c.Listed, c.Sequences-explained-c.Listed, c.False, c.FalseListed)
	})
	t.Flush()
	fmt.Fprintln(w)
	t = table(w)
	row(t, "recordings", "tap", "resets", "judged right", "left open", "presumed otherwise", "listed")
	row(t, slices.Repeat([]any{"---"}, 7)...)
	s.sums(func(name string, v View, c *Cell) {
		row(t, name, v, c.Resets, c.ResetsRight, c.ResetsOpen, c.ResetsPresumed, c.ResetsListed)
	})
	t.Flush()
	fmt.Fprintln(w)
}

func (s *Score) writeAgain(w io.Writer) {
	t := table(w)
	row(t, "recordings", "tap", "retransmissions that passed", "hidden", "alike", "reader", "right", "missed", "invented", "recall %", "precision %")
	row(t, slices.Repeat([]any{"---"}, 11)...)
	line := func(name string, v View, reader string, n *Named) {
		row(t, name, v, n.Passed, n.Hidden, n.Alike, reader, n.Right, n.Missed, n.Invented, fmt.Sprintf("%.2f", n.Recall()), fmt.Sprintf("%.2f", n.Precision()))
	}
	s.sums(func(name string, v View, c *Cell) {
		line(name, v, "tcpstate", &c.Ours)
		if c.Tshark.Passed > 0 {
			line(name, v, "tshark", &c.Tshark)
		}
	})
	t.Flush()
	fmt.Fprintln(w)
}

// writeTaps prints one line for each recording.
func (s *Score) writeTaps(w io.Writer) error {
	names := make([]string, 0, len(s.Taps))
	for name := range s.Taps {
		names = append(names, name)
	}
	sort.Strings(names)
	t := table(w)
	fmt.Fprintln(t, "| recording\t| sequences right/wrong at client\t| middle\t| server\t| retransmissions right/missed/invented at client\t| middle\t| server\t| tshark at client\t| middle\t| server\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, name := range names {
		fmt.Fprintf(t, "| %s", name)
		for _, part := range []func(*Cell) string{cellStates, cellOurs, cellTshark} {
			for _, tap := range taps {
				c := s.Taps[name][tap]
				if c == nil {
					c = &Cell{}
				}
				fmt.Fprintf(t, "\t| %s", part(c))
			}
		}
		fmt.Fprintln(t, "\t|")
	}
	return t.Flush()
}

func cellStates(c *Cell) string { return fmt.Sprintf("%d/%d", c.Right, c.Sequences-c.Right) }

func cellOurs(c *Cell) string { return c.Ours.String() }

func cellTshark(c *Cell) string { return c.Tshark.String() }

// String prints right/missed/invented, a dash when there was nothing to name
// and nothing was named.
func (n *Named) String() string {
	if n.Passed == 0 && n.Invented == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d/%d", n.Right, n.Missed, n.Invented)
}
