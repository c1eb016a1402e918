//go:build linux

package main

import (
	"net/netip"
	"sort"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/canon"
	"github.com/tcpstate/tcpstate/lab/internal/diag"
	"github.com/tcpstate/tcpstate/lab/internal/host"
	"github.com/tcpstate/tcpstate/lab/internal/ktrace"
	"github.com/tcpstate/tcpstate/lab/internal/packet"
	"github.com/tcpstate/tcpstate/lab/internal/tap"
	"github.com/tcpstate/tcpstate/lab/truth"
)

// sides are the names of the two hosts in the order of lab.taps.
var sides = [2]string{truth.Client, truth.Server}

func (l *lab) hosts() [2]*host.Host { return [2]*host.Host{l.c, l.s} }

// account collects what concerns one endpoint.
type account struct {
	events  []ktrace.Event
	seen    []diag.Sighting
	packets []captured // of the endpoint's own tap, both directions
	first   time.Time
}

// captured is a TCP packet of a tap.
type captured struct {
	n   int // from 1
	at  time.Time
	out bool
	*packet.TCP
	repeat  bool // it sends numbers again that left before
	matched bool // an event has been found for it
	buffer  int  // packets cut from one buffer of the stack have one number, from 1; meaningful with repeat
}

// side gathers the accounts of one host.
type side struct {
	by        map[canon.Tuple]*account
	listening map[netip.AddrPort]bool
	order     []canon.Tuple
	cookies   int64 // SYN cookies that the host sent
	icmp      []time.Time
}

func (s *side) of(t canon.Tuple, at time.Time) *account {
	a := s.by[t]
	if a == nil {
		a = &account{first: at}
		s.by[t] = a
		s.order = append(s.order, t)
	}
	if at.Before(a.first) {
		a.first = at
	}
	return a
}

// truth turns a recording into the truth file.
func (l *lab) truth(rec *recording, tr *ktrace.Trace) (*truth.File, error) {
	if err := tr.Err(); err != nil {
		return nil, err
	}
	f := &truth.File{
		Schema: truth.Schema, Scenario: l.sc.name, Description: l.sc.desc, Kernel: kernelRelease(),
		Start: rec.start.UTC(), End: rec.end.UTC(), Link: l.sc.link.String(),
		Captures: map[string]string{},
		Sysctls:  map[string]map[string]string{}, Counters: map[string]map[string]int64{}, Forged: l.forged,
	}
	for _, name := range []string{truth.Client, truth.Middle, truth.Server} {
		f.Captures[name] = name + ".pcap"
		if l.sc.gzip {
			f.Captures[name] += ".gz"
		}
	}
	if l.w != nil {
		f.LostBefore, f.LostAfter = l.w.Lost()
	}
	for i := range f.Forged {
		f.Forged[i].At = f.Forged[i].At.UTC()
	}
	var acc [2]*side
	for i := range acc {
		acc[i] = &side{by: map[canon.Tuple]*account{}, listening: map[netip.AddrPort]bool{}}
		f.Counters[sides[i]] = rec.counters[i]
		acc[i].cookies = rec.counters[i]["SyncookiesSent"]
		for _, s := range rec.seen[i] {
			a := acc[i].of(canon.Tuple{Local: s.Local, Remote: s.Remote}, s.First)
			a.seen = append(a.seen, s)
			f.Sightings = append(f.Sightings, sightingTruth(s, sides[i]))
		}
		acc[i].packets(l.taps[i], l.l2())
	}
	l.ctlTruth(f)
	events := tr.Select(rec.start, rec.end, l.addresses())
	for _, e := range events {
		i := 0
		if e.Local.Addr() == l.saddr || e.Local.Addr() == l.saddr6 {
			i = 1
		}
		t := e.Truth(sides[i])
		t.At = t.At.UTC()
		f.Events = append(f.Events, t)
		if e.Remote.Port() == 0 {
			if e.New == "LISTEN" {
				acc[i].listening[e.Local] = true
			}
			continue
		}
		a := acc[i].of(canon.Tuple{Local: e.Local, Remote: e.Remote}, e.At)
		a.events = append(a.events, e)
	}
	sort.SliceStable(f.Sightings, func(i, j int) bool { return f.Sightings[i].First.Before(f.Sightings[j].First) })
	l.connections(f, acc)
	return f, nil
}

