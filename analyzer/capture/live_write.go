package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng §4) and the options written.
const (
	ngSection, ngInterfaceBlock, ngStatistics, ngPacket = 0x0a0d0d0a, 1, 5, 6

	optUserApplication = 4
	optIfFilter        = 11
)

// NgWriter writes one pcapng file with nanosecond times. It gathers octets
// until Flush or Close, and writes them behind the caller's back, so that a slow
// disk does not hold up the capture.
type NgWriter struct {
	out     *behind
	buf     []byte              // blocks not handed over yet
	start   int                 // of the block that is being written
	links   []analyzer.LinkType // of the interfaces described so far
	name    string              // of the interface
	filter  string
	written int64
}

// NewNgWriter begins a file that says which program wrote it, at which
// interface and by which filter; each of them may be empty.
func NewNgWriter(w io.WriteCloser, program, iface, filter string) (*NgWriter, error) {
	n := &NgWriter{out: newBehind(w), name: iface, filter: filter}
	n.buf = n.out.buffer()
	b := n.begin(ngSection)
	b = binary.LittleEndian.AppendUint32(b, 0x1a2b3c4d)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, ^uint64(0)) // section length: not known
	b = appendOption(b, optUserApplication, program)
	return n, n.end(appendOption(b, optEnd, ""))
}

// begin starts a block: its type and room for its length.
func (n *NgWriter) begin(kind uint32) []byte {
	n.start = len(n.buf)
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(n.buf, kind), 0)
}

// end fills in both lengths, and hands the buffer over when it is full.
func (n *NgWriter) end(b []byte) error {
	size := uint32(len(b) - n.start + 4)
	binary.LittleEndian.PutUint32(b[n.start+4:], size)
	n.buf = binary.LittleEndian.AppendUint32(b, size)
	n.written += int64(size)
	if len(n.buf) < behindSize {
		return nil
	}
	return n.Flush()
}

// appendOption appends an option of text, none when the text is empty and the
// option is not the last.
func appendOption(b []byte, code uint16, text string) []byte {
	if text == "" && code != optEnd {
		return b
	}
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	return appendPadded(b, text)
}

// appendPadded appends text and zeros up to a multiple of four octets.
func appendPadded[T string | []byte](b []byte, text T) []byte {
	b = append(b, text...)
	for range -len(text) & 3 {
		b = append(b, 0)
	}
	return b
}

// iface returns the number of the interface description for a link type, and
// writes the description when it is new.
func (n *NgWriter) iface(link analyzer.LinkType) (uint32, error) {
	if i := slices.Index(n.links, link); i >= 0 {
		return uint32(i), nil
	}
	n.links = append(n.links, link)
	b := n.begin(ngInterfaceBlock)
	b = binary.LittleEndian.AppendUint16(b, uint16(link))
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, minRecordBound)
	b = appendOption(b, optIfName, n.name)
	b = appendOption(b, optIfTsresol, "\x09")
	if n.filter != "" {
		b = appendOption(b, optIfFilter, "\x00"+n.filter)
	}
	return uint32(len(n.links) - 1), n.end(appendOption(b, optEnd, ""))
}

// Write appends a packet: its time, link type, frame and length on the wire.
func (n *NgWriter) Write(p *analyzer.Packet) error {
	id, err := n.iface(p.Link)
	if err != nil {
		return err
	}
	b := n.begin(ngPacket)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(uint64(p.Time)>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Time))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.AsCaptured())))
	b = binary.LittleEndian.AppendUint32(b, p.WireLen)
	return n.end(appendPadded(b, p.AsCaptured()))
}

// Written returns how many octets the file has.
func (n *NgWriter) Written() int64 { return n.written }

// Flush has what was gathered written soon.
func (n *NgWriter) Flush() error {
	if len(n.buf) == 0 {
		return nil
	}
	err := n.out.write(n.buf)
	n.buf = n.out.buffer()
	return err
}

// End writes what was gathered, waits until it is written, and closes the file,
// which tells nothing of losses then.
func (n *NgWriter) End() error { return errors.Join(n.Flush(), n.out.close()) }

