// Package sample builds small captures from conversations in the notation of
// internal/segtext: the samples behind `tcpstate explain` and docs/findings.md,
// and captures for tests. The same text gives the same octets.
//
// A line "handshake" stands for the three segments of an ordinary one, with the
// ISNs 1000 and 5000. Comment lines may tell what segments cannot:
//
//	// ends ADDR:PORT ADDR:PORT   client and server, instead of 10.0.0.1:40000 and 10.0.0.2:80
//	// cut N #P                   packet P is captured up to N octets
//	// offset N #P                packet P has this data offset
//	// break checksum #P          packet P has a wrong checksum
//	// offload C, offload S       the client, or server, leaves its checksums to its network card
//	// payload #P                 packet P carries other octets at its numbers
//	// reserved #P                packet P has the reserved control bits set
//	// fragment #P                packet P comes in two IP fragments
//	// overlap #P                 packet P comes in two IP fragments that overlap
//	// icmp TYPE CODE #P          a router answers packet P with this ICMP error
//	// drops N                    the capture reports N lost packets
//	// again N port|client        the whole N times: with other server ports, or from other clients
package sample

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/internal/segtext"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Start is when the captures begin: 2027-01-15 08:00:00 UTC.
const Start statemachine.Time = 1_800_000_000e9

// handshake is what the line of this name stands for.
const handshake = `C>S S 1000:1000(0) win 64240 <mss 1460>
S>C S. 5000:5000(0) ack 1001 win 65535 <mss 1460>
C>S . 1001:1001(0) ack 5001
`

// script is a parsed text.
type script struct {
	talk    *segtext.Conversation
	ends    [2]netip.AddrPort
	times   int
	offload [2]bool
	ports   bool // vary the server's port, not the client's address
	quirk   map[uint64]quirk
}

// quirk is what is odd about one packet.
type quirk struct {
	cut, offset                int
	checksum, payload, reserve bool
	fragment, overlap, offload bool
	icmp                       [2]byte // type and code, type 0 for none
}

// Build returns a pcap file with the segments of the text.
func Build(text string) ([]byte, error) {
	s := &script{
		ends:  [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:80")},
		times: 1, quirk: make(map[uint64]quirk),
	}
	if err := s.parse(text); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, analyzer.LinkRaw)
	if err != nil {
		return nil, err
	}
	ids := [2]uint16{1000, 21000}
	shift := statemachine.Time(0)
	for n := range s.times {
		ends := s.pair(n)
		for i := range s.talk.Segments {
			c := &s.talk.Segments[i]
			seg := c.Segment
			if !seg.HasIPID {
				ids[c.Side]++
				seg.IPID = ids[c.Side]
			}
			q := s.quirk[c.At.Packet]
			q.offload = s.offload[c.Side]
			f := frame(ends, c.Side, &seg, q)
			cut := len(f)
			if q.cut > 0 {
				cut = min(q.cut, cut)
			}
			frames := [][]byte{f}
			if q.fragment || q.overlap {
				frames = fragments(f, q.overlap)
			}
			if q.icmp[0] != 0 {
				frames = append(frames, icmp(f, q.icmp))
			}
			for n, g := range frames {
				if n > 0 {
					cut = len(g)
				}
				if err := w.Write(c.At.Time+shift+statemachine.Time(n)*100e3, g[:min(cut, len(g))], len(g)); err != nil {
					return nil, err
				}
			}
		}
		shift += s.talk.End.Time - Start + 10e6
	}
	return b.Bytes(), nil
}

// parse reads conversation and comments.
func (s *script) parse(text string) error {
	lines := strings.ReplaceAll(text, "handshake\n", handshake)
	var err error
	if s.talk, err = segtext.Parse(lines, Start); err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		words, ok := strings.CutPrefix(strings.TrimSpace(line), "// ")
		if !ok {
			continue
		}
		if err := s.comment(strings.Fields(words)); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}

// comment takes a comment line; words that mean nothing are for people.
func (s *script) comment(w []string) (err error) {
	switch {
	case len(w) == 3 && w[0] == "ends":
		for i := range s.ends {
			if s.ends[i], err = netip.ParseAddrPort(w[1+i]); err != nil {
				return err
			}
		}
		return nil
	case len(w) == 2 && w[0] == "offload":
		s.offload[statemachine.Client] = s.offload[statemachine.Client] || w[1] == "C"
		s.offload[statemachine.Server] = s.offload[statemachine.Server] || w[1] == "S"
		return nil
	case len(w) == 3 && w[0] == "again":
		s.ports = w[2] == "port"
		s.times, err = strconv.Atoi(w[1])
		return err
	}
	last := w[len(w)-1]
	p, perr := strconv.ParseUint(strings.TrimPrefix(last, "#"), 10, 32)
	if named := last[0] == '#' && perr == nil; !named {
		return nil // words of other forms belong to somebody else
	}
	q := s.quirk[p]
	switch w[0] {
	case "cut":
		q.cut, err = strconv.Atoi(w[1])
	case "offset":
		q.offset, err = strconv.Atoi(w[1])
	case "break":
		q.checksum = true
	case "payload":
		q.payload = true
	case "reserved":
		q.reserve = true
	case "fragment":
		q.fragment = true
	case "overlap":
		q.overlap = true
	case "icmp":
		var kind, code uint64
		if kind, err = strconv.ParseUint(w[1], 10, 8); err == nil {
			code, err = strconv.ParseUint(w[2], 10, 8)
		}
		q.icmp = [2]byte{byte(kind), byte(code)}
	}
	s.quirk[p] = q
	return err
}

// pair returns the ends of repetition n.
func (s *script) pair(n int) [2]netip.AddrPort {
	ends := s.ends
	if n == 0 {
		return ends
	}
	if s.ports {
		ends[statemachine.Server] = netip.AddrPortFrom(ends[1].Addr(), ends[1].Port()+uint16(n))
		ends[statemachine.Client] = netip.AddrPortFrom(ends[0].Addr(), ends[0].Port()+uint16(n))
		return ends
	}
	a := ends[statemachine.Client].Addr().As4()
	a[2] += byte(n >> 8)
	a[3] += byte(n)
	ends[statemachine.Client] = netip.AddrPortFrom(netip.AddrFrom4(a), ends[0].Port())
	return ends
}
