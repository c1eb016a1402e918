package check

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bound is a condition on a number: 2, "<= 2", "< 5ms", "> 0", ">= 1" or
// "1..3", both ends of a range included. The zero value is met by 0 alone.
type Bound struct {
	low, high float64 // both included
	text      string
	exact     bool // low and high were given as one number
}

// unit reads a number in its own terms, and prints one.
type unit struct {
	parse func(string) (float64, error)
	show  func(float64) string
	what  string
}

func counts() unit {
	return unit{
		parse: func(s string) (float64, error) {
			n, err := strconv.ParseUint(s, 10, 53)
			return float64(n), err
		},
		show: func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) },
		what: "a number like 2, \"<= 2\" or \"1..3\"",
	}
}

func durations() unit {
	return unit{
		parse: func(s string) (float64, error) {
			d, err := time.ParseDuration(strings.ReplaceAll(s, " ", ""))
			return float64(d), err
		},
		show: func(v float64) string { return time.Duration(v).String() },
		what: "a time like \"< 5ms\", \"<= 1.5s\" or \"1s..2s\"",
	}
}

// parseBound reads a condition in the given unit.
func parseBound(text string, u unit) (Bound, error) {
	s := strings.TrimSpace(text)
	b := Bound{low: 0, high: math.Inf(1), text: s}
	fail := func() (Bound, error) {
		return Bound{}, fmt.Errorf("%q is not %s", text, u.what)
	}
	if low, high, ok := strings.Cut(s, ".."); ok {
		var err1, err2 error
		b.low, err1 = u.parse(strings.TrimSpace(low))
		b.high, err2 = u.parse(strings.TrimSpace(high))
		if errors.Join(err1, err2) != nil || b.low > b.high {
			return fail()
		}
		return b, nil
	}
	rest := strings.TrimLeft(s, "<>=")
	op := s[:len(s)-len(rest)]
	v, err := u.parse(strings.TrimSpace(rest))
	if err != nil || v < 0 {
		return fail()
	}
	switch op {
	case "", "=", "==":
		b.low, b.high, b.exact = v, v, true
	case "<=":
		b.high = v
	case "<":
		b.high = math.Nextafter(v, -1)
	case ">=":
		b.low = v
	case ">":
		b.low = math.Nextafter(v, math.Inf(1))
	default:
		return fail()
	}
	if b.low > b.high || b.high < 0 {
		return Bound{}, fmt.Errorf("%q can never be met", text)
	}
	return b, nil
}

// Exactly returns the bound that n alone meets.
func Exactly(n int) Bound {
	return Bound{low: float64(n), high: float64(n), text: strconv.Itoa(n), exact: true}
}

// meets reports whether v lies within the bound.
func (b Bound) meets(v float64) bool { return v >= b.low && v <= b.high }

// String returns the condition as it was written.
func (b Bound) String() string { return b.text }
