package check

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Find returns the captures that the arguments stand for: files as they are,
// the capture beside a file of expectations, the captures below a directory in the order of their names, and patterns
// (as of path/filepath.Match) that no file is called by.
func Find(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		list, err := find(arg)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return unique(out), nil
}

func find(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return below(arg)
	case err == nil && strings.HasSuffix(arg, expectSuffix):
		return beside(arg)
	case err == nil:
		return []string{arg}, nil
	case strings.ContainsAny(arg, "*?["):
		list, bad := filepath.Glob(arg)
		if bad != nil {
			return nil, fmt.Errorf("%s: the pattern is malformed", arg)
		}
		var out []string
		for _, f := range list {
			if !strings.HasSuffix(f, expectSuffix) {
				out = append(out, f)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
		return nil, fmt.Errorf("%s: no file matches", arg)
	}
	return nil, fmt.Errorf("%s: %s", arg, plainReason(err))
}

// beside returns the captures that a file of expectations belongs to.
func beside(expect string) ([]string, error) {
	base := strings.TrimSuffix(expect, expectSuffix)
	var out []string
	for _, ext := range captureExtensions() {
		for _, packed := range append([]string{""}, packings()...) {
			if _, err := os.Stat(base + ext + packed); err == nil {
				out = append(out, base+ext+packed)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no capture beside these expectations", expect)
	}
	return out, nil
}

// below returns the captures in a directory and those under it.
func below(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && isCapture(path) {
			out = append(out, path)
		}
		return err
	})
	if err == nil && len(out) == 0 {
		return nil, fmt.Errorf("%s: no captures (%s, packed or not) in this directory", dir, strings.Join(captureExtensions(), ", "))
	}
	return out, err
}

func isCapture(path string) bool {
	name := path
	for _, packed := range packings() {
		name = strings.TrimSuffix(name, packed)
	}
	for _, ext := range captureExtensions() {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// unique drops what came before.
func unique(list []string) []string {
	seen := make(map[string]bool)
	out := list[:0]
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
