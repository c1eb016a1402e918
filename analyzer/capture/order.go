package capture

import (
	"cmp"
	"slices"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// ByTime returns the paths ordered by the time of their first packets, as the
// files of a rotated set follow each other; names do not tell, since 10 sorts
// before 9. A file of which no time is known (it has no packet, or cannot be
// read) stays behind the one that it was given after. Paths that are not all
// regular files keep their order, since looking at a pipe would empty it.
func ByTime(paths []string) []string {
	if len(paths) < 2 || !Rereadable(paths) {
		return slices.Clone(paths)
	}
	type dated struct {
		path string
		at   statemachine.Time
	}
	files := make([]dated, len(paths))
	last := statemachine.Time(0)
	for i, p := range paths {
		if t, ok := firstTime(p); ok {
			last = t
		}
		files[i] = dated{p, last}
	}
	slices.SortStableFunc(files, func(a, b dated) int { return cmp.Compare(a.at, b.at) })
	sorted := make([]string, len(files))
	for i := range files {
		sorted[i] = files[i].path
	}
	return sorted
}

// firstTime returns the time of the file's first packet.
func firstTime(path string) (statemachine.Time, bool) {
	f, err := openFile(path)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }() // opened for reading only
	rec, release, err := newRecords(f, path, new(declared))
	defer release()
	if err != nil {
		return 0, false
	}
	var p analyzer.Packet
	if err := rec.next(&p); err != nil {
		return 0, false
	}
	return p.Time, true
}

// MayTellLosses reports that one of the files is of a format that tells how
// many packets the capture lost, which it may do at its end only. It is false
// for what cannot be looked at without emptying it.
func MayTellLosses(paths []string) bool {
	return Rereadable(paths) && slices.ContainsFunc(paths, func(path string) bool {
		f, err := openFile(path)
		if err != nil {
			return false
		}
		defer func() { _ = f.Close() }() // opened for reading only
		rec, release, err := newRecords(f, path, new(declared))
		defer release()
		_, ok := rec.(*pcapng)
		return err == nil && ok
	})
}
