package analyzer

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whatever the paces of the workers, each round is what all of them said as the same,
// and rounds are taken one after the other in their order. Workers go on behind the
// last one.
func TestRounds(t *testing.T) {
	const rounds = 300
	for workers := 1; workers <= 4; workers++ {
		taken, busy := 0, atomic.Bool{}
		r := newRounds(workers, func(round []*saying) error {
			if busy.Swap(true) {
				t.Error("two rounds at a time")
			}
			for i, s := range round {
				if s.worker != i || s.seq() != taken {
					t.Errorf("round %d: worker %d said %d in the place of %d", taken, s.worker, s.seq(), i)
				}
			}
			taken++
			busy.Store(false)
			return nil
		})
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				pace := rand.New(rand.NewPCG(uint64(w), 3))
				s := &saying{worker: w}
				for k := range rounds {
					if pace.IntN(30) == 0 {
						time.Sleep(time.Duration(pace.IntN(300)) * time.Microsecond)
					}
					s.items = append(s.items, byte(k), byte(k>>8))
					s.last = k == rounds-1
					if s = r.hand(s); s == nil {
						t.Errorf("worker %d was made to leave after %d", w, k)
						return
					}
				}
			})
		}
		all.Wait()
		if <-r.ended; r.err != nil || taken != rounds {
			t.Errorf("%d workers: %d rounds, want %d; %v", workers, taken, rounds, r.err)
		}
	}
}

// seq is what TestRounds has put into a saying.
func (s *saying) seq() int { return int(s.items[0]) | int(s.items[1])<<8 }

// Rounds end where one of the workers has left, where one could not be taken, and where
// they are stopped; all workers leave then.
func TestRoundsEndEarly(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name  string
		take  error
		leave bool // worker 1 leaves before round 20
		stop  bool
		want  error
	}{
		{name: "a worker left", leave: true, want: broken},
		{name: "a round was not taken", take: broken, want: broken},
		{name: "stopped", stop: true, want: errLeft},
	} {
		t.Run(c.name, func(t *testing.T) {
			taken := 0
			var r *rounds
			r = newRounds(3, func([]*saying) error {
				if taken++; taken < 20 {
					return nil
				}
				if c.stop {
					go r.stop()
				}
				return c.take
			})
			var all sync.WaitGroup
			for w := range 3 {
				all.Go(func() {
					s := &saying{worker: w}
					for k := 0; s != nil; k++ {
						if c.leave && w == 1 && k == 20 {
							r.leave(w, broken)
							return
						}
						s = r.hand(s)
					}
				})
			}
			all.Wait()
			if <-r.ended; !errors.Is(r.err, c.want) || taken < 20 || taken > 20 && !c.stop {
				t.Errorf("%d rounds, %v", taken, r.err)
			}
		})
	}
}
