package capture

import (
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
)

// summed returns the IP packet with its checksums right.
func summed(packet []byte) []byte {
	v6 := packet[0]>>4 == 6
	at, addresses := 20, packet[12:20]
	if v6 {
		at, addresses = 40, packet[8:40]
	}
	seg := set(packet[at:], 16, 0, 0)
	sum := ^fold16(sumOf(addresses) + protoTCP + uint64(len(seg)) + sumOf(seg))
	packet = set(packet, at+16, u16(int(sum))...)
	if !v6 {
		packet = set(packet, 10, 0, 0)
		packet = set(packet, 10, u16(int(^fold16(sumOf(packet[:20]))))...)
	}
	return packet
}

func TestChecksums(t *testing.T) {
	v4, v6 := summed(ip4(6, tcpSeg(nil, repeat(5)))), summed(ip6(6, tcpSeg(nil, repeat(6))))
	partial := set(v4, 36, u16(int(fold16(sumOf(v4[12:20])+protoTCP+25)))...)
	tso := set(v6, 56, u16(int(fold16(sumOf(v6[8:40])+protoTCP)))...)
	vxlan := func(inner []byte) []byte {
		return ip4(17, udpTo(4789, cat(u32(0x08000000), u32(5<<8), eth(0x0800, inner))))
	}
	const bad, half = analyzer.SumChecked | analyzer.SumBad, analyzer.SumChecked | analyzer.SumBad | analyzer.SumPartial
	for name, c := range map[string]struct {
		frame []byte
		wire  int
		want  analyzer.Checksums
	}{
		"IPv4":                       {v4, 0, analyzer.SumChecked},
		"IPv6":                       {v6, 0, analyzer.SumChecked},
		"IPv4, an octet changed":     {set(v4, 44, 'y'), 0, bad},
		"IPv6, an octet changed":     {set(v6, 64, 'y'), 0, bad},
		"an address changed":         {set(v6, 39, 9), 0, bad},
		"IPv4 header":                {set(v4, 8, 9), 0, bad},
		"IPv4 header left out":       {set(v4, 10, 0, 0), 0, half},
		"pseudo-header":              {partial, 0, half},
		"pseudo-header, no length":   {tso, 0, half},
		"in VXLAN":                   {vxlan(v4), 0, analyzer.SumChecked},
		"in VXLAN, an octet changed": {vxlan(set(v4, 44, 'y')), 0, bad},
		"in VXLAN, left out":         {vxlan(partial), 0, half},
		"in 6in4, an octet changed":  {ip4(41, set(v6, 64, 'y')), 0, bad},
		"cut":                        {v4[:44], 45, 0},
		"fragment":                   {set(v4, 6, 0x20), 0, 0},
		"routing header, not there":  {ip6(43, cat([]byte{6, 2, 0, 1}, make([]byte, 20), tcpSeg(nil, nil))), 0, 0},
	} {
		d := Decoder{verify: true}
		p := analyzer.Packet{Link: 101, Frame: c.frame, WireLen: uint32(max(c.wire, len(c.frame)))}
		d.Decode(&p)
		if p.Sums != c.want {
			t.Errorf("%s: %b, want %b", name, p.Sums, c.want)
		}
	}
	if p := decode(101, set(v4, 44, 'y'), 0); p.Sums != 0 {
		t.Error("verified though nobody asked")
	}
}
