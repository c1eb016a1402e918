package analyzer

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"

	"github.com/tcpstate/tcpstate/statemachine"
)

// flowKey names a four-tuple, and the tunnel that it is in, without direction:
// the lower end stands first.
// Both families have the same form, so that a key is a few words to compare
// and to mix.
type flowKey struct {
	low, high address
	rest      keyRest
}

// keyRest is what a key has beside the addresses in one word: the port of the lower
// end, that of the higher one, and the realm.
type keyRest uint64

func keyRestOf(lowPort, highPort uint16, r realm) keyRest {
	return keyRest(lowPort)<<48 | keyRest(highPort)<<32 | keyRest(r)
}

func (k *flowKey) lowPort() uint16  { return uint16(k.rest >> 48) }
func (k *flowKey) highPort() uint16 { return uint16(k.rest >> 32) }
func (k *flowKey) realm() realm     { return realm(k.rest) }

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
	fromLow = k.set(src, dst, tunnel)
	return k, fromLow
}

// set makes k the key of a packet, and reports whether src is the lower end.
// The reader calls it for every packet: a key is too long to be passed in
// registers.
func (k *flowKey) set(src, dst netip.AddrPort, tunnel uint64) (fromLow bool) {
	return k.between(&Ends{addressOf(src.Addr()), addressOf(dst.Addr()), src.Port(), dst.Port(), src.Addr().Is4()}, tunnel)
}

// between is set for ends that are no netip.AddrPort yet.
func (k *flowKey) between(e *Ends, tunnel uint64) (fromLow bool) {
	low, high, lowPort, highPort := &e.src, &e.dst, e.srcPort, e.dstPort
	if fromLow = lowerEnd(low, lowPort, high, highPort); !fromLow {
		low, high, lowPort, highPort = high, low, highPort, lowPort
	}
	k.low.hi, k.low.lo, k.high.hi, k.high.lo = low.hi, low.lo, high.hi, high.lo
	k.rest = keyRestOf(lowPort, highPort, realmOf(e.four, tunnel))
	return fromLow
}

// setIPv4 is between for IPv4 addresses outside of tunnels; ports are the first four
// octets of the TCP header as a number.
func (k *flowKey) setIPv4(src, dst, ports uint32) (fromLow bool) {
	from, to := uint64(src)<<16|uint64(ports>>16), uint64(dst)<<16|uint64(ports&0xffff)
	low, high := min(from, to), max(from, to)
	k.low.hi, k.low.lo, k.high.hi, k.high.lo = 0, mapped|low>>16, 0, mapped|high>>16
	k.rest = keyRest(low<<48 | high&0xffff<<32)
	return from <= to
}

// hashIPv4 is hash for a key that setIPv4 has set.
func (k *flowKey) hashIPv4(s *hashSeed) uint32 { return s.mix(k.low.lo, k.high.lo, k.rest) }

// is reports that k and o are the same, without a call for a few words.
func (k *flowKey) is(o *flowKey) bool {
	return k.low.lo == o.low.lo && k.high.lo == o.high.lo && k.rest == o.rest && k.low.hi == o.low.hi && k.high.hi == o.high.hi
}

// address is the 16 octets of an address as two numbers, IPv4 as IPv4-mapped
// IPv6.
type address struct{ hi, lo uint64 }

func addressOf(a netip.Addr) address {
	if a.Is4() {
		b := a.As4()
		return address{0, mapped | uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// mapped is what stands before an IPv4 address as IPv6 has it (RFC 4291
// §2.5.5.2).
const mapped = 0xffff << 32

// lowerEnd reports whether the end (a, ap) does not come after (b, bp).
func lowerEnd(a *address, ap uint16, b *address, bp uint16) bool {
	switch {
	case a.hi != b.hi:
		return a.hi < b.hi
	case a.lo != b.lo:
		return a.lo < b.lo
	default:
		return ap <= bp
	}
}

// ends returns the two endpoints, the lower first.
func (k *flowKey) ends() (low, high netip.AddrPort) {
	return k.end(k.low, k.lowPort()), k.end(k.high, k.highPort())
}

func (k *flowKey) end(w address, port uint16) netip.AddrPort {
	if k.realm().is4() {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(w.lo))
		return netip.AddrPortFrom(netip.AddrFrom4(b), port)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], w.hi)
	binary.BigEndian.PutUint64(b[8:], w.lo)
	return netip.AddrPortFrom(netip.AddrFrom16(b), port)
}

// sumBase returns what the checksums of the flow's segments cover beside them, over
// IPv4 (RFC 9293 §3.1).
func (k *flowKey) sumBase() statemachine.SumBase {
	b := statemachine.SumBase{Pseudo: protocolTCP, Ports: uint32(k.lowPort()) + uint32(k.highPort())}
	for _, a := range [...]uint32{uint32(k.low.lo), uint32(k.high.lo)} {
		b.Pseudo += a>>16 + a&0xffff
	}
	return b
}

// protocolTCP is TCP's number in IP headers.
const protocolTCP = 6

// isLand reports that both ends are the same.
func (k *flowKey) isLand() bool { return k.low == k.high && k.lowPort() == k.highPort() }

// hashSeed is the secret of one table's hash, so that nobody can build a
// capture whose keys all collide. Results never depend on it.
type hashSeed struct{ a, b uint64 }

func newHashSeed() hashSeed {
	s := maphash.MakeSeed()
	return hashSeed{maphash.Comparable(s, 1) | 1, maphash.Comparable(s, 2)}
}

// hash mixes the key.
func (k *flowKey) hash(s hashSeed) uint32 {
	low := k.low.lo
	if k.low.hi|k.high.hi != 0 { // IPv6
		low ^= fold(k.low.hi^s.b, k.high.hi^s.a)
	}
	return s.mix(low, k.high.lo, k.rest)
}

// mix mixes the words of an IPv4 key by folded multiplication.
func (s *hashSeed) mix(low, high uint64, rest keyRest) uint32 {
	h := fold(fold(low^s.a, high^s.b)^uint64(rest), s.a^mixer)
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
