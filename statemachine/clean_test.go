package statemachine_test

import (
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Clean logs are settled by a few comparisons. All captures of this repository
// are observed with that and without, and after every call the steps, the
// findings and the connections must be the same.
func TestCleanEqualsResolved(t *testing.T) {
	handshakes, closes := 0, 0
	err := filepath.WalkDir("../testdata", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") {
			return err
		}
		for _, c := range talksOf(t, name) {
			// Each end of the conversation is the end of the input once.
			for n := 1; n <= min(len(c.seen), 40); n++ {
				h, e := c.both(t, name, n)
				handshakes, closes = handshakes+h, closes+e
			}
			c.both(t, name, len(c.seen))
		}
		return nil
	})
	if err != nil || handshakes < 1000 || closes < 100 {
		t.Errorf("%d clean handshakes, %d clean closes, %v", handshakes, closes, err)
	}
}

// both observes the first n segments both ways and returns how often a log was
// clean.
func (c *captured) both(t *testing.T, name string, n int) (handshakes, closes int) {
	t.Helper()
	short, long := statemachine.NewMachine(statemachine.Linux()), statemachine.NewMachine(statemachine.Linux())
	long.SetCareful()
	var a, b statemachine.Conn
	same := func(what string, at statemachine.Moment) {
		if !slices.Equal(short.Steps(), long.Steps()) {
			t.Fatalf("%s %s: %s at #%d: steps\n%+v, resolved\n%+v", name, c.name, what, at.Packet, short.Steps(), long.Steps())
		}
		if !slices.Equal(short.Findings(), long.Findings()) || !reflect.DeepEqual(a, b) {
			t.Fatalf("%s %s: %s at #%d: %+v, resolved\n%+v", name, c.name, what, at.Packet, a, b)
		}
		h, e := statemachine.CleanLog(&a)
		if h {
			handshakes++
		}
		if e {
			closes++
		}
	}
	for i := range n {
		s := &c.seen[i]
		short.Advance(&a, s.at)
		long.Advance(&b, s.at)
		same("advance", s.at)
		short.Observe(&a, s.at, s.side, &s.seg)
		long.Observe(&b, s.at, s.side, &s.seg)
		same("observe", s.at)
	}
	short.Finish(&a, c.seen[n-1].at)
	long.Finish(&b, c.seen[n-1].at)
	same("finish", c.seen[n-1].at)
	return handshakes, closes
}
