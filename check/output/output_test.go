package output_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/check/output"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// reports are one capture that passes, one that fails in two ways, one whose
// expectations are mistaken, and names that try to break out.
func reports() []*check.Report {
	line := []check.ContextLine{
		{Packet: 1, Text: "12:00:00.000000 IP 10.0.0.1.4970 > 10.0.0.2.23: Flags [S], seq 1, win 512, length 0"},
		{Packet: 2, Text: "12:00:00.001000 IP 10.0.0.2.23 > 10.0.0.1.4970: Flags [S.], seq 2, ack 2, win 512, length 0", Marked: true},
		{Packet: 2, Text: "    client SYN-SENT → ESTABLISHED          proven by #3  <SYN-ACK> & ]]> more", Marked: true},
		{Packet: 3, Text: "12:00:00.002000 IP 10.0.0.1.4970 > 10.0.0.2.23: Flags [.], ack 1, win 512, length 0"},
	}
	return []*check.Report{
		{Capture: "pcaps/good.pcap", Expect: "pcaps/good.expect.yaml", Results: []check.Result{
			{At: check.Position{File: "pcaps/good.expect.yaml", Line: 4, Column: 3}, Expect: "login: verdict is closed", Met: true, Code: "verdict", Conn: 1},
			{At: check.Position{File: "pcaps/good.expect.yaml", Line: 5, Column: 3}, Expect: "login: retransmissions: <= 2", Met: true, Code: "limit:retransmissions", Conn: 1},
		}},
		{Capture: "pcaps/bad.pcap", Expect: "pcaps/bad.expect.yaml", Results: []check.Result{
			{At: check.Position{File: "pcaps/bad.expect.yaml", Line: 4, Column: 3}, Expect: "login: handshake is three-way", Seen: "incomplete", Packet: 2, Code: "handshake", Conn: 1, Context: line},
			{At: check.Position{File: "policy default"}, Expect: "connection 1: no finding of warning", Seen: "bare-fin: 100% <odd>, #1", Code: "findings", Conn: 1},
			{At: check.Position{File: "pcaps/bad.expect.yaml", Line: 9, Column: 7}, Expect: "login: verdict is closed", Met: true, Code: "verdict", Conn: 1},
		}},
		{Capture: "pcaps/a: b,\n::error::c`|<x>#1 ]]>.pcap", Expect: "x.yaml", Err: check.FileErrors{
			&check.FileError{At: check.Position{File: "x.yaml", Line: 1, Column: 1}, Text: "unknown field \"a\x1b[31m\"", Hint: "did you mean a?"},
			&check.FileError{At: check.Position{File: "x.yaml", Line: 2, Column: 1}, Text: "unknown field \"b\""},
		}},
		{Capture: "pcaps/cut.pcap", Err: errors.New("pcaps/cut.pcap: cut off at octet 99")},
	}
}

