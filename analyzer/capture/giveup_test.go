package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/tcpstate/tcpstate/analyzer"
)

var errGivenUp = errors.New("given up")

// quitter is a sink that at its nth call fails, or calls cancel where it has
// one.
type quitter struct {
	left   int
	cancel context.CancelCauseFunc
}

func (q *quitter) call() error {
	q.left--
	switch {
	case q.left >= 0:
		return nil
	case q.cancel == nil:
		return errGivenUp
	}
	q.cancel(errGivenUp)
	return nil
}

func (q *quitter) Packet(*analyzer.Observation) error    { return q.call() }
func (q *quitter) Connection(*analyzer.Connection) error { return q.call() }
func (q *quitter) Capture(*analyzer.Capture) error       { return q.call() }

// manyFlows writes a capture of 4000 connections, a segment each, in more blocks
// than wait for the slowest reader.
func manyFlows(t *testing.T) string {
	t.Helper()
	octets := pcapHeader(binary.LittleEndian, pcapMicro, 4, 65535, 1)
	frame := eth(0x0800, ip4(6, tcpSeg(nil, repeat(400))))
	for i := range uint32(4000) {
		binary.BigEndian.PutUint16(frame[ethernetLen+ipv4Len:], uint16(10_000+i))
		octets = append(octets, pcapRecord(binary.LittleEndian, i/100, 0, uint32(len(frame)), uint32(len(frame)), nil, frame)...)
	}
	if most := &(shared{taps: 8}); len(octets) < most.room()*blockSize { // workers are 8 at most
		t.Fatalf("only %d octets", len(octets))
	}
	file := filepath.Join(t.TempDir(), "many.pcap")
	if err := os.WriteFile(file, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A run over split sources that is given up, wherever that happens, ends with
// the reason, and leaves no goroutine behind: the bubble would not end.
func TestGivenUp(t *testing.T) {
	file := manyFlows(t)
	paths := []string{file, "no such file", file}
	for _, merge := range []bool{false, true} {
		open := func() (analyzer.Source, error) {
			s := OpenAll(paths, nil)
			if merge {
				s.Merge()
			}
			return s, nil
		}
		for _, opt := range []analyzer.Options{
			{Wants: analyzer.WantPackets | analyzer.WantNotes | analyzer.WantConnections},
			{Wants: analyzer.WantConnections},
			{Wants: analyzer.WantConnections, AnyOrder: true},
		} {
			opt.Workers, opt.TempDir = 3, t.TempDir()
			for _, calls := range []int{0, 1, 63, 64, 2500, 1 << 20} {
				synctest.Test(t, func(t *testing.T) {
					if more := giveUp(t, opt, open, calls); more != (calls < 1<<20) {
						t.Errorf("%+v: given up at call %d: %t", opt, calls, more)
					}
				})
			}
		}
	}
}

// giveUp gives runs up after so many calls: the sink fails, the context ends, the
// choice fails. It reports whether the sink has that many.
func giveUp(t *testing.T, opt analyzer.Options, open func() (analyzer.Source, error), calls int) bool {
	t.Helper()
	failed := analyzer.Run(t.Context(), opt, open, &quitter{left: calls})
	if failed != nil && !errors.Is(failed, errGivenUp) {
		t.Fatalf("%+v: the sink failed at call %d: %v", opt, calls, failed)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	if err := analyzer.Run(ctx, opt, open, &quitter{left: calls, cancel: cancel}); err != nil && !errors.Is(err, errGivenUp) {
		t.Errorf("%+v: cancelled at call %d: %v", opt, calls, err)
	}
	asked := 0
	opt.Choose = func(*analyzer.Connection) (bool, error) {
		if asked++; asked > calls {
			return false, errGivenUp
		}
		return true, nil
	}
	err := analyzer.Run(t.Context(), opt, open, &quitter{left: 1 << 30})
	if errors.Is(err, errGivenUp) != (asked > calls) || asked > calls+1 {
		t.Errorf("%+v: the choice failed at call %d, was asked %d times: %v", opt, calls, asked, err)
	}
	return failed != nil
}
