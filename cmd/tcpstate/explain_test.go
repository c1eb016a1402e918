package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

// TestFindingsDocument holds docs/findings.md against the table, and that the
// sample of each finding shows it.
func TestFindingsDocument(t *testing.T) {
	got, err := findingsDocument(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.FromSlash("../../docs/findings.md")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("docs/findings.md is stale (%v); make golden renews it", err)
	}
}

// TestFindingTable holds that every finding says all that its long form needs.
func TestFindingTable(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range statemachine.Codes() {
		info := code.Info()
		if info.Name == "" || info.Title == "" || info.What == "" || info.Causes == "" || info.Next == "" || info.Sample == "" {
			t.Errorf("%d %s: something is missing", code, info.Name)
		}
		if seen[info.Name] || strings.HasSuffix(info.Title, ".") || info.Name != strings.ToLower(info.Name) {
			t.Errorf("%s: the name is used twice, or title or name have the wrong form", info.Name)
		}
		seen[info.Name] = true
		if back, ok := statemachine.ParseCode(info.Name); !ok || back != code {
			t.Errorf("%s: ParseCode gives %s", info.Name, back)
		}
	}
}
