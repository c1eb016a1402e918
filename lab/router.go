//go:build linux

package main

import (
	"fmt"
	"net/netip"

	"github.com/tcpstate/tcpstate/lab/internal/host"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
)

// router joins the hosts by two veth pairs and a namespace that forwards. The
// pairs have the kernel's own segmentation and receive offload, so segments
// far larger than the MSS appear at all taps.
func (l *lab) router() error {
	for _, e := range []struct {
		h        *host.Host
		dev      string
		own, far netip.Addr
		hw, rhw  string
	}{
		{l.c, "toclient", l.caddr, l.saddr, "02:00:00:00:01:01", "02:00:00:00:01:fe"},
		{l.s, "toserver", l.saddr, l.caddr, "02:00:00:00:02:02", "02:00:00:00:02:fe"},
	} {
		var gw netip.Addr
		if e.own.Is4() {
			b := e.own.As4()
			b[3] = 254
			gw = netip.AddrFrom4(b)
		} else {
			b := e.own.As16()
			b[15] = 0xfe
			gw = netip.AddrFrom16(b)
		}
		if err := l.r.Run("ip", "link", "add", e.dev, "address", e.rhw, "type", "veth",
			"peer", "name", wire.Device, "address", e.hw, "netns", e.h.NetNS()); err != nil {
			return err
		}
		router := append(addrLines(gw, e.dev),
			fmt.Sprintf("route add %s dev %s", e.own, e.dev),
			fmt.Sprintf("neigh add %s lladdr %s dev %s nud permanent", e.own, e.hw, e.dev))
		if err := l.r.Batch(router...); err != nil {
			return err
		}
		lines := append(addrLines(e.own, wire.Device),
			fmt.Sprintf("neigh add %s lladdr %s dev %s nud permanent", gw, e.rhw, wire.Device),
			fmt.Sprintf("route add %s dev %s", gw, wire.Device),
			fmt.Sprintf("route add %s via %s dev %s", e.far, gw, wire.Device))
		if err := e.h.Batch(lines...); err != nil {
			return err
		}
	}
	if l.sc.v6 {
		return l.r.Sysctl("ipv6.conf.all.forwarding", "1")
	}
	return l.r.Sysctl("ipv4.ip_forward", "1")
}