func (l *lab) l2() int {
	if l.sc.link == tun {
		return 0
	}
	return 14
}

// ctlTruth writes down the settings.
func (l *lab) ctlTruth(f *truth.File) {
	for i, own := range []map[string]string{l.sc.cctl, l.sc.sctl} {
		m := map[string]string{}
		for _, from := range []map[string]string{l.sc.ctl, own} {
			for k, v := range from {
				m["net."+k] = v
			}
		}
		if len(m) > 0 {
			f.Sysctls[sides[i]] = m
		}
	}
}

func sightingTruth(s diag.Sighting, side string) truth.Sighting {
	t := truth.Sighting{
		Side: side, Local: s.Local.String(), Remote: s.Remote.String(), State: s.State, Kind: s.Kind,
		Before: s.Before.UTC(), First: s.First.UTC(), Last: s.Last.UTC(),
	}
	if !s.Gone.IsZero() {
		t.Gone = s.Gone.UTC()
	}
	return t
}

// packets files the packets of the host's own tap.
func (s *side) packets(t *tap.Tap, l2 int) {
	for i, r := range t.Records() {
		ip := packet.Network(r.Data, l2)
		if ip == nil {
			continue
		}
		p := packet.Parse(ip)
		if p == nil {
			if !r.Out {
				s.icmp = append(s.icmp, r.Time) // the taps keep TCP and ICMP errors
			}
			continue
		}
		k := canon.Tuple{Local: p.Src, Remote: p.Dst}
		if !r.Out {
			k = k.Reverse()
		}
		a := s.of(k, r.Time)
		a.packets = append(a.packets, captured{n: i + 1, at: r.Time, out: r.Out, TCP: p})
	}
}

// connections pairs the two ends of every four-tuple.
func (l *lab) connections(f *truth.File, acc [2]*side) {
	type pair struct {
		client canon.Tuple
		first  time.Time
	}
	known := map[canon.Tuple]int{}
	var pairs []pair
	for i, s := range acc {
		for _, t := range s.order {
			k := t
			if i == 1 {
				k = t.Reverse()
			}
			if n, ok := known[k]; ok {
				if s.by[t].first.Before(pairs[n].first) {
					pairs[n].first = s.by[t].first
				}
				continue
			}
			known[k] = len(pairs)
			pairs = append(pairs, pair{k, s.by[t].first})
		}
	}
	sort.SliceStable(pairs, func(i, j int) bool { return pairs[i].first.Before(pairs[j].first) })
	for _, p := range pairs {
		if p.client.Local.Port() == 0 || p.client.Remote.Port() == 0 {
			continue
		}
		f.Connections = append(f.Connections, truth.Connection{
			Client: l.endpoint(acc[0], p.client, 0),
			Server: l.endpoint(acc[1], p.client.Reverse(), 1),
		})
	}
}

// endpoint is the account of one end.
func (l *lab) endpoint(s *side, t canon.Tuple, i int) truth.Endpoint {
	e := truth.Endpoint{Addr: t.Local.String(), Raw: l.sc.raw[i], Listening: s.listening[t.Local], Steps: []truth.Step{}}
	a := s.by[t]
	if a == nil || e.Raw {
		return e
	}
	steps, doubt := canon.Endpoint(a.events, a.seen, l.socks.Vanished())
	e.Doubt = doubt
	for _, st := range steps {
		st.At = st.At.UTC()
		if !st.Since.IsZero() {
			st.Since = st.Since.UTC()
		}
		e.Steps = append(e.Steps, st)
	}
	a.retransmits(&e)
	a.resets(&e)
	a.markSilent(&e, s.icmp)
	if e.Doubt == "" && s.cookies == 0 {
		e.Doubt = a.missed(e.Steps)
	}
	return e
}
