//go:build !libpcap

package main

// withLibpcap tells how the tests were built.
const withLibpcap = false
