package report_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/internal/sample"
	"github.com/tcpstate/tcpstate/report"
)

// rfcFigures are the lines of RFC 9293's figures that a capture can show, one
// behind the other, without their numbers and with the blanks between their
// parts squeezed, and what a capture shows otherwise.
var rfcFigures = []struct {
	conversation string
	lines        []string
	why          string // in which a line differs from the RFC's, and why
}{
	{conversation: "listen/rfc9293-fig-06-basic-handshake", lines: []string{
		"CLOSED LISTEN",
		"SYN-SENT --> <SEQ=100><CTL=SYN> --> SYN-RECEIVED",
		"ESTABLISHED <-- <SEQ=300><ACK=101><CTL=SYN,ACK> <-- SYN-RECEIVED",
		"ESTABLISHED --> <SEQ=101><ACK=301><CTL=ACK> --> ESTABLISHED",
		"ESTABLISHED --> <SEQ=101><ACK=301><DATA=10><CTL=PSH,ACK> --> ESTABLISHED",
	}, why: "the data of line 5 are written as in figure 10, and carry PSH"},
	{conversation: "syn-sent/rfc9293-fig-07-simultaneous-open", lines: []string{
		"CLOSED CLOSED",
		"SYN-SENT --> <SEQ=100><CTL=SYN> ...",
		"SYN-RECEIVED <-- <SEQ=300><CTL=SYN> <-- SYN-SENT",
		"... <SEQ=100><CTL=SYN> --> SYN-RECEIVED",
		"SYN-RECEIVED --> <SEQ=100><ACK=301><CTL=SYN,ACK> ...",
		"ESTABLISHED <-- <SEQ=300><ACK=101><CTL=SYN,ACK> <-- SYN-RECEIVED",
		"... <SEQ=100><ACK=301><CTL=SYN,ACK> --> ESTABLISHED",
	}},
	{conversation: "listen/rfc9293-fig-08-old-duplicate-syn", lines: []string{
		"CLOSED LISTEN",
		"SYN-SENT --> <SEQ=100><CTL=SYN> ...",
		"(duplicate) ... <SEQ=90><CTL=SYN> --> SYN-RECEIVED",
		"SYN-SENT <-- <SEQ=300><ACK=91><CTL=SYN,ACK> <-- SYN-RECEIVED",
		"SYN-SENT --> <SEQ=91><CTL=RST> --> LISTEN",
		"... <SEQ=100><CTL=SYN> --> SYN-RECEIVED",
		"ESTABLISHED <-- <SEQ=400><ACK=101><CTL=SYN,ACK> <-- SYN-RECEIVED",
		"ESTABLISHED --> <SEQ=101><ACK=401><CTL=ACK> --> ESTABLISHED",
	}},
	{conversation: "syn-sent/rfc9293-fig-09-half-open-discovery", lines: []string{
		"CLOSED (??)",
		"SYN-SENT --> <SEQ=400><CTL=SYN> --> (??)",
		"(!!) <-- <SEQ=300><ACK=100><CTL=ACK> <-- ESTABLISHED",
		"SYN-SENT --> <SEQ=100><CTL=RST> --> (Abort!!)",
		"SYN-SENT CLOSED",
		"SYN-SENT --> <SEQ=400><CTL=SYN> --> CLOSED (= 2)",
	}, why: "the capture begins when the server's state is not known yet; the last SYN finds it CLOSED and is the one of line 2"},
	{conversation: "established/rfc9293-fig-10-active-side-discovers", lines: []string{
		"(??) <-- <SEQ=300><ACK=100><DATA=10><CTL=PSH,ACK> <-- ESTABLISHED",
		"(??) --> <SEQ=100><CTL=RST> --> (Abort!!)",
	}, why: "data of ten octets carry PSH; what the capture does not tell is marked in every line"},
	{conversation: "listen/rfc9293-fig-11-two-passive-sockets", lines: []string{
		"SYN-SENT --> <SEQ=1000><CTL=SYN> --> SYN-RECEIVED",
		"SYN-SENT <-- <SEQ=5000><ACK=1001><CTL=SYN,ACK> <-- SYN-RECEIVED",
		"CLOSED --> <SEQ=1001><CTL=RST> --> LISTEN",
	}, why: "a client that never sent the SYN looks like one that gave up"},
	{conversation: "fin-wait-1/rfc9293-fig-12-normal-close", lines: []string{
		"(Close)",
		"FIN-WAIT-1 --> <SEQ=100><ACK=300><CTL=FIN,ACK> --> CLOSE-WAIT",
		"FIN-WAIT-2 <-- <SEQ=300><ACK=101><CTL=ACK> <-- CLOSE-WAIT",
		"(Close)",
		"TIME-WAIT <-- <SEQ=300><ACK=101><CTL=FIN,ACK> <-- LAST-ACK",
		"TIME-WAIT --> <SEQ=101><ACK=301><CTL=ACK> --> CLOSED",
		"(2 MSL)",
		"CLOSED",
	}},
	{conversation: "closing/rfc9293-fig-13-simultaneous-close", lines: []string{
		"(Close)",
		"FIN-WAIT-1 --> <SEQ=100><ACK=300><CTL=FIN,ACK> ...",
		"(Close)",
		"CLOSING <-- <SEQ=300><ACK=100><CTL=FIN,ACK> <-- FIN-WAIT-1",
		"... <SEQ=100><ACK=300><CTL=FIN,ACK> --> CLOSING",
		"CLOSING --> <SEQ=101><ACK=301><CTL=ACK> --> TIME-WAIT",
		"TIME-WAIT <-- <SEQ=301><ACK=101><CTL=ACK> <-- TIME-WAIT",
		"(2 MSL)",
		"CLOSED",
	}, why: "each end's state stands beside each segment, where the figure draws both ends' steps together; nothing shows that the last two ACKs cross"},
}

var numbered = regexp.MustCompile(`^[0-9]+\.$`)

// TestRFCFigures draws the conversations of RFC 9293's figures 6 to 13.
func TestRFCFigures(t *testing.T) {
	for _, f := range rfcFigures {
		t.Run(filepath.Base(f.conversation), func(t *testing.T) {
			file := captureOf(t, filepath.FromSlash("../statemachine/testdata/"+f.conversation+".txtar"))
			got := render(t, file, report.RFC, report.Options{Tcpdump: report.TcpdumpOptions{Absolute: true}}, false)
			first, _, _ := strings.Cut(squeeze(got), "connection 2:")
			if want := "\n" + strings.Join(f.lines, "\n") + "\n"; !strings.Contains(first, want) {
				t.Fatalf("want the lines\n%s(%s), got\n%s", want, f.why, got)
			}
		})
	}
}

// squeeze leaves one blank between the parts of a line, and takes its number
// away.
func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		parts := strings.Fields(lines[i])
		if len(parts) > 0 && numbered.MatchString(parts[0]) {
			parts = parts[1:]
		}
		lines[i] = strings.Join(parts, " ")
	}
	return strings.Join(lines, "\n")
}

// captureOf makes a capture of the segments of a conversation.
func captureOf(t testing.TB, conversation string) string {
	t.Helper()
	text, err := os.ReadFile(conversation)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "-- segments --\n")
	segments, _, _ := strings.Cut(rest, "\n-- ")
	// Twice, so that the clocks of the first connection run out.
	data, err := sample.Build("// again 2 port\n" + segments + "\n")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "figure.pcap")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
