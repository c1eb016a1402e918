package statemachine_test

import (
	"flag"
	"os"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// TestStatesDocumentIsFresh fails when docs/states.md no longer says what the
// transition table says.
func TestStatesDocumentIsFresh(t *testing.T) {
	const path = "../docs/states.md"
	want := statemachine.StatesDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale; run: go test ./statemachine -run StatesDocument -update", path)
	}
}
