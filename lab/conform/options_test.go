package conform

import (
	"path/filepath"
	"testing"

	"github.com/tcpstate/tcpstate/lab/truth"
	"github.com/tcpstate/tcpstate/statemachine"
)

// TestStrippedOption follows the window scale that a box before the tap in the
// middle turned into padding: the client's tap has it and the others show where
// it was; no tap says that of a SYN that was left alone.
func TestStrippedOption(t *testing.T) {
	for _, c := range []struct {
		scenario string
		offered  map[string]bool // by tap: the client's SYN has a window scale
	}{
		{"option-stripped", map[string]bool{truth.Client: true, truth.Middle: false, truth.Server: false}},
		{"close-client", map[string]bool{truth.Client: true, truth.Middle: true, truth.Server: true}},
	} {
		dir := filepath.Join("../../testdata/truth", c.scenario)
		f, err := truth.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for tap, offered := range c.offered {
			r := &derive(t, dir, f, tap).conns[0]
			if got := r.Ends[statemachine.Client].Options.Set&statemachine.OptWScale != 0; got != offered {
				t.Errorf("%s, %s tap: window scale %v, want %v", c.scenario, tap, got, offered)
			}
			if got := r.Findings[statemachine.OptionStripped] > 0; got == offered {
				t.Errorf("%s, %s tap: option-stripped %v, want %v", c.scenario, tap, got, !offered)
			}
		}
	}
}
