package analyzer

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	sm "github.com/tcpstate/tcpstate/statemachine"
)

func TestKeyHasNoDirection(t *testing.T) {
	for _, p := range [][2]string{
		{"10.0.0.1:1000", "10.0.0.2:80"},
		{"10.0.0.1:1000", "10.0.0.1:80"},
		{"[2001:db8::1]:1000", "[2001:db8::2]:80"},
		{"[::ffff:10.0.0.1]:1000", "[::ffff:10.0.0.2]:80"},
	} {
		a, b := netip.MustParseAddrPort(p[0]), netip.MustParseAddrPort(p[1])
		k1, low1 := keyOf(a, b, 0)
		k2, low2 := keyOf(b, a, 0)
		if k1 != k2 || low1 == low2 {
			t.Errorf("%v: keys %v and %v, low %v and %v", p, k1, k2, low1, low2)
		}
		if ends := endsOf(&k1, low1); ends != [2]netip.AddrPort{a, b} {
			t.Errorf("%v: ends %v", p, ends)
		}
	}
	v4, _ := keyOf(netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"), 0)
	v6, _ := keyOf(netip.MustParseAddrPort("[::ffff:10.0.0.1]:1"), netip.MustParseAddrPort("[::ffff:10.0.0.2]:2"), 0)
	if v4 == v6 {
		t.Error("an IPv4 address and its mapped form in IPv6 packets must not be one host")
	}
	land, low := keyOf(netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.1:1"), 0)
	if !land.isLand() || !low {
		t.Error("equal ends must count as lower")
	}
}

// A key is the same, and has the same hash, however the ends were read.
func TestKeyOfHeaders(t *testing.T) {
	seed := newHashSeed()
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		src, dst, ports := r.Uint32N(3)<<30|r.Uint32N(2), r.Uint32N(3)<<30|r.Uint32N(2), r.Uint32N(2)<<16|r.Uint32N(2)
		var e Ends
		e.SetIPv4(src, dst, ports)
		var k, o flowKey
		low := k.between(&e, 0)
		if other := o.setIPv4(src, dst, ports); o != k || other != low || o.hashIPv4(&seed) != k.hash(seed) {
			t.Fatalf("%x %x %x: key %v and %v, from the lower end %v and %v, hash %x and %x", src, dst, ports, o, k, other, low, o.hashIPv4(&seed), k.hash(seed))
		}
	}
}

// The table must agree with a map through growth and deletion.
func TestTableAgainstMap(t *testing.T) {
	tab := newTable()
	r := rand.New(rand.NewPCG(3, 4))
	have := map[flowKey]uint32{}
	for range 60_000 {
		k := flowKey{low: address{0, uint64(r.IntN(4000))}, rest: keyRestOf(uint16(r.IntN(4)), 0, 0)}
		h := k.hash(tab.seed)
		got := tab.find(&k, h)
		if got != have[k] {
			t.Fatalf("find %v: %d, want %d", k, got, have[k])
		}
		switch {
		case got == 0:
			i := tab.insert(&k, h)
			tab.touch(i, tab.flows.at(i), openList, 0)
			have[k] = i
		case r.IntN(2) == 0:
			tab.remove(got)
			delete(have, k)
		}
	}
	if tab.live != len(have) || len(have) < 1000 {
		t.Errorf("%d flows live, want %d", tab.live, len(have))
	}
	n := 0
	for i := tab.lists[openList].head; i != 0; i = tab.flows.at(i).next {
		n++
	}
	if n != len(have) {
		t.Errorf("%d flows on the idle list, want %d", n, len(have))
	}
}

func TestIdleListOrder(t *testing.T) {
	tab := newTable()
	var ids []uint32
	for i := range uint64(3) {
		k := flowKey{rest: keyRestOf(uint16(i+1), 0, 0)}
		f := tab.insert(&k, k.hash(tab.seed))
		tab.flows.at(f).last.Packet = i + 1
		tab.touch(f, tab.flows.at(f), openList, 0)
		ids = append(ids, f)
	}
	touch := func(i uint32, packet uint64, id listID) {
		tab.flows.at(i).last.Packet = packet
		tab.touch(i, tab.flows.at(i), id, sm.Time(packet))
	}
	touch(ids[0], 4, openList)
	if got := tab.longestIdle(); got != ids[1] {
		t.Errorf("longest idle is %d, want %d", got, ids[1])
	}
	touch(ids[1], 5, timedList)
	if got := tab.longestIdle(); got != ids[2] {
		t.Errorf("longest idle is %d, want %d", got, ids[2])
	}
	tab.remove(ids[2])
	if got := tab.longestIdle(); got != ids[0] {
		t.Errorf("longest idle is %d, want %d", got, ids[0])
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		flags    string
		src, dst uint16
		client   bool
		why      RoleReason
	}{
		{"S", 80, 40000, true, RoleSYN},
		{"S.", 40000, 80, false, RoleSYNACK},
		{".", 40000, 80, true, RolePort},
		{".", 80, 40000, false, RolePort},
		{"F.", 8080, 50000, false, RolePort},
		{".", 50000, 8080, true, RolePort},
		{".", 40000, 50000, true, RoleFirstSeen},
		{".", 22, 80, true, RoleFirstSeen},
		{"R", 80, 40000, false, RolePort},
	} {
		client, why := roles(&sm.Segment{Flags: flagBits(c.flags)}, c.src, c.dst)
		if client != c.client || why != c.why {
			t.Errorf("[%s] %d > %d: client %v, %s", c.flags, c.src, c.dst, client, why)
		}
	}
}
