package check_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/check"
	"github.com/tcpstate/tcpstate/statemachine"
)

// In a test, t is the *testing.T.
func ExampleFile() {
	t := &recorder{}
	c := check.File(t, "../testdata/pcaps/close-client.pcap")
	c.Client().Reaches(statemachine.Established)
	c.Server(":9000").TimeIn(statemachine.CloseWait, "< 1s")
	c.Verdict(analyzer.VerdictClosed).Retransmissions(0)
	fmt.Println(len(t.errors), "errors")
	// Output: 0 errors
}

func ExampleParse() {
	x, err := check.Parse("login.yaml", []byte(`
connections:
  - match: {server: ":9000"}
    verdict: closed
    close: server-first
`))
	if err != nil {
		log.Fatal(err)
	}
	o, err := check.Observe(context.Background(), "../testdata/pcaps/close-client.pcap", x.Timers)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range check.Unmet(x.Check(o)) {
		fmt.Printf("%s: %s\nseen: %s\n", r.At, r.Expect, r.What())
	}
	// Output:
	// login.yaml:5: connection 1: close is server-first
	// seen: client-first, at packet #10
}

func ExamplePolicy_Check() {
	o, err := check.Observe(context.Background(), "../testdata/pcaps/lost-fin.pcap", statemachine.Linux())
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range check.Unmet(check.NewPolicy("strict").Check(o)) {
		fmt.Printf("%s\nseen: %s\n", r.Expect, r.What())
	}
	// Output:
	// connection 1: retransmissions: 0
	// seen: 1, at packet #9
}

func ExampleCompare() {
	ctx := context.Background()
	a, err := check.ReadTrace(ctx, "../testdata/pcaps/close-client.pcap", check.ByStates)
	if err != nil {
		log.Fatal(err)
	}
	b, err := check.ReadTrace(ctx, "../testdata/pcaps/raw-ip.pcap", check.ByStates)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(check.Compare(a, b)), "differences")
	// Output: 0 differences
}
