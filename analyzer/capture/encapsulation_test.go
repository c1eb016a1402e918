package capture

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
)

// encapsulation is one way in which a segment is wrapped. doc is how
// docs/input.md calls it.
type encapsulation struct {
	doc   string
	name  string
	link  analyzer.LinkType
	frame func(v4, v6 []byte) []byte
}

func udpTo(port int, body []byte) []byte {
	return cat(u16(50000), u16(port), u16(8+len(body)), u16(0), body)
}

// wlanHead builds the header of an 802.11 data frame with the LLC behind it.
func wlanHead(kind, flags byte, more ...byte) []byte {
	return cat([]byte{kind, flags, 0, 0}, make([]byte, 20), more)
}

func llcIP(t int) []byte { return cat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, u16(t)) }

var encapsulations = []encapsulation{
	{"Ethernet", "II", 1, func(v4, _ []byte) []byte { return eth(0x0800, v4) }},
	{"Ethernet", "802.3 with SNAP", 1, func(v4, _ []byte) []byte { return eth(8+len(v4), cat(llcIP(0x0800), v4)) }},
	{"Ethernet", "802.3 with LLC", 1, func(v4, _ []byte) []byte { return eth(3+len(v4), cat([]byte{6, 6, 3}, v4)) }},
	{"Ethernet", "four VLAN tags, IPv6", 1, func(_, v6 []byte) []byte {
		return eth(0x88a8, cat(u16(5), u16(0x8100), u16(6), u16(0x9100), u16(7), u16(0x9200), u16(8), u16(0x86dd), v6))
	}},
	{"Linux cooked capture", "IPv4", 113, func(v4, _ []byte) []byte {
		return cat(u16(0), u16(1), u16(6), make([]byte, 8), u16(0x0800), v4)
	}},
	{"Linux cooked capture v2", "IPv6", 276, func(_, v6 []byte) []byte {
		return cat(u16(0x86dd), u16(0), u32(3), u16(1), []byte{4, 6}, make([]byte, 8), v6)
	}},
	{"raw IP", "IPv4", 101, func(v4, _ []byte) []byte { return v4 }},
	{"raw IP", "IPv6", 101, func(_, v6 []byte) []byte { return v6 }},
	{"raw IP", "BSD's number", 12, func(v4, _ []byte) []byte { return v4 }},
	{"raw IP", "OpenBSD's number", 14, func(_, v6 []byte) []byte { return v6 }},
	{"raw IP", "IPv4 alone", 228, func(v4, _ []byte) []byte { return v4 }},
	{"raw IP", "IPv6 alone", 229, func(_, v6 []byte) []byte { return v6 }},
	{"BSD loopback", "little-endian", 0, func(v4, _ []byte) []byte { return cat([]byte{2, 0, 0, 0}, v4) }},
	{"BSD loopback", "big-endian, IPv6", 108, func(_, v6 []byte) []byte { return cat([]byte{0, 0, 0, 30}, v6) }},
	{"PPP", "plain", 9, func(v4, _ []byte) []byte { return cat([]byte{0xff, 3, 0, 0x21}, v4) }},
	{"PPP", "in HDLC framing", 50, func(_, v6 []byte) []byte { return cat([]byte{0xff, 3, 0, 0x57}, v6) }},
	{"Cisco HDLC", "IPv6", 104, func(_, v6 []byte) []byte { return cat([]byte{0x8f, 0, 0x86, 0xdd}, v6) }},
	{"MPLS", "one label", 1, func(v4, _ []byte) []byte { return eth(0x8847, cat(u32(16<<12|0x1ff), v4)) }},
	{"MPLS", "three labels, IPv6", 1, func(_, v6 []byte) []byte {
		return eth(0x8848, cat(u32(16<<12), u32(17<<12), u32(18<<12|0x100), v6))
	}},
	{"MPLS", "pseudowire with control word", 1, func(v4, _ []byte) []byte {
		return eth(0x8847, cat(u32(16<<12|0x100), u32(0), eth(0x0800, v4)))
	}},
	{"MPLS", "pseudowire without control word", 1, func(v4, _ []byte) []byte {
		return eth(0x8847, cat(u32(16<<12|0x100), set(eth(0x0800, v4), 0, 0xa0)))
	}},
	{"MPLS", "own link type", 219, func(v4, _ []byte) []byte { return cat(u32(16<<12|0x100), v4) }},
	{"MPLS", "in PPP", 9, func(v4, _ []byte) []byte { return cat([]byte{0xff, 3, 2, 0x81}, u32(16<<12|0x100), v4) }},
	{"MPLS", "in IP", 101, func(v4, _ []byte) []byte { return ip4(137, cat(u32(16<<12|0x100), v4)) }},
	{"MPLS", "in UDP", 101, func(v4, _ []byte) []byte { return ip4(17, udpTo(6635, cat(u32(16<<12|0x100), v4))) }},
	{"PPPoE", "session", 1, func(v4, _ []byte) []byte {
		return eth(0x8864, cat([]byte{0x11, 0}, u16(7), u16(2+len(v4)), u16(0x21), v4))
	}},
	{"PPPoE", "own link type, IPv6", 51, func(_, v6 []byte) []byte {
		return cat([]byte{0x11, 0}, u16(7), u16(2+len(v6)), u16(0x57), v6)
	}},
	{"PBB", "I-tag", 1, func(v4, _ []byte) []byte { return eth(0x88e7, cat(u32(99), eth(0x0800, v4))) }},
	{"VN-tag", "before a VLAN", 1, func(v4, _ []byte) []byte {
		return eth(0x8926, cat(u32(5), u16(0x8100), u16(6), u16(0x0800), v4))
	}},
	{"E-tag", "plain", 1, func(v4, _ []byte) []byte { return eth(0x893f, cat(u32(5), u16(0), u16(0x0800), v4)) }},
	{"MACsec", "not encrypted", 1, func(v4, _ []byte) []byte {
		return eth(0x88e5, cat([]byte{0, 0}, u32(1), u16(0x0800), v4, repeat(16)))
	}},
	{"MACsec", "with a channel's name", 1, func(v4, _ []byte) []byte {
		return eth(0x88e5, cat([]byte{0x20, 0}, u32(1), make([]byte, 8), u16(0x0800), v4, repeat(16)))
	}},
	{"TRILL", "with an option", 1, func(v4, _ []byte) []byte {
		return eth(0x22f3, cat(u16(1<<6), u32(0), u32(0), eth(0x0800, v4)))
	}},
	{"NSH", "IPv4", 1, func(v4, _ []byte) []byte { return eth(0x894f, cat([]byte{0, 2, 1, 1}, u32(0), v4)) }},
	{"NSH", "Ethernet", 1, func(v4, _ []byte) []byte {
		return eth(0x894f, cat([]byte{0, 6, 1, 3}, make([]byte, 20), eth(0x0800, v4)))
	}},

	{"IP in IP", "IPv4 in IPv4", 101, func(v4, _ []byte) []byte { return ip4(4, v4) }},
	{"IP in IP", "IPv6 in IPv6", 101, func(_, v6 []byte) []byte { return ip6(41, v6) }},
	{"IP in IP", "IPv4 in IPv6 behind options", 101, func(v4, _ []byte) []byte { return ip6(60, cat(hbh(4), v4)) }},
	{"IP in IP", "three deep", 101, func(v4, _ []byte) []byte { return ip4(4, ip6(4, ip4(94, v4))) }},
	{"6in4", "plain", 101, func(_, v6 []byte) []byte { return ip4(41, v6) }},
	{"AH", "in a tunnel", 101, func(v4, _ []byte) []byte { return ip4(51, cat([]byte{4, 4}, make([]byte, 22), v4)) }},
	{"GRE", "plain", 101, func(v4, _ []byte) []byte { return ip4(47, cat(u16(0), u16(0x0800), v4)) }},
	{"GRE", "checksum, key and sequence number", 101, func(_, v6 []byte) []byte {
		return ip4(47, cat(u16(0xb000), u16(0x86dd), u32(0), u32(77), u32(1), v6))
	}},
	{"GRE", "routing", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0x4000), u16(0x0800), u32(0), u16(0x0800), []byte{0, 4}, u32(1), u32(0), v4))
	}},
	{"GRE", "MPLS", 101, func(v4, _ []byte) []byte { return ip4(47, cat(u16(0), u16(0x8847), u32(16<<12|0x100), v4)) }},
	{"GRE", "in UDP", 101, func(v4, _ []byte) []byte { return ip4(17, udpTo(4754, cat(u16(0), u16(0x0800), v4))) }},
	{"GRE", "WCCP", 101, func(v4, _ []byte) []byte { return ip4(47, cat(u16(0), u16(0x883e), u32(0x00010203), v4)) }},
	{"GRE", "Aruba", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0), u16(0x8210), wlanHead(0x88, 2, 0, 0), llcIP(0x0800), v4))
	}},
	{"NVGRE", "plain", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0x2000), u16(0x6558), u32(5001<<8|3), eth(0x0800, v4)))
	}},
	{"PPTP", "with acknowledgement", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0x3081), u16(0x880b), u16(0), u16(9), u32(1), u32(1), []byte{0xff, 3, 0x21}, v4))
	}},
	{"ERSPAN", "type I", 101, func(v4, _ []byte) []byte { return ip4(47, cat(u16(0), u16(0x88be), eth(0x0800, v4))) }},
	{"ERSPAN", "type II", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0x1000), u16(0x88be), u32(1), u32(0x10000007), u32(0), eth(0x0800, v4)))
	}},
	{"ERSPAN", "type III", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0x1000), u16(0x22eb), u32(1), u32(0x20000007), u32(0), u32(0), eth(0x0800, v4)))
	}},
	{"ERSPAN", "type III with a subheader", 101, func(v4, _ []byte) []byte {
		return ip4(47, cat(u16(0x1000), u16(0x22eb), u32(1), u32(0x20000007), u32(0), u32(1), make([]byte, 8), eth(0x0800, v4)))
	}},
	{"EtherIP", "plain", 101, func(v4, _ []byte) []byte { return ip4(97, cat(u16(0x3000), eth(0x0800, v4))) }},
	{"VXLAN", "plain", 101, func(v4, _ []byte) []byte {
		return ip4(17, udpTo(4789, cat(u32(0x08000000), u32(5001<<8), eth(0x0800, v4))))
	}},
	{"VXLAN", "old port, over IPv6", 101, func(_, v6 []byte) []byte {
		return ip6(17, udpTo(8472, cat(u32(0x08abcdef), u32(5001<<8|9), eth(0x86dd, v6))))
	}},
	{"VXLAN", "generic", 101, func(v4, _ []byte) []byte { return ip4(17, udpTo(4790, cat(u32(0x0c000001), u32(5001<<8), v4))) }},
	{"Geneve", "with an option", 101, func(v4, _ []byte) []byte {
		return ip4(17, udpTo(6081, cat([]byte{2, 0}, u16(0x6558), u32(5001<<8), make([]byte, 8), eth(0x0800, v4))))
	}},
	{"Geneve", "IPv6", 101, func(_, v6 []byte) []byte {
		return ip4(17, udpTo(6081, cat([]byte{0, 0}, u16(0x86dd), u32(5001<<8), v6)))
	}},
	{"GTP-U", "plain", 101, func(v4, _ []byte) []byte {
		return ip4(17, udpTo(2152, cat([]byte{0x30, 255}, u16(len(v4)), u32(88), v4)))
	}},
	{"GTP-U", "with an extension header", 101, func(_, v6 []byte) []byte {
		return ip4(17, udpTo(2152, cat([]byte{0x34, 255}, u16(8+len(v6)), u32(88), u16(0), []byte{0, 0x85}, []byte{1, 0, 9, 0}, v6)))
	}},
	{"Teredo", "plain", 101, func(_, v6 []byte) []byte { return ip4(17, udpTo(3544, v6)) }},
	{"Teredo", "authentication and origin", 101, func(_, v6 []byte) []byte {
		return ip4(17, udpTo(3544, cat([]byte{0, 1, 2, 1}, make([]byte, 12), []byte{0, 0, 1, 2, 3, 4, 5, 6}, v6)))
	}},
	{"L2TP", "all fields", 101, func(v4, _ []byte) []byte {
		return ip4(17, udpTo(1701, cat(u16(0x4a02), u16(0), u16(1), u16(2), u16(3), u16(4), u16(2), u16(0), []byte{0xff, 3, 0, 0x21}, v4)))
	}},
	{"AYIYA", "plain", 101, func(_, v6 []byte) []byte {
		return ip4(17, udpTo(5072, cat([]byte{0x41, 0x52, 0x11, 41}, u32(0), make([]byte, 16+20), v6)))
	}},
	{"TZSP", "Ethernet with tags", 101, func(v4, _ []byte) []byte {
		return ip4(17, udpTo(37008, cat([]byte{1, 0, 0, 1, 0, 10, 2, 7, 7, 1}, eth(0x0800, v4))))
	}},

	{"IEEE 802.11", "data", 105, func(v4, _ []byte) []byte { return cat(wlanHead(8, 1), llcIP(0x0800), v4) }},
	{"IEEE 802.11", "between access points, with quality of service", 105, func(_, v6 []byte) []byte {
		return cat(wlanHead(0x88, 3, 0, 0, 0, 0, 0, 0, 0, 0), llcIP(0x86dd), v6)
	}},
	{"IEEE 802.11", "with HT control", 105, func(v4, _ []byte) []byte {
		return cat(wlanHead(0x88, 0x82, 0, 0, 0, 0, 0, 0), llcIP(0x0800), v4)
	}},
	{"IEEE 802.11", "aggregate", 105, func(v4, _ []byte) []byte {
		return cat(wlanHead(0x88, 2, 0x80, 0), make([]byte, 12), u16(8+len(v4)), llcIP(0x0800), v4)
	}},
	{"IEEE 802.11", "radiotap", 127, func(v4, _ []byte) []byte {
		return cat([]byte{0, 0, 9, 0, 2, 0, 0, 0, 0x10}, wlanHead(8, 2), llcIP(0x0800), v4, repeat(4))
	}},
	{"IEEE 802.11", "radiotap, time and padding", 127, func(v4, _ []byte) []byte {
		return cat([]byte{0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0}, make([]byte, 4+8), []byte{0x20},
			wlanHead(0x88, 2, 0, 0), u16(0), llcIP(0x0800), v4)
	}},
	{"IEEE 802.11", "PPI", 192, func(v4, _ []byte) []byte {
		return cat([]byte{0, 0, 12, 0, 105, 0, 0, 0, 1, 2, 3, 4}, wlanHead(8, 2), llcIP(0x0800), v4)
	}},
	{"IEEE 802.11", "AVS", 163, func(v4, _ []byte) []byte {
		return cat(u32(0x80211001), u32(64), make([]byte, 56), wlanHead(8, 2), llcIP(0x0800), v4)
	}},
	{"IEEE 802.11", "Prism", 119, func(v4, _ []byte) []byte {
		return cat([]byte{0x44, 0, 0, 0, 144, 0, 0, 0}, make([]byte, 136), wlanHead(8, 2), llcIP(0x0800), v4)
	}},
	{"Frame Relay", "RFC 2427", 107, func(v4, _ []byte) []byte { return cat([]byte{0x18, 0x41, 3, 0xcc}, v4) }},
	{"Frame Relay", "SNAP", 107, func(_, v6 []byte) []byte {
		return cat([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0}, u16(0x86dd), v6)
	}},
	{"Frame Relay", "bridged", 107, func(v4, _ []byte) []byte {
		return cat([]byte{0x18, 0x40, 0x01, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7}, eth(0x0800, v4))
	}},
	{"Frame Relay", "Cisco", 107, func(v4, _ []byte) []byte { return cat([]byte{0x18, 0x41}, u16(0x0800), v4) }},
	{"FDDI", "LLC", 10, func(v4, _ []byte) []byte { return cat([]byte{0x50}, make([]byte, 12), llcIP(0x0800), v4) }},
	{"Token Ring", "without a route", 6, func(v4, _ []byte) []byte { return cat([]byte{0x10, 0x40}, make([]byte, 12), llcIP(0x0800), v4) }},
	{"Token Ring", "with a route", 6, func(v4, _ []byte) []byte {
		return cat([]byte{0x10, 0x40}, make([]byte, 6), []byte{0x80}, make([]byte, 5), []byte{6, 0, 1, 2, 3, 4}, llcIP(0x0800), v4)
	}},
	{"ATM", "LLC", 100, func(v4, _ []byte) []byte { return cat(llcIP(0x0800), v4) }},
	{"PPP", "direction in place of the address", 166, func(v4, _ []byte) []byte { return cat([]byte{0, 3, 0, 0x21}, v4) }},
	{"NFLOG", "little-endian", 239, func(v4, _ []byte) []byte {
		return cat([]byte{2, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0}, []byte{byte(4 + len(v4)), 0, 9, 0}, v4)
	}},
	{"NFLOG", "big-endian", 239, func(_, v6 []byte) []byte {
		return cat([]byte{10, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0}, []byte{0, byte(4 + len(v6)), 0, 9}, v6)
	}},
	{"Juniper", "Ethernet", 178, func(v4, _ []byte) []byte {
		return cat([]byte{'M', 'G', 'C', 0x80, 0, 2, 1, 2}, eth(0x0800, v4))
	}},
	{"Juniper", "no link layer", 178, func(v4, _ []byte) []byte { return cat([]byte{'M', 'G', 'C', 2, 0, 0, 0, 2}, v4) }},
	{"PF log", "OpenBSD", 117, func(v4, _ []byte) []byte { return cat([]byte{61, 2}, make([]byte, 62), v4) }},
	{"enc", "OpenBSD", 109, func(_, v6 []byte) []byte { return cat(u32(24), u32(1), u32(2), v6) }},
	{"PKTAP", "Ethernet", 258, func(v4, _ []byte) []byte {
		return cat([]byte{16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9}, eth(0x0800, v4))
	}},
}

