package page

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBundleIsFresh fails when the page's program was changed and not built
// anew: the build notes what it was made from.
func TestBundleIsFresh(t *testing.T) {
	f, err := os.Open("dist/sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	built := make(map[string]string)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		built[name] = sum
	}
	sources, err := filepath.Glob("web/src/*")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources (%v)", err)
	}
	for _, name := range append(sources, "web/package-lock.json", "web/vite.config.js") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		name = strings.TrimPrefix(filepath.ToSlash(name), "web/")
		if built[name] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s was changed since dist was built: make page", name)
		}
		delete(built, name)
	}
	for name := range built {
		t.Errorf("%s is gone since dist was built: make page", name)
	}
}

// TestProgramStaysInItsElement: an element of a script ends at the first end
// tag, even within a text.
func TestProgramStaysInItsElement(t *testing.T) {
	for _, text := range []string{"</script", "<!--"} {
		if strings.Contains(strings.ToLower(program), text) {
			t.Errorf("dist/page.js has %q", text)
		}
	}
	if strings.Contains(licenses, "-->") {
		t.Error("dist/licenses.md ends its comment")
	}
	if strings.Contains(strings.ToLower(style), "</style") {
		t.Error("dist/page.css ends its element")
	}
}

// TestLockNamesNoRegistry keeps addresses of downloads out of the repository.
func TestLockNamesNoRegistry(t *testing.T) {
	b, err := os.ReadFile("web/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), `"resolved"`) {
		t.Error("web/package-lock.json names where packages were loaded from")
	}
}
