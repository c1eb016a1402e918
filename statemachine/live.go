package statemachine

// Word is what one-pass observation says of a step: at once, and again when a
// later segment settles or withdraws it.
type Word struct {
	Kind WordKind
	Step Step
}

// WordKind tells words apart.
type WordKind uint8

// The kinds of words.
const (
	// Said: the step as far as is known now; it may still be confirmed or
	// withdrawn.
	Said WordKind = iota
	// Final: the step is said for the first time and is settled already.
	Final
	// Confirmed: a step said before is settled, with its final certainty.
	Confirmed
	// Withdrawn: a step said before did not happen.
	Withdrawn
)

// Live remembers what was said of one connection and is not final yet.
type Live struct {
	said    []Step
	words   []Word
	doubted [2]bool // by side: a reset of this end was said and withdrawn before
}

// Forget makes l that of a connection of which nothing was said.
func (l *Live) Forget() { l.said = l.said[:0] }

// sameStep reports that a and b are the same move of the same end for the
// same cause and with the same number; certainty and proof may differ.
func sameStep(a, b *Step) bool {
	return a.Side == b.Side && a.From == b.From && a.To == b.To && a.Cause == b.Cause && a.Event == b.Event &&
		a.Number == b.Number && a.NumberKind == b.NumberKind
}

// sameWords reports that what is said of a step is the same in a and b. Another
// doubt alone is not worth a word.
func sameWords(a, b *Step) bool { return a.Certainty == b.Certainty && a.Proof == b.Proof }

// Words returns what is to be said of c after a call of Observe, Advance or
// Finish: new steps, and earlier ones that became surer or false. A step that
// was said and stays as it was said draws no further word. The words are
// valid until the next call with the same Live.
func (m *Machine) Words(c *Conn, l *Live) []Word {
	l.words = l.words[:0]
	for i := range m.steps {
		s := &m.steps[i]
		k := findStep(l.said, s)
		if k < 0 {
			l.words = append(l.words, Word{Final, *s})
			continue
		}
		if !sameWords(&l.said[k], s) {
			l.words = append(l.words, Word{Confirmed, *s})
		}
		l.said = append(l.said[:k], l.said[k+1:]...)
	}
	prov := m.Provisional(c)
	kept := l.said[:0]
	for _, old := range l.said {
		k := findStep(prov, &old)
		if k < 0 {
			l.words = append(l.words, Word{Withdrawn, old})
			l.doubted[old.Side] = l.doubted[old.Side] || old.Event == RecvRST
			continue
		}
		if !sameWords(&prov[k], &old) {
			l.words = append(l.words, Word{Confirmed, prov[k]})
		}
		kept = append(kept, prov[k])
	}
	l.said = kept
	var waiting [2]bool
	for i := range prov {
		s := prov[i].Side
		waiting[s] = waiting[s] || l.waits(&prov[i])
		if findStep(l.said, &prov[i]) < 0 && !waiting[s] {
			l.words = append(l.words, Word{Said, prov[i]})
			l.said = append(l.said, prov[i])
		}
	}
	return l.words
}

// waits reports that the step is said only when it is settled: an end that went
// on after one reset may go on after each of many.
func (l *Live) waits(s *Step) bool {
	return s.Event == RecvRST && s.Certainty == Presumed && l.doubted[s.Side]
}

func findStep(steps []Step, s *Step) int {
	for k := range steps {
		if sameStep(&steps[k], s) {
			return k
		}
	}
	return -1
}