// Every encapsulation leads to the segment, whole and cut at every octet.
func TestEncapsulations(t *testing.T) {
	seg := tcpSeg(nil, repeat(5))
	for _, e := range encapsulations {
		t.Run(e.doc+"/"+e.name, func(t *testing.T) {
			frame := e.frame(ip4(6, seg), ip6(6, seg))
			p := decode(e.link, frame, 0)
			if p.Skip != analyzer.NotSkipped || !p.HasTCP || p.SegLen != 25 || p.Segment.Len != 5 {
				t.Fatalf("skip %v, has TCP %t, segment %d, payload %d", p.Skip, p.HasTCP, p.SegLen, p.Segment.Len)
			}
			checkSegment(t, &p)
			for n := range frame {
				c := decode(e.link, frame[:n], len(frame))
				if c.Skip == analyzer.SkipPanic {
					t.Errorf("cut at %d: the decoder failed", n)
				}
				if c.Skip == analyzer.NotSkipped && n < p.SegOff+20 {
					t.Errorf("cut at %d: a segment out of nothing", n)
				}
			}
		})
	}
}

// rows returns the first two cells of each row of a table in docs/input.md, by
// the first.
func rows(t *testing.T, heading string) map[string]string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/input.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/input.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	cells := make(map[string]string)
	for line := range strings.Lines(section) {
		if c := strings.Split(line, "|"); len(c) > 3 && !strings.HasPrefix(line, "|---") {
			cells[strings.TrimSpace(c[1])] = strings.TrimSpace(c[2])
		}
	}
	delete(cells, "Link type") // the tables' heads
	delete(cells, "Encapsulation")
	return cells
}

