// Package analyzer follows the TCP connections of a capture: it finds the
// connection of each packet, feeds it to the state machine, and gives what
// comes of it to a Sink.
//
// Run does that in one of two ways. Input that can be read twice is read
// twice: the first pass observes every connection to its end, and keeps the
// notes (steps and findings, settled late) in a spool; the second gives each
// packet to the sink together with what is finally known of it. Of the first
// pass's decisions the second needs only where connections start and end, so
// it has no state machine. Input that passes by once is observed once: each
// packet goes to the sink with the words that can be said at that moment, and
// later notes confirm or withdraw them.
//
// Memory depends on the live connections, not on the length of the input:
// spools have a limit, beyond which they use temporary files.
//
// The tracker (tracker.go, expire.go) shares nothing with the rest but its
// outlets, so that four-tuples can be dealt out to several trackers.
package analyzer
