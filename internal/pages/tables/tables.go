// Package tables has the system lend the pages of the tables that gopacket's layers fill
// when the program starts: 6.4 MB, for what can follow in Ethernet and PPP. Page by page
// that would be a third of the time that a small capture takes. A package that knows
// gopacket would come too late for it; this one imports nothing that has to wait, so Go
// initialises it before.
package tables

import (
	"unsafe"

	"github.com/tcpstate/tcpstate/internal/pages"
)

// metadata has the form of gopacket.EnumMetadata, which is what the collector goes by.
type metadata struct {
	_ any    // DecodeWith
	_ string // Name
	_ int    // LayerType
}

// The tables, by the names that gopacket's package layers has for them. If it comes to
// have others, these are nobody's, and nothing is lost but time.
var (
	//go:linkname ethernetTypes github.com/google/gopacket/layers.EthernetTypeMetadata
	ethernetTypes [65536]metadata
	//go:linkname ethernetErrors github.com/google/gopacket/layers.errorDecodersForEthernetType
	ethernetErrors [65536]int
	//go:linkname pppTypes github.com/google/gopacket/layers.PPPTypeMetadata
	pppTypes [65536]metadata
	//go:linkname pppErrors github.com/google/gopacket/layers.errorDecodersForPPPType
	pppErrors [65536]int
)

// between is how many octets of others may lie between the tables for them to be lent
// together: the linker puts what is large and not set yet side by side.
const between = 512 << 10

var _ = lend()

// lend has the pages of the tables lent, and reports whether they are.
func lend() bool {
	tables := [...]span{
		{unsafe.Pointer(&ethernetTypes), unsafe.Sizeof(ethernetTypes)},
		{unsafe.Pointer(&ethernetErrors), unsafe.Sizeof(ethernetErrors)},
		{unsafe.Pointer(&pppTypes), unsafe.Sizeof(pppTypes)},
		{unsafe.Pointer(&pppErrors), unsafe.Sizeof(pppErrors)},
	}
	var sum uintptr
	all := tables[0]
	for _, t := range tables {
		sum += t.octets
		all = all.with(t)
	}
	if all.octets <= sum+between {
		return pages.LendWithin(all.at, all.octets)
	}
	ok := true
	for _, t := range tables {
		ok = pages.LendWithin(t.at, t.octets) && ok
	}
	return ok
}

// span is where a table lies.
type span struct {
	at     unsafe.Pointer
	octets uintptr
}

// with returns where s and t lie, and what is between them.
func (s span) with(t span) span {
	if uintptr(t.at) < uintptr(s.at) {
		s, t = t, s
	}
	end := max(uintptr(s.at)+s.octets, uintptr(t.at)+t.octets)
	return span{s.at, end - uintptr(s.at)}
}
