package segtext

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// The values of parts that a line leaves out.
const (
	defaultDelay  = 1e6 // ns
	defaultWindow = 65535
	defaultTTL    = 64
)

// Line is one segment of a conversation.
type Line struct {
	Number  uint64            // from 1; 0 when the line bears none
	Delay   statemachine.Time // nanoseconds since the line before; negative when the clock went back
	Side    statemachine.Side // the sender
	Segment statemachine.Segment
}

// ParseLine reads one line of the notation. The error names the part that is
// wrong.
func ParseLine(text string) (Line, error) {
	l := Line{Delay: defaultDelay}
	l.Segment.Window, l.Segment.TTL = defaultWindow, defaultTTL
	s := scanner{rest: strings.TrimSpace(text)}
	steps := [...]func(*scanner) error{l.number, l.delay, l.side, l.flags, l.sequence, l.ack, l.window, l.urgent, l.options, l.ipid, l.ttl}
	for _, step := range steps {
		if err := step(&s); err != nil {
			return Line{}, err
		}
	}
	if s.rest != "" {
		return Line{}, fmt.Errorf("%q is left over: unknown, twice or in the wrong place", s.rest)
	}
	return l, nil
}

// scanner hands out the words of a line.
type scanner struct{ rest string }

// word takes the next word.
func (s *scanner) word() string {
	w, rest, _ := strings.Cut(s.rest, " ")
	s.rest = strings.TrimLeft(rest, " ")
	return w
}

// named takes "NAME N" if it comes next. The number has at most the given
// bits.
func (s *scanner) named(name string, bits int) (n uint64, ok bool, err error) {
	rest, ok := strings.CutPrefix(s.rest, name+" ")
	if !ok {
		return 0, false, nil
	}
	s.rest = rest
	n, err = number(name, s.word(), bits)
	return n, true, err
}

// number reads an unsigned decimal number.
func number(what, text string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a number of %d bits", what, text, bits)
	}
	return n, nil
}

func (l *Line) number(s *scanner) error {
	if !strings.HasPrefix(s.rest, "#") {
		return nil
	}
	n, err := number("packet number", s.word()[1:], 63)
	if err == nil && n == 0 {
		err = errors.New("packet number: packets are counted from 1")
	}
	l.Number = n
	return err
}

func (l *Line) delay(s *scanner) error {
	if s.rest == "" || s.rest[0] != '+' && s.rest[0] != '-' {
		return nil
	}
	d, err := parseDelay(s.word())
	l.Delay = d
	return err
}

// maxDelay bounds the seconds of a delay: over thirty years, far from the ends
// of Time.
const maxDelay = 1e9

// parseDelay reads "+S.fffffffff" exactly, without floating point.
func parseDelay(text string) (statemachine.Time, error) {
	bad := func() (statemachine.Time, error) {
		return 0, fmt.Errorf("time: %q is not like +0.010, with at most nine decimals", text)
	}
	whole, frac, point := strings.Cut(text[1:], ".")
	if point && frac == "" || len(frac) > 9 {
		return bad()
	}
	sec, err := strconv.ParseUint(whole, 10, 32)
	if err != nil || sec > maxDelay {
		return bad()
	}
	ns, err := strconv.ParseUint((frac + "000000000")[:9], 10, 32)
	if err != nil {
		return bad()
	}
	d := statemachine.Time(sec*1e9 + ns)
	if text[0] == '-' {
		d = -d
	}
	return d, nil
}

func (l *Line) side(s *scanner) error {
	switch w := s.word(); w {
	case "C>S":
		l.Side = statemachine.Client
	case "S>C":
		l.Side = statemachine.Server
	default:
		return fmt.Errorf("direction: %q is neither C>S nor S>C", w)
	}
	return nil
}

func (l *Line) flags(s *scanner) error {
	w := s.word()
	if w == "none" {
		return nil
	}
	if w == "" {
		return errors.New("flags: missing")
	}
	for _, letter := range w {
		f, ok := flagOf(letter)
		if !ok {
			return fmt.Errorf("flags: %q has no flag %q", w, letter)
		}
		if l.Segment.Flags.Has(f) {
			return fmt.Errorf("flags: %q has %q twice", w, letter)
		}
		l.Segment.Flags |= f
	}
	return nil
}

// flagOf returns the flag that prints as letter.
func flagOf(letter rune) (statemachine.Flags, bool) {
	for f := statemachine.FIN; f <= statemachine.AE; f <<= 1 {
		if f.String() == string(letter) {
			return f, true
		}
	}
	return 0, false
}

func (l *Line) sequence(s *scanner) error {
	w := s.word()
	seq, rest, ok1 := strings.Cut(w, ":")
	end, rest, ok2 := strings.Cut(rest, "(")
	length, ok3 := strings.CutSuffix(rest, ")")
	if !ok1 || !ok2 || !ok3 {
		return fmt.Errorf("sequence: %q is not like 100:110(10)", w)
	}
	var n [3]uint64
	for i, t := range [...]string{seq, end, length} {
		var err error
		if n[i], err = number("sequence", t, 32); err != nil {
			return err
		}
	}
	l.Segment.Seq, l.Segment.Len = statemachine.Seq(n[0]), statemachine.Size(n[2])
	if want := l.Segment.Seq.Add(l.Segment.Len); want != statemachine.Seq(n[1]) {
		return fmt.Errorf("sequence: %q ends at %d", w, want)
	}
	return nil
}

func (l *Line) ack(s *scanner) error {
	n, ok, err := s.named("ack", 32)
	if err == nil && ok != l.Segment.Flags.Has(statemachine.ACK) {
		err = errors.New("ack: goes with the flag '.', and only with it")
	}
	l.Segment.Ack = statemachine.Seq(n)
	return err
}

func (l *Line) window(s *scanner) error {
	n, ok, err := s.named("win", 16)
	if ok {
		l.Segment.Window = uint16(n)
	}
	return err
}

func (l *Line) urgent(s *scanner) error {
	n, ok, err := s.named("urg", 16)
	if err == nil && ok != l.Segment.Flags.Has(statemachine.URG) {
		err = errors.New("urg: goes with the flag U, and only with it")
	}
	l.Segment.Urgent = uint16(n)
	return err
}

func (l *Line) options(s *scanner) error {
	list, ok := strings.CutPrefix(s.rest, "<")
	if !ok {
		return nil
	}
	list, rest, ok := strings.Cut(list, ">")
	if !ok {
		return errors.New("options: no closing >")
	}
	s.rest = strings.TrimLeft(rest, " ")
	return parseOptions(list, &l.Segment.Options)
}

func (l *Line) ipid(s *scanner) error {
	n, ok, err := s.named("ipid", 16)
	l.Segment.IPID, l.Segment.HasIPID = uint16(n), ok
	return err
}

func (l *Line) ttl(s *scanner) error {
	n, ok, err := s.named("ttl", 8)
	if ok {
		l.Segment.TTL = uint8(n)
	}
	return err
}
