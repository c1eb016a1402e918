package capgen

import (
	"bufio"
	"encoding/binary"
)

// Flags of the segments (RFC 9293 §3.1).
const (
	fin = 1 << 0
	syn = 1 << 1
	psh = 1 << 3
	ack = 1 << 4
)

// segment is what a scene says of a packet; the numbers come from the talk.
type segment struct {
	server bool // who sends it
	flags  byte
	length int  // octets of payload
	lost   bool // the receiver does not get it
	again  bool // the lost segment, sent once more
}

// talk is a connection and its numbers.
type talk struct {
	addr    [2][16]byte // client, server; IPv4 in the first four octets
	port    [2]uint16
	next    [2]uint32 // SND.NXT by side
	got     [2]uint32 // RCV.NXT by side
	hole    uint32    // number of the lost segment
	holed   bool
	id      [2]uint16
	v6      bool
	open    bool
	seenVal [2]uint32 // TS.Recent by side (RFC 7323 §4.3)
}

// newTalk returns connection i of a scene: clients of 10.0.0.0/8 and one
// server.
func newTalk(i int) talk {
	t := talk{port: [2]uint16{uint16(32768 + mix(uint32(i))%28232), 443}}
	n := uint32(i) + 1<<8
	t.addr[0] = [16]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}
	t.addr[1] = [16]byte{192, 0, 2, 1}
	t.next = [2]uint32{mix(uint32(2*i) + 1), mix(uint32(2*i) + 2)}
	t.id = [2]uint16{uint16(mix(uint32(i) + 7)), uint16(mix(uint32(i) + 11))}
	return t
}

// mix is a permutation of the numbers that leaves no pattern in them.
func mix(v uint32) uint32 {
	v = (v ^ v>>16) * 0x85ebca6b
	v = (v ^ v>>13) * 0xc2b2ae35
	return v ^ v>>16
}

// snaplen is how much of a frame is kept, in octets.
const snaplen = 96

// start is the time of the first packet: 1 January 2026, UTC.
const start = 1_767_225_600_000_000_000

// pen writes packets until so many are written or writing failed.
type pen struct {
	w    *bufio.Writer
	err  error
	gap  int64
	left int
	done int64
	buf  [16 + 128]byte // record header and frame, whose headers take at most 114
}

// header writes pcap's file header: nanoseconds, Ethernet.
func (p *pen) header() {
	var h [24]byte
	le := binary.LittleEndian
	le.PutUint32(h[0:], 0xa1b23c4d)
	le.PutUint16(h[4:], 2)
	le.PutUint16(h[6:], 4)
	le.PutUint32(h[16:], snaplen)
	le.PutUint32(h[20:], 1)
	_, p.err = p.w.Write(h[:])
}

// send writes the packet of t that s describes and moves the numbers on.
func (p *pen) send(t *talk, s segment) {
	if p.left == 0 || p.err != nil {
		return
	}
	at := start + p.done*p.gap
	clear(p.buf[:])
	f := p.buf[16:]
	size := t.frame(f, s, uint32(at/1e6))
	kept := min(size, snaplen)
	le := binary.LittleEndian
	le.PutUint32(p.buf[0:], uint32(at/1e9))
	le.PutUint32(p.buf[4:], uint32(at%1e9))
	le.PutUint32(p.buf[8:], uint32(kept))
	le.PutUint32(p.buf[12:], uint32(size))
	_, p.err = p.w.Write(p.buf[:16+kept])
	p.left--
	p.done++
}

// frame writes the frame and returns its length on the wire.
func (t *talk) frame(f []byte, s segment, now uint32) int {
	x, y := 0, 1
	if s.server {
		x, y = 1, 0
	}
	seq := t.advance(&s, x, y)
	be := binary.BigEndian
	copy(f, []byte{2, 0, 0, 0, 0, byte(y + 1), 2, 0, 0, 0, 0, byte(x + 1)})
	off := 34
	if t.v6 {
		off = 54
	}
	tcp := f[off:]
	be.PutUint16(tcp[0:], t.port[x])
	be.PutUint16(tcp[2:], t.port[y])
	be.PutUint32(tcp[4:], seq)
	if s.flags&ack != 0 {
		be.PutUint32(tcp[8:], t.got[x])
	}
	tcp[13] = s.flags
	be.PutUint16(tcp[14:], window(s.flags))
	header := 20 + t.options(tcp[20:], &s, x, now)
	tcp[12] = byte(header / 4 << 4)
	t.seenVal[y] = now
	t.ip(f, x, y, header+s.length, tcp[:header])
	return off + header + s.length
}

