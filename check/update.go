package check

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteError is what kept expectations from being written.
type WriteError struct {
	Path   string
	Reason string
}

// Error returns the path and the reason.
func (e *WriteError) Error() string { return "cannot write " + e.Path + ": " + e.Reason }

// update writes a snapshot where there are no expectations, or refreshes
// them. It returns what holds now, and what it did in words.
func update(x *Expectations, file string, o *Observed) (now *Expectations, did string, err error) {
	var text []byte
	did = "written"
	if x == nil {
		text, err = Snapshot(o)
	} else {
		var n int
		if text, n, err = x.Refresh(o); n == 0 && err == nil {
			return x, "unchanged", nil
		}
		did = "changed in " + plural(n, "place")
	}
	if err != nil {
		return x, "", err
	}
	if err := replaceFile(file, text); err != nil {
		return x, "", &WriteError{Path: file, Reason: plainReason(err)}
	}
	now, err = Parse(file, text)
	return now, did, err
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// replaceFile puts a text in the place of a file at once, so that whoever reads
// or writes it at the same time finds the whole of one text.
func replaceFile(file string, text []byte) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error counts
	}
	return err
}

// sharers returns the captures by the file of expectations that belongs beside
// them: it cannot be written for several.
func sharers(captures []string) map[string][]string {
	out := make(map[string][]string)
	for _, c := range captures {
		file := filepath.Clean(ExpectationsPath(c))
		out[file] = append(out[file], c)
	}
	return out
}
