// Package zeek follows TCP connections by the rules of Zeek's conn.log, which
// are not those of RFC 9293 and are kept apart from the observer for that
// reason: one state for each end that only the flags move, a history of
// letters, timers that split long conversations into several connections.
//
// The rules are those of Zeek 8 with its default settings and -C (packets with
// bad checksums count like all others). What needs the content of the stream
// (service, the letter x) is not there; docs/zeek.md lists the differences.
//
// A Tracker takes packets in file order and gives out a Connection when Zeek
// would write its line. Memory depends on the connections that its timers
// have not ended yet.
package zeek
