package tables

import (
	"testing"
	"unsafe"

	"github.com/google/gopacket/layers"
)

// The tables here are gopacket's own: a version that renames them is to be noticed.
func TestTables(t *testing.T) {
	if got, want := unsafe.Pointer(&ethernetTypes), unsafe.Pointer(&layers.EthernetTypeMetadata); got != want {
		t.Errorf("ethernetTypes lies at %v, gopacket's at %v", got, want)
	}
	if got, want := unsafe.Sizeof(ethernetTypes), unsafe.Sizeof(layers.EthernetTypeMetadata); got != want {
		t.Errorf("ethernetTypes has %d octets, gopacket's %d", got, want)
	}
	if got, want := unsafe.Pointer(&pppTypes), unsafe.Pointer(&layers.PPPTypeMetadata); got != want {
		t.Errorf("pppTypes lies at %v, gopacket's at %v", got, want)
	}
	if got, want := unsafe.Sizeof(pppTypes), unsafe.Sizeof(layers.PPPTypeMetadata); got != want {
		t.Errorf("pppTypes has %d octets, gopacket's %d", got, want)
	}
	// gopacket fills these with the numbers of what it cannot decode.
	const free = 12345
	if ethernetErrors[free] != free || pppErrors[free] != free {
		t.Errorf("errors are %d and %d, gopacket's are %d", ethernetErrors[free], pppErrors[free], free)
	}
}

func TestSpan(t *testing.T) {
	var b [100]byte
	at := func(i int) unsafe.Pointer { return unsafe.Pointer(&b[i]) }
	for _, tt := range []struct{ a, b, want span }{
		{span{at(10), 10}, span{at(30), 5}, span{at(10), 25}},
		{span{at(30), 5}, span{at(10), 10}, span{at(10), 25}},
		{span{at(10), 10}, span{at(20), 5}, span{at(10), 15}},
	} {
		if got := tt.a.with(tt.b); got != tt.want {
			t.Errorf("%v with %v is %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
