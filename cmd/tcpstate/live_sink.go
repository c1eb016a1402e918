package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/statemachine"
)

// liveSink passes results on, and does what a capture needs at each tick.
type liveSink struct {
	*watcher
	src     *capture.Live
	streams *streams
	clock   func() statemachine.Time
	more    []analyzer.Sink // besides the one that prints
	onTick  []func(now statemachine.Time) error
	onClose []func(now statemachine.Time) error
	told    capture.Losses
	toldAt  statemachine.Time
	quiet   bool // nothing goes to standard error meanwhile: it is the screen
}

// Packet passes a packet on.
func (s *liveSink) Packet(o *analyzer.Observation) error {
	for _, m := range s.more {
		if err := m.Packet(o); err != nil {
			return err
		}
	}
	return s.watcher.Packet(o)
}

// Connection passes a record on.
func (s *liveSink) Connection(c *analyzer.Connection) error {
	for _, m := range s.more {
		if err := m.Connection(c); err != nil {
			return err
		}
	}
	return s.watcher.Connection(c)
}

// Capture passes the capture's record on.
func (s *liveSink) Capture(c *analyzer.Capture) error {
	for _, m := range s.more {
		if err := m.Capture(c); err != nil {
			return err
		}
	}
	return s.watcher.Capture(c)
}

// lossesEvery is how often growing losses are told at most.
const lossesEvery = statemachine.Time(time.Second)

// Tick writes out what was gathered, and tells of new losses.
func (s *liveSink) Tick(now statemachine.Time) error {
	if t, ok := s.watcher.Sink.(analyzer.Ticker); ok {
		if err := t.Tick(now); err != nil {
			return err
		}
	}
	for _, f := range s.onTick {
		if err := f(now); err != nil {
			return err
		}
	}
	if n := s.src.Losses(); n != s.told && now-s.toldAt >= lossesEvery && !s.quiet {
		s.streams.say(fmt.Sprintf("dropped %s so far: %d by the kernel, %d by the interface",
			countPackets(n.Total()), n.Kernel, n.Interface))
		s.told, s.toldAt = n, now
	}
	return nil
}

// close ends what the sinks hold open.
func (s *liveSink) close() error {
	var err error
	for _, f := range s.onClose {
		err = errors.Join(err, f(s.clock()))
	}
	return err
}

// tell prints the counts at the end, as tcpdump does.
func (s *liveSink) tell() {
	n := s.src.Losses()
	s.streams.say(fmt.Sprintf("captured %s; dropped %d by the kernel, %d by the interface",
		countPackets(s.src.Packets()), n.Kernel, n.Interface))
}

func countPackets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}
