package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/report"
	"github.com/tcpstate/tcpstate/statemachine"
)

const schemaFile = "../docs/schema/ndjson.schema.json"

// checkLines validates each line of NDJSON and returns how many there were of
// each type.
func checkLines(t *testing.T, schema *jsonschema.Schema, lines string) map[string]int {
	t.Helper()
	seen := make(map[string]int)
	for line := range strings.Lines(lines) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatalf("not JSON: %v\n%s", err, line)
		}
		if err := schema.Validate(value); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		record, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("no object: %s", line)
		}
		kind, _ := record["type"].(string)
		seen[kind]++
	}
	return seen
}

func loadSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchema validates what the bundled captures give, in two passes and in one.
func TestSchema(t *testing.T) {
	schema := loadSchema(t)
	for _, onePass := range []bool{false, true} {
		total := make(map[string]int)
		for _, file := range captures(t) {
			seen := checkLines(t, schema, render(t, file, report.NDJSON, report.Options{Segments: true}, onePass))
			if seen["capture"] != 1 {
				t.Errorf("%s: %d capture records", file, seen["capture"])
			}
			for kind, n := range seen {
				total[kind] += n
			}
		}
		for _, kind := range []string{"transition", "segment", "connection", "finding"} {
			if total[kind] == 0 {
				t.Errorf("one pass %v: no %s record in any capture", onePass, kind)
			}
		}
		if onePass && total["revision"] == 0 {
			t.Error("one pass brought no revision")
		}
		if !onePass && total["revision"] != 0 {
			t.Error("two passes brought revisions")
		}
	}
}

// TestSchemaOfEveryKind validates made-up records that use what captures
// seldom show, and demands that the schema refuses strangers.
func TestSchemaOfEveryKind(t *testing.T) {
	schema := loadSchema(t)
	seen := checkLines(t, schema, renderObservations(t, report.NDJSON, report.Options{Segments: true}))
	for _, kind := range report.EventNames() {
		if seen[kind] == 0 {
			t.Errorf("no %s record", kind)
		}
	}
	for _, bad := range []string{
		`{"type":"other"}`,
		`{"type":"capture"}`,
		`{"type":"capture","files":[],"link_types":[1],"packets":1,"tcp":1,"skipped":{},"drops":0,"connections":1,"extra":1}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(bad), &value); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
}

// TestSchemaNames demands that every name of the code's tables is in the
// schema and its document.
func TestSchemaNames(t *testing.T) {
	schema, err := os.ReadFile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.FromSlash("../docs/json.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range statemachine.States() {
		names = append(names, s.String())
	}
	for c := statemachine.New; c <= statemachine.TimeWaitACK; c++ {
		names = append(names, c.String())
	}
	for k := statemachine.KindRTO; int(k) < statemachine.NumKinds; k++ {
		names = append(names, k.String())
	}
	for v := range analyzer.Verdict(analyzer.NumVerdicts) {
		names = append(names, v.String())
	}
	names = statemachine.Marks(0xffff).Names(names)
	names = append(names, report.EventNames()...)
	for _, name := range names {
		if !strings.Contains(string(schema), `"`+name+`"`) {
			t.Errorf("the schema lacks %q", name)
		}
		if !strings.Contains(string(doc), name) {
			t.Errorf("docs/json.md lacks %q", name)
		}
	}
}

// TestDocumentedMembers demands that docs/json.md speaks of every member that
// the schema knows.
func TestDocumentedMembers(t *testing.T) {
	doc, err := os.ReadFile(filepath.FromSlash("../docs/json.md"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for kind, def := range schema.Defs {
		for member := range def.Properties {
			if !strings.Contains(string(doc), "`"+member+"`") {
				t.Errorf("docs/json.md does not tell of %s of %s", member, kind)
			}
		}
	}
}