// Close ends the file with the number of lost packets.
func (n *NgWriter) Close(now statemachine.Time, lost Losses) error {
	var err error
	if len(n.links) > 0 {
		b := n.begin(ngStatistics)
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(uint64(now)>>32))
		b = binary.LittleEndian.AppendUint32(b, uint32(now))
		b = appendCount(b, optISBIfDrop, lost.Interface)
		b = appendCount(b, optISBOSDrop, lost.Kernel)
		err = n.end(appendOption(b, optEnd, ""))
	}
	return errors.Join(err, n.Flush(), n.out.close())
}

func appendCount(b []byte, code uint16, v uint64) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, 8)
	return binary.LittleEndian.AppendUint64(b, v)
}

// Rotation says when the next file begins.
type Rotation struct {
	Size int64         // octets of one file; 0 has no bound
	Time time.Duration // of the capture's clock in one file; 0 has no bound
	Keep int           // how many files are kept, the oldest removed; 0 keeps all
}

// NgFiles writes pcapng files one after the other.
type NgFiles struct {
	path, program, iface, filter string
	rotation                     Rotation

	w      *NgWriter
	count  int
	began  statemachine.Time
	names  []string // kept so far, when there is a bound
	before Losses   // at the beginning of the file
	lost   Losses
	next   bool
}

// NewNgFiles prepares to write to path. Where files rotate, each gets a number
// and the time of its first packet before the ending, as dumpcap names them.
func NewNgFiles(path string, r Rotation, program, iface, filter string) *NgFiles {
	return &NgFiles{path: path, rotation: r, program: program, iface: iface, filter: filter}
}

// Open creates the first file, so that it is there and errors show at once.
func (f *NgFiles) Open(now statemachine.Time) error { return f.open(now) }

// Rotate ends the file; the next packet begins another one.
func (f *NgFiles) Rotate() { f.next = true }

// Lost tells how many packets the capture lost so far.
func (f *NgFiles) Lost(n Losses) { f.lost = n }

// Write writes a packet to the current file, or the next one.
func (f *NgFiles) Write(p *analyzer.Packet) error {
	r := &f.rotation
	full := r.Size > 0 && f.w.Written()+int64(len(p.AsCaptured()))+36 > r.Size && len(f.w.links) > 0
	old := r.Time > 0 && p.Time-f.began >= statemachine.Time(r.Time)
	if f.next || full || old {
		if err := f.Close(p.Time); err != nil {
			return err
		}
		if err := f.open(p.Time); err != nil {
			return err
		}
	}
	return f.w.Write(p)
}

// Flush has what was gathered written soon.
func (f *NgFiles) Flush() error { return f.w.Flush() }

// Close ends the current file.
func (f *NgFiles) Close(now statemachine.Time) error {
	lost := Losses{f.lost.Kernel - f.before.Kernel, f.lost.Interface - f.before.Interface}
	f.before = f.lost
	return f.w.Close(now, lost)
}

func (f *NgFiles) open(now statemachine.Time) error {
	f.count++
	f.next = false
	f.began = now
	name := f.name(now)
	file, err := os.Create(name)
	if err != nil {
		return &Error{File: name, Offset: NoOffset, Reason: openReason(err)}
	}
	if f.w, err = NewNgWriter(file, f.program, f.iface, f.filter); err != nil {
		return err
	}
	return f.forget(name)
}

// forget removes the file that is one too many.
func (f *NgFiles) forget(name string) error {
	if f.rotation.Keep <= 0 {
		return nil
	}
	f.names = append(f.names, name)
	if len(f.names) <= f.rotation.Keep {
		return nil
	}
	oldest := f.names[0]
	f.names = append(f.names[:0], f.names[1:]...)
	return os.Remove(oldest)
}

func (f *NgFiles) name(now statemachine.Time) string {
	if f.count == 1 && f.rotation.Size == 0 && f.rotation.Time == 0 {
		return f.path
	}
	ending := filepath.Ext(f.path)
	stamp := time.Unix(0, int64(now)).Format("20060102150405")
	return fmt.Sprintf("%s_%05d_%s%s", strings.TrimSuffix(f.path, ending), f.count, stamp, ending)
}
