package report

import (
	"time"

	"github.com/tcpstate/tcpstate/statemachine"
)

// stamp is a time in tcpdump's resolution; what is finer is cut off.
type stamp struct {
	sec   int64
	micro int32
}

func stampOf(at statemachine.Time) stamp {
	s := stamp{int64(at) / 1e9, int32(int64(at) % 1e9 / 1000)}
	if int64(at)%1e9 < 0 {
		s = stamp{s.sec - 1, int32((int64(at)%1e9 + 1e9) / 1000)}
	}
	return s
}

func (s stamp) before(o stamp) bool {
	return s.sec < o.sec || s.sec == o.sec && s.micro < o.micro
}

func (s stamp) sub(o stamp) stamp {
	d := stamp{s.sec - o.sec, s.micro - o.micro}
	if d.micro < 0 {
		d = stamp{d.sec - 1, d.micro + 1e6}
	}
	return d
}

// time writes the first field of the line and the blank behind it.
func (t *TcpdumpPrinter) time(at statemachine.Time) {
	if t.opt.Time == TimeNone {
		return
	}
	s := stampOf(at)
	switch t.opt.Time {
	case TimeEpoch:
		t.epoch(s)
	case TimeSinceLast, TimeSinceFirst:
		d, negative := t.elapsed(s)
		if negative {
			t.str("-")
		} else {
			t.str(" ")
		}
		t.clock(d.sec)
		t.fraction(d.micro)
	case TimeDate:
		local := s.sec + t.zone.offset(s.sec)
		t.b = time.Unix(local, 0).UTC().AppendFormat(t.b, "2006-01-02 ")
		t.clock(local)
		t.fraction(s.micro)
	default:
		t.clock(s.sec + t.zone.offset(s.sec))
		t.fraction(s.micro)
	}
	t.str(" ")
}

func (t *TcpdumpPrinter) epoch(s stamp) {
	t.b = appendPadded(t.b, uint64(s.sec), 1)
	t.fraction(s.micro)
}

// elapsed gives the time since the reference, which is never negative, and
// whether it lies before the reference, and moves the reference where -ttt asks
// for it. Like tcpdump it takes the time 0 for "no reference yet".
func (t *TcpdumpPrinter) elapsed(s stamp) (d stamp, negative bool) {
	if t.ref == (stamp{}) {
		t.ref = s
	}
	if negative = s.before(t.ref); negative {
		d = t.ref.sub(s)
	} else {
		d = s.sub(t.ref)
	}
	if t.opt.Time == TimeSinceLast {
		t.ref = s
	}
	return d, negative
}

// clock writes the time of day of a count of seconds. Whole days are dropped,
// as tcpdump drops them, from times since the first line too.
func (t *TcpdumpPrinter) clock(sec int64) {
	sec %= 86400
	if sec < 0 {
		sec += 86400
	}
	h, m, s := byte(sec/3600), byte(sec/60%60), byte(sec%60)
	t.b = append(t.b, '0'+h/10, '0'+h%10, ':', '0'+m/10, '0'+m%10, ':', '0'+s/10, '0'+s%10)
}

func (t *TcpdumpPrinter) fraction(micro int32) {
	a, b, c := byte(micro/10000), byte(micro/100%100), byte(micro%100)
	t.b = append(t.b, '.', '0'+a/10, '0'+a%10, '0'+b/10, '0'+b%10, '0'+c/10, '0'+c%10)
}

// zoneCache remembers the offset of the last quarter of an hour: finding it anew
// for each line would cost more than the rest of the time field.
type zoneCache struct {
	loc   *time.Location
	at    int64 // the quarter, sec / 900
	value int64 // seconds east of UTC
	valid bool
}

// offset gives the seconds east of UTC at sec. Zones change at quarters of an
// hour at the finest, so the cache holds a quarter.
func (z *zoneCache) offset(sec int64) int64 {
	if quarter := sec / 900; !z.valid || quarter != z.at {
		_, off := time.Unix(sec, 0).In(z.loc).Zone()
		z.at, z.value, z.valid = quarter, int64(off), true
	}
	return z.value
}
