package statemachine_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcpstate/tcpstate/internal/segtext"
	"github.com/tcpstate/tcpstate/statemachine"
)

// A conversation file is a txtar archive: a sentence of intent, the segments
// (package segtext has the notation), and the steps that both ends must be
// said to have made, one a line:
//
//	#4 server ESTABLISHED → CLOSE-WAIT proven by #5 after #6 [fin]
//
// #4 is the packet that caused the step, 0 for a timer. "after" names the
// packet behind which the step stands among its own endpoint's doings, and is
// given where it is not the cause; the rule in brackets may be left out.
// Steps stand in the order of their causes; of one cause, those of the
// sender come first; a timer's stand behind the last packet before it fired.
// A section "findings" lists the findings if it is there: "#4 server fin-moved".
// A section "config" may hold the words rfc (timers of RFC 9293 instead of
// Linux) and ipv6 (no IP IDs; otherwise each end counts its own).
//
// The expectations are reasoned out from RFC 9293, not recorded.
type conversation struct {
	*segtext.Conversation
	cfg         statemachine.Config
	steps       []string
	findings    []string
	hasFindings bool
}

// captureStart is when the conversations begin.
const captureStart statemachine.Time = 1_800_000_000e9

func TestConversations(t *testing.T) {
	for _, path := range conversationFiles(t) {
		name := strings.TrimSuffix(filepath.ToSlash(strings.TrimPrefix(path, "testdata"+string(filepath.Separator))), ".txtar")
		t.Run(name, func(t *testing.T) {
			c := readConversation(t, path)
			got := c.observe()
			got.checkSense(t)
			if diff := c.compare(got); diff != "" {
				t.Fatal(diff)
			}
			c.compareShifted(t, got)
		})
	}
}

// TestConversationsCover holds the promise that every state has its folder,
// and that there are enough conversations to be worth the name.
func TestConversationsCover(t *testing.T) {
	seen := map[string]int{}
	for _, path := range conversationFiles(t) {
		seen[filepath.Base(filepath.Dir(path))]++
	}
	total := 0
	for _, n := range seen {
		total += n
	}
	if total < 80 {
		t.Errorf("%d conversations, want at least 80", total)
	}
	for _, s := range statemachine.States() {
		if name := strings.ToLower(s.String()); s != statemachine.Unknown && seen[name] == 0 {
			t.Errorf("no conversation in testdata/%s", name)
		}
	}
}

func conversationFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("testdata", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".txtar" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var (
	stepLine    = regexp.MustCompile(`^#(\d+) (client|server) (\S+) → (\S+) (witnessed|proven by #\d+|presumed|timer|unknown)( after #\d+)?( \[[a-z0-9-]+\])?$`)
	findingLine = regexp.MustCompile(`^#(\d+) (client|server) [a-z0-9-]+$`)
)

func readConversation(t *testing.T, path string) *conversation {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(strings.TrimSpace(string(archive.Comment))) == 0 {
		t.Errorf("%s: no sentence of intent", path)
	}
	c := &conversation{cfg: statemachine.Linux()}
	ipv6 := false
	for _, file := range archive.Files {
		text := string(file.Data)
		switch file.Name {
		case "config":
			for _, word := range strings.Fields(text) {
				switch word {
				case "rfc":
					c.cfg = statemachine.RFC()
				case "ipv6":
					ipv6 = true
				default:
					t.Fatalf("%s: config has the unknown word %q", path, word)
				}
			}
		case "segments":
			if c.Conversation, err = segtext.Parse(text, captureStart); err != nil {
				t.Fatalf("%s: segments: %v", path, err)
			}
		case "steps":
			c.steps = readLines(t, path, text, stepLine)
		case "findings":
			c.findings, c.hasFindings = readLines(t, path, text, findingLine), true
		default:
			t.Fatalf("%s: unknown section %q", path, file.Name)
		}
	}
	if c.Conversation == nil {
		t.Fatalf("%s: no segments", path)
	}
	if !ipv6 {
		c.countIPIDs()
	}
	return c
}

func readLines(t *testing.T, path, text string, form *regexp.Regexp) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if m := form.FindStringSubmatch(line); m == nil {
			t.Fatalf("%s: %q does not have the form of its section", path, line)
		} else if form == stepLine {
			for _, name := range m[3:5] {
				if _, ok := statemachine.ParseState(name); !ok {
					t.Fatalf("%s: %q is no state", path, name)
				}
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// countIPIDs gives every segment that names none the next IP ID of its sender.
func (c *conversation) countIPIDs() {
	next := [2]uint16{1001, 21001}
	for i := range c.Segments {
		s := &c.Segments[i]
		if !s.Segment.HasIPID {
			s.Segment.IPID, s.Segment.HasIPID = next[s.Side], true
			next[s.Side]++
		}
	}
}

// outcome is what the machine said of a conversation.
type outcome struct {
	steps    []said // as they were settled
	findings []statemachine.Finding
	segments []segtext.Captured
}

// said is a step and the connection that it belongs to, counted from 1.
type said struct {
	statemachine.Step
	conn int
}

func (c *conversation) observe() *outcome { return run(c.cfg, c.Segments, c.End) }

// run observes the segments as the program does: one connection after the
// other on the same four-tuple.
func run(cfg statemachine.Config, segments []segtext.Captured, end statemachine.Moment) *outcome {
	r := runner{m: statemachine.NewMachine(cfg), conn: &statemachine.Conn{}, number: 1, out: &outcome{segments: segments}}
	for i := range segments {
		r.observe(&segments[i])
	}
	r.m.Advance(r.conn, end)
	r.take()
	r.m.Finish(r.conn, end)
	r.take()
	return r.out
}

// runner feeds one four-tuple.
type runner struct {
	m      *statemachine.Machine
	conn   *statemachine.Conn
	held   *statemachine.Held
	number int // of the connection
	out    *outcome
}

// take collects what the last call settled.
func (r *runner) take() {
	for _, s := range r.m.Steps() {
		r.out.steps = append(r.out.steps, said{s, r.number})
	}
	r.out.findings = append(r.out.findings, r.m.Findings()...)
}

func (r *runner) observe(s *segtext.Captured) {
	r.m.Advance(r.conn, s.At)
	r.take()
	switch r.m.Judge(r.conn, r.held, s.At, s.Side, &s.Segment) {
	case statemachine.SameConn:
	case statemachine.HoldSYN:
		r.held = &statemachine.Held{At: s.At, Side: s.Side, Segment: s.Segment}
	case statemachine.NewConn:
		r.renew(s.At)
	case statemachine.NewFromHeld:
		h := r.held
		r.renew(s.At)
		r.m.Observe(r.conn, h.At, h.Side, &h.Segment)
		r.take()
	}
	r.m.Observe(r.conn, s.At, s.Side, &s.Segment)
	r.take()
}

// renew ends the connection and begins the next.
func (r *runner) renew(at statemachine.Moment) {
	r.m.Finish(r.conn, at)
	r.take()
	r.conn, r.held, r.number = &statemachine.Conn{}, nil, r.number+1
}

// cause returns the packet under which a step is listed: its cause, or the
// last packet before a timer fired.
func (o *outcome) cause(s said) uint64 {
	if s.Cause.Packet != 0 {
		return s.Cause.Packet
	}
	for i := len(o.segments) - 1; i >= 0; i-- {
		if o.segments[i].At.Time <= s.Cause.Time {
			return o.segments[i].At.Packet
		}
	}
	return 0
}

// lines returns the steps in the order and form of a file's section, always
// with the place if it is not the cause, and with the rule.
func (o *outcome) lines() []string {
	type listed struct {
		cause uint64
		rank  int
		text  string
	}
	var all []listed
	for _, s := range o.steps {
		l := listed{cause: o.cause(s), text: formatStep(s)}
		switch {
		case s.Cause.Packet == 0:
			l.rank = 2
		case o.sender(s.Cause.Packet) != s.Side:
			l.rank = 1
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.cause, b.cause), cmp.Compare(a.rank, b.rank))
	})
	var lines []string
	for _, l := range all {
		lines = append(lines, l.text)
	}
	return lines
}

func (o *outcome) sender(packet uint64) statemachine.Side {
	if packet == 0 || packet > uint64(len(o.segments)) {
		return statemachine.Client
	}
	return o.segments[packet-1].Side
}

func formatStep(s said) string {
	text := fmt.Sprintf("#%d %s %s → %s %s", s.Cause.Packet, s.Side, s.From, s.To, s.Certainty)
	if s.Certainty == statemachine.Proven {
		text += fmt.Sprintf(" by #%d", s.Proof)
	}
	if s.Place != s.Cause.Packet && s.Cause.Packet != 0 {
		text += fmt.Sprintf(" after #%d", s.Place)
	}
	return text + " [" + s.Rule.String() + "]"
}

func formatFindings(findings []statemachine.Finding) []string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, fmt.Sprintf("#%d %s %s", f.At.Packet, f.Side, f.Code))
	}
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(packetOf(a), packetOf(b)) })
	return lines
}

