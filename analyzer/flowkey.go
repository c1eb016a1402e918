package analyzer

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
)

// flowKey names a four-tuple, and the tunnel that it is in, without direction:
// the lower end stands first.
// Both families have the same form, so that a key is a few words to compare
// and to mix.
type flowKey struct {
	low, high [2]uint64 // addresses, IPv4 as IPv4-mapped IPv6
	lowPort   uint16
	highPort  uint16
	realm     realm
}

// realm is where addresses mean what they mean: the tunnel and the IP version,
// since a mapped address in an IPv6 packet is another host. 31 bits of
// Packet.Tunnel are enough: it matters only where four-tuples are equal too.
type realm uint32

const version6 realm = 1

// realmOf returns the realm of a packet.
func realmOf(is4 bool, tunnel uint64) realm {
	r := realm(tunnel^tunnel>>32) &^ version6
	if !is4 {
		r |= version6
	}
	return r
}

func (r realm) is4() bool { return r&version6 == 0 }

// keyOf returns the key of a packet from src to dst in a tunnel and whether src
// is the lower end. Equal ends (a land attack) count as lower.
func keyOf(src, dst netip.AddrPort, tunnel uint64) (k flowKey, fromLow bool) {
	a, b := words(src.Addr()), words(dst.Addr())
	r := realmOf(src.Addr().Is4(), tunnel)
	if lowerEnd(a, src.Port(), b, dst.Port()) {
		return flowKey{a, b, src.Port(), dst.Port(), r}, true
	}
	return flowKey{b, a, dst.Port(), src.Port(), r}, false
}

// words returns the 16 octets of an address as two numbers.
func words(a netip.Addr) [2]uint64 {
	b := a.As16()
	return [2]uint64{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// lowerEnd reports whether the end (a, ap) does not come after (b, bp).
func lowerEnd(a [2]uint64, ap uint16, b [2]uint64, bp uint16) bool {
	switch {
	case a[0] != b[0]:
		return a[0] < b[0]
	case a[1] != b[1]:
		return a[1] < b[1]
	default:
		return ap <= bp
	}
}

// ends returns the two endpoints, the lower first.
func (k *flowKey) ends() (low, high netip.AddrPort) {
	return k.end(k.low, k.lowPort), k.end(k.high, k.highPort)
}

func (k *flowKey) end(w [2]uint64, port uint16) netip.AddrPort {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], w[0])
	binary.BigEndian.PutUint64(b[8:], w[1])
	a := netip.AddrFrom16(b)
	if k.realm.is4() {
		a = a.Unmap()
	}
	return netip.AddrPortFrom(a, port)
}

// isLand reports that both ends are the same.
func (k *flowKey) isLand() bool { return k.low == k.high && k.lowPort == k.highPort }

// hashSeed is the secret of one table's hash, so that nobody can build a
// capture whose keys all collide. Results never depend on it.
type hashSeed [2]uint64

func newHashSeed() hashSeed {
	s := maphash.MakeSeed()
	return hashSeed{maphash.Comparable(s, 1) | 1, maphash.Comparable(s, 2)}
}

// hash mixes the key by folded multiplication, five words in three rounds.
func (k *flowKey) hash(s hashSeed) uint32 {
	ports := uint64(k.lowPort)<<48 | uint64(k.highPort)<<32 | uint64(k.realm)
	h := fold(k.low[0]^s[0], k.low[1]^s[1])
	h = fold(h^k.high[0]^s[1], k.high[1]^s[0])
	h = fold(h^ports, s[0]^0x9e3779b97f4a7c15)
	return uint32(h ^ h>>32)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// endsOf returns the two endpoints by side.
func endsOf(k *flowKey, lowIsClient bool) [2]netip.AddrPort {
	low, high := k.ends()
	if lowIsClient {
		return [2]netip.AddrPort{low, high}
	}
	return [2]netip.AddrPort{high, low}
}