// window returns the window that Linux offers in a segment with these flags: that
// of a SYN is whole segments of the MSS, that of a listener's SYN-ACK whole
// segments as the timestamps leave them room.
func window(flags byte) uint16 {
	switch flags & (syn | ack) {
	case syn:
		return 44 * mssOption
	case syn | ack:
		return 45 * mss
	}
	return 501
}

// advance moves the numbers of both ends and returns the segment's own.
func (t *talk) advance(s *segment, x, y int) (seq uint32) {
	seq = t.next[x]
	takes := uint32(s.length)
	if s.flags&(syn|fin) != 0 {
		takes++
	}
	switch {
	case s.again:
		seq, t.holed = t.hole, false
		t.got[y] = t.next[x]
		return seq
	case s.lost:
		t.hole, t.holed = seq, true
	case !t.holed || s.server:
		t.got[y] = seq + takes
	}
	t.next[x] += takes
	return seq
}

// options writes the options that hosts send today and returns their length:
// MSS, SACK permitted, timestamps and window scale in a SYN (RFC 9293 §3.7.1,
// RFC 2018, RFC 7323), timestamps after it, and SACK where there is a hole.
func (t *talk) options(o []byte, s *segment, x int, now uint32) int {
	be := binary.BigEndian
	var at int
	if s.flags&syn != 0 {
		at = copy(o, []byte{2, 4, mssOption >> 8, mssOption & 0xff, 4, 2})
	} else {
		at = copy(o, []byte{1, 1})
	}
	o[at], o[at+1] = 8, 10
	be.PutUint32(o[at+2:], now)
	if s.flags&ack != 0 {
		be.PutUint32(o[at+6:], t.seenVal[x])
	}
	at += 10
	switch {
	case s.flags&syn != 0:
		at += copy(o[at:], []byte{1, 3, 3, 7})
	case t.holed && s.server && t.next[0] != t.hole+mss:
		at += copy(o[at:], []byte{1, 1, 5, 10})
		be.PutUint32(o[at:], t.hole+mss)
		be.PutUint32(o[at+4:], t.next[0])
		at += 8
	}
	return at
}

// mssOption is the MSS that the ends announce, in octets.
const mssOption = mss + 12

// ip writes the IP header and all checksums; tcp is the TCP header and length
// counts its payload too.
func (t *talk) ip(f []byte, x, y, length int, tcp []byte) {
	be := binary.BigEndian
	var sum uint32
	if t.v6 {
		be.PutUint16(f[12:], 0x86dd)
		h := f[14:54]
		h[0], h[6], h[7] = 0x60, 6, 64
		be.PutUint16(h[4:], uint16(length))
		copy(h[8:], []byte{0x20, 0x01, 0x0d, 0xb8, 12: t.addr[x][0], t.addr[x][1], t.addr[x][2], t.addr[x][3]})
		copy(h[24:], []byte{0x20, 0x01, 0x0d, 0xb8, 12: t.addr[y][0], t.addr[y][1], t.addr[y][2], t.addr[y][3]})
		sum = add(0, h[8:40])
	} else {
		be.PutUint16(f[12:], 0x0800)
		h := f[14:34]
		h[0], h[6], h[8], h[9] = 0x45, 0x40, 64, 6
		be.PutUint16(h[2:], uint16(20+length))
		if tcp[13]&(syn|ack) != syn|ack { // a listener has no socket that counts
			t.id[x]++
			be.PutUint16(h[4:], t.id[x])
		}
		copy(h[12:], t.addr[x][:4])
		copy(h[16:], t.addr[y][:4])
		be.PutUint16(h[10:], ^fold(add(0, h)))
		sum = add(0, h[12:20])
	}
	be.PutUint16(tcp[16:], ^fold(add(sum+6+uint32(length), tcp)))
}

// add adds octets to a sum of the Internet checksum (RFC 1071).
func add(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
