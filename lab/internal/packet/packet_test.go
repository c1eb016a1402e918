package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestBuildParse(t *testing.T) {
	for _, a := range [][2]string{{"10.0.0.1:40000", "10.0.1.2:80"}, {"[2001:db8::1]:40000", "[2001:db8::2]:80"}} {
		want := TCP{
			Src: netip.MustParseAddrPort(a[0]), Dst: netip.MustParseAddrPort(a[1]),
			Seq: 0xfffffff0, Ack: 7, Flags: FIN | PSH | ACK, Window: 1000, Urgent: 3,
			Options: []byte{2, 4, 5, 0xb4}, Payload: []byte("odd"), TTL: 61,
		}
		ip := want.Build()
		if !Wanted(ip) {
			t.Errorf("%s: not wanted", a[0])
		}
		got := Parse(ip)
		if got == nil {
			t.Fatalf("%s: not parsed", a[0])
		}
		if got.Src != want.Src || got.Dst != want.Dst || got.Seq != want.Seq || got.Ack != want.Ack || got.Flags != want.Flags ||
			got.Window != want.Window || got.Urgent != want.Urgent || got.TTL != want.TTL || got.Len != 3 ||
			!bytes.Equal(got.Options, want.Options) || !bytes.Equal(got.Payload, want.Payload) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got.End() != 0xfffffff0+4 {
			t.Errorf("end %#x: data and FIN take four numbers", got.End())
		}
		// A segment with its own checksum in place sums to zero.
		off, proto := 20, []byte{}
		if ip[0]>>4 == 6 {
			off = 40
			proto = append(proto, ip[8:40]...)
		} else {
			if checksum(ip[:20]) != 0 {
				t.Errorf("%s: header checksum", a[0])
			}
			proto = append(proto, ip[12:20]...)
		}
		n := len(ip) - off
		proto = append(proto, 0, byte(6), byte(n>>8), byte(n))
		if c := checksum(append(proto, ip[off:]...)); c != 0 {
			t.Errorf("%s: checksum leaves %#x", a[0], c)
		}
	}
}

func TestParseRejects(t *testing.T) {
	whole := (&TCP{Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2")}).Build()
	for n := range whole {
		if Parse(whole[:n]) != nil {
			t.Errorf("a packet cut to %d octets was parsed", n)
		}
	}
	udp := bytes.Clone(whole)
	udp[9] = 17
	if Parse(udp) != nil || Wanted(udp) {
		t.Error("UDP was taken for TCP")
	}
}