// Every encapsulation that is tested has its row in the document, every row its
// test, and the link types listed there are those that are decoded.
func TestEncapsulationsDocumented(t *testing.T) {
	links, tunnels := rows(t, "Link layers"), rows(t, "Tunnels and tags")
	tested := make(map[string]bool)
	for _, e := range encapsulations {
		tested[e.doc] = true
		_, link := links[e.doc]
		if _, tunnel := tunnels[e.doc]; !link && !tunnel {
			t.Errorf("docs/input.md has no row for %s", e.doc)
		}
	}
	listed := map[analyzer.LinkType]bool{219: true, 51: true} // named below the table
	for row, numbers := range links {
		if !tested[row] {
			t.Errorf("%s is documented and not tested", row)
		}
		for _, n := range strings.Split(numbers, ",") {
			v, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Errorf("%s: %v", row, err)
			}
			listed[analyzer.LinkType(v)] = true
		}
	}
	for row := range tunnels {
		if !tested[row] {
			t.Errorf("%s is documented and not tested", row)
		}
	}
	for l := range analyzer.LinkType(1 << 16) {
		if decodes(l) != listed[l] {
			t.Errorf("link type %d: decoded %t, documented %t", l, decodes(l), listed[l])
		}
	}
}

// swapped returns the IPv4 packet with its addresses exchanged.
func swapped(p []byte) []byte { return cat(p[:12], p[16:20], p[12:16], p[20:]) }

