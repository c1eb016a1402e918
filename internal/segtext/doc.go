// Package segtext reads and writes the one-line notation for TCP segments in
// which the conversations of the state machine's tests and of the capture
// generator are written. It follows packetdrill and tcpdump:
//
//	#1 +0.010 C>S S 100:100(0) win 64240 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>
//	#2 S>C S. 300:300(0) ack 101 win 65535
//	#3 C>S . 101:101(0) ack 301 win 65535 ipid 7 ttl 64
//
// A line has these parts, in this order, with one space between them:
//
//	#N           the packet's number, counted from 1; may be left out, must be right
//	+S or -S     seconds since the line before, at most nine decimals; 1 ms when left out
//	C>S, S>C     who sent it
//	flags        tcpdump's letters (F S R P . U E W e), or none
//	SEQ:END(LEN) absolute sequence numbers and payload octets; END is SEQ + LEN
//	             modulo 2^32, so SYN and FIN are not counted
//	ack N        if and only if the flags have ACK
//	win N        as sent, unscaled; 65535 when left out
//	urg N        if and only if the flags have URG
//	<options>    separated by commas, see below
//	ipid N       IPv4 identification; without it the segment has none
//	ttl N        TTL or hop limit; 64 when left out
//
// Options are mss N, wscale N, sackOK, sack N {L:R}{L:R}, TS val N ecr N,
// tfo cookiereq, tfo N (a cookie of N octets), md5, tcp-ao, mptcp, uto,
// unknown, bad (the list is malformed) and cut (the capture ends within it).
// nop and eol are read and forgotten.
//
// In a conversation, blank lines and lines that begin with two slashes are
// skipped, and a last line "+S end" says how long the capture went on.
package segtext
