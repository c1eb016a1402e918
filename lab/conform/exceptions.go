package conform

// Exceptions returns the disagreements on the recorded scenarios that cannot
// be helped. The conformance test fails when one is missing here, and when one
// stands here for nothing.
func Exceptions() []Exception {
	return []Exception{
		{"fin-wait-1-timeout", "client middle", "client", States, Clock, "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1"},
		{"fin-wait-1-timeout", "server", "client", States, DiedBefore, "CLOSED SYN-SENT ESTABLISHED"},
		{"fin-wait-2-expiry", "client middle server", "client", States, Clock, "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2"},
		{"fin-wait-2-timeout", "client middle server", "client", States, Clock, "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2"},
		{"keep-alive-death", "server", "client", States, DiedBefore, "CLOSED SYN-SENT ESTABLISHED"},
		{"last-ack-timeout", "client middle", "server", States, DiedBefore, "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT"},
		{"last-ack-timeout", "server", "server", States, Clock, "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK"},
		{"lost-rst-before-tap", "client", "server", States, DiedBehind, "LISTEN SYN-RECEIVED ESTABLISHED CLOSED"},
		{"lost-rst-before-tap", "middle server", "client", States, DiedBefore, "CLOSED SYN-SENT ESTABLISHED"},
		{"old-duplicate-syn", "client", "server", Resets, Alike, "unknown"},
		{"retries-exhausted", "client middle server", "client", States, Clock, "CLOSED SYN-SENT ESTABLISHED"},
		{"spoof-data-exact", "middle server", "client", Retransmissions, Forged, "missed 0, invented 1"},
		{"spoof-fin-exact", "client", "server", States, Elsewhere, "LISTEN SYN-RECEIVED ESTABLISHED CLOSED"},
		{"spoof-fin-exact", "server", "client", Resets, Elsewhere, "unknown"},
		{"spoof-rst-exact-client", "client middle", "server", States, Elsewhere, "LISTEN SYN-RECEIVED ESTABLISHED CLOSED"},
		{"spoof-rst-exact-client", "server", "client", States, Elsewhere, "CLOSED SYN-SENT ESTABLISHED"},
		{"spoof-syn", "middle server", "client", States, Alike, "CLOSED SYN-SENT CLOSED"},
		{"syn-ack-lost-for-good", "client middle server", "client", States, Clock, "CLOSED SYN-SENT"},
		{"syn-ack-lost-for-good", "client", "server", States, DiedBefore, ""},
		{"syn-ack-lost-for-good", "middle server", "server", States, Clock, "LISTEN SYN-RECEIVED"},
		{"syn-unanswered", "client middle", "client", States, Clock, "CLOSED SYN-SENT"},
		{"syn-unanswered", "server", "client", States, DiedBefore, ""},
		{"time-wait-expiry", "client middle server", "client", States, Clock, "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"},
		{"time-wait-rfc1337", "client middle", "client", States, Setting, "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"},
		{"time-wait-rfc1337", "client", "client", Resets, Setting, "taken"},
		{"time-wait-rst", "server", "client", States, Elsewhere, "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"},
		{"user-timeout", "client middle server", "client", States, Clock, "CLOSED SYN-SENT ESTABLISHED"},
		{"wrong-syn-ack", "client middle", "server", Resets, Alike, "unknown"},
	}
}