// packetOf reads the number at the head of a step's or finding's line.
func packetOf(line string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.Fields(line)[0], "#"))
	if err != nil {
		panic(err) // the forms above allow no other
	}
	return n
}

// optional matches the parts of a step's line that a file may leave out.
var optional = []*regexp.Regexp{regexp.MustCompile(` \[[a-z0-9-]+\]$`), regexp.MustCompile(` after #\d+`)}

// agrees reports whether a step's line is what the file wants, with the parts
// that the file leaves out left open.
func agrees(want, got string) bool {
	for _, part := range optional {
		if !part.MatchString(want) {
			got = part.ReplaceAllString(got, "")
		}
	}
	return want == got
}

// compare returns "" when got is what the file wants, else the conversation up
// to the first difference and what was wanted and given from there on.
func (c *conversation) compare(got *outcome) string {
	lines := got.lines()
	i := 0
	for i < len(lines) && i < len(c.steps) && agrees(c.steps[i], lines[i]) {
		i++
	}
	if i < len(lines) || i < len(c.steps) {
		return c.explain(i, c.steps, lines)
	}
	if c.hasFindings {
		if f := formatFindings(got.findings); !slices.Equal(f, c.findings) {
			return fmt.Sprintf("the steps are right; findings are\n\t%s\nwant\n\t%s",
				strings.Join(f, "\n\t"), strings.Join(c.findings, "\n\t"))
		}
	}
	return ""
}

// explain prints the conversation: steps that agree under their packets, and
// behind the first bad one all that was wanted (-) and given (+).
func (c *conversation) explain(bad int, want, got []string) string {
	var b strings.Builder
	last := uint64(0)
	for _, lines := range [][]string{want, got} {
		if bad < len(lines) {
			last = max(last, uint64(packetOf(lines[bad])))
		}
	}
	fmt.Fprintln(&b, "steps differ:")
	shown := 0
	for _, s := range c.Segments {
		if last != 0 && s.At.Packet > last {
			break
		}
		fmt.Fprintf(&b, "\t%s\n", label(s))
		for ; shown < bad && uint64(packetOf(got[shown])) <= s.At.Packet; shown++ {
			fmt.Fprintf(&b, "\t      %s\n", got[shown])
		}
	}
	for _, line := range want[bad:] {
		fmt.Fprintf(&b, "\t    - %s\n", line)
	}
	for _, line := range got[bad:] {
		fmt.Fprintf(&b, "\t    + %s\n", line)
	}
	return b.String()
}

func label(s segtext.Captured) string {
	if strings.HasPrefix(s.Text, "#") {
		return s.Text
	}
	return fmt.Sprintf("#%d %s", s.At.Packet, s.Text)
}