// A flow inside a tunnel is another one than outside it or in another tunnel,
// and has both its directions.
func TestTunnelTellsFlowsApart(t *testing.T) {
	inner := ip4(6, tcpSeg(nil, nil))
	vx := func(vni uint32, port int) []byte {
		return ip4(17, udpTo(port, cat(u32(0x08000000), u32(vni<<8), eth(0x0800, inner))))
	}
	gtp := func(teid uint32) []byte {
		return ip4(17, udpTo(2152, cat([]byte{0x30, 255}, u16(len(inner)), u32(teid), inner)))
	}
	gre := func(key uint32) []byte { return ip4(47, cat(u16(0x2000), u16(0x0800), u32(key), inner)) }
	six := func(dst byte) []byte {
		return set(ip4(41, set(ip6(6, tcpSeg(nil, nil)), 8, 0x20, 0x02)), 19, dst)
	}
	of := func(frame []byte) uint64 { p := decode(101, frame, 0); return p.Tunnel }
	same := [][2][]byte{
		{vx(5, 4789), swapped(vx(5, 4789))},
		{gtp(1), swapped(gtp(2))},
		{gre(7), swapped(gre(7))},
		{six(2), six(3)},
		{inner, swapped(inner)},
	}
	for i, s := range same {
		if of(s[0]) != of(s[1]) {
			t.Errorf("pair %d: the directions differ", i)
		}
	}
	if of(inner) != 0 {
		t.Error("a packet outside tunnels has one")
	}
	seen := make(map[uint64]string)
	for name, f := range map[string][]byte{
		"none": inner, "vxlan 5": vx(5, 4789), "vxlan 6": vx(6, 4789), "gtp": gtp(1), "gre 7": gre(7), "gre 8": gre(8),
		"vxlan 5 elsewhere": set(vx(5, 4789), 19, 9), "ip": ip4(4, inner), "ip in ip": ip4(4, ip4(4, inner)), "6to4": six(2),
	} {
		if other, ok := seen[of(f)]; ok {
			t.Errorf("%s and %s look the same", name, other)
		}
		seen[of(f)] = name
	}
}

