package analyzer

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		flags string
		size  sm.Size
		want  []sm.Code
	}{
		{"", 0, []sm.Code{sm.NullFlags}},
		{"EW", 0, []sm.Code{sm.NullFlags}},
		{"FPU", 0, []sm.Code{sm.Xmas}},
		{"FPUE", 0, []sm.Code{sm.Xmas}},
		{"F", 0, []sm.Code{sm.BareFIN}},
		{"SF", 0, []sm.Code{sm.SYNFIN}},
		{"SF.", 0, []sm.Code{sm.SYNFIN}},
		{"SR", 0, []sm.Code{sm.SYNRST}},
		{"P", 5, []sm.Code{sm.DataWithoutACK}},
		{"S", 5, []sm.Code{sm.SYNWithData}},
		{"S", 0, nil},
		{"SEW", 0, nil},
		{"S.", 0, nil},
		{".", 9, nil},
		{"F.", 9, nil},
		{"R", 0, nil},
		{"R.", 5, []sm.Code{sm.RSTWithData}},
	} {
		seg := sm.Segment{Flags: flagBits(c.flags), Len: c.size}
		var got []sm.Code
		for _, s := range shapes {
			if s.is(&seg) {
				got = append(got, s.code)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("[%s] %d octets: %v, want %v", c.flags, c.size, got, c.want)
		}
		if isUsual(&seg) && len(got) > 0 && !seg.Flags.Has(sm.SYN) {
			t.Errorf("[%s]: counted as usual, though it shows %v", c.flags, got)
		}
	}
}

// Findings of the connection or the packet, each at its packet.
func TestPacketFindings(t *testing.T) {
	for _, c := range []struct {
		name           string
		client, server string
		play           func(k *talk) (at uint64)
		code           sm.Code
		count          int
	}{
		{"mid-stream", "", "", func(k *talk) uint64 { k.data(); return 1 }, sm.MidStream, 1},
		{"not mid-stream", "", "", func(k *talk) uint64 { k.handshake(); k.data(); return 0 }, sm.MidStream, 0},
		{"a reset alone is no mid-stream", "", "", func(k *talk) uint64 { k.raw(sv, "R.", 1, 1, 0); return 0 }, sm.MidStream, 0},
		{"port zero", "10.0.0.1:0", "10.0.0.2:80", func(k *talk) uint64 { k.handshake(); return 1 }, sm.PortZero, 1},
		{"land", "10.0.0.1:80", "10.0.0.1:80", func(k *talk) uint64 { k.send(cl, "S", 0); return 1 }, sm.Land, 1},
		{"bad option", "", "", func(k *talk) uint64 {
			k.handshake()
			n := k.send(cl, "P.", 10)
			k.packets[n-1].Segment.Options.Set = sm.OptBad
			return n
		}, sm.BadOption, 1},
		{"snaplen", "", "", func(k *talk) uint64 {
			k.handshake()
			n := k.send(cl, "P.", 1000)
			k.send(sv, ".", 0)
			m := k.send(cl, "P.", 1000)
			for _, i := range []uint64{n, m} {
				p := &k.packets[i-1]
				p.Frame, p.CapLen = p.Frame[:96], 96
			}
			return n
		}, sm.SnaplenCut, 1},
		{"captured twice", "", "", func(k *talk) uint64 {
			k.handshake()
			k.data()
			n := k.send(cl, "P.", 100)
			for range 2 {
				p := k.packets[n-1]
				p.Number = uint64(len(k.packets) + 1)
				p.Time += 1000
				k.packets = append(k.packets, p)
			}
			return n + 1
		}, sm.DuplicateCapture, 1},
		{"clock", "", "", func(k *talk) uint64 {
			k.handshake()
			k.wait(-time.Second)
			n := k.send(cl, "P.", 10)
			k.send(sv, ".", 0)
			k.wait(-time.Second)
			k.send(cl, "P.", 10)
			return n
		}, sm.ClockBackwards, 1},
		{"one direction, client", "", "", func(k *talk) uint64 {
			k.send(cl, "S", 0)
			k.next[sv]++
			return k.send(cl, ".", 0)
		}, sm.OneWayCapture, 1},
		{"one direction, server", "", "", func(k *talk) uint64 { k.next[cl]++; return k.send(sv, "S.", 0) }, sm.OneWayCapture, 1},
		{"one ACK may be a probe", "", "", func(k *talk) uint64 { k.send(cl, ".", 0); return 0 }, sm.OneWayCapture, 0},
		{"unanswered is not one-way", "", "", func(k *talk) uint64 { k.send(cl, "S", 0); return 0 }, sm.OneWayCapture, 0},
		{"window scale", "", "", func(k *talk) uint64 {
			n := k.send(cl, "S", 0)
			k.packets[n-1].Segment.Options.Set = sm.OptWScale
			return k.send(sv, "S.", 0)
		}, sm.WindowScaleOneSided, 1},
		{"window scale on both", "", "", func(k *talk) uint64 {
			k.handshake()
			k.packets[0].Segment.Options.Set = sm.OptWScale
			k.packets[1].Segment.Options.Set = sm.OptWScale
			return 0
		}, sm.WindowScaleOneSided, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{}
			client, server := "10.0.0.1:40000", "10.0.0.2:80"
			if c.client != "" {
				client, server = c.client, c.server
			}
			at := c.play(s.talk(client, server))
			out := s.run(t, Options{Wants: wantAll})
			n := 0
			for _, l := range out.notes() {
				if strings.Contains(l, " "+c.code.String()+" ") {
					n++
				}
			}
			if n != c.count || out.conns[0].Findings[c.code] != c.count {
				t.Errorf("%s noted %d times, counted %d times, want %d", c.code, n, out.conns[0].Findings[c.code], c.count)
			}
			if want := fmt.Sprintf("#%d conn 1 %s ", at, c.code); c.count > 0 && !has(out.lines, want) {
				t.Errorf("no %q in\n%s", want, strings.Join(out.lines, "\n"))
			}
		})
	}
}

