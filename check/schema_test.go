package check_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/tcpstate/tcpstate/analyzer/where"
	"github.com/tcpstate/tcpstate/check"
)

const schemaFile = "../docs/schema/expect.schema.json"

// TestSchemaFile compares the published schema with what the package gives.
func TestSchemaFile(t *testing.T) {
	got, err := check.Schema()
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the package gives; make golden writes it", schemaFile)
	}
}

// properties returns the property names of a schema.
func properties(s any) []string {
	m, _ := s.(map[string]any)
	p, _ := m["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(p))
}

// TestSchemaHasTheFields holds the schema to the reader's own tables.
func TestSchemaHasTheFields(t *testing.T) {
	text, err := check.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	defs := s["$defs"].(map[string]any)
	in := func(of any, name string) any { return of.(map[string]any)["properties"].(map[string]any)[name] }
	have := map[string][]string{
		"file": properties(s), "capture": properties(in(s, "capture")),
		"connection": properties(defs["connection"]), "match": properties(defs["match"]), "end": properties(defs["end"]),
		"options": properties(defs["options"]), "findings": properties(defs["findings"]),
		"limits": properties(in(defs["connection"], "limits")), "end limits": properties(in(defs["end"], "limits")),
	}
	for name, want := range check.FieldTables() {
		slices.Sort(want)
		if !slices.Equal(have[name], want) {
			t.Errorf("%s: the schema has %v, the reader %v", name, have[name], want)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid reports what the schema says of a YAML text.
func valid(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	j, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(j)
}

// TestSchemaAgrees gives the same files to the schema and to the reader: what
// the one refuses the other must refuse, conditions and endpoints apart.
func TestSchemaAgrees(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob(filepath.Join(pcaps, "*.expect.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	texts := [][]byte{[]byte(sound)}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b)
	}
	for _, b := range texts {
		if err := valid(t, s, b); err != nil {
			t.Errorf("%v\n%s", err, b)
		}
	}
	for _, bad := range []string{
		"verdit: closed", "verdict: close", "count: -1", "limits: {duration: 5 apples}", "limits: {packets: 1.5}", "client: {states: [SYN-SEND]}",
		"client: [ESTABLISHED]", "options: {sack: 1}", "match: {order: 0}", "match: {port: 70000}", "findings: {require: any}", "verdict: []",
		"handshake: two-way", "close: never", "certainty: sure", "limits: {time_in: {CLOSE_WAIT: 1s}}",
	} {
		text := []byte("connections:\n  - " + bad + "\n")
		if err := valid(t, s, text); err == nil {
			t.Errorf("the schema takes %s", bad)
		}
		if _, err := check.Parse("x.yaml", text); err == nil {
			t.Errorf("the reader takes %s", bad)
		}
	}
}

// TestDocument holds docs/check.md to the fields: each has a row and stands in
// an example, and every example is valid.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t)
	var examples []byte
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(doc, -1) {
		examples = append(examples, m[1]...)
		if _, err := check.Parse("docs/check.md", m[1]); err != nil {
			t.Errorf("%v\n%s", err, m[1])
		}
		if err := valid(t, s, m[1]); err != nil {
			t.Errorf("%v\n%s", err, m[1])
		}
	}
	for where, fields := range check.FieldTables() {
		for _, f := range fields {
			if !regexp.MustCompile("(?m)^\\|.*`" + f + "`.*\\|").Match(doc) {
				t.Errorf("%s of %s has no row", f, where)
			}
			if !regexp.MustCompile(`\b` + f + `: ?`).Match(examples) {
				t.Errorf("%s of %s stands in no example", f, where)
			}
		}
	}
	row := regexp.MustCompile(`(?m)^\| .verdict. \| .*$`).Find(doc)
	for _, v := range where.Verdicts() {
		if !regexp.MustCompile(`[ ,]` + v + `(,| \|)`).Match(row) {
			t.Errorf("the verdict %s is not in the list", v)
		}
	}
	for _, p := range check.PolicyNames() {
		if !strings.Contains(string(doc), "| `"+p+"` | ") {
			t.Errorf("the policy %s has no row", p)
		}
	}
}

// TestDocumentShowsRealOutput: the failure in docs/check.md is what people are
// shown.
func TestDocumentShowsRealOutput(t *testing.T) {
	r := usual()
	r.start = 1_700_039_600e9
	doc, err := os.ReadFile("../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	r.write(t, ".", "login.pcap", open3+talk+`
C>S F. 111:111(0) ack 321 win 502
S>C . 321:321(0) ack 112 win 502
+5 S>C P. 321:331(10) ack 112 win 502
C>S . 112:112(0) ack 331 win 502
`)
	writeFile(t, "login.expect.yaml", `connections:
  - name: login
    match: {server: ":23"}
    client:
      reaches: FIN-WAIT-2
    server:
      reaches: [SYN-RECEIVED, ESTABLISHED]
      limits:
        # an application that forgets to close leaves the server here
        time_in: {CLOSE-WAIT: "< 1s"}
    handshake: three-way
`)
	report := checked(t, "login.pcap", check.Options{})
	got := people(t, report)
	for name, text := range map[string][]byte{"docs/check.md": doc, "README.md": readme} {
		if !strings.Contains(string(text), "```\n"+got) {
			t.Errorf("%s does not show\n%s", name, got)
		}
	}
}
