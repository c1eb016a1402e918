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
	for _, c := range []struct{ display, wayland, browser, want string }{
		{":0", "", "", "xdg-open /p"},
		{"", "wayland-0", "firefox", "firefox /p|xdg-open /p"},
		{":0", "", "chromium --new-window %s:lynx", "chromium --new-window /p|lynx /p|xdg-open /p"},
		{"", "", "lynx", "lynx /p"},
		{"", "", "", ""},
	} {
		env := map[string]string{"BROWSER": c.browser, "DISPLAY": c.display, "WAYLAND_DISPLAY": c.wayland}
		var got []string
		for _, words := range browsers("/p", func(name string) string { return env[name] }) {
			got = append(got, strings.Join(words, " "))
		}
		if text := strings.Join(got, "|"); text != c.want {
			t.Errorf("%v: %s, want %s", env, text, c.want)
		}
	}
}

func TestBrowseWithoutBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	page := filepath.Join(t.TempDir(), "page.html")
	err := browse(page, func(string) string { return "no-such-browser" })
	if err == nil || !strings.Contains(err.Error(), "no-such-browser is not installed") {
		t.Errorf("%v", err)
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return
	}
	if err := browse(page, func(string) string { return "" }); err == nil || err.Error() != "there is no display" {
		t.Errorf("without a display: %v", err)
	}
}
