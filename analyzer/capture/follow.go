package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// pollGrowth is how long a file that grows is left alone before it is looked
// at again.
const pollGrowth = 100 * time.Millisecond

// Follow makes the source wait for more at the end of its last file, which
// somebody still writes, until ctx ends. A record that is not whole by then is
// no damage. Where the file is truncated, or another one takes its name, the
// source reads what was left of it and then starts at the beginning of the
// present one. Follow is to be called before the first packet is read, and does
// nothing to standard input, which waits by itself.
func (s *Source) Follow(ctx context.Context) { s.follow, s.merge = ctx, false }

// followed reports that the file was followed to the end of the context.
func (s *Source) followed(in *input) bool {
	return in.grows != nil && !in.grows.replaced && s.follow.Err() != nil
}

// growing reads a file beyond its end: it waits there for more until ctx ends
// or the file is replaced.
type growing struct {
	ctx      context.Context
	f        *os.File
	at       int64 // octets read
	replaced bool  // the name leads to another file now, or the file begins anew
}

// Read returns io.EOF only when the context has ended or the file was replaced.
func (g *growing) Read(b []byte) (int, error) {
	for moved := false; ; {
		n, err := g.f.Read(b)
		g.at += int64(n)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		if moved || g.truncated() {
			g.replaced = true
			return 0, io.EOF
		}
		if moved = g.moved(); moved {
			continue // once more: it may have grown before that
		}
		select {
		case <-g.ctx.Done():
			return 0, io.EOF
		case <-time.After(pollGrowth):
		}
	}
}

// truncated reports that the file is shorter than what was read of it.
func (g *growing) truncated() bool {
	mine, err := g.f.Stat()
	return err == nil && mine.Size() < g.at
}

// moved reports that the file's name leads to another file. One that leads
// nowhere is waited for.
func (g *growing) moved() bool {
	mine, err := g.f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(g.f.Name())
	return err == nil && !os.SameFile(mine, now)
}
