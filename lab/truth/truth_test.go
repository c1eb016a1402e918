package truth_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tcpstate/tcpstate/lab/truth"
)

// starts are the states in which a socket's account may begin.
var starts = map[string]bool{"CLOSED": true, "LISTEN": true}

// TestRecorded checks that the recorded truth is whole: every account is a
// chain that begins at the beginning, nothing is in doubt but a few ends of random
// traffic, and every file is there.
func TestRecorded(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "truth")
	dirs, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	scenarios, random := 0, 0
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		t.Run(d.Name(), func(t *testing.T) {
			f, err := truth.LoadDir(filepath.Join(root, d.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if f.Scenario != d.Name() {
				t.Errorf("the file is of scenario %s", f.Scenario)
			}
			for _, tap := range []string{truth.Client, truth.Middle, truth.Server} {
				if _, err := os.Stat(filepath.Join(root, d.Name(), f.Captures[tap])); err != nil {
					t.Error(err)
				}
			}
			doubts := 0
			for _, c := range f.Connections {
				for _, e := range []truth.Endpoint{c.Client, c.Server} {
					if e.Doubt != "" {
						doubts++
						continue
					}
					checkEndpoint(t, e)
				}
			}
			if f.Seed == 0 && doubts > 0 || doubts*100 > 2*len(f.Connections) {
				t.Errorf("%d of %d ends are in doubt", doubts, 2*len(f.Connections))
			}
		})
		if f, err := truth.LoadDir(filepath.Join(root, d.Name())); err == nil && f.Seed != 0 {
			random++
		} else {
			scenarios++
		}
	}
	if scenarios < 60 || random < 1 {
		t.Errorf("%d scenarios and %d sets of random traffic", scenarios, random)
	}
}

// checkEndpoint checks one account.
func checkEndpoint(t *testing.T, e truth.Endpoint) {
	t.Helper()
	for i, s := range e.Steps {
		switch {
		case i == 0 || s.Socket != e.Steps[i-1].Socket:
			if !starts[s.From] {
				t.Errorf("%s: socket %d begins in %s", e.Addr, s.Socket, s.From)
			}
		case s.From != e.Steps[i-1].To:
			t.Errorf("%s: %s → %s after %s", e.Addr, s.From, s.To, e.Steps[i-1].To)
		}
		if s.From == s.To {
			t.Errorf("%s: a step from %s to itself", e.Addr, s.From)
		}
	}
	for _, r := range e.Retransmits {
		if r.Packet == 0 {
			t.Errorf("%s: a retransmission without its packet", e.Addr)
		}
	}
	for _, r := range e.ResetsReceived {
		switch r.Verdict {
		case "taken", "challenged", "ignored", "no-socket":
		default:
			t.Errorf("%s: verdict %q", e.Addr, r.Verdict)
		}
	}
}

func TestSaveLoad(t *testing.T) {
	want := &truth.File{Schema: truth.Schema, Scenario: "x", Captures: map[string]string{truth.Client: "client.pcap"}}
	for _, name := range []string{"truth.json", "truth.json.gz"} {
		dir := t.TempDir()
		if err := want.Save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		got, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.Scenario != "x" || got.Captures[truth.Client] != "client.pcap" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if _, err := truth.LoadDir(t.TempDir()); err == nil {
		t.Error("an empty folder has a truth")
	}
}
