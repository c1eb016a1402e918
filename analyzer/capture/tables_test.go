package capture

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The pages of the tables are of use only if they are lent before gopacket fills these.
func TestTablesLent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mine := strings.Index(string(out), "init github.com/tcpstate/tcpstate/internal/pages/tables ")
	theirs := strings.Index(string(out), "init github.com/google/gopacket/layers ")
	if mine < 0 || theirs < 0 || mine > theirs {
		t.Errorf("tables are lent at octet %d of the trace, filled at %d:\n%s", mine, theirs, out)
	}
}