// write gives all reports to the writer that make returns.
func write(t *testing.T, make func(w io.Writer) output.Writer, list []*check.Report) string {
	t.Helper()
	var b bytes.Buffer
	w := make(&b)
	for _, r := range list {
		if err := w.Report(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func form(name string) func(io.Writer) output.Writer {
	return func(w io.Writer) output.Writer { return output.New(name, w) }
}

func human(o output.HumanOptions) func(io.Writer) output.Writer {
	return func(w io.Writer) output.Writer { return output.NewHuman(w, o) }
}

// TestGolden compares every form with its golden file.
func TestGolden(t *testing.T) {
	forms := map[string]func(io.Writer) output.Writer{
		"human": human(output.HumanOptions{}), "human-color-vv": human(output.HumanOptions{Color: true, Verbose: 2}),
	}
	for _, f := range output.Formats() {
		forms[f] = form(f)
	}
	for name, make := range forms {
		t.Run(name, func(t *testing.T) {
			got := write(t, make, reports())
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestNoControlCharacters: what people and machines read must not steer a
// terminal, whatever the names of files.
func TestNoControlCharacters(t *testing.T) {
	for _, f := range append(output.Formats(), "") {
		make := form(f)
		if f == "" {
			make = human(output.HumanOptions{})
		}
		for _, r := range write(t, make, reports()) {
			if r < ' ' && r != '\n' && r != '\t' {
				t.Errorf("%q holds %q", f, r)
			}
		}
	}
}

// TestJUnitAgainstSchema holds the XML against testdata/junit.xsd, which
// spells out the form that Jenkins and GitLab read.
func TestJUnitAgainstSchema(t *testing.T) {
	for name, list := range map[string][]*check.Report{"some": reports(), "none": nil} {
		text := write(t, form("junit"), list)
		var any struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Suites   []struct {
				Cases []struct {
					Failure *struct{} `xml:"failure"`
					Error   *struct{} `xml:"error"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal([]byte(text), &any); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if name == "some" && (any.Tests != 7 || any.Failures != 2 || any.Errors != 2 || len(any.Suites) != 4 || any.Suites[1].Cases[0].Failure == nil) {
			t.Errorf("%d tests, %d failures, %d errors in %d suites", any.Tests, any.Failures, any.Errors, len(any.Suites))
		}
		xmllint, err := exec.LookPath("xmllint")
		if err != nil {
			t.Skip("xmllint is not installed")
		}
		cmd := exec.Command(xmllint, "--noout", "--nonet", "--schema", filepath.Join("testdata", "junit.xsd"), "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, text)
		}
	}
}

// TestSARIFAgainstSchema holds the report against the schema of SARIF 2.1.0.
func TestSARIFAgainstSchema(t *testing.T) {
	for name, list := range map[string][]*check.Report{"some": reports(), "none": nil, "all met": reports()[:1]} {
		text := write(t, form("sarif"), list)
		r, err := sarif.FromString(text, sarif.WithStrictValidation())
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		var raw struct {
			Version string
			Runs    []struct {
				Results *[]json.RawMessage
				Tool    struct{ Driver struct{ Name string } }
			}
		}
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"some": 5, "none": 0, "all met": 0}[name]
		if raw.Version != "2.1.0" || raw.Runs[0].Tool.Driver.Name != "tcpstate" || raw.Runs[0].Results == nil || len(*raw.Runs[0].Results) != want {
			t.Errorf("%s: not %d results\n%s", name, want, text)
		}
	}
}

// TestTAPByProve lets the reference consumer read the tests.
func TestTAPByProve(t *testing.T) {
	prove, err := exec.LookPath("prove")
	if err != nil {
		t.Skip("prove is not installed")
	}
	for name, list := range map[string][]*check.Report{"fails": reports(), "passes": reports()[:1]} {
		file := filepath.Join(t.TempDir(), "out.tap")
		if err := os.WriteFile(file, []byte(write(t, form("tap"), list)), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(prove, "--exec", "cat", file).CombinedOutput()
		if (err == nil) != (name == "passes") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if bytes.Contains(out, []byte("Parse errors")) {
			t.Errorf("%s: prove cannot read it\n%s", name, out)
		}
		if name == "fails" && !bytes.Contains(out, []byte("Failed 4/7")) && !bytes.Contains(out, []byte("4/7 subtests")) {
			t.Errorf("prove counts otherwise\n%s", out)
		}
	}
}

// TestGitHubCommands: one command a line, nothing that breaks out of it.
func TestGitHubCommands(t *testing.T) {
	text := write(t, form("github"), reports())
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 5 {
		t.Errorf("%d commands, want 5\n%s", len(lines), text)
	}
	for _, l := range lines {
		if !strings.HasPrefix(l, "::error file=") {
			t.Errorf("%s is no command", l)
		}
	}
	if !strings.HasPrefix(lines[0], "::error file=pcaps/bad.expect.yaml,line=4,col=3,title=login%3A handshake is three-way::") {
		t.Error(lines[0])
	}
}

// TestManyUnmet: where people read, a capture with many faults takes few lines,
// and says how many it left out; machines get them all.
func TestManyUnmet(t *testing.T) {
	r := &check.Report{Capture: "a.pcap"}
	for range 500 {
		r.Results = append(r.Results, check.Result{At: check.Position{File: "a.yaml", Line: 1, Column: 1}, Expect: "x", Seen: "y", Code: "z"})
	}
	for name, make := range map[string]func(io.Writer) output.Writer{
		"human": human(output.HumanOptions{}), "github": form("github"), "markdown": form("markdown"),
	} {
		text := write(t, make, []*check.Report{r})
		if n := strings.Count(text, "\n"); n > 60 || !strings.Contains(text, "480 more") {
			t.Errorf("%s: %d lines\n%s", name, n, text)
		}
	}
	for _, name := range []string{"junit", "sarif", "tap"} {
		if n := strings.Count(write(t, form(name), []*check.Report{r}), "seen: y") + strings.Count(write(t, form(name), []*check.Report{r}), `message="y"`); n != 500 {
			t.Errorf("%s has %d results", name, n)
		}
	}
	if n := strings.Count(write(t, human(output.HumanOptions{Verbose: 1}), []*check.Report{r}), "seen: y"); n != 500 {
		t.Errorf("-v shows %d", n)
	}
}
