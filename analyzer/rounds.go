package analyzer

import "sync"

// rounds is where the workers leave what they say, and where it is taken: a round is
// what all of them say of the same packets. There is no goroutine for it, since one
// that is woken for each round has processors wait for one another: a round is taken by
// the worker that is ahead of the others, or else by the one that completes it.
type rounds struct {
	mu      sync.Mutex
	moved   sync.Cond     // a round was taken, or the rounds have ended
	said    [][]*saying   // by worker, not taken yet
	left    []error       // by worker: why it left early
	waiting int           // workers that are too far ahead
	taking  bool          // somebody takes a round
	err     error         // why the rounds ended early
	over    bool          // they have ended
	ended   chan struct{} // closed when they have
	free    []*saying
	take    func(round []*saying) error
	round   []*saying // scratch of who takes one
}

func newRounds(workers int, take func(round []*saying) error) *rounds {
	r := &rounds{
		said: make([][]*saying, workers), left: make([]error, workers), ended: make(chan struct{}),
		take: take, round: make([]*saying, workers),
	}
	r.moved.L = &r.mu
	return r
}

// hand leaves what a worker says, and returns an empty saying; nil when the worker is
// to leave.
func (r *rounds) hand(s *saying) *saying {
	r.mu.Lock()
	defer r.mu.Unlock()
	me := s.worker
	r.said[me] = append(r.said[me], s)
	r.takeAll(me)
	for len(r.said[me]) > sayingsAhead && !r.over {
		r.waiting++
		r.moved.Wait()
		r.waiting--
		r.takeAll(me)
	}
	if r.err != nil {
		return nil
	}
	return r.spare(me)
}

// spare is empty with the lock held.
func (r *rounds) spare(worker int) *saying {
	n := len(r.free)
	if n == 0 {
		return &saying{worker: worker}
	}
	s := r.free[n-1]
	r.free = r.free[:n-1]
	s.reset()
	s.worker = worker
	return s
}

// takeAll takes the rounds that a worker finds complete and that are its own to take.
func (r *rounds) takeAll(me int) {
	for !r.taking && !r.over && r.isMine(me) {
		last := false
		for i, said := range r.said {
			r.round[i], last = said[0], said[0].last
			r.said[i] = append(said[:0], said[1:]...)
		}
		r.taking = true
		r.mu.Unlock()
		err := r.take(r.round)
		r.mu.Lock()
		r.taking = false
		r.free = append(r.free, r.round...)
		if last || err != nil {
			r.end(err)
		}
		r.lack()
		r.moved.Broadcast()
	}
}

// isMine reports that a round is complete, and that nobody but a worker is to take
// it.
func (r *rounds) isMine(me int) bool {
	ahead := false
	for i, said := range r.said {
		if len(said) == 0 {
			return false
		}
		ahead = ahead || i != me && len(said) > len(r.said[me])
	}
	return !ahead || r.waiting > 0 || len(r.said[me]) > sayingsAhead/2 || r.said[me][len(r.said[me])-1].last
}

// leave notes that a worker has left early.
func (r *rounds) leave(worker int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left[worker] = err; !r.taking {
		r.lack()
	}
}

// lack ends the rounds where a worker that has left lacks in the next one.
func (r *rounds) lack() {
	for i, err := range r.left {
		if err != nil && len(r.said[i]) == 0 {
			r.end(err)
			return
		}
	}
}

// end ends the rounds. It does nothing where they have ended.
func (r *rounds) end(err error) {
	if r.over {
		return
	}
	r.err, r.over = err, true
	r.moved.Broadcast()
	close(r.ended)
}

// stop makes the workers leave.
func (r *rounds) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(errLeft)
}

// empty returns an empty saying of a worker.
func (r *rounds) empty(worker int) *saying {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spare(worker)
}

// giveBack takes a saying that is done with.
func (r *rounds) giveBack(s *saying) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, s)
}
