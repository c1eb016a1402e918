package main

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestBrowsers(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system's own browser has another name")
	}
	for _, c := range []struct{ browser, want string }{
		{"", "xdg-open /p"},
		{"firefox", "firefox /p|xdg-open /p"},
		{"chromium --new-window %s:lynx", "chromium --new-window /p|lynx /p|xdg-open /p"},
	} {
		var got []string
		for _, words := range browsers("/p", func(string) string { return c.browser }) {
			got = append(got, strings.Join(words, " "))
		}
		if text := strings.Join(got, "|"); text != c.want {
			t.Errorf("BROWSER=%q: %s, want %s", c.browser, text, c.want)
		}
	}
}

func TestBrowseWithoutBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := browse(filepath.Join(t.TempDir(), "page.html"), func(string) string { return "no-such-browser" })
	if err == nil || !strings.Contains(err.Error(), "no-such-browser is not installed") {
		t.Errorf("%v", err)
	}
}
