package replay

import (
	"math"
	"slices"
)

// A clock shows how far the calls at one place have come that wait for another system. It
// goes as slowly as that answers with so many calls in flight.
type clock struct {
	pace    *pace
	shows   float64 // ns that a call with the mean number in flight would have taken
	since   int64   // when it did
	waiting agenda  // tasks, by what the clock shows when they have their answer
	next    int64   // when it rings for the first of them
	ringer  *task
}

// setClocks makes a clock for each pace that depends on the calls in flight all the time.
func (s *simulation) setClocks() {
	if len(s.awaits) == 0 {
		return
	}
	s.clocks, s.clocksOf = make([]clock, len(s.paces)), make([][]*clock, len(s.resources))
	for i := range s.paces {
		p := &s.paces[i]
		if p.relative == nil || p.inTurn {
			continue
		}
		c := &s.clocks[i]
		*c = clock{pace: p, ringer: &task{clock: c}}
		s.clocksOf[p.peer] = append(s.clocksOf[p.peer], c)
	}
}

// slower returns the world in which other systems slow down as much with more calls in
// flight as the recording allows for.
func (w *world) slower() *world {
	n := *w
	n.steeper, n.paces = 1, slices.Clone(w.paces)
	for i := range n.paces {
		n.paces[i].relative = n.paces[i].steeper
	}
	return &n
}

// await makes a task wait for the other side of a call. It reports false if the wait does
// not depend on the calls in flight.
func (s *simulation) await(t *task, p *step) bool {
	a := &s.awaits[p.arg-1]
	if a.pace < 0 || p.time == 0 {
		return false
	}
	t.since = s.now
	if q := &s.paces[a.pace]; q.inTurn {
		time := int64(float64(p.time) * q.of(s.held[q.peer].used) / float64(a.relative[s.steeper]))
		s.spend(t, s.whats[p.what].bucket, s.now, s.now+time)
		s.at(s.now+time, t)
		return true
	}
	c := &s.clocks[a.pace]
	c.advance(s.now, s.held[c.pace.peer].used)
	t.since = s.now
	s.seq++
	c.waiting.add(due{int64(math.Round(c.shows + float64(p.time)/float64(a.relative[s.steeper]))), s.seq, t})
	s.expect(c)
	return true
}

// advance lets a clock go on to a moment, until which n calls were in flight.
func (c *clock) advance(now int64, n int) {
	c.shows += float64(now-c.since) / c.pace.of(n)
	c.since = now
}

// expect lets a clock ring when it shows that the first task has its answer. It has just been
// advanced.
func (s *simulation) expect(c *clock) {
	if len(c.waiting) == 0 {
		return
	}
	left := math.Ceil((float64(c.waiting[0].at) - c.shows) * c.pace.of(s.held[c.pace.peer].used))
	if at := s.now + int64(max(0, left)); at != c.next {
		c.next = at
		s.at(at, c.ringer)
	}
}

// ring lets those tasks go on that have their answer, unless the clock is to ring at another
// moment by now.
func (s *simulation) ring(c *clock) {
	if s.now != c.next {
		return
	}
	c.advance(s.now, s.held[c.pace.peer].used)
	for len(c.waiting) > 0 && float64(c.waiting[0].at) < c.shows+1 {
		t := c.waiting.next().task
		s.spend(t, s.whats[t.steps[t.next-1].what].bucket, t.since, s.now)
		s.at(s.now, t)
	}
	c.next = 0
	s.expect(c)
}
