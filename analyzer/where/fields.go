package where

import (
	"net/netip"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Field describes a name that expressions may use.
type Field struct {
	Name string // members of an end as client.port
	Type string // text, number, true or false, time, counts by name
	Doc  string
}

// Fields returns all names, in the order in which the documentation has them.
// Those of the server are those of the client.
func Fields() []Field {
	return []Field{
		{"conn", "number", "the connection's number, as the other outputs show it"},
		{"verdict", "text", "how it ended: one of the verdicts below"},
		{"detail", "text", "the sentence of the verdict"},
		{"duration", "number", "seconds from its first packet to its last"},
		{"first", "time", "of its first packet"},
		{"last", "time", "of its last packet"},
		{"first_packet", "number", "number of its first packet in the capture"},
		{"last_packet", "number", "number of its last packet"},
		{"packets", "number", "segments of both ends"},
		{"bytes", "number", "payload octets of both ends, retransmitted ones not counted"},
		{"retransmissions", "number", "of both ends, of all kinds"},
		{"kinds", "counts by name", "retransmissions of both ends by kind"},
		{"rtt", "number", "seconds of the handshake's round trip, both halves; 0 when one was not seen"},
		{"findings", "counts by name", "how often each finding occurred, by code"},
		{"severity", "text", "of the gravest finding; none without findings"},
		{"evicted", "true or false", "written out early because of a limit"},
		{"client.addr", "text", "the address"},
		{"client.port", "number", "the port"},
		{"client.state", "text", "the last state, as the RFC spells it"},
		{"client.certainty", "text", "of the last step"},
		{"client.packets", "number", "segments that it sent"},
		{"client.bytes", "number", "payload octets that it sent"},
		{"client.retransmissions", "number", "that it sent"},
		{"client.rtt", "number", "seconds from the tap to it and back in the handshake; 0 when not seen"},
	}
}

// end is one end of a connection in expressions.
type end struct {
	Addr            string  `expr:"addr"`
	Port            int     `expr:"port"`
	State           string  `expr:"state"`
	Certainty       string  `expr:"certainty"`
	Packets         int     `expr:"packets"`
	Bytes           int     `expr:"bytes"`
	Retransmissions int     `expr:"retransmissions"`
	RTT             float64 `expr:"rtt"`
}

// values are the names of expressions with the values of one connection.
type values struct {
	Conn            int                    `expr:"conn"`
	Verdict         string                 `expr:"verdict"`
	Detail          string                 `expr:"detail"`
	Duration        float64                `expr:"duration"`
	First           time.Time              `expr:"first"`
	Last            time.Time              `expr:"last"`
	FirstPacket     int                    `expr:"first_packet"`
	LastPacket      int                    `expr:"last_packet"`
	Packets         int                    `expr:"packets"`
	Bytes           int                    `expr:"bytes"`
	Retransmissions int                    `expr:"retransmissions"`
	Kinds           map[string]int         `expr:"kinds"`
	RTT             float64                `expr:"rtt"`
	Findings        map[string]int         `expr:"findings"`
	Severity        string                 `expr:"severity"`
	Evicted         bool                   `expr:"evicted"`
	Client          end                    `expr:"client"`
	Server          end                    `expr:"server"`
	Host            func(string) bool      `expr:"host"`
	Port            func(int) bool         `expr:"port"`
	In              func(a, b string) bool `expr:"within"`

	addrs [2]netip.Addr
}

// noSeverity is the severity of a connection without findings.
const noSeverity = "none"

// set takes the values of a connection.
func (v *values) set(c *analyzer.Connection) {
	v.Conn, v.Verdict, v.Detail = int(c.ID), c.Verdict.String(), c.Detail
	v.First, v.Last = at(c.First.Time), at(c.Last.Time)
	v.Duration = seconds(c.Last.Time - c.First.Time)
	v.FirstPacket, v.LastPacket = int(c.First.Packet), int(c.Last.Packet)
	clear(v.Kinds)
	v.setEnd(&v.Client, &c.Ends[statemachine.Client], c.RTTClient)
	v.setEnd(&v.Server, &c.Ends[statemachine.Server], c.RTTServer)
	v.Packets = v.Client.Packets + v.Server.Packets
	v.Bytes = v.Client.Bytes + v.Server.Bytes
	v.Retransmissions = v.Client.Retransmissions + v.Server.Retransmissions
	v.RTT = 0
	if c.RTTClient != 0 && c.RTTServer != 0 {
		v.RTT = seconds(c.RTTClient + c.RTTServer)
	}
	for side := range c.Ends {
		v.addrs[side] = c.Ends[side].Addr.Addr()
	}
	v.setFindings(c)
	v.Evicted = c.Evicted
}

func (v *values) setEnd(e *end, r *analyzer.EndpointRecord, rtt statemachine.Time) {
	*e = end{
		Addr: r.Addr.Addr().String(), Port: int(r.Addr.Port()), State: r.State.String(), Certainty: r.Certainty.String(),
		Packets: int(r.Packets), Bytes: int(r.Bytes), RTT: seconds(rtt),
	}
	for kind, n := range r.Retransmissions {
		if n > 0 {
			e.Retransmissions += int(n)
			v.Kinds[statemachine.Kind(kind).String()] += int(n)
		}
	}
}

func (v *values) setFindings(c *analyzer.Connection) {
	clear(v.Findings)
	v.Severity = noSeverity
	worst := -1
	for code, n := range c.Findings {
		info := code.Info()
		v.Findings[info.Name] = n
		if s := int(info.Severity); s > worst {
			worst, v.Severity = s, info.Severity.String()
		}
	}
}

func at(t statemachine.Time) time.Time { return time.Unix(0, int64(t)).UTC() }

func seconds(t statemachine.Time) float64 { return time.Duration(t).Seconds() }

// host reports whether an end has the address, or one of the network.
func (v *values) host(text string) bool {
	return matches(v.addrs[0], text) || matches(v.addrs[1], text)
}

// port reports whether an end has the port.
func (v *values) port(n int) bool { return v.Client.Port == n || v.Server.Port == n }

// within reports whether an address is the one, or one of the network, that
// text says.
func within(addr, text string) bool {
	a, err := netip.ParseAddr(addr)
	return err == nil && matches(a, text)
}

func matches(a netip.Addr, text string) bool {
	n, err := network(text)
	return err == nil && n.Contains(a.WithZone("").Unmap())
}

// network reads an address or a network. Addresses of IPv4 in their IPv6 form
// are taken for what they stand for.
func network(text string) (netip.Prefix, error) {
	if n, err := netip.ParsePrefix(text); err == nil {
		return n, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}
