package check

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tcpstate/tcpstate/analyzer/where"
)

// condition reads an expression of the language of --where.
func (d *decoder) condition(n *yaml.Node) (*where.Filter, string, bool) {
	s, ok := d.text(n, "an expression")
	if !ok {
		return nil, "", false
	}
	f, err := where.Compile(s)
	if err == nil {
		return f, strings.Join(strings.Fields(s), " "), true
	}
	hint := ""
	var e *where.Error
	if errors.As(err, &e) && len(e.Known) > 0 {
		hint = didYouMean(e.Name, e.Known)
	}
	d.fail(n, hint, "%v", err)
	return nil, "", false
}

// where chooses the connections for which an expression holds.
func (m *matcher) where(f *where.Filter, source string) {
	m.add("where "+source, func(c *Connection) bool {
		ok, err := f.Match(&c.Connection)
		return ok && err == nil
	})
}

// assertRule demands that an expression holds.
func assertRule(f *where.Filter, source string) rule {
	return rule{"assert", source, func(c *Connection) outcome {
		ok, err := f.Match(&c.Connection)
		switch {
		case err != nil:
			return outcome{seen: err.Error(), packet: c.telling()}
		case !ok:
			return outcome{seen: seenBy(f, c), packet: c.telling()}
		}
		return met()
	}}
}

// seenBy tells what an expression that does not hold asked for.
func seenBy(f *where.Filter, c *Connection) string {
	if seen := f.Seen(&c.Connection); seen != "" {
		return seen
	}
	return "it does not hold"
}
