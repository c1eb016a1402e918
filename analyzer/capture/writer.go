package capture

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Writer writes a pcap file with nanosecond times, little-endian, so that the
// same packets give the same octets on every machine. It does not buffer.
type Writer struct {
	w    io.Writer
	head [pcapRecordHeader]byte
}

// NewWriter writes the file header for frames of the given link type.
func NewWriter(w io.Writer, link analyzer.LinkType) (*Writer, error) {
	var h [pcapFileHeader]byte
	binary.LittleEndian.PutUint32(h[0:], pcapNano)
	binary.LittleEndian.PutUint16(h[4:], 2)
	binary.LittleEndian.PutUint16(h[6:], 4)
	binary.LittleEndian.PutUint32(h[16:], minRecordBound)
	binary.LittleEndian.PutUint32(h[20:], uint32(link))
	if _, err := w.Write(h[:]); err != nil {
		return nil, fmt.Errorf("writing the file header: %w", err)
	}
	return &Writer{w: w}, nil
}

// Write appends a frame captured at t, of which wire octets were on the wire:
// len(frame), or more where the capture cut it. The time must lie in the years
// 1970 to 2106, which is what the format can hold, and the frame must not
// exceed 256 KiB.
func (w *Writer) Write(t statemachine.Time, frame []byte, wire int) error {
	second := int64(t) / 1e9
	switch {
	case t < 0 || second > 1<<32-1:
		return fmt.Errorf("time %d ns does not fit a pcap file", t)
	case len(frame) > minRecordBound || wire < len(frame) || int64(wire) > 1<<32-1:
		return fmt.Errorf("frame of %d octets, %d on the wire, does not fit a pcap file", len(frame), wire)
	}
	binary.LittleEndian.PutUint32(w.head[0:], uint32(second))
	binary.LittleEndian.PutUint32(w.head[4:], uint32(int64(t)%1e9))
	binary.LittleEndian.PutUint32(w.head[8:], uint32(len(frame)))
	binary.LittleEndian.PutUint32(w.head[12:], uint32(wire))
	if _, err := w.w.Write(w.head[:]); err != nil {
		return fmt.Errorf("writing a record header: %w", err)
	}
	if _, err := w.w.Write(frame); err != nil {
		return fmt.Errorf("writing a frame: %w", err)
	}
	return nil
}