// fillRandom sets every field of a struct without pointers.
func fillRandom(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			fillRandom(r, reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem())
		}
	case reflect.Array:
		for i := range v.Len() {
			fillRandom(r, v.Index(i))
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Float32:
		v.SetFloat(float64(r.Float32()))
	case reflect.Int64:
		v.SetInt(int64(r.Uint64()))
	default:
		v.SetUint(r.Uint64() >> r.IntN(64))
	}
}

// What goes into the spool comes out again, whatever the values.
func TestCodersRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 500 {
		var a, b record
		fillRandom(r, reflect.ValueOf(&a).Elem())
		a.counts[0] = 0
		a.extra.since, a.extra.state = [2]sm.Time{}, [2]sm.State{} // not kept
		a.extra.gaveUp.tries |= 1
		a.key.rest = keyRestOf(a.key.lowPort(), a.key.highPort(), version6)
		if i%2 == 0 {
			a.key.rest = keyRestOf(a.key.lowPort(), a.key.highPort(), 0)
			a.key.low, a.key.high = address{0, mapped | 7}, address{0, mapped | 9}
		}
		b.unpack(a.pack(nil))
		b.id = a.id // the spool's key
		if a != b {
			t.Fatalf("record\n%+v\n%+v", a, b)
		}

		n := Note{Packet: r.Uint64(), Conn: r.Uint32(), Ends: endsOf(&a.key, a.lowIsClient), Kind: NoteKind(r.IntN(int(ResetNote) + 1))}
		switch n.Kind {
		case FindingNote:
			fillRandom(r, reflect.ValueOf(&n.Finding).Elem())
		case MarkNote:
			fillRandom(r, reflect.ValueOf(&n.Mark).Elem())
		case ResetNote:
			fillRandom(r, reflect.ValueOf(&n.Reset).Elem())
		default:
			fillRandom(r, reflect.ValueOf(&n.Step).Elem())
		}
		c := coder{}
		n.code(&c)
		m := Note{Packet: n.Packet, Conn: n.Conn}
		m.code(&coder{b: c.b, reading: true})
		if n != m {
			t.Fatalf("note\n%+v\n%+v", n, m)
		}
	}
}

// A header that is no TCP header is reported without a connection; what is
// wrong with a fragment is not its data offset.
func TestBadDataOffset(t *testing.T) {
	for _, fragment := range []bool{false, true} {
		s := &script{}
		s.talk("10.0.0.1:40000", "10.0.0.2:80").send(cl, ".", 10)
		p := &s.packets[0]
		p.Skip, p.SegLen, p.Fragment = SkipMalformed, 30, fragment
		want := 1
		if fragment {
			want = 0
		}
		for _, onePass := range []bool{false, true} {
			out := s.run(t, Options{Wants: wantAll, OnePass: onePass})
			if got := out.capture.Findings[sm.BadDataOffset]; got != want || out.capture.Skipped[SkipMalformed] != 1 {
				t.Errorf("fragment %t: reported %d times, want %d", fragment, got, want)
			}
		}
	}
}
