//go:build !linux

package pages

import "unsafe"

// Lend is for systems that lend several pages in one call; others do not.
func Lend(unsafe.Pointer, uintptr) bool { return false }

// LendWithin is as Lend.
func LendWithin(unsafe.Pointer, uintptr) bool { return false }
