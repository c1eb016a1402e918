// Package statemachine follows both ends of a TCP connection through the
// states of RFC 9293 from nothing but the segments that passed one point of
// the network.
//
// # What a passive observer can know
//
// A captured segment proves that its sender sent it. It proves neither that
// it arrived nor when: the receiver may have sent, before it arrived, what is
// captured after it. So the package keeps two kinds of events apart:
//
//   - A departure takes effect when it is captured: sending a SYN, a FIN or a
//     RST is what moves the sender. Its certainty is Witnessed. Later segments
//     of the same sender may contradict it; it was then forged or old, and is
//     withdrawn (triage.go).
//   - An arrival takes effect where the evidence places it: after the last
//     segment that the receiver sent without it and before the first that it
//     could not have sent without it (evidence.go, arrive.go). That segment
//     makes it Proven; without one it is Presumed, or no step at all.
//
// A clock of an end (2MSL) makes steps of certainty ByTimer. What nothing
// tells is Unknown, never a guess.
//
// # How it works
//
// A Conn holds what is settled in two ends and what is not in a log of at
// most 32 segments. A word is wanted: resolve reads the log with the
// hindsight that it has, runs both ends through the transition table over
// their departures and arrivals, and yields steps. When no later segment can
// change them they are settled and the log is emptied; while data flows both
// ways it stays empty and a segment costs a few comparisons. Live reports the
// provisional words as well, and what becomes of them.
//
// # Reading order
//
// transitions.go (the one table), conn.go (what is kept), resolve.go (a
// reading of the log), arrive.go and evidence.go (the rules of arrival),
// triage.go (forgeries), settle.go and judge.go (when words become final,
// when a four-tuple carries a new connection), live.go (one-pass words).
// Independent of all that, analysis.go and classify.go say what each segment
// is: new, sent again, late, a probe. orderly.go keeps connections in which
// nothing is amiss unread, and orderly_life.go says what a whole life of that
// kind comes to.
//
// # Sources
//
// RFC 9293 (TCP), 5961 (resets, challenge ACKs), 7323 (window scale,
// timestamps), 2018 and 2883 (SACK, DSACK), 6298 (time-outs), 7413 (Fast
// Open), 6191 and 1337 (TIME-WAIT). Comments marked "Observer:" say what a
// capture cannot show and what is done about it; those marked "Departure:"
// say where Linux is followed against an RFC.
//
// The package imports the standard library only, does no input or output,
// starts no goroutine and reads no clock.
package statemachine
