package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find returns the captures that the arguments stand for: files as they are,
// the captures beside a file of expectations, the captures below a directory
// in the order of their names, and those that match a pattern (of
// path/filepath.Match, with ** for any number of directories) that no file is
// called by.
//
// Nothing is passed over: an argument that stands for no capture, and with
// strays a file of expectations below a directory whose capture is gone, is
// handed on as it is, for Files to report.
func Find(args []string, strays bool) []string {
	f := finder{strays: strays, seen: make(map[string]bool)}
	for _, arg := range args {
		f.argument(arg)
	}
	return f.out
}

// finder gathers captures, each once.
type finder struct {
	strays bool
	seen   map[string]bool
	out    []string
}

func (f *finder) add(paths ...string) {
	for _, p := range paths {
		if name := filepath.Clean(p); !f.seen[name] {
			f.seen[name] = true
			f.out = append(f.out, p)
		}
	}
}

func (f *finder) argument(arg string) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		f.below(arg)
	case err == nil && strings.HasSuffix(arg, expectSuffix):
		f.add(beside(arg)...)
	case err != nil && strings.ContainsAny(arg, patternSigns):
		f.pattern(arg)
	default:
		f.add(arg)
	}
}

// patternSigns make an argument a pattern when no file is called by it.
const patternSigns = "*?["

// pattern adds what a pattern matches, or the pattern itself.
func (f *finder) pattern(pattern string) {
	list := matching(pattern)
	if len(list) == 0 {
		list = []string{pattern}
	}
	f.files(list)
}

// files adds captures, what is below directories, and for a file of
// expectations what is beside it.
func (f *finder) files(list []string) {
	belongs := make(map[string]bool)
	for _, path := range list {
		belongs[ExpectationsPath(path)] = true
	}
	for _, path := range list {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			f.below(path)
		case !strings.HasSuffix(path, expectSuffix):
			f.add(path)
		case !belongs[path]:
			f.add(beside(path)...)
		}
	}
}

// beside returns the captures that a file of expectations belongs to, or the
// file itself when there are none.
func beside(expect string) []string {
	dir := filepath.Dir(expect)
	entries, _ := os.ReadDir(dir) // one that cannot be read has no captures for us
	var out []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() && ExpectationsPath(path) == filepath.Clean(expect) {
			out = append(out, path)
		}
	}
	if len(out) == 0 {
		return []string{expect}
	}
	return out
}

// below adds the captures in a directory and those under it. A directory that
// holds none, or cannot be read, is handed on itself.
func (f *finder) below(dir string) {
	before := len(f.seen)
	var list []string
	walk(dir, func(path string, readable bool) {
		switch {
		case !readable:
			f.add(path)
		case isCapture(path), f.strays && strings.HasSuffix(path, expectSuffix):
			list = append(list, path)
		}
	})
	f.files(list)
	if len(list) == 0 && len(f.seen) == before {
		f.add(dir)
	}
}

// walk calls do with all files below a directory in the order of their names,
// and with the directories that cannot be read.
func walk(dir string, do func(path string, readable bool)) {
	// The separator at the end makes a link to a directory one.
	_ = filepath.WalkDir(dir+string(filepath.Separator), func(path string, e fs.DirEntry, err error) error {
		switch path = filepath.Clean(path); {
		case err != nil:
			do(path, false)
			return fs.SkipDir
		case !e.IsDir():
			do(path, true)
		}
		return nil
	})
}

func isCapture(path string) bool { _, ok := captureBase(path); return ok }

// absent tells why there is no capture at a path that Find has handed on; nil
// when there is a file.
func absent(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil && errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, patternSigns):
		if _, bad := filepath.Match(path, ""); bad != nil {
			return fmt.Errorf("%s: the pattern is malformed", path)
		}
		return fmt.Errorf("%s: no file matches", path)
	case err != nil:
		return fmt.Errorf("%s: %s", path, plainReason(err))
	case strings.HasSuffix(path, expectSuffix):
		return &FileError{At: Position{File: path}, Text: "no capture beside these expectations"}
	case !info.IsDir():
		return nil
	}
	if _, err := os.ReadDir(path); err != nil {
		return fmt.Errorf("%s: %s", path, plainReason(err))
	}
	return fmt.Errorf("%s: no captures (%s, packed or not) in this directory", path, strings.Join(captureExtensions(), ", "))
}

// matching returns the files and directories that a pattern matches, in order;
// of a pattern with ** only files, and the directories that cannot be read.
func matching(pattern string) []string {
	if !strings.Contains(pattern, "**") {
		list, _ := filepath.Glob(pattern) // absent has a word on a malformed one
		return list
	}
	separator := string(filepath.Separator)
	parts := strings.Split(filepath.Clean(pattern), separator)
	fixed := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p, patternSigns) })
	top := "."
	if fixed > 0 {
		top = strings.Join(parts[:fixed], separator)
	}
	var out []string
	walk(top, func(path string, readable bool) {
		names := strings.Split(path, separator)
		if !readable || len(names) > fixed && matchParts(parts[fixed:], names[fixed:]) {
			out = append(out, path)
		}
	})
	return out
}

// matchParts matches the parts of a path, ** standing for any number of them.
func matchParts(pattern, names []string) bool {
	switch {
	case len(pattern) == 0:
		return len(names) == 0
	case pattern[0] == "**":
		return matchParts(pattern[1:], names) || len(names) > 0 && matchParts(pattern, names[1:])
	case len(names) == 0:
		return false
	}
	ok, err := filepath.Match(pattern[0], names[0])
	return ok && err == nil && matchParts(pattern[1:], names[1:])
}

// ExpectationsPath returns the name of the file that belongs beside a capture:
// its own name with .expect.yaml in place of .pcap, .pcapng or .cap, packed or
// not.
func ExpectationsPath(capture string) string {
	base, _ := captureBase(capture)
	return base + expectSuffix
}

// expectSuffix ends the names of files of expectations.
const expectSuffix = ".expect.yaml"

// captureBase returns a path without the endings of a packed file and of a
// capture, in small letters or capitals, and whether it had the latter.
func captureBase(path string) (base string, capture bool) {
	for _, packed := range []string{".gz", ".zst", ".lz4", ".xz"} {
		path, _ = cutEnding(path, packed)
	}
	for _, ext := range captureExtensions() {
		if base, ok := cutEnding(path, ext); ok {
			return base, true
		}
	}
	return path, false
}

func cutEnding(path, ending string) (base string, ok bool) {
	cut := len(path) - len(ending)
	if cut <= 0 || !strings.EqualFold(path[cut:], ending) {
		return path, false
	}
	return path[:cut], true
}

// captureExtensions are the endings by which directories are searched.
func captureExtensions() []string { return []string{".pcapng", ".pcap", ".cap"} }