// What is not opened is counted under its reason.
func TestNotOpened(t *testing.T) {
	v4 := ip4(6, tcpSeg(nil, nil))
	deep := v4
	for range maxSteps {
		deep = ip4(4, deep)
	}
	tests := []struct {
		name  string
		link  analyzer.LinkType
		frame []byte
		skip  analyzer.Skip
	}{
		{"nested without end", 101, deep, analyzer.SkipTunnel},
		{"L2TPv3", 101, ip4(115, repeat(40)), analyzer.SkipTunnel},
		{"minimal encapsulation", 101, ip4(55, repeat(40)), analyzer.SkipTunnel},
		{"ESP", 101, ip4(50, repeat(40)), analyzer.SkipEncrypted},
		{"WLAN, encrypted", 105, cat(wlanHead(8, 0x42), repeat(60)), analyzer.SkipEncrypted},
		{"WLAN, fragment", 105, set(cat(wlanHead(8, 2), llcIP(0x0800), v4), 22, 1), analyzer.SkipFragment},
		{"WLAN, beacon", 105, cat([]byte{0x80, 0}, repeat(60)), analyzer.SkipNotIP},
		{"WLAN, null function", 105, wlanHead(0x48, 1), analyzer.SkipNotIP},
		{"MACsec, encrypted", 1, eth(0x88e5, cat([]byte{0x0c, 0}, repeat(60))), analyzer.SkipEncrypted},
		{"PPP, encrypted", 9, cat([]byte{0xff, 3, 0, 0x53}, repeat(40)), analyzer.SkipEncrypted},
		{"PPP multilink", 9, cat([]byte{0xff, 3, 0, 0x3d}, repeat(40)), analyzer.SkipTunnel},
		{"PPPoE discovery", 1, eth(0x8864, cat([]byte{0x11, 9}, repeat(40))), analyzer.SkipNotIP},
		{"MPLS, associated channel", 1, eth(0x8847, cat(u32(16<<12|0x100), u32(0x10000000), repeat(40))), analyzer.SkipNotIP},
		{"GRE version 2", 101, ip4(47, cat(u16(2), u16(0x0800), v4)), analyzer.SkipMalformed},
		{"GRE keep-alive", 101, ip4(47, u32(0)), analyzer.SkipNotIP},
		{"VXLAN with ARP", 101, ip4(17, udpTo(4789, cat(u32(0x08000000), u32(1), eth(0x0806, repeat(28))))), analyzer.SkipNotIP},
		{"UDP from the VXLAN port", 101, ip4(17, udpTo(4789, make([]byte, 40))), analyzer.SkipNotTCP},
		{"GTP echo", 101, ip4(17, udpTo(2152, cat([]byte{0x32, 1, 0, 4}, repeat(8)))), analyzer.SkipNotTCP},
		{"GTP, extension of length 0", 101, ip4(17, udpTo(2152, cat([]byte{0x34, 255}, repeat(9), []byte{0x85, 0}, v4))), analyzer.SkipMalformed},
		{"L2TP control", 101, ip4(17, udpTo(1701, cat(u16(0xc802), repeat(40)))), analyzer.SkipNotTCP},
		{"Teredo bubble", 101, ip4(17, udpTo(3544, ip6(59, nil))), analyzer.SkipNotTCP},
		{"FDDI management", 10, repeat(60), analyzer.SkipNotIP},
		{"PPI with another link", 192, cat([]byte{0, 0, 8, 0, 147, 0, 0, 0}, v4), analyzer.SkipLink},
		{"Juniper without its magic", 178, repeat(60), analyzer.SkipMalformed},
		{"NSH too short", 1, eth(0x894f, cat([]byte{0, 1, 1, 1}, v4)), analyzer.SkipMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if p := decode(tt.link, tt.frame, 0); p.Skip != tt.skip {
				t.Errorf("skip %v, want %v", p.Skip, tt.skip)
			}
		})
	}
}

// The frames behind the first one of an aggregate are counted, as far as they
// were captured.
func TestAggregates(t *testing.T) {
	v4 := ip4(6, tcpSeg(nil, repeat(5)))
	sub := func(pad int) []byte {
		return cat(make([]byte, 12), u16(8+len(v4)), llcIP(0x0800), v4, make([]byte, pad))
	}
	pad := -(14 + 8 + len(v4)) & 3
	frame := cat(wlanHead(0x88, 2, 0x80, 0), sub(pad), sub(pad), sub(0))
	for _, c := range []struct {
		octets int
		want   uint64
	}{{len(frame), 2}, {len(frame) - len(sub(0)) + 14, 2}, {len(frame) - len(sub(0)) + 13, 1}, {26 + 2, 0}} {
		var d Decoder
		p := analyzer.Packet{Link: 105, Frame: frame[:c.octets], WireLen: uint32(len(frame))}
		d.Decode(&p)
		if d.aggregated != c.want || c.want > 0 && p.Skip != analyzer.NotSkipped {
			t.Errorf("%d octets: %d frames behind the first, skip %v", c.octets, d.aggregated, p.Skip)
		}
	}
}
