package analyzer

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

// script builds the packets of a capture by hand.
type script struct {
	packets []Packet
	now     time.Duration
}

// talk is one four-tuple of a script.
type talk struct {
	*script
	addrs [2]netip.AddrPort
	iss   [2]uint32
	next  [2]uint32 // behind the last number that the side sent
}

func (s *script) talk(client, server string) *talk {
	return &talk{
		script: s, addrs: [2]netip.AddrPort{netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)},
		iss: [2]uint32{1000, 5000}, next: [2]uint32{1000, 5000},
	}
}

// wait lets capture time go by.
func (s *script) wait(d time.Duration) { s.now += d }

// flagBits reads flags in tcpdump's letters.
func flagBits(letters string) sm.Flags {
	var f sm.Flags
	for _, l := range letters {
		f |= 1 << strings.IndexRune("FSRP.UEWe", l)
	}
	return f
}

// raw adds a segment with the given numbers, 1 ms after the one before, and
// returns its packet number.
func (k *talk) raw(side sm.Side, letters string, seq, ack uint32, size sm.Size) uint64 {
	k.now += time.Millisecond
	n := uint64(len(k.packets) + 1)
	length := 20 + int(size)
	version := uint8(4)
	if k.addrs[0].Addr().Is6() {
		version = 6
	}
	k.packets = append(k.packets, Packet{
		Number: n, Time: sm.Time(1e18) + sm.Time(k.now), CapLen: uint32(34 + length), WireLen: uint32(34 + length),
		Link: LinkEthernet, Frame: make([]byte, 34+length), NetOff: 14, IPVersion: version, SegOff: 34, SegLen: length,
		HasTCP: true, Src: k.addrs[side], Dst: k.addrs[side.Peer()],
		Segment: sm.Segment{
			Seq: sm.Seq(seq), Ack: sm.Seq(ack), Len: size, Window: 1024, Flags: flagBits(letters), TTL: 64,
			HasIPID: true, IPID: uint16(n),
		},
	})
	return n
}

// send adds the segment that comes next in order.
func (k *talk) send(side sm.Side, letters string, size sm.Size) uint64 {
	ack := uint32(0)
	if strings.Contains(letters, ".") {
		ack = k.next[side.Peer()]
	}
	n := k.raw(side, letters, k.next[side], ack, size)
	s := k.packets[n-1].Segment
	k.next[side] = uint32(s.End())
	return n
}

const (
	cl = sm.Client
	sv = sm.Server
)

func (k *talk) handshake() {
	k.send(cl, "S", 0)
	k.send(sv, "S.", 0)
	k.send(cl, ".", 0)
}

func (k *talk) data() {
	k.send(cl, "P.", 100)
	k.send(sv, "P.", 200)
	k.send(cl, ".", 0)
}

func (k *talk) clientCloses() {
	k.send(cl, "F.", 0)
	k.send(sv, "F.", 0)
	k.send(cl, ".", 0)
}

// again restarts the four-tuple with other ISNs.
func (k *talk) again(by uint32) {
	k.iss[0], k.iss[1] = k.next[0]+by, k.next[1]+by
	k.next = k.iss
}

// fakeSource yields packets from memory.
type fakeSource struct {
	packets []Packet
	i       int
	err     error // after the last packet, io.EOF when nil
	closed  *int
}

func (s *fakeSource) Next(p *Packet) error {
	if s.i == len(s.packets) {
		if s.err != nil {
			return s.err
		}
		return io.EOF
	}
	*p = s.packets[s.i]
	s.i++
	return nil
}

func (s *fakeSource) Close() error {
	if s.closed != nil {
		*s.closed++
	}
	return nil
}

// transcript is a sink that writes down what it is given.
type transcript struct {
	lines   []string // packets and notes
	conns   []Connection
	capture *Capture
	late    bool // something came out of order
}

func (s *transcript) Packet(o *Observation) error {
	if s.capture != nil || len(s.conns) > 0 {
		s.late = true
	}
	if o.Packet != nil {
		s.lines = append(s.lines, fmt.Sprintf("#%d conn %d %s %s rel %d", o.Packet.Number, o.Conn, o.Side, o.Reading.Class, o.Reading.RelSeq))
	}
	for i := range o.Notes {
		s.lines = append(s.lines, noteLine(&o.Notes[i]))
	}
	return nil
}

func noteLine(n *Note) string {
	if n.Kind == FindingNote {
		return fmt.Sprintf("  #%d conn %d %s %s", n.Packet, n.Conn, n.Finding.Code, n.Finding.Side)
	}
	if n.Kind == MarkNote {
		return fmt.Sprintf("  #%d conn %d %s %s by %d", n.Packet, n.Conn, n.Side, n.Mark.What.Names(nil)[0], n.Mark.By)
	}
	if n.Kind == ResetNote {
		return fmt.Sprintf("  #%d conn %d %s reset %s %s because %s by %d", n.Packet, n.Conn, n.Side, n.Reset.Fit, n.Reset.Outcome, n.Reset.Reason, n.Reset.By)
	}
	kind := [...]string{StepNote: "", ProvisionalNote: " provisional", ConfirmedNote: " confirmed", WithdrawnNote: " withdrawn"}[n.Kind]
	s := &n.Step
	return fmt.Sprintf("  #%d conn %d %s %s %s -> %s %s by %d%s", n.Packet, n.Conn, s.Side, n.Ends[s.Side], s.From, s.To, s.Certainty, s.Proof, kind)
}

func (s *transcript) Connection(c *Connection) error {
	if s.capture != nil {
		s.late = true
	}
	kept := *c
	kept.Findings = maps.Clone(c.Findings)
	s.conns = append(s.conns, kept)
	return nil
}

func (s *transcript) Capture(c *Capture) error {
	s.capture = c
	return nil
}

// notes returns the lines that are notes.
func (s *transcript) notes() []string {
	var out []string
	for _, l := range s.lines {
		if strings.HasPrefix(l, " ") {
			out = append(out, l)
		}
	}
	return out
}

const wantAll = WantPackets | WantNotes | WantConnections

// run runs the script to the end.
func (s *script) run(t *testing.T, opt Options) *transcript {
	t.Helper()
	opt.TempDir = t.TempDir()
	out := &transcript{}
	if err := Run(context.Background(), opt, s.open, out); err != nil {
		t.Fatal(err)
	}
	if out.late {
		t.Error("packets must come before connections, and the capture last")
	}
	if out.capture == nil {
		t.Fatal("no capture record")
	}
	return out
}

func (s *script) open() (Source, error) {
	return newSplitting(func() Source { return &fakeSource{packets: s.packets} }), nil
}

// has reports whether a line contains all the words.
func has(lines []string, words ...string) bool {
next:
	for _, l := range lines {
		for _, w := range words {
			if !strings.Contains(l, w) {
				continue next
			}
		}
		return true
	}
	return false
}