// checkSense holds what must be true of the steps of any conversation.
func (o *outcome) checkSense(t *testing.T) {
	t.Helper()
	for _, s := range o.steps {
		if proven := s.Certainty == statemachine.Proven; proven != (s.Proof != 0) || proven && s.Proof < s.Cause.Packet {
			t.Errorf("%s: proof is #%d", formatStep(s), s.Proof)
		}
		if timer := s.Certainty == statemachine.ByTimer; timer != (s.Cause.Packet == 0) {
			t.Errorf("%s: only a timer has no packet", formatStep(s))
		}
		if s.Cause.Packet > s.Place && s.Cause.Packet != 0 {
			t.Errorf("%s: stands before its cause", formatStep(s))
		}
		if s.Rule == statemachine.NoRule || s.Event == statemachine.NoEvent || s.Certainty == statemachine.Uncertain {
			t.Errorf("%s: without rule, event or certainty", formatStep(s))
		}
	}
	for _, side := range [...]statemachine.Side{statemachine.Client, statemachine.Server} {
		o.checkChain(t, side)
	}
}

// checkChain holds that the steps of one end, in the order of their places,
// begin where the step before has ended.
func (o *outcome) checkChain(t *testing.T, side statemachine.Side) {
	t.Helper()
	var own []said
	for _, s := range o.steps {
		if s.Side == side {
			own = append(own, s)
		}
	}
	place := func(s said) uint64 {
		if s.Place != 0 {
			return s.Place
		}
		return o.cause(s)
	}
	slices.SortStableFunc(own, func(a, b said) int {
		return cmp.Or(cmp.Compare(a.conn, b.conn), cmp.Compare(place(a), place(b)))
	})
	for i := 1; i < len(own); i++ {
		from, to := own[i-1].To, own[i].From
		again := from == statemachine.Closed && to == statemachine.Listen // the application listens again
		if from != to && !again && own[i-1].conn == own[i].conn {
			t.Errorf("%s: %s\n\tfollows %s", side, formatStep(own[i]), formatStep(own[i-1]))
		}
	}
}

// compareShifted runs the conversation again with both sequence spaces moved,
// so that each of its numbers comes to lie at the wraparound at least once in
// the whole set: the steps must not change.
func (c *conversation) compareShifted(t *testing.T, got *outcome) {
	t.Helper()
	want := got.lines()
	first := [2]statemachine.Seq{}
	for i := len(c.Segments) - 1; i >= 0; i-- {
		first[c.Segments[i].Side] = c.Segments[i].Segment.Seq
	}
	for _, origin := range [...]statemachine.Seq{0, 1 << 31, 1<<31 - 1, 1<<32 - 1, 1<<32 - 2, 1<<32 - 11, 1<<32 - 120} {
		shift := [2]statemachine.Seq{origin - first[0], origin - first[1]}
		again := run(c.cfg, shifted(c.Segments, shift), c.End).lines()
		if !slices.Equal(again, want) {
			t.Errorf("with the first numbers at %d the steps become\n\t%s\nnot\n\t%s",
				origin, strings.Join(again, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// shifted adds to each number of a side's sequence space, wherever it stands.
// Fields without meaning stay: the ACK of a segment without ACK, and the
// number 0 of a reset that answers a segment without ACK (RFC 9293 §3.10.7.1).
func shifted(segments []segtext.Captured, by [2]statemachine.Seq) []segtext.Captured {
	out := slices.Clone(segments)
	for i := range out {
		s := &out[i].Segment
		own, peer := by[out[i].Side], by[out[i].Side.Peer()]
		if s.Seq != 0 || !s.Flags.Has(statemachine.RST|statemachine.ACK) {
			s.Seq += own
		}
		if s.Flags.Has(statemachine.ACK) {
			s.Ack += peer
		}
		for j := range s.Options.SACK {
			s.Options.SACK[j].Left += peer
			s.Options.SACK[j].Right += peer
		}
	}
	return out
}

// TestConversationPrefixes holds that the machine settles every beginning of
// every conversation in a sensible way, and gives the same answer twice.
func TestConversationPrefixes(t *testing.T) {
	for _, path := range conversationFiles(t) {
		c := readConversation(t, path)
		for n := range c.Segments {
			part := c.Segments[:n+1]
			o := run(c.cfg, part, part[n].At)
			o.checkSense(t)
			if again := run(c.cfg, part, part[n].At); !slices.Equal(again.steps, o.steps) {
				t.Errorf("%s: the first %d segments give two answers", path, n+1)
			}
			if t.Failed() {
				t.Fatalf("%s: in its first %d segments", path, n+1)
			}
		}
	}
}
