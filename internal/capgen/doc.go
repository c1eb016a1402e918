// Package capgen makes large captures for measurements, out of nothing but a
// scene and a size: the same ones give the same octets on every machine, so
// that figures can be compared and nobody has to send gigabytes around.
//
// Frames are cut after 96 octets, as tcpdump -s 96 cuts them; payload is
// zeros. All checksums are right.
package capgen
