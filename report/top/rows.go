package top

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/statemachine"
)

// sortKey is what the table is sorted by.
type sortKey uint8

const (
	byState sortKey = iota
	byAge
	byRetransmissions
	byRTT
	byNumber

	numSortKeys
)

var sortNames = [numSortKeys]string{"state", "age", "retransmissions", "RTT", "number"}

// order sorts the rows: the most remarkable state first, or the oldest, or the
// largest number. Rows that are equal keep the order of their numbers.
func (m *model) order() {
	key := func(c *board.Conn) int64 {
		switch m.sort {
		case byState:
			return stateRank(c)
		case byAge:
			return int64(c.First)
		case byRetransmissions:
			return -int64(c.Retransmissions)
		case byRTT:
			return -int64(c.RTT)
		case byNumber, numSortKeys:
		}
		return 0
	}
	slices.SortFunc(m.rows, func(a, b board.Conn) int {
		d := cmp.Compare(key(&a), key(&b))
		if d == 0 {
			d = cmp.Compare(a.ID, b.ID)
		}
		if m.reversed {
			return -d
		}
		return d
	})
}

// stateRank orders connections by what they need attention for: those that
// open, then those where an end waits for the other's close, then those that
// are open, then those that are over.
func stateRank(c *board.Conn) int64 {
	ranks := [board.NumStates]int64{
		statemachine.SynSent: 0, statemachine.SynReceived: 0,
		statemachine.CloseWait: 1, statemachine.FinWait1: 1, statemachine.FinWait2: 1, statemachine.Closing: 1, statemachine.LastAck: 1,
		statemachine.Established: 2, statemachine.TimeWait: 3, statemachine.Closed: 4, statemachine.Listen: 4, statemachine.Unknown: 5,
	}
	a, b := ranks[c.States[statemachine.Client]], ranks[c.States[statemachine.Server]]
	return min(a, b)*100 + int64(c.States[statemachine.Client])
}

// takes reports whether the filter takes a connection: all of its words occur
// in the connection's addresses and states, in any case.
func (m *model) takes(c *board.Conn) bool {
	if m.filter == "" {
		return true
	}
	text := strings.ToLower(strings.Join([]string{
		strconv.FormatUint(uint64(c.ID), 10), c.Ends[0].String(), c.Ends[1].String(),
		c.States[0].String(), c.States[1].String(),
	}, " "))
	for _, word := range strings.Fields(strings.ToLower(m.filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// plain leaves out what is not to be printed.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}
