package analyzer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// Wants tells what a run's sink is given besides the capture's record. What
// nobody wants costs nothing.
type Wants uint8

// What can be wanted.
const (
	WantPackets     Wants = 1 << iota // every TCP packet, with its reading
	WantNotes                         // steps and findings
	WantConnections                   // connection records
	// WantBare asks for every TCP packet and nothing that is known of it, so
	// that nothing needs to be observed. With anything else, or with a choice
	// of connections, it is WantPackets.
	WantBare
)

// Options are a run's choices; the zero value is made useful by the defaults
// that each field names.
type Options struct {
	Wants Wants
	// OnePass gives each packet to the sink at once, with provisional notes
	// that later ones confirm or withdraw. It is for input that cannot be
	// read twice. Otherwise every note is final and stands under its packet.
	OnePass bool
	// AnyOrder allows connection records to be given when the connections
	// end, instead of ordered by number after the last packet. A run in two
	// passes that wants packets keeps the order all the same.
	AnyOrder bool
	// Machine sets the timers of the endpoints; Linux when zero.
	Machine statemachine.Config
	// Choose picks the connections that the sink is given, with their packets
	// and notes; all when nil. It is asked once for each connection, when its
	// record is complete; an error ends the run. In one pass packets and notes
	// come before that is known, so there it picks among the records only.
	Choose func(*Connection) (bool, error)
	// Sift, with AnyOrder and without Choose, holds back the records that the
	// sink need not be given, in runs of two passes that want neither packets
	// nor notes; elsewhere it is not asked.
	Sift Sifter
	// Prepare, which may be nil, prepares what the sink writes of connections, where
	// these are given behind the last packet; elsewhere it is not asked.
	Prepare Preparer
	// MaxConnections bounds the live connections; no bound when 0.
	MaxConnections int
	// MaxMemory bounds the memory of live connections, in octets; no bound
	// when 0. Beyond it, as beyond MaxConnections, the longest idle are
	// written out early. The spools have their own bound.
	MaxMemory int64
	// Idle is how long a connection that is not closing may be silent before
	// it is written out; for ever when 0. What comes later counts as a new one.
	Idle time.Duration
	// Workers is how many goroutines read in the first of two passes, each to
	// follow its share of the connections, where the source is a SplitSource; as
	// many as there are processors when 0. The results do not depend on it.
	Workers int
	// SpoolLimit bounds each of the at most three spools of a run in memory,
	// in octets; beyond it they use temporary files. 64 MiB when 0.
	SpoolLimit int
	// TempDir is where temporary files go; the system's own place when empty.
	TempDir string

	openings openings // tests: which connections are kept as their opening alone
}

func (o Options) wants(w Wants) bool { return o.Wants&w != 0 }

// withDefaults returns o with each zero field at its default.
func (o Options) withDefaults() Options {
	if o.Machine == (statemachine.Config{}) {
		o.Machine = statemachine.Linux()
	}
	if o.SpoolLimit == 0 {
		o.SpoolLimit = 64 << 20
	}
	if o.wants(WantBare) && (o.Wants != WantBare || o.Choose != nil) {
		o.Wants = o.Wants&^WantBare | WantPackets
	}
	o.OnePass = o.OnePass || o.Wants == WantBare
	return o
}

// Run reads the source that open returns and gives the results to sink. In two
// passes with WantPackets it opens the source a second time, and it must then
// yield the same packets.
//
// An input that breaks off does not keep the sink from getting all that was
// read. Run then returns the source's error, and the capture's record has it
// too. When ctx ends, a one-pass run ends as if the input had ended, and
// returns nil; a run in two passes stops and returns the cause.
func Run(ctx context.Context, opt Options, open func() (Source, error), sink Sink) error {
	opt = opt.withDefaults()
	if opt.OnePass {
		return runOnePass(ctx, &opt, open, sink)
	}
	return runTwoPass(ctx, &opt, open, sink)
}

// ctxEvery is how many packets go by between two looks at the context.
const ctxEvery = 1024

// reader reads a source to its end and keeps the capture's record.
type reader struct {
	src     Source
	capture Capture
	broken  error   // what ended the input early
	into    *Packet // where the next packet goes
	asked   uint64  // times that the source was asked
	// tick is called, by a one-pass run, when a live source has no packet.
	tick func(now statemachine.Time) error
}

