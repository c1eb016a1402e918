package sample_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/internal/sample"
	"github.com/tcpstate/tcpstate/statemachine"
)

// found collects the findings of a run.
type found map[statemachine.Code]bool

func (f found) Packet(o *analyzer.Observation) error {
	for i := range o.Notes {
		if o.Notes[i].Kind == analyzer.FindingNote {
			f[o.Notes[i].Finding.Code] = true
		}
	}
	return nil
}

func (found) Connection(*analyzer.Connection) error { return nil }
func (found) Capture(*analyzer.Capture) error       { return nil }

// findings runs the analysis over the capture of a text.
func findings(t *testing.T, text string) found {
	t.Helper()
	open, err := sample.Opener(text)
	if err != nil {
		t.Fatal(err)
	}
	f := found{}
	if err := analyzer.Run(context.Background(), analyzer.Options{Wants: analyzer.WantPackets | analyzer.WantNotes}, open, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFindingsAndTheirNeighbours holds of every finding that its sample shows
// it, and that the conversations nearest to it in testdata/near.txtar do not.
func TestFindingsAndTheirNeighbours(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "near.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	near := map[string][]string{}
	for _, f := range archive.Files {
		name, _, _ := strings.Cut(f.Name, " ")
		if _, ok := statemachine.ParseCode(name); !ok {
			t.Errorf("%s: no such finding", name)
		}
		near[name] = append(near[name], string(f.Data))
	}
	for _, code := range statemachine.Codes() {
		t.Run(code.String(), func(t *testing.T) {
			if !findings(t, code.Info().Sample)[code] {
				t.Error("its sample does not show it")
			}
			if len(near[code.String()]) == 0 {
				t.Error("near.txtar has no conversation that must not show it")
			}
			for _, text := range near[code.String()] {
				if !strings.HasPrefix(text, "// ") {
					t.Errorf("near.txtar does not say why this must not show it:\n%s", text)
				}
				if findings(t, text)[code] {
					t.Errorf("this shows it:\n%s", text)
				}
			}
		})
	}
}
