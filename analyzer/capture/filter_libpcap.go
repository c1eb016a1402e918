//go:build libpcap

package capture

/*
#cgo LDFLAGS: -lpcap
#include <stdlib.h>
#include <pcap/pcap.h>
*/
import "C"

import (
	"errors"
	"unsafe"

	"github.com/tcpstate/tcpstate/analyzer"
)

// compileFilter compiles an expression for a link type. gopacket's own function
// takes link types of eight bits only, which Linux cooked v2 is not.
func compileFilter(link analyzer.LinkType, expr string) (program, error) {
	h := C.pcap_open_dead(C.int(dlt(link)), C.int(minRecordBound))
	if h == nil {
		return nil, errors.New("out of memory")
	}
	defer C.pcap_close(h)
	text := C.CString(expr)
	defer C.free(unsafe.Pointer(text))
	var b C.struct_bpf_program
	if C.pcap_compile(h, &b, text, 1, C.PCAP_NETMASK_UNKNOWN) != 0 { //nolint:gocritic // what cgo makes of it
		return nil, errors.New(C.GoString(C.pcap_geterr(h)))
	}
	defer C.pcap_freecode(&b) //nolint:gocritic // what cgo makes of it
	steps := unsafe.Slice(b.bf_insns, int(b.bf_len))
	p := make(program, len(steps))
	for i := range steps {
		s := &steps[i]
		p[i] = instruction{code: uint16(s.code), jt: uint8(s.jt), jf: uint8(s.jf), k: uint32(s.k)}
	}
	return p, nil
}

// dlt returns libpcap's own number for a link type of capture files, which
// differs for raw IP (pcap-linktype(7)).
func dlt(l analyzer.LinkType) int {
	if l == analyzer.LinkRaw || l == analyzer.LinkRawBSD {
		return int(analyzer.LinkRawOld)
	}
	return int(l)
}
