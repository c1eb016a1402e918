package zeek

import "strings"

// state returns conn_state. The order of the questions is part of the rule.
func (c *conn) state(history string) string {
	o, r := c.orig.state, c.resp.state
	switch {
	case r == reset:
		switch {
		case o == synSent || o == synAckSent || o == reset && c.orig.size() == 0 && c.resp.size() == 0:
			return "REJ"
		case o.absent():
			return "RSTRH"
		}
		return "RSTR"
	case o == reset:
		switch {
		case !r.absent():
			return "RSTO"
		case abortedAttempt(history):
			return "RSTOS0"
		}
		return "OTH"
	case o == closed && r == closed:
		return "SF"
	case o == closed:
		if r.absent() {
			return "SH"
		}
		return "S2"
	case r == closed:
		if o.absent() {
			return "SHR"
		}
		return "S3"
	case o == synSent && r == inactive:
		return "S0"
	case o == established && r == established:
		return "S1"
	}
	return "OTH"
}

// abortedAttempt reports a history of a SYN and a RST of the originator with
// nothing else of it between.
func abortedAttempt(history string) bool {
	h, ok := strings.CutPrefix(strings.TrimPrefix(history, "^"), "S")
	if !ok {
		return false
	}
	i := strings.IndexByte(h, 'R')
	return i >= 0 && !strings.ContainsAny(h[:i], "HAFGIQ")
}
