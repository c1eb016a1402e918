package report_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/report"
)

// TestZeekForms proves that both forms of conn.log say the same, and that
// every line has the columns that the header names.
func TestZeekForms(t *testing.T) {
	for _, file := range captures(t) {
		text := render(t, file, report.Zeek, report.Options{}, true)
		objects := strings.Split(strings.TrimSpace(render(t, file, report.ZeekJSON, report.Options{}, true)), "\n")
		var fields, types []string
		rows := 0
		for line := range strings.Lines(text) {
			columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			switch columns[0] {
			case "#fields":
				fields = columns[1:]
				continue
			case "#types":
				types = columns[1:]
				continue
			}
			if strings.HasPrefix(line, "#") {
				continue
			}
			if len(columns) != len(fields) || len(columns) != len(types) {
				t.Fatalf("%s: %d columns, %d names, %d types", file, len(columns), len(fields), len(types))
			}
			if rows == len(objects) {
				t.Fatalf("%s: more lines than objects", file)
			}
			compareZeek(t, fields, columns, objects[rows])
			rows++
		}
		if rows != len(objects) {
			t.Errorf("%s: %d lines, %d objects", file, rows, len(objects))
		}
	}
}

// compareZeek holds a line against an object.
func compareZeek(t *testing.T, fields, columns []string, object string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	decoder.UseNumber()
	values := make(map[string]any)
	if err := decoder.Decode(&values); err != nil {
		t.Fatal(err)
	}
	for i, name := range fields {
		value, ok := values[name]
		if !ok {
			value = "-"
		}
		if fmt.Sprint(value) != columns[i] {
			t.Errorf("%s: %s in the line, %v in the object", name, columns[i], value)
		}
		delete(values, name)
	}
	if len(values) > 0 {
		t.Errorf("the line lacks %v", values)
	}
}