// each calls fn for every packet. It returns the error of fn or of ctx; an
// error of the source is kept in broken.
func (r *reader) each(ctx context.Context, fn func(*Packet) error) error {
	r.into = new(Packet)
	for {
		p, err := r.next(ctx)
		if p == nil {
			return err
		}
		r.count(p)
		if err := fn(p); err != nil {
			return err
		}
	}
}

// next returns the next packet, in the place that into names. It is nil at the
// end of the input, and with the error of ctx.
func (r *reader) next(ctx context.Context) (*Packet, error) {
	for {
		if r.asked%ctxEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r.asked++
		err := r.src.Next(r.into)
		if err == nil {
			return r.into, nil
		}
		if !errors.Is(err, ErrTick) {
			if !errors.Is(err, io.EOF) {
				r.broken = err
			}
			return nil, nil
		}
		if err := r.ticked(r.into.Time); err != nil {
			return nil, err
		}
	}
}

// ticked passes a tick on to who wants it.
func (r *reader) ticked(now statemachine.Time) error {
	if r.tick == nil {
		return nil
	}
	return r.tick(now)
}

func (r *reader) count(p *Packet) {
	c := &r.capture
	at := p.at()
	if c.Packets++; c.Packets == 1 {
		c.First = at
	}
	c.Last = at
	c.link(p.Link)
	if p.Comment != nil {
		c.Commented++
	}
	if p.Skip != NotSkipped {
		c.Skipped[p.Skip]++
		return
	}
	c.TCP++
}

// countRun is count for n packets of one link type that all have a segment.
func (r *reader) countRun(link LinkType, n int, first, last statemachine.Moment) {
	c := &r.capture
	if c.Packets == 0 {
		c.First = first
	}
	c.Packets, c.TCP, c.Last = c.Packets+uint64(n), c.TCP+uint64(n), last
	c.link(link)
}

// link notes a link type.
func (c *Capture) link(l LinkType) {
	if n := len(c.LinkTypes); n == 0 || c.LinkTypes[n-1] != l && !slices.Contains(c.LinkTypes, l) {
		c.LinkTypes = append(c.LinkTypes, l)
	}
}

// close completes the capture's record and closes the source.
func (r *reader) close() {
	if d, ok := r.src.(StatsSource); ok {
		st := d.Stats()
		r.capture.Files, r.capture.LinkTypes = st.Files, st.LinkTypes
		r.capture.Drops, r.capture.Errors, r.capture.Fragments = st.Drops, st.Errors, st.Fragments
		r.capture.Comments, r.capture.Aggregated = st.Comments, st.Aggregated
	}
	if r.broken != nil && !slices.Contains(r.capture.Errors, r.broken.Error()) {
		r.capture.Errors = append(r.capture.Errors, r.broken.Error())
	}
	r.src.Close() // opened for reading only: nothing can be lost
}

func runOnePass(ctx context.Context, opt *Options, open func() (Source, error), sink Sink) error {
	src, err := open()
	if err != nil {
		return err
	}
	r := &reader{src: src}
	buffer := &noteBuffer{}
	var notes noteTaker
	if opt.wants(WantNotes) {
		notes = buffer
	}
	taker, records, failed := opt.outlets(sink)
	if records != nil {
		defer records.close()
	}
	t := newTracker(opt, notes, taker)
	all := &crowd{}
	if notes != nil {
		all.say = notes.take
	}
	t.crowd = all
	var o Observation
	if live, ok := src.(LiveSource); ok {
		t.live = true
		r.tick = func(now statemachine.Time) error {
			t.pass(now)
			t.lose(live.Lost())
			if err := giveNotes(&o, buffer.flush(), sink); err != nil {
				return err
			}
			if err := failed(); err != nil {
				return err
			}
			if s, ok := sink.(Ticker); ok {
				return s.Tick(now)
			}
			return nil
		}
	}
	err = r.each(ctx, func(p *Packet) error {
		t.drops = max(t.drops, p.Drops)
		o = Observation{}
		switch {
		case p.Skip == NotSkipped && !opt.wants(WantBare):
			f, side := t.observe(p)
			o = Observation{Conn: f.id, Side: side, Reading: t.reading, Notes: buffer.flush()}
		case p.ICMP.Quotes:
			t.icmp(t.itemOf(p))
			o.Notes = buffer.flush()
		default:
			if e, ok := strayOf(p); ok {
				all.stray(&e)
			}
			o.Notes = buffer.flush()
		}
		if opt.wants(WantPackets|WantBare) && p.HasTCP {
			o.Packet = p
			if err := sink.Packet(&o); err != nil {
				return err
			}
		} else if err := giveNotes(&o, o.Notes, sink); err != nil {
			return err
		}
		return failed()
	})
	if err != nil && ctx.Err() == nil {
		r.close()
		return err
	}
	r.close()
	err = t.endAll(func() error {
		if err := giveNotes(&o, buffer.flush(), sink); err != nil {
			return err
		}
		return failed()
	})
	if err != nil {
		return err
	}
	all.end()
	if err := giveNotes(&o, buffer.flush(), sink); err != nil {
		return err
	}
	r.capture.Findings = all.found()
	return conclude(r, t.ids, t.evicted, records, sink, opt.wants)
}

