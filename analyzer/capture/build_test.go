package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Builders of frames, inside out: eth(0x0800, ip4(6, tcpSeg(nil, data))).

// cat joins byte strings.
func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// u16 and u32 are numbers in network byte order.
func u16(n int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// tcpSeg builds a segment 4970 > 23, seq 1000, ack 2000, PSH|ACK, win 512.
func tcpSeg(options, data []byte) []byte {
	h := cat(u16(4970), u16(23), u32(1000), u32(2000), []byte{byte((20 + len(options)) / 4 << 4), 0x18}, u16(512), u16(0), u16(7))
	return cat(h, options, data)
}

// ip4 builds an IPv4 header without options in front of body.
func ip4(proto byte, body []byte) []byte { return ip4Options(proto, nil, body) }

// ip4Options builds an IPv4 header with options, a multiple of 4 octets.
func ip4Options(proto byte, options, body []byte) []byte {
	n := 20 + len(options)
	h := cat([]byte{0x40 | byte(n/4), 0}, u16(n+len(body)), u16(0x1234), u16(0), []byte{64, proto}, u16(0),
		[]byte{10, 0, 0, 1, 10, 0, 0, 2})
	return cat(h, options, body)
}

// ip6 builds an IPv6 header in front of body.
func ip6(next byte, body []byte) []byte {
	src := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
	dst := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 2}
	return cat([]byte{0x60, 0, 0, 0}, u16(len(body)), []byte{next, 63}, src[:], dst[:], body)
}

// eth builds an Ethernet header; with a small type it is an 802.3 length.
func eth(etherType int, body []byte) []byte {
	return cat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, u16(etherType), body)
}

// set returns a copy of b with the octets at i replaced.
func set(b []byte, i int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[i:], with)
	return b
}

// repeat returns n octets of data.
func repeat(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }

// decode decodes one frame; wire 0 means that nothing was cut.
func decode(link analyzer.LinkType, frame []byte, wire int) analyzer.Packet {
	p := analyzer.Packet{Link: link, Frame: frame, CapLen: uint32(len(frame)), WireLen: uint32(max(wire, len(frame)))}
	new(Decoder).Decode(&p)
	return p
}

// writePcap builds a pcap file of frames, one a second from 1 s on.
func writePcap(t testing.TB, link analyzer.LinkType, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, link)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		if err := w.Write(statemachine.Time(i+1)*1e9, f, len(f)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// got is what a test keeps of a packet.
type got struct {
	Time      statemachine.Time
	Link      analyzer.LinkType
	Interface uint16
	Frame     string
	Wire      uint32
}

// readAll reads a capture from memory as standard input.
func readAll(t testing.TB, file []byte) (packets []got, errs []*Error) {
	t.Helper()
	s := OpenAll([]string{Stdin}, bytes.NewReader(file))
	defer s.Close()
	var p analyzer.Packet
	for {
		if err := s.Next(&p); errors.Is(err, io.EOF) {
			return packets, s.Errors()
		} else if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, got{p.Time, p.Link, p.Interface, string(p.Frame), p.WireLen})
	}
}
