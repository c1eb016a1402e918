package figure

import (
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"", ""},
		{"closed", "closed"},
		{"one two three", "one two|three"},
		{"one  two", "one two"},
		{"seven77 eight888 a", "seven77|eight888|a"},
		{"longer-than-that a b", "longer-than-that|a b"},
	} {
		if got := strings.Join(lines(c.text, 7), "|"); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
