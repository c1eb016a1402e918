//go:build linux

package main

import (
	"fmt"
	"slices"
)

// scenarios returns all of them.
func scenarios() []*scenario {
	out := slices.Concat(opens(), closes(), losses(), resets(), windows(), reuses(), others(),
		handshakes(), queues(), simultaneousOpens(), partings(), aborts(),
		injections(), scans(), recoveries(), options(), fastOpens(), bulks(), waits(), again())
	names := map[string]bool{}
	for _, sc := range out {
		if names[sc.name] {
			panic(fmt.Sprintf("two scenarios are called %s", sc.name))
		}
		names[sc.name] = true
	}
	return out
}
