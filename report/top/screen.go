package top

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/statemachine"
)

// The rows of the screen that are always there: the head, the tally with its
// title, the findings, the table's title and the keys.
const (
	tallyRows   = 4
	tallyTitles = 3
	fixedRows   = 1 + 1 + tallyRows + shownFindings + 1 + 1
)

// tableHeight is how many connections fit.
func (m *model) tableHeight() int { return max(m.height-fixedRows, 1) }

// screen returns the whole picture, without a line break at its end.
func (m *model) screen() string {
	var lines []string
	if m.mode == reading {
		lines = m.timeline()
	} else {
		lines = m.overview()
	}
	for i, l := range lines {
		lines[i] = m.cut(l)
	}
	return strings.Join(lines, "\n")
}

func (m *model) overview() []string {
	lines := append([]string{m.head()}, m.tally()...)
	lines = append(lines, m.findings()...)
	lines = append(lines, m.table()...)
	return append(lines, m.keys())
}

// styled puts a line into a style where colours are wanted (ECMA-48 SGR).
func (m *model) styled(style, s string) string {
	if !m.opt.Color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

const (
	styleHead    = "1"
	styleTitle   = "7"
	styleCursor  = "30;46"
	styleWarning = "33"
	styleError   = "31"
)

// cut shortens a line without styles to the width of the screen.
func (m *model) cut(s string) string {
	if strings.Contains(s, "\x1b") || utf8.RuneCountInString(s) <= m.width {
		return s
	}
	return string([]rune(s)[:m.width])
}

// fit cuts and pads to the width, for lines in a style.
func (m *model) fit(s string) string {
	s = m.cut(s)
	return s + strings.Repeat(" ", max(m.width-utf8.RuneCountInString(s), 0))
}

func (m *model) head() string {
	s := fmt.Sprintf("tcpstate live %s  %s  %d packets, %.0f/s  dropped %d", plain(m.status.Interface),
		clock(m.status.Elapsed), m.status.Packets, m.rate, m.status.Kernel+m.status.Device)
	if m.frozen {
		s = "FROZEN  " + s
	}
	return m.styled(styleHead, m.cut(s))
}

// clock spells a time as hours, minutes and seconds.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

// tallied are the states in the order of the tally, column by column.
var tallied = [tallyTitles * tallyRows]statemachine.State{
	statemachine.SynSent, statemachine.SynReceived, statemachine.Established, statemachine.Listen,
	statemachine.FinWait1, statemachine.FinWait2, statemachine.CloseWait, statemachine.Closing,
	statemachine.LastAck, statemachine.TimeWait, statemachine.Closed, statemachine.Unknown,
}

// tally returns how many ends are in each state, as netstat | awk counts them,
// but for both ends.
func (m *model) tally() []string {
	title := fmt.Sprintf("%-12s %5s %5s", "STATE", "CLNT", "SERV")
	lines := []string{m.styled(styleTitle, m.fit(strings.Join([]string{title, title, title}, "   ")))}
	for row := range tallyRows {
		var cells []string
		for column := range tallyTitles {
			s := tallied[column*tallyRows+row]
			cells = append(cells, fmt.Sprintf("%-12s %5s %5s", s,
				count(m.summary.Tally[statemachine.Client][s]), count(m.summary.Tally[statemachine.Server][s])))
		}
		lines = append(lines, strings.Join(cells, "   "))
	}
	return lines
}

// count spells a number in at most five columns; nothing for 0.
func count(n int) string {
	switch {
	case n == 0:
		return "-"
	case n < 100_000:
		return strconv.Itoa(n)
	case n < 10_000_000:
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n/1_000_000) + "M"
}

// findings returns the newest findings, always in as many lines.
func (m *model) findings() []string {
	lines := make([]string, shownFindings)
	if len(m.summary.Findings) == 0 {
		lines[0] = "no findings so far"
	}
	for i, f := range m.summary.Findings {
		at := time.Unix(0, int64(f.At.Time)).Format("15:04:05")
		line := m.cut(fmt.Sprintf("%s [%d] %s  %s", at, f.Conn, f.Code, f.Endpoint))
		switch f.Code.Info().Severity {
		case statemachine.Error:
			line = m.styled(styleError, line)
		case statemachine.Warning:
			line = m.styled(styleWarning, line)
		case statemachine.Note:
		}
		lines[i] = line
	}
	return lines
}

// Widths of the table's columns, addresses aside.
const (
	numberWidth = 6
	statesWidth = 17
	fullStates  = 25 // with the states' whole names
	ageWidth    = 4
	againWidth  = 4
	rttWidth    = 6
	gaps        = 6
	wideScreen  = 110
)

// table returns the title and the rows that fit, the cursor among them.
func (m *model) table() []string {
	states := statesWidth
	if m.width >= wideScreen {
		states = fullStates
	}
	addr := max((m.width-numberWidth-states-ageWidth-againWidth-rttWidth-gaps)/2, 8)
	title := fmt.Sprintf("%*s %-*s %-*s %-*s %*s %*s %*s", numberWidth, "#", addr, "CLIENT", addr, "SERVER",
		states, "CLIENT/SERVER", ageWidth, "AGE", againWidth, "RTX", rttWidth, "RTT")
	lines := []string{m.styled(styleTitle, m.fit(title))}
	height, at := m.tableHeight(), m.at()
	m.top = min(max(m.top, at-height+1), at)
	m.top = max(min(m.top, len(m.rows)-height), 0)
	for i := range height {
		if m.top+i >= len(m.rows) {
			lines = append(lines, m.vacant(i))
			continue
		}
		c := &m.rows[m.top+i]
		mark := " "
		if m.top+i == at {
			mark = ">"
		}
		line := fmt.Sprintf("%s%*d %-*s %-*s %-*s %*s %*s %*s", mark, numberWidth-1, c.ID,
			addr, address(c.Ends[0], addr), addr, address(c.Ends[1], addr), states, m.states(c, states),
			ageWidth, short(m.age(c)), againWidth, count(int(c.Retransmissions)), rttWidth, rtt(c.RTT))
		if m.top+i == at {
			line = m.styled(styleCursor, m.fit(line))
		}
		lines = append(lines, line)
	}
	return lines
}

// vacant returns the line of a row without a connection. The first of an empty
// table says why it is empty.
func (m *model) vacant(row int) string {
	switch {
	case len(m.rows) > 0 || row > 0:
		return ""
	case m.summary.Live > 0:
		return "no connection matches the filter"
	case m.status.Packets > 0:
		return "no TCP connection yet"
	}
	return "no packets yet"
}

// shortStates are the states in at most eight columns.
var shortStates = [board.NumStates]string{
	statemachine.Unknown: "?", statemachine.Closed: "CLOSED", statemachine.Listen: "LISTEN",
	statemachine.SynSent: "SYN-SENT", statemachine.SynReceived: "SYN-RCVD", statemachine.Established: "ESTAB",
	statemachine.FinWait1: "FIN-W-1", statemachine.FinWait2: "FIN-W-2", statemachine.CloseWait: "CLOSE-W",
	statemachine.Closing: "CLOSING", statemachine.LastAck: "LAST-ACK", statemachine.TimeWait: "TIME-W",
}

// states spells the states of both ends, once where they are the same.
func (m *model) states(c *board.Conn, width int) string {
	a, b := c.States[0].String(), c.States[1].String()
	if width < fullStates {
		a, b = shortStates[c.States[0]], shortStates[c.States[1]]
	}
	if a == b {
		return a
	}
	return a + "/" + b
}

// address spells an endpoint in at most so many columns; where it is too long
// the end of the address gives way, not the port.
func address(a netip.AddrPort, width int) string {
	s := a.String()
	if len(s) <= width {
		return s
	}
	port := s[strings.LastIndexByte(s, ':'):]
	return s[:max(width-len(port)-1, 0)] + "…" + port
}

// short spells a time in at most four columns.
func short(t statemachine.Time) string {
	s := int64(t) / 1e9
	switch {
	case s < 100:
		return strconv.FormatInt(s, 10) + "s"
	case s < 6000:
		return strconv.FormatInt(s/60, 10) + "m"
	case s < 360_000:
		return strconv.FormatInt(s/3600, 10) + "h"
	}
	return strconv.FormatInt(min(s/86400, 999), 10) + "d"
}

// rtt spells a round-trip time in at most six columns.
func rtt(t statemachine.Time) string {
	switch us := int64(t) / 1000; {
	case t == 0:
		return "-"
	case us < 1000:
		return strconv.FormatInt(us, 10) + "µs"
	case us < 99_950:
		return strconv.FormatFloat(float64(us)/1e3, 'f', 1, 64) + "ms"
	case us < 1e6:
		return strconv.FormatInt(us/1000, 10) + "ms"
	default:
		return strconv.FormatFloat(float64(us)/1e6, 'f', 1, 64) + "s"
	}
}

// keys returns the last line: the keys, or the filter while it is typed.
func (m *model) keys() string {
	if m.mode == typing {
		return "filter: " + m.input + "_   (enter applies, esc leaves)"
	}
	s := fmt.Sprintf("↑↓ enter timeline  s sort:%s  r reverse  / filter  f freeze  q quit", sortNames[m.sort])
	if m.filter != "" {
		s = fmt.Sprintf("[%s] %d of %d  ↑↓ enter timeline  / filter  s sort  q quit", m.filter, m.matched, m.summary.Live)
	}
	return s
}

// timeline returns the screen of one connection.
func (m *model) timeline() []string {
	c := &m.conn
	head := fmt.Sprintf("[%d] %s > %s  client %s, server %s", c.ID, c.Ends[0], c.Ends[1], c.States[0], c.States[1])
	if m.frozen {
		head = "FROZEN  " + head
	}
	lines := []string{m.styled(styleTitle, m.fit(head))}
	all, page := m.wrapped(), max(m.height-3, 1)
	last := max(len(all)-m.scroll, min(page, len(all)))
	shown := all[max(last-page, 0):last]
	lines = append(lines, shown...)
	for range page - len(shown) {
		lines = append(lines, "")
	}
	return append(lines, "", "esc back  ↑↓ pgup pgdn scroll  f freeze  q quit")
}

// continued is how far a line that goes on is indented.
const continued = 8

// wrapped returns the lines of the timeline broken at the screen's width, at a
// blank where there is one in the last half.
func (m *model) wrapped() []string {
	if len(m.lines) == 0 {
		return []string{"nothing is kept of this connection any more"}
	}
	var out []string
	for _, l := range m.lines {
		for r := []rune(l); ; {
			if len(r) <= m.width {
				out = append(out, string(r))
				break
			}
			at := m.width
			for at > m.width/2 && r[at] != ' ' {
				at--
			}
			if r[at] != ' ' {
				at = m.width
			}
			out = append(out, strings.TrimRight(string(r[:at]), " "))
			rest := strings.TrimLeft(string(r[at:]), " ")
			r = []rune(strings.Repeat(" ", continued) + rest)
		}
	}
	return out
}
