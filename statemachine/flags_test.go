package statemachine

import (
	"strings"
	"testing"
)

func TestFlagsString(t *testing.T) {
	for _, tt := range []struct {
		flags Flags
		want  string
	}{
		{0, "none"},
		{Reserved, "none"},
		{FIN, "F"}, {SYN, "S"}, {RST, "R"}, {PSH, "P"}, {ACK, "."}, {URG, "U"}, {ECE, "E"}, {CWR, "W"}, {AE, "e"},
		{SYN | ACK, "S."},
		{FIN | PSH | ACK, "FP."},
		{FIN | PSH | URG, "FPU"},
		{RST | ACK, "R."},
		{SYN | ECE | CWR | AE, "SEWe"},
		{FIN | SYN | RST | PSH | ACK | URG | ECE | CWR | AE | Reserved, "FSRP.UEWe"},
	} {
		if got := tt.flags.String(); got != tt.want {
			t.Errorf("%#x prints as %q, want %q", uint16(tt.flags), got, tt.want)
		}
	}
}

// TestFlagLettersCover holds that every bit that is not reserved has one
// letter, and no letter two bits.
func TestFlagLettersCover(t *testing.T) {
	letters := ""
	for f := Flags(1); f <= 0x800; f <<= 1 {
		s := f.String()
		if f&Reserved != 0 {
			if s != "none" {
				t.Errorf("the reserved bit %#x prints as %q", uint16(f), s)
			}
			continue
		}
		if len(s) != 1 || strings.Contains(letters, s) {
			t.Errorf("bit %#x prints as %q, after %q", uint16(f), s, letters)
		}
		letters += s
	}
	if len(letters) != len(flagLetters) {
		t.Errorf("%d letters for %d bits", len(flagLetters), len(letters))
	}
}

func TestFlagsHasAny(t *testing.T) {
	for _, tt := range []struct {
		f, g     Flags
		has, any bool
	}{
		{SYN | ACK, SYN, true, true},
		{SYN | ACK, SYN | ACK, true, true},
		{SYN, SYN | ACK, false, true},
		{FIN, SYN | ACK, false, false},
		{FIN, 0, true, false},
		{0, 0, true, false},
	} {
		if got := tt.f.Has(tt.g); got != tt.has {
			t.Errorf("%s.Has(%s) = %v", tt.f, tt.g, got)
		}
		if got := tt.f.Any(tt.g); got != tt.any {
			t.Errorf("%s.Any(%s) = %v", tt.f, tt.g, got)
		}
	}
}

func TestFlagsAppendKeeps(t *testing.T) {
	if got := string((SYN | ACK).Append([]byte("Flags ["))); got != "Flags [S." {
		t.Errorf("got %q", got)
	}
	if got := string(Flags(0).Append([]byte("Flags ["))); got != "Flags [none" {
		t.Errorf("got %q", got)
	}
}

// TestSegmentKinds walks all combinations of the four bits that tell the kinds
// of segments apart.
func TestSegmentKinds(t *testing.T) {
	for f := Flags(0); f < 0x40; f++ {
		s := Segment{Flags: f}
		control := f & (SYN | FIN | RST | ACK)
		if got, want := s.IsSYN(), control == SYN; got != want {
			t.Errorf("%s: IsSYN = %v", f, got)
		}
		if got, want := s.IsSYNACK(), control == SYN|ACK; got != want {
			t.Errorf("%s: IsSYNACK = %v", f, got)
		}
		if got, want := s.IsPureACK(), control == ACK; got != want {
			t.Errorf("%s: IsPureACK = %v", f, got)
		}
		if s.Len = 1; s.IsPureACK() {
			t.Errorf("%s with data is a pure ACK", f)
		}
	}
}

// TestSegmentLength follows RFC 9293 §3.4: SYN and FIN take one number each,
// RST and ACK none.
func TestSegmentLength(t *testing.T) {
	for _, tt := range []struct {
		flags    Flags
		seq      Seq
		len, seg Size
		end, fin Seq
	}{
		{ACK, 100, 0, 0, 100, 99},
		{ACK, 100, 10, 10, 110, 109},
		{SYN, 100, 0, 1, 101, 100},
		{SYN, 100, 10, 11, 111, 110},
		{FIN | ACK, 100, 10, 11, 111, 110},
		{SYN | FIN, 100, 0, 2, 102, 101},
		{RST, 100, 0, 0, 100, 99},
		{RST | ACK, 100, 5, 5, 105, 104},
		{SYN, 1<<32 - 1, 0, 1, 0, 1<<32 - 1},
		{FIN | ACK, 1<<32 - 5, 4, 5, 0, 1<<32 - 1},
		{FIN | ACK, 1<<32 - 5, 5, 6, 1, 0},
	} {
		s := Segment{Flags: tt.flags, Seq: tt.seq, Len: tt.len}
		if s.SeqLen() != tt.seg || s.End() != tt.end || s.FINSeq() != tt.fin {
			t.Errorf("%s %d(%d): length %d, end %d, FIN %d; want %d, %d, %d", tt.flags, tt.seq, tt.len,
				s.SeqLen(), s.End(), s.FINSeq(), tt.seg, tt.end, tt.fin)
		}
	}
}
