// Package top is the full-screen view of a live run: how many ends are in each
// state, the newest findings, and a table of connections that can be sorted,
// filtered and frozen, each with its timeline.
//
// It shows numbers and fixed words only; the only names are those of the
// interface and of the user's own filter, with control characters left out.
package top

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Status is what the head of the screen says of the capture.
type Status struct {
	Interface string
	Packets   uint64 // captured
	Kernel    uint64 // dropped by the kernel
	Device    uint64 // dropped by the interface
	Elapsed   time.Duration
}

// Options are what the view needs.
type Options struct {
	Board  *board.Board
	Status func() Status // asked at each refresh
	// Refresh is the time between two refreshes; one second when 0.
	Refresh time.Duration
	Color   bool
	Input   io.Reader // the keyboard
	Output  io.Writer // the terminal
}

// Run shows the view until the user quits or ctx ends, and leaves the terminal
// as it was, also when the view itself fails.
func Run(ctx context.Context, o Options) error {
	if o.Refresh == 0 {
		o.Refresh = time.Second
	}
	p := tea.NewProgram(newModel(&o), tea.WithContext(ctx), tea.WithInput(o.Input), tea.WithOutput(o.Output), tea.WithoutSignalHandler())
	_, err := p.Run()
	if ctx.Err() == nil {
		return err
	}
	return nil // what ended it was not the view
}

// mode is what the keys are about.
type mode uint8

const (
	browsing mode = iota
	typing        // the filter
	reading       // a connection's timeline
)

// model is the state of the view.
type model struct {
	opt    *Options
	width  int
	height int
	mode   mode

	status  Status
	summary board.Summary
	rate    float64 // packets a second since the refresh before
	rows    []board.Conn
	matched int // connections that the filter takes
	frozen  bool
	held    []board.Conn // all there were when the screen was frozen

	sort     sortKey
	reversed bool
	filter   string
	input    string // while typing

	cursor uint32 // the connection under the cursor, 0 for the first
	top    int    // first row shown
	conn   board.Conn
	lines  []string
	scroll int // lines above the last page; 0 follows the newest
}

// refresh is the message that asks for fresh numbers.
type refresh time.Time

func newModel(o *Options) *model {
	m := &model{opt: o, width: 80, height: 24}
	m.update()
	return m
}

// Init starts the clock.
func (m *model) Init() tea.Cmd { return m.tick() }

func (m *model) tick() tea.Cmd {
	return tea.Tick(m.opt.Refresh, func(t time.Time) tea.Msg { return refresh(t) })
}

// Update takes a key, a new size or a refresh.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(msg.Width, 20), max(msg.Height, 8)
	case refresh:
		if !m.frozen {
			m.update()
		}
		return m, m.tick()
	case tea.KeyPressMsg:
		return m.key(msg)
	}
	return m, nil
}

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen = true
	return v
}

// shownFindings is how many of the newest findings have a line.
const shownFindings = 3

// update asks the board for fresh numbers.
func (m *model) update() {
	before := m.status
	m.status = m.opt.Status()
	if d := m.status.Elapsed - before.Elapsed; d > 0 {
		m.rate = float64(m.status.Packets-before.Packets) / d.Seconds()
	}
	m.summary = m.opt.Board.Snapshot(shownFindings)
	m.choose()
	if m.mode == reading {
		m.read()
	}
}

// choose fills the table with what the filter takes: of the connections as
// they are, or as they were when the screen was frozen.
func (m *model) choose() {
	if !m.frozen {
		m.rows = m.opt.Board.Conns(m.rows[:0], m.takes)
	} else {
		m.rows = m.rows[:0]
		for i := range m.held {
			if m.takes(&m.held[i]) {
				m.rows = append(m.rows, m.held[i])
			}
		}
	}
	m.matched = len(m.rows)
	m.order()
}

// read fetches the lines of the connection that is open. One that has ended
// keeps what was known of it.
func (m *model) read() {
	if c, ok := m.opt.Board.Conn(m.conn.ID); ok {
		m.conn = c
	}
	if lines := m.opt.Board.Lines(m.conn.ID); len(lines) > 0 {
		m.lines = lines
	}
}

// key does what a key asks for.
func (m *model) key(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if k.String() == "ctrl+c" {
		return m, tea.Quit
	}
	switch m.mode {
	case typing:
		m.typed(k)
		return m, nil
	case reading:
		return m, m.readingKey(k.String())
	case browsing:
	}
	return m, m.browsingKey(k.String())
}

func (m *model) browsingKey(k string) tea.Cmd {
	switch k {
	case "q":
		return tea.Quit
	case "f", "space":
		m.freeze()
	case "s":
		m.sort = (m.sort + 1) % numSortKeys
		m.order()
	case "r":
		m.reversed = !m.reversed
		m.order()
	case "/":
		m.mode, m.input = typing, m.filter
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-m.tableHeight())
	case "pgdown":
		m.move(m.tableHeight())
	case "home", "g":
		m.move(-len(m.rows))
	case "end", "G":
		m.move(len(m.rows))
	case "enter":
		if len(m.rows) > 0 {
			m.conn = m.rows[m.at()]
			m.mode, m.lines, m.scroll = reading, nil, 0
			m.read()
		}
	}
	return nil
}

func (m *model) freeze() {
	m.frozen, m.held = !m.frozen, nil
	if m.frozen {
		m.held = m.opt.Board.Conns(nil, func(*board.Conn) bool { return true })
	}
	m.update()
}

func (m *model) readingKey(k string) tea.Cmd {
	page := max(m.height-3, 1)
	most := max(len(m.wrapped())-page, 0)
	switch k {
	case "q":
		return tea.Quit
	case "esc", "enter", "backspace", "left":
		m.mode = browsing
	case "f", "space":
		m.freeze()
	case "up", "k":
		m.scroll++
	case "down", "j":
		m.scroll--
	case "pgup":
		m.scroll += page
	case "pgdown":
		m.scroll -= page
	case "home", "g":
		m.scroll = most
	case "end", "G":
		m.scroll = 0
	}
	m.scroll = min(max(m.scroll, 0), most)
	return nil
}

// maxFilter bounds the filter, in octets.
const maxFilter = 60

// typed edits the filter.
func (m *model) typed(k tea.KeyPressMsg) {
	switch k.String() {
	case "enter":
		m.filter, m.mode = m.input, browsing
		m.choose()
	case "esc":
		m.mode = browsing
	case "backspace":
		if r := []rune(m.input); len(r) > 0 {
			m.input = string(r[:len(r)-1])
		}
	case "ctrl+u":
		m.input = ""
	default:
		if len(m.input)+len(k.Text) <= maxFilter {
			m.input += plain(k.Text)
		}
	}
}

// at returns the index of the row under the cursor.
func (m *model) at() int {
	for i := range m.rows {
		if m.rows[i].ID == m.cursor {
			return i
		}
	}
	return 0
}

// move moves the cursor by rows.
func (m *model) move(by int) {
	if len(m.rows) > 0 {
		m.cursor = m.rows[min(max(m.at()+by, 0), len(m.rows)-1)].ID
	}
}

// age is how long a connection has been there.
func (m *model) age(c *board.Conn) statemachine.Time { return max(m.summary.Now-c.First, 0) }
