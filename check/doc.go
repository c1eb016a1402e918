// Package check holds captures against what is expected of them.
//
// Expectations stand in a YAML file beside the capture (docs/check.md has
// every field), or in a Go test:
//
//	func TestHandshake(t *testing.T) {
//		c := check.File(t, "testdata/handshake.pcap")
//		c.Client().Reaches(statemachine.Established)
//		c.Server().Through(statemachine.SynReceived, statemachine.Established).Never(statemachine.Closing)
//		c.Verdict(analyzer.VerdictClosed).Retransmissions(0)
//	}
//
// A failure names the expectation, what was seen instead, and the packet, with
// the lines of the timeline around it.
//
// Observe reads a capture once and keeps of it what expectations ask for;
// Load reads a file of expectations; Expectations.Check and Policy.Check hold
// one against the other and return a Result for each single expectation, met
// or not. Package check/output prints results for people and machines.
package check