// giveNotes gives the sink notes without a packet.
func giveNotes(o *Observation, notes []Note, sink Sink) error {
	if len(notes) == 0 {
		return nil
	}
	*o = Observation{Notes: notes}
	return sink.Packet(o)
}

func runTwoPass(ctx context.Context, opt *Options, open func() (Source, error), sink Sink) error {
	src, err := open()
	if err != nil {
		return err
	}
	var notes *spool
	if opt.wants(WantNotes) {
		notes = newSpool(opt.SpoolLimit, opt.TempDir)
		defer notes.close()
	}
	records := opt.spools()
	defer records.close()
	c := newCollector(ctx, opt, src, sink, notes, records)
	err = c.run()
	c.close()
	if err != nil {
		return err
	}
	r := &c.workers[0].reader
	if records != nil {
		records.drops = r.capture.Drops
	}
	if err := records.choose(); err != nil {
		return err
	}
	if err := second(ctx, opt, open, sink, r.capture.Packets, notes, records); err != nil {
		return err
	}
	r.capture.Findings = c.crowd.found()
	c.sifted(opt.Sift)
	return conclude(r, c.ids, c.evicted(), records, sink, opt.wants)
}

// second delivers packets and notes after the first pass, those of the chosen
// connections.
func second(ctx context.Context, opt *Options, open func() (Source, error), sink Sink, packets uint64, spooled *spool, records *recordSpool) error {
	notes := &noteCursor{cursor: spooled.cursor(), only: records.picked()}
	if opt.wants(WantPackets) {
		if err := replayAll(ctx, open, sink, packets, notes, records.starts.cursor()); err != nil {
			return err
		}
	}
	var o Observation
	for n, ok := notes.next(); ok; n, ok = notes.next() {
		if err := giveNotes(&o, n, sink); err != nil {
			return err
		}
	}
	return notes.err
}

// giveChosen gives the sink a packet of a chosen connection. Under a packet of
// another there may be what clocks did to a chosen one.
func giveChosen(o *Observation, only *connSet, sink Sink) error {
	if only.has(o.Conn) {
		return sink.Packet(o)
	}
	return giveNotes(o, o.Notes, sink)
}

// errChanged says that the second pass met another input than the first.
type errChanged struct{ first, second uint64 }

func (e errChanged) Error() string {
	return fmt.Sprintf("the input changed while it was read: %d packets, then %d", e.first, e.second)
}

// errEnough stops the second pass where the first one ended, in a file that
// grew meanwhile.
var errEnough = errors.New("all packets of the first pass were read")

// replayAll reads the input again and gives the sink each TCP packet with its
// notes.
func replayAll(ctx context.Context, open func() (Source, error), sink Sink, packets uint64, notes *noteCursor, starts *cursor) error {
	if packets == 0 {
		return nil
	}
	src, err := open()
	if err != nil {
		return err
	}
	r := &reader{src: src}
	defer r.close()
	v := newReplay(starts)
	inner, stop := context.WithCancel(ctx)
	defer stop()
	a := startAhead(func(a *ahead) error {
		var o Observation
		return r.each(inner, func(p *Packet) error {
			if p.HasTCP {
				o = Observation{Packet: p}
				if p.Skip == NotSkipped {
					o.Conn, o.Side, o.Reading = v.observe(p)
				}
				o.Notes = notes.upTo(p.Number)
				if err := a.add(inner, &o); err != nil {
					return err
				}
			}
			if r.capture.Packets == packets {
				return errEnough
			}
			return nil
		})
	})
	err = a.each(stop, func(c *chunk) error { return c.give(notes.only, sink) })
	switch {
	case errors.Is(err, errEnough):
		return errors.Join(notes.err, starts.err)
	case err != nil:
		return err
	}
	return errChanged{packets, r.capture.Packets}
}
