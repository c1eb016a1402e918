//go:build linux

// Package ktrace records the kernel's TCP tracepoints through an instance of
// tracefs of its own.
package ktrace

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tcpstate/tcpstate/lab/truth"
	"golang.org/x/sys/unix"
)

const root = "/sys/kernel/tracing"

// events are the tracepoints that are recorded.
var events = [...]string{
	"sock/inet_sock_set_state",
	"sock/inet_sk_error_report",
	"tcp/tcp_retransmit_skb",
	"tcp/tcp_retransmit_synack",
	"tcp/tcp_send_reset",
	"tcp/tcp_receive_reset",
}

// Trace is a running record of all TCP events of the machine.
type Trace struct {
	dir    string
	pipe   int
	offset time.Duration // CLOCK_REALTIME minus the trace clock

	mu     sync.Mutex
	events []Event
	errs   []error
	stop   chan struct{}
	done   chan struct{}
}

// Event is a tracepoint with parsed addresses.
type Event struct {
	At            time.Time
	Name          string
	Local, Remote netip.AddrPort
	Old, New      string
	State, Reason string
	Err           int
}

// Truth returns the event as the truth file has it.
func (e *Event) Truth(side string) truth.Event {
	return truth.Event{
		At: e.At, Side: side, Name: e.Name, Local: e.Local.String(), Remote: e.Remote.String(),
		Old: e.Old, New: e.New, State: e.State, Reason: e.Reason, Err: e.Err,
	}
}

// Open makes the instance, mounting tracefs where needed, and starts to
// record.
func Open() (*Trace, error) {
	if _, err := os.Stat(root + "/instances"); err != nil {
		if err := unix.Mount("nodev", root, "tracefs", 0, ""); err != nil {
			return nil, fmt.Errorf("mount tracefs: %w", err)
		}
	}
	t := &Trace{
		dir:  filepath.Join(root, "instances", fmt.Sprintf("tcpstate-lab-%d", os.Getpid())),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return nil, err
	}
	if err := t.setup(); err != nil {
		return nil, errors.Join(err, t.remove())
	}
	go t.run()
	return t, nil
}

// setup chooses clock, size and events, and opens the pipe.
func (t *Trace) setup() error {
	write := func(name, value string) error {
		return os.WriteFile(filepath.Join(t.dir, name), []byte(value), 0)
	}
	// CLOCK_TAI differs from the captures' CLOCK_REALTIME by whole
	// seconds only, and follows its corrections.
	if err := write("trace_clock", "tai"); err != nil {
		return err
	}
	t.offset = taiOffset()
	if err := write("buffer_size_kb", "16384"); err != nil {
		return err
	}
	for _, e := range events {
		if err := write("events/"+e+"/enable", "1"); err != nil {
			return err
		}
	}
	var err error
	t.pipe, err = unix.Open(filepath.Join(t.dir, "trace_pipe"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	return err
}

// taiOffset measures CLOCK_REALTIME minus CLOCK_TAI, to the second.
func taiOffset() time.Duration {
	var real, tai unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil || unix.ClockGettime(unix.CLOCK_TAI, &tai) != nil {
		return 0
	}
	return time.Duration(real.Nano() - tai.Nano()).Round(time.Second)
}

// run empties the pipe now and then.
func (t *Trace) run() {
	defer close(t.done)
	buf := make([]byte, 256<<10)
	var rest []byte
	for {
		n, err := unix.Read(t.pipe, buf)
		if n > 0 {
			rest = t.take(append(rest, buf[:n]...))
			continue
		}
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			t.fail(fmt.Errorf("trace_pipe: %w", err))
			return
		}
		select {
		case <-t.stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// take parses whole lines and returns what is left.
func (t *Trace) take(text []byte) []byte {
	for {
		i := strings.IndexByte(string(text), '\n')
		if i < 0 {
			return text
		}
		line := string(text[:i])
		text = text[i+1:]
		e, err := parse(line, t.offset)
		if err != nil {
			t.fail(err)
			continue
		}
		t.mu.Lock()
		t.events = append(t.events, e)
		t.mu.Unlock()
	}
}

func (t *Trace) fail(err error) {
	t.mu.Lock()
	t.errs = append(t.errs, err)
	t.mu.Unlock()
}

// Err returns what went wrong so far: lost events and lines not understood.
func (t *Trace) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.errs...)
}

// Select returns the events between from and to whose local or remote address
// is among addrs. The caller waits a moment after to, since events arrive late.
func (t *Trace) Select(from, to time.Time, addrs map[netip.Addr]bool) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Event
	for _, e := range t.events {
		if e.At.Before(from) || e.At.After(to) {
			continue
		}
		if addrs[e.Local.Addr()] || addrs[e.Remote.Addr()] {
			out = append(out, e)
		}
	}
	return out
}

// Close stops the record and removes the instance.
func (t *Trace) Close() error {
	close(t.stop)
	<-t.done
	return errors.Join(unix.Close(t.pipe), t.remove())
}

func (t *Trace) remove() error {
	for _, e := range events {
		_ = os.WriteFile(filepath.Join(t.dir, "events", e, "enable"), []byte("0"), 0)
	}
	return os.Remove(t.dir)
}

// lineForm finds processor, flags, time, name and fields. The task's name
// before them may hold anything.
var lineForm = regexp.MustCompile(`\[\d+\] +\S+ +(\d+)\.(\d{6}): (\w+): (.*)$`)

// parse reads one line of the pipe:
//
//	task-pid [cpu] flags seconds.micros: name: key=value key=value …
func parse(line string, offset time.Duration) (Event, error) {
	if strings.Contains(line, "LOST") {
		return Event{}, fmt.Errorf("trace lost events: %s", line)
	}
	m := lineForm.FindStringSubmatch(line)
	if m == nil {
		return Event{}, fmt.Errorf("trace line not understood: %q", line)
	}
	s, err1 := strconv.ParseInt(m[1], 10, 64)
	us, err2 := strconv.ParseInt(m[2], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return Event{}, fmt.Errorf("trace line %q: %w", line, err)
	}
	e := Event{Name: m[3], At: time.Unix(s, us*1000).Add(offset)}
	kv := map[string]string{}
	for _, f := range strings.Fields(m[4]) {
		k, v, _ := strings.Cut(f, "=")
		kv[k] = v
	}
	e.Old, e.New = state(kv["oldstate"]), state(kv["newstate"])
	e.State, e.Reason = state(kv["state"]), kv["reason"]
	for _, k := range []string{"err", "error"} {
		if v, ok := kv[k]; ok {
			e.Err, _ = strconv.Atoi(v)
		}
	}
	var err error
	if src, ok := kv["src"]; ok {
		if e.Local, err = netip.ParseAddrPort(src); err == nil {
			e.Remote, err = netip.ParseAddrPort(kv["dest"])
		}
	} else {
		if e.Local, err = addr(kv, "saddr", "sport"); err == nil {
			e.Remote, err = addr(kv, "daddr", "dport")
		}
	}
	if err != nil {
		return Event{}, fmt.Errorf("trace line %q: %w", line, err)
	}
	return e, nil
}

// addr reads an address of either family; one mapped into IPv6 counts as IPv4.
func addr(kv map[string]string, a, p string) (netip.AddrPort, error) {
	text := kv[a]
	if kv["family"] == "AF_INET6" {
		text = kv[a+"v6"]
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(kv[p], 10, 16)
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), err
}

func state(s string) string { return strings.TrimPrefix(s, "TCP_") }
