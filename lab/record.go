//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tcpstate/tcpstate/lab/internal/diag"
	"github.com/tcpstate/tcpstate/lab/internal/ktrace"
	"github.com/tcpstate/tcpstate/lab/internal/sock"
	"github.com/tcpstate/tcpstate/lab/internal/tap"
	"github.com/tcpstate/tcpstate/lab/internal/wire"
	"github.com/tcpstate/tcpstate/lab/truth"
	"golang.org/x/sys/unix"
)

// recording is what one run of a scenario left.
type recording struct {
	start, end time.Time
	seen       [2][]diag.Sighting // client, server
	slowest    time.Duration      // between two dumps of inet_diag
	counters   [2]map[string]int64
}

// record runs a scenario as the run's recording of that number and writes
// captures and truth into dir.
func record(sc *scenario, tr *ktrace.Trace, dir string, number int) (*truth.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l := &lab{sc: sc, dir: dir, socks: sock.NewSet()}
	defer l.close()
	if err := l.setup(number); err != nil {
		return nil, err
	}
	rec, err := l.play()
	if err != nil {
		return nil, err
	}
	f, err := l.truth(rec, tr)
	if err != nil {
		return nil, err
	}
	f.Seed = sc.seed
	return f, l.save(f)
}

// play runs the script between the start and the end of the recording.
func (l *lab) play() (*recording, error) {
	rec := &recording{start: time.Now()}
	var polls [2]*diag.Poller
	var before [2]map[string]int64
	for i, h := range l.hosts() {
		p, err := diag.Open(h)
		if err != nil {
			return nil, err
		}
		polls[i] = p
		if before[i], err = h.Counters(); err != nil {
			return nil, err
		}
	}
	pause(20)
	err := guard(func() { l.sc.run(l) })
	if err == nil {
		l.settle()
	}
	if l.w != nil {
		// Whatever still moves meets a dead wire, so that nothing arrives
		// at the very moment of the end.
		l.script(func(*wire.Packet) []wire.Leg { return wire.DropBefore })
		for !l.w.Idle() {
			pause(5)
		}
		pause(30)
	}
	rec.end = time.Now()
	for i, h := range l.hosts() {
		after, e := h.Counters()
		err = errors.Join(err, e)
		rec.counters[i] = moved(before[i], after)
	}
	for i, p := range polls {
		seen, slow, e := p.Close()
		rec.seen[i], rec.slowest = seen, max(rec.slowest, slow)
		err = errors.Join(err, e)
	}
	for _, t := range l.taps {
		if t == nil {
			continue
		}
		drops, e := t.Close()
		if err = errors.Join(err, e); drops > 0 {
			err = errors.Join(err, fmt.Errorf("a tap dropped %d packets", drops))
		}
	}
	if l.tcpdump != nil {
		err = errors.Join(err, l.tcpdump.Process.Signal(unix.SIGINT), l.tcpdump.Wait())
	}
	l.cut(rec.end)
	l.socks.CloseAll()
	pause(50) // the trace arrives late
	if rec.slowest > stall && !l.sc.slow || rec.slowest > 20*stall {
		err = errors.Join(err, fmt.Errorf("the machine stood still for %v", rec.slowest))
	}
	return rec, err
}

// cut ends all captures at the same time as the trace.
func (l *lab) cut(end time.Time) {
	for _, t := range l.taps {
		if t != nil {
			t.Cut(end)
		}
	}
	if l.w != nil {
		l.w.Middle.Cut(end)
	}
}

// stall is a time between two dumps of inet_diag after which a recording is
// worth nothing: the poll, and most likely the wire too, stood still.
const stall = 150 * time.Millisecond

// guard turns the panic of a script's call into an error.
func guard(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			fail, ok := v.(sock.Failure)
			if !ok {
				panic(v)
			}
			err = fmt.Errorf("%w (%s)", fail.Err, caller())
		}
	}()
	f()
	return nil
}

// caller finds the script's line in the stack of a failure.
func caller() string {
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if line = strings.TrimSpace(line); strings.Contains(line, "/lab/s_") {
			name, _, _ := strings.Cut(filepath.Base(line), " ")
			return name
		}
	}
	return "outside the scripts"
}

// settle waits until the hosts have been silent for a while.
func (l *lab) settle() {
	rest, most := l.sc.rest, l.sc.most
	if rest == 0 {
		rest = usualRest
	}
	if most == 0 {
		most = rest + 20*time.Second
	}
	quiet := time.Now()
	for end := time.Now().Add(most); time.Now().Before(end); pause(20) {
		last := quiet
		for _, t := range l.taps[:2] {
			if t.Last().After(last) {
				last = t.Last()
			}
		}
		if time.Since(last) > rest && (l.w == nil || l.w.Idle()) {
			return
		}
	}
}

func moved(before, after map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for k, v := range after {
		switch k {
		case "CurrEstab", "MaxConn", "RtoAlgorithm", "RtoMin", "RtoMax", "InSegs", "OutSegs":
			continue
		}
		if d := v - before[k]; d != 0 {
			out[k] = d
		}
	}
	return out
}

// save writes the captures and the truth.
func (l *lab) save(f *truth.File) error {
	var middle *tap.Capture
	if l.w != nil {
		middle = &l.w.Middle
	} else {
		middle = &l.taps[2].Capture
	}
	for tapName, c := range map[string]*tap.Capture{
		truth.Client: &l.taps[0].Capture, truth.Middle: middle, truth.Server: &l.taps[1].Capture,
	} {
		if err := c.WriteFile(filepath.Join(l.dir, f.Captures[tapName])); err != nil {
			return err
		}
	}
	name := "truth.json"
	if strings.HasSuffix(f.Captures[truth.Client], ".gz") {
		name += ".gz"
	}
	return f.Save(filepath.Join(l.dir, name))
}

// kernelRelease is what uname -sr prints.
func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// addresses returns the addresses of both hosts.
func (l *lab) addresses() map[netip.Addr]bool {
	m := map[netip.Addr]bool{l.caddr: true, l.saddr: true}
	if l.sc.dual {
		m[l.caddr6], m[l.saddr6] = true, true
	}
	return m
}
