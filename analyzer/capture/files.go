package capture

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// files are the files of a run. Sources that were split from one share them: a
// file is opened and unpacked once for all.
type files struct {
	mu      sync.Mutex
	sources int             // that read them
	opened  map[int]*opened // which not all sources have asked for yet, by index
	stdin   io.Reader
	octets  atomic.Int64 // read so far, packed as they are; standard input does not count
}

func newFiles(stdin io.Reader) *files {
	return &files{sources: 1, opened: make(map[int]*opened), stdin: stdin}
}

// admit makes room for n more sources beside the only one, which has the given
// inputs open already, unless the beginning of one of those is gone.
func (fs *files) admit(n int, open []*input) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, in := range open {
		if !in.stream.admit(n) {
			return false
		}
		fs.opened[int(in.file)] = in.opened
	}
	fs.sources += n
	return true
}

// leave notes that a source will not ask for any more files: it has asked for
// those with an index below next.
func (fs *files) leave(next int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.sources--
	for i, o := range fs.opened {
		switch {
		case i < next:
			o.asked-- // asked counts those that are still there
		case o.stream != nil:
			o.stream.join().leave() // the tap that was admitted for the source
		}
		if o.asked == fs.sources {
			delete(fs.opened, i)
		}
	}
}

// opened is a file that was opened, or could not be.
type opened struct {
	err    error
	stream *shared  // unpacked
	format string   // in which it was packed, "" for none
	grows  *growing // not nil: it is followed
	asked  int      // sources that asked for it
}

// open opens file number i, or returns it if another source asked for it
// before. follow is not nil when it is to be followed to the end of that
// context.
func (fs *files) open(i int, path string, follow context.Context) *opened {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	o := fs.opened[i]
	if o == nil {
		o = &opened{}
		o.err = fs.openFirst(o, i, path, follow)
		fs.opened[i] = o
	}
	if o.asked++; o.asked == fs.sources {
		delete(fs.opened, i)
	}
	return o
}

// openFirst opens a file.
func (fs *files) openFirst(o *opened, i int, path string, follow context.Context) error {
	if i > maxFile {
		return &Error{File: path, Offset: NoOffset, Reason: "more than 65536 files in one run"}
	}
	r, name, release := fs.stdin, stdinName, func() {}
	if path != Stdin {
		f, err := openFile(path)
		if err != nil {
			return err
		}
		release = func() { _ = f.Close() } // opened for reading only: nothing can be lost
		r, name = counter{f, &fs.octets}, path
		if follow != nil {
			o.grows = &growing{ctx: follow, f: f}
			r = counter{o.grows, &fs.octets}
		}
	}
	u, err := unpack(r, name)
	if err != nil {
		release()
		return err
	}
	o.stream, o.format = u.tap.s, u.format
	o.stream.owns(release)
	if fs.sources > 1 {
		o.stream.admit(fs.sources - 1)
		if follow == nil && Rereadable([]string{path}) {
			o.stream.hurries()
		}
	}
	return nil
}

// maxFile is the highest index that a packet can name.
const maxFile = 1<<16 - 1

// counter counts what it reads.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

// Read reads from the reader beneath.
func (c counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// openFile opens a file for reading; a directory is refused here, since reading
// is where the system would.
func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err == nil {
		if info, serr := f.Stat(); serr == nil && info.IsDir() {
			_ = f.Close() // it was opened for reading only
			return nil, &Error{File: path, Offset: NoOffset, Reason: "is a directory, not a capture file"}
		}
		return f, nil
	}
	return nil, &Error{File: path, Offset: NoOffset, Reason: openReason(err)}
}
