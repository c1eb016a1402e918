//go:build !linux

package analyzer

import "unsafe"

// populate is for systems that lend several pages in one call; others do not.
func populate(unsafe.Pointer, uintptr) bool { return false }
