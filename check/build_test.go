package check_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/internal/segtext"
	"github.com/tcpstate/tcpstate/statemachine"
)

// recording says how a conversation is put into a capture file.
type recording struct {
	client, server [4]byte
	cport, sport   uint16
	start          statemachine.Time
	shift          [2]uint32 // added to the sequence numbers of client and server
	stretch        int64     // factor on all delays, in percent; 100 when 0
}

func usual() recording {
	return recording{client: [4]byte{10, 0, 0, 1}, server: [4]byte{10, 0, 0, 2}, cport: 4970, sport: 23, start: 1_700_000_000e9}
}

// write builds a capture of the conversation, in the notation of
// internal/segtext, and returns its path.
func (r recording) write(t testing.TB, dir, name, conversation string) string {
	t.Helper()
	c, err := segtext.Parse(conversation, r.start)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, analyzer.LinkRaw)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Segments {
		s := &c.Segments[i]
		at := s.At.Time
		if r.stretch != 0 {
			at = r.start + statemachine.Time(int64(at-r.start)*r.stretch/100)
		}
		frame := r.frame(s)
		if err := w.Write(at, frame, len(frame)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// frame builds an IPv4 packet without link header.
func (r recording) frame(s *segtext.Captured) []byte {
	src, dst, sport, dport := r.client, r.server, r.cport, r.sport
	own, peer := r.shift[0], r.shift[1]
	if s.Side == statemachine.Server {
		src, dst, sport, dport, own, peer = dst, src, dport, sport, peer, own
	}
	seg := &s.Segment
	ack := uint32(0)
	if seg.Flags.Has(statemachine.ACK) {
		ack = uint32(seg.Ack) + peer
	}
	options := optionOctets(&seg.Options)
	be := binary.BigEndian
	tcp := be.AppendUint16(be.AppendUint16(nil, sport), dport)
	tcp = be.AppendUint32(be.AppendUint32(tcp, uint32(seg.Seq)+own), ack)
	tcp = append(tcp, byte((20+len(options))/4<<4)|byte(seg.Flags>>8), byte(seg.Flags))
	tcp = be.AppendUint16(be.AppendUint16(be.AppendUint16(tcp, seg.Window), 0), seg.Urgent)
	tcp = append(append(tcp, options...), make([]byte, seg.Len)...)
	ip := be.AppendUint16([]byte{0x45, 0}, uint16(20+len(tcp)))
	ip = append(ip, 0, 0, 0x40, 0, 64, 6, 0, 0)
	ip = append(append(append(ip, src[:]...), dst[:]...), tcp...)
	return ip
}

func optionOctets(o *statemachine.Options) []byte {
	var b []byte
	if o.Has(statemachine.OptMSS) {
		b = binary.BigEndian.AppendUint16(append(b, 2, 4), o.MSS)
	}
	if o.Has(statemachine.OptSACKPerm) {
		b = append(b, 4, 2)
	}
	if o.Has(statemachine.OptTimestamp) {
		b = binary.BigEndian.AppendUint32(append(b, 8, 10), o.TSVal)
		b = binary.BigEndian.AppendUint32(b, o.TSEcr)
	}
	if o.Has(statemachine.OptWScale) {
		b = append(b, 3, 3, o.WScale)
	}
	for len(b)%4 != 0 {
		b = append(b, 1)
	}
	return b
}
