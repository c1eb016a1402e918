package page

import (
	"cmp"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
)

// The budget of segments, when the caller sets none.
const (
	DefaultSegments = 50_000 // of all connections together
	shareOfOne      = 5      // one connection gets at most a fifth of them
	leastPart       = 200    // a part smaller than this of a connection is not worth having
)

// Plan divides a budget of segments among connections, so that a page of a
// huge capture stays of a size that a browser can open. Those with the gravest
// findings come first, then those with the lowest numbers. Of a connection
// that is longer than its share the first and the last segments are kept, and
// those between with something to say under them, as far as half the share
// reaches.
type Plan struct {
	budget  int // what is left of it, where the wishes are not known
	one     int // how many segments one connection may have
	wishes  []wish
	shares  map[uint32]*Share
	settled bool
}

// wish is what a connection would like to have.
type wish struct {
	conn     uint32
	severity int16 // of its gravest finding, -1 without
	findings uint32
	segments uint64
}

// NewPlan divides a budget of segments, DefaultSegments when it is 0.
func NewPlan(budget int) *Plan {
	if budget <= 0 {
		budget = DefaultSegments
	}
	return &Plan{budget: budget, one: max(budget/shareOfOne, 1), shares: make(map[uint32]*Share)}
}

// Wish tells the plan of a connection, before the first segment comes. Where
// that cannot be, as in a run of one pass, connections are served as they come.
func (p *Plan) Wish(c *analyzer.Connection) {
	w := wish{conn: c.ID, severity: -1, segments: c.Ends[0].Packets + c.Ends[1].Packets}
	for code, n := range c.Findings {
		w.severity = max(w.severity, int16(code.Info().Severity))
		w.findings += uint32(n)
	}
	p.wishes = append(p.wishes, w)
}

// settle divides the budget among those whose wishes are known.
func (p *Plan) settle() {
	p.settled = true
	slices.SortStableFunc(p.wishes, func(a, b wish) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.findings, a.findings), cmp.Compare(a.conn, b.conn))
	})
	rest := p.budget
	for _, w := range p.wishes {
		got := int(min(w.segments, uint64(p.one), uint64(rest)))
		if rest == 0 || uint64(got) < w.segments && got < leastPart {
			continue
		}
		share := &Share{most: got, total: w.segments}
		if uint64(got) < w.segments {
			share.spare = got / 3
			share.most -= share.spare
		}
		p.shares[w.conn] = share
		rest -= got
	}
}

// Share returns what a connection may keep, nil for nothing. It is asked when
// a segment of the connection has come.
func (p *Plan) Share(conn uint32) *Share {
	if len(p.wishes) > 0 && !p.settled {
		p.settle()
	}
	s := p.shares[conn]
	if s == nil && !p.settled && p.budget > 0 {
		s = &Share{most: p.one, pot: &p.budget}
		p.shares[conn] = s
	}
	return s
}

// Done forgets an ended connection.
func (p *Plan) Done(conn uint32) { delete(p.shares, conn) }

// Share is how many segments of one connection are kept.
type Share struct {
	most  int
	pot   *int   // what all connections may still have together, nil where that was divided
	total uint64 // segments that there will be, 0 when not known
	spare int    // how many more are kept for what is said under them
	seen  uint64
	kept  int
	left  uint32 // segments not kept since the last one that was
}

// Take decides on the next segment of the connection; noted tells that
// something is said under it. Behind a gap it returns how many were left out.
func (s *Share) Take(noted bool) (keep bool, before uint32) {
	half := uint64(s.most+1) / 2
	n := s.seen
	s.seen++
	switch {
	case s.pot != nil && s.kept < s.most && *s.pot > 0: // as it comes
		*s.pot--
	case s.pot == nil && s.total <= uint64(s.most): // all of it
	case s.total > uint64(s.most) && (n < half || n+uint64(s.most)-half >= s.total):
	case s.total > uint64(s.most) && noted && s.spare > 0:
		s.spare--
	default:
		s.left++
		return false, 0
	}
	before, s.left = s.left, 0
	s.kept++
	return true, before
}
