package capture

import (
	"testing"

	"github.com/tcpstate/tcpstate/statemachine"
)

func TestOptions(t *testing.T) {
	type o = statemachine.Options
	sack := func(n int) []byte {
		b := []byte{5, byte(2 + 8*n)}
		for i := range n {
			b = cat(b, u32(uint32(100*i+1)), u32(uint32(100*i+2)))
		}
		return b
	}
	cookie := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	tests := []struct {
		name string
		list []byte
		cut  int // octets of the list that were not captured
		want o
	}{
		{"MSS", []byte{2, 4, 5, 0xb4}, 0, o{Set: statemachine.OptMSS, MSS: 1460}},
		{"a SYN of Linux", cat([]byte{2, 4, 5, 0xb4, 4, 2, 8, 10}, u32(7), u32(0), []byte{1, 3, 3, 7}), 0,
			o{Set: statemachine.OptMSS | statemachine.OptSACKPerm | statemachine.OptTimestamp | statemachine.OptWScale | statemachine.OptScaleLate, MSS: 1460, WScale: 7, TSVal: 7}},
		{"a SYN of BSD", cat([]byte{2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 8, 10}, u32(7), u32(0)), 0,
			o{Set: statemachine.OptMSS | statemachine.OptSACKPerm | statemachine.OptTimestamp | statemachine.OptWScale, MSS: 1460, WScale: 6, TSVal: 7}},
		{"a SYN-ACK of Solaris", cat([]byte{8, 10}, u32(7), u32(5), []byte{1, 3, 3, 0, 4, 2, 2, 4, 5, 0xb4}), 0,
			o{Set: statemachine.OptMSS | statemachine.OptSACKPerm | statemachine.OptTimestamp | statemachine.OptWScale, MSS: 1460, TSVal: 7, TSEcr: 5}},
		{"another one", cat([]byte{8, 10}, u32(7), u32(5), []byte{2, 4, 5, 0xb4, 1, 3, 3, 1, 4, 2}), 0,
			o{Set: statemachine.OptMSS | statemachine.OptSACKPerm | statemachine.OptTimestamp | statemachine.OptWScale, MSS: 1460, WScale: 1, TSVal: 7, TSEcr: 5}},
		{"two SACK blocks", cat([]byte{1, 1}, sack(2), []byte{1, 1}), 0,
			o{Set: statemachine.OptSACK, NSACK: 2, SACK: [4]statemachine.SACKBlock{{Left: 1, Right: 2}, {Left: 101, Right: 102}}}},
		{"four SACK blocks", sack(4), 0, o{Set: statemachine.OptSACK, NSACK: 4,
			SACK: [4]statemachine.SACKBlock{{Left: 1, Right: 2}, {Left: 101, Right: 102}, {Left: 201, Right: 202}, {Left: 301, Right: 302}}}},
		{"SACK without block", []byte{5, 2, 1, 1}, 0, o{Set: statemachine.OptBad}},
		{"Fast Open asks", []byte{34, 2, 1, 1}, 0, o{Set: statemachine.OptFastOpen}},
		{"Fast Open cookie", cat([]byte{34, 10}, cookie, []byte{1, 1}), 0, o{Set: statemachine.OptFastOpen, TFOLen: 8}},
		{"Fast Open cookie of 5 octets", []byte{34, 7, 1, 2, 3, 4, 5, 1}, 0, o{Set: statemachine.OptBad}},
		{"Fast Open experiment", cat([]byte{254, 12, 0xf9, 0x89}, cookie), 0, o{Set: statemachine.OptFastOpen, TFOLen: 8}},
		{"Fast Open experiment 253", []byte{253, 4, 0xf9, 0x89}, 0, o{Set: statemachine.OptFastOpen}},
		{"another experiment", []byte{254, 4, 0xe2, 0xd4}, 0, o{Set: statemachine.OptOther}},
		{"MD5", cat([]byte{19, 18}, repeat(16), []byte{1, 1}), 0, o{Set: statemachine.OptMD5}},
		{"AO", cat([]byte{29, 16}, repeat(14)), 0, o{Set: statemachine.OptAO}},
		{"MPTCP", cat([]byte{30, 12}, repeat(10)), 0, o{Set: statemachine.OptMPTCP}},
		{"user timeout", []byte{28, 4, 0x80, 1}, 0, o{Set: statemachine.OptUTO}},
		{"AccECN and others", []byte{172, 2, 14, 3, 1, 1, 1, 1}, 0, o{Set: statemachine.OptOther}},
		{"behind the end of the list", []byte{0, 2, 4, 5}, 0, o{}},
		{"length 0", []byte{1, 1, 8, 0}, 0, o{Set: statemachine.OptBad}},
		{"length 1", []byte{2, 1, 5, 0xb4}, 0, o{Set: statemachine.OptBad}},
		{"length beyond the header", []byte{2, 4, 5, 0xb4, 8, 10, 0, 0}, 0, o{Set: statemachine.OptMSS | statemachine.OptBad, MSS: 1460}},
		{"no room for a length", []byte{1, 1, 1, 2}, 0, o{Set: statemachine.OptBad}},
		{"wrong length for its kind, then good", []byte{2, 3, 5, 1, 3, 3, 9, 0}, 0, o{Set: statemachine.OptBad | statemachine.OptWScale, WScale: 9}},
		{"cut between options", []byte{2, 4, 5, 0xb4}, 8, o{Set: statemachine.OptMSS | statemachine.OptCut, MSS: 1460}},
		{"cut inside an option", []byte{1, 1, 8, 10, 0, 0}, 6, o{Set: statemachine.OptCut}},
		{"cut before a length", []byte{1, 1, 8}, 9, o{Set: statemachine.OptCut}},
		{"cut, and bad beyond", []byte{1, 1, 8, 40}, 8, o{Set: statemachine.OptBad}},
		{"all cut", nil, 12, o{Set: statemachine.OptCut}},
		{"ended before the cut", []byte{1, 0}, 2, o{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got o
			options(&got, tt.list, len(tt.list)+tt.cut)
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// A bad or cut list never costs the segment.
func TestOptionsKeepSegment(t *testing.T) {
	for name, list := range map[string][]byte{"bad": {8, 0, 0, 0}, "good": {2, 4, 5, 0xb4}} {
		full := ip4(6, tcpSeg(list, repeat(10)))
		if p := decode(101, full, 0); p.Skip != 0 || p.Segment.Len != 10 || p.Segment.Options.Has(statemachine.OptBad) != (name == "bad") {
			t.Errorf("%s: %+v", name, p)
		}
		p := decode(101, full[:40], len(full))
		if p.Skip != 0 || p.Segment.Len != 10 || p.Segment.Options.Set != statemachine.OptCut {
			t.Errorf("%s, cut behind 20 octets of TCP: %+v", name, p)
		}
	}
}
