package top

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/statemachine"
)

// stage returns a view of connections in all pairs of states, with the longest
// addresses.
func stage(t *testing.T, color bool) *model {
	t.Helper()
	b := board.New()
	now := statemachine.Time(1.7e18)
	id := uint32(0)
	for _, client := range statemachine.States() {
		for _, server := range statemachine.States() {
			id++
			ends := [2]netip.AddrPort{
				netip.MustParseAddrPort(fmt.Sprintf("[2001:db8:1111:2222:3333:4444:5555:%d]:60000", 1000+id)),
				netip.MustParseAddrPort("255.255.255.255:65535"),
			}
			p := &analyzer.Packet{Number: uint64(id), Time: now, HasTCP: true, Src: ends[0], Dst: ends[1]}
			notes := []analyzer.Note{
				{Conn: id, Ends: ends, Step: statemachine.Step{Side: statemachine.Client, To: client}},
				{Conn: id, Ends: ends, Step: statemachine.Step{Side: statemachine.Server, To: server}},
			}
			if err := b.Packet(&analyzer.Observation{Packet: p, Conn: id, Notes: notes}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Tick(now + 1e9*3600*24*400); err != nil {
		t.Fatal(err)
	}
	return newModel(&Options{Board: b, Color: color, Refresh: time.Second, Status: func() Status {
		return Status{Interface: "eth0\x1b[2J", Packets: 1e12, Kernel: 1e12, Elapsed: 1e6 * time.Second}
	}})
}

func press(m *model, keys ...string) {
	for _, k := range keys {
		special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace}
		if code, ok := special[k]; ok {
			m.Update(tea.KeyPressMsg{Code: code})
			continue
		}
		for _, r := range k {
			m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// TestScreenFits draws exactly the size of the terminal, whatever is in it and
// whatever key was pressed, and lets no control character through.
func TestScreenFits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 60}, {40, 12}, {20, 8}} {
		m := stage(t, false)
		m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, k := range []string{"", "s", "r", "s", "down", "pgdown", "f", "/", "listen", "enter", "enter", "esc", "/", "backspace", "\x1bx", "esc", "s", "G", "g"} {
			press(m, k)
			lines := strings.Split(m.screen(), "\n")
			if len(lines) > max(size[1], fixedRows+1) {
				t.Errorf("%v after %q: %d lines", size, k, len(lines))
			}
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); n > size[0] {
					t.Errorf("%v after %q: %d columns: %s", size, k, n, l)
				}
				if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r == 0x7f }) {
					t.Errorf("%v after %q: a control character in %q", size, k, l)
				}
			}
		}
	}
}

// TestFilterAndOrder keeps the rows that the filter takes, in the order asked
// for, and the cursor on its connection.
func TestFilterAndOrder(t *testing.T) {
	m := stage(t, false)
	press(m, "/", "close-wait time-wait", "enter")
	if m.matched != 2 {
		t.Fatalf("%d rows", m.matched)
	}
	press(m, "down")
	kept := m.cursor
	press(m, "r")
	if m.rows[m.at()].ID != kept || m.at() != 0 {
		t.Errorf("the cursor left connection %d", kept)
	}
	press(m, "/")
	for range 30 {
		press(m, "backspace")
	}
	press(m, "enter", "s", "s", "s", "s")
	if m.sort != byNumber || len(m.rows) != 144 || m.rows[0].ID != 144 {
		t.Errorf("sorted by %d: %d rows, first %d", m.sort, len(m.rows), m.rows[0].ID)
	}
}

// TestFrozen shows the same until it is let go.
func TestFrozen(t *testing.T) {
	m := stage(t, true)
	press(m, "f")
	before := m.screen()
	ends := [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")}
	p := &analyzer.Packet{Number: 999, Time: 1, Src: ends[0], Dst: ends[1]}
	if err := m.opt.Board.Packet(&analyzer.Observation{Packet: p, Conn: 999}); err != nil {
		t.Fatal(err)
	}
	m.Update(refresh(time.Now()))
	if m.screen() != before {
		t.Error("a frozen screen moved")
	}
	press(m, "/", "10.0.0", "enter")
	if m.matched != 0 {
		t.Error("the filter of a frozen screen finds what came later")
	}
	press(m, "/")
	for range 10 {
		press(m, "backspace")
	}
	press(m, "enter")
	if m.screen() != before {
		t.Error("a frozen screen did not come back")
	}
	press(m, "f")
	if len(m.rows) != 145 {
		t.Errorf("%d rows once it goes on", len(m.rows))
	}
}

// TestWords spells times in the room that the table has for them.
func TestWords(t *testing.T) {
	for _, at := range []statemachine.Time{0, 1, 999, 1e3, 999_999, 1e6, 99_999_999, 1e8, 999_999_999, 1e9, 9e10, 1e11, 1e13, 1e15, 1e18, 9e18} {
		if s := short(at); utf8.RuneCountInString(s) > ageWidth {
			t.Errorf("age %d is %s", at, s)
		}
		if s := rtt(at); at < 1e12 && utf8.RuneCountInString(s) > rttWidth {
			t.Errorf("RTT %d is %s", at, s)
		}
	}
	for _, n := range []int{0, 1, 99_999, 100_000, 9_999_999, 10_000_000, 999_999_999} {
		if s := count(n); len(s) > 5 {
			t.Errorf("%d is %s", n, s)
		}
	}
}
