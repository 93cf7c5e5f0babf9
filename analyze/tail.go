package analyze

import (
	"math/bits"

	"timesink/analyze/breakdown"
)

// Which requests are the slowest is known only when all have been seen. So requests are
// summed in steps of their wall time, and the tail is the steps beyond a percentile.

const (
	// tailSteps is the number of steps for each power of two of the wall time.
	tailSteps = 8
	// tailSlots is the number of stretches of the window that requests are counted by, at
	// first of 1<<tailSlot ns each.
	tailSlots = 64
	tailSlot  = 26
	// mostTailParts is how many parts a step keeps.
	mostTailParts = 48
	// tailSure is the number of requests from which their mean tells which are slow.
	tailSure = 512
	// mostRequestParts is how many parts of one request are told apart.
	mostRequestParts = 16
)

// The sizes of what a tail keeps, in bytes, with the overhead of maps.
const (
	tailStepSize = 480
	tailPartSize = 96
)

// tails sums the requests of an endpoint by their wall time.
type tails struct {
	steps stepTable
	slot  uint // log2 of the length of a stretch, in ns
	// capture is that of the requests. Clocks of several captures do not compare: mixed is
	// set if there are several.
	capture int
	mixed   bool
}

// A stepTable finds the sums of a step: those for each power of two of the wall time are
// next to each other. It is read for every request, which a map would make slower by a
// tenth.
type stepTable [64]*[tailSteps]*tailStep

func (t *stepTable) at(step int) *tailStep {
	if row := t[step/tailSteps]; row != nil {
		return row[step%tailSteps]
	}
	return nil
}

func (t *stepTable) set(step int, s *tailStep) {
	row := &t[step/tailSteps]
	if *row == nil {
		*row = new([tailSteps]*tailStep)
	}
	(*row)[step%tailSteps] = s
}

// each calls f with each step that has sums, the shortest first.
func (t *stepTable) each(f func(step int, s *tailStep)) {
	for i, row := range t {
		if row == nil {
			continue
		}
		for j, s := range row {
			if s != nil {
				f(i*tailSteps+j, s)
			}
		}
	}
}

// A tailStep sums the requests of about the same wall time.
type tailStep struct {
	requests, wall int64
	spent          [breakdown.NumBuckets]int64
	parts          []tailTime        // those that are a notable part of a request, each once
	began          [tailSlots]uint32 // requests, by when they began
}

// A tailPart is what a request spends time on: a cause in a bucket or, if held is set, the
// place where a holder released it, and what the holder was busy with.
type tailPart struct {
	bucket, doing breakdown.Bucket
	held          bool
	cause         *breakdown.Cause
}

// A tailTime is a part with its time in one request.
type tailTime struct {
	tailPart
	time int64
}

// stepOf returns the step of a wall time: steps are up to an eighth wide.
func stepOf(ns int64) int {
	if ns < tailSteps {
		return int(max(ns, 0))
	}
	shift := bits.Len64(uint64(ns)) - 4 // 8 ≤ ns>>shift < 16
	return (shift+1)*tailSteps + int(ns>>shift) - tailSteps
}

// stepFrom returns the least wall time of a step.
func stepFrom(step int) int64 {
	if step < 2*tailSteps {
		return int64(step)
	}
	return int64(step%tailSteps+tailSteps) << (step/tailSteps - 1)
}

// addToTails adds a complete request with its time in each bucket.
func (e *endpoint) addToTails(r *breakdown.Request, spent *[breakdown.NumBuckets]int64) {
	step := e.tailStep(stepOf(r.Wall()))
	if step == nil {
		return
	}
	step.requests++
	step.wall += r.Wall()
	for b, t := range spent {
		step.spent[b] += t
	}
	t := e.tails
	t.mixed = t.mixed || t.capture != e.capture
	at := max(r.Start-e.origin(r.Start), 0)
	for at>>t.slot >= tailSlots {
		t.coarsen()
	}
	step.began[at>>t.slot]++
	// The tail is slower than the mean wherever it matters, once there is a mean.
	if e.requests <= tailSure || r.Wall() >= e.wallTotal/e.requests {
		e.addTailParts(step, r)
	}
}

// tailStep returns the sums for a step. It returns nil if there is no room for them: then
// the endpoint has no tail.
func (e *endpoint) tailStep(step int) *tailStep {
	if e.tailless {
		return nil
	}
	if e.tails == nil {
		e.tails = &tails{slot: tailSlot, capture: e.capture}
	}
	s := e.tails.steps.at(step)
	if s == nil {
		if e.room < tailStepSize {
			e.tails, e.tailless = nil, true
			return nil
		}
		e.room -= tailStepSize
		s = &tailStep{}
		e.tails.steps.set(step, s)
	}
	return s
}

// partsOf returns what a request spent its time on, until the next call.
func (e *endpoint) partsOf(r *breakdown.Request) []tailTime {
	list := e.parts[:0]
	last := 0
	add := func(p tailPart, ns int64) {
		if last < len(list) && list[last].tailPart == p {
			list[last].time += ns
			return
		}
		for i := range list {
			if list[i].tailPart == p {
				list[i].time += ns
				last = i
				return
			}
		}
		if len(list) < mostRequestParts {
			last = len(list)
			list = append(list, tailTime{p, ns})
		}
	}
	path := r.Path
	for i := range path {
		s := &path[i]
		add(tailPart{bucket: s.Bucket, cause: s.Cause}, s.End-s.Start)
		for _, h := range s.Behind {
			add(tailPart{s.Bucket, h.Bucket, true, h.Release}, h.Time)
		}
	}
	e.parts = list
	return list
}

// addTailParts adds what a request spent its time on.
func (e *endpoint) addTailParts(step *tailStep, r *breakdown.Request) {
	near := 0
	for _, p := range e.partsOf(r) {
		if 32*p.time < r.Wall() {
			continue
		}
		i := step.part(p.tailPart, near)
		if i < 0 {
			if len(step.parts) >= mostTailParts || e.room < tailPartSize {
				continue
			}
			e.room -= tailPartSize
			i = len(step.parts)
			step.parts = append(step.parts, tailTime{tailPart: p.tailPart})
		}
		step.parts[i].time += p.time
		near = i + 1
	}
}

// part returns the index of a part, -1 if there is none. It looks from near on first: the
// parts of most requests come in the same order.
func (s *tailStep) part(p tailPart, near int) int {
	for i := near; i < len(s.parts); i++ {
		if s.parts[i].tailPart == p {
			return i
		}
	}
	for i := range s.parts[:near] {
		if s.parts[i].tailPart == p {
			return i
		}
	}
	return -1
}

// coarsen doubles the length of the stretches.
func (t *tails) coarsen() {
	t.slot++
	t.steps.each(func(_ int, s *tailStep) {
		for i := range tailSlots / 2 {
			s.began[i] = s.began[2*i] + s.began[2*i+1]
		}
		clear(s.began[tailSlots/2:])
	})
}

// merge adds the sums of o, which must not be used afterwards, and returns the sum. t may
// be nil.
func (t *tails) merge(o *tails) *tails {
	if t == nil {
		return o
	}
	t.mixed = t.mixed || o.mixed || t.capture != o.capture
	for t.slot < o.slot {
		t.coarsen()
	}
	for o.slot < t.slot {
		o.coarsen()
	}
	o.steps.each(func(i int, from *tailStep) {
		to := t.steps.at(i)
		if to == nil {
			t.steps.set(i, from)
			return
		}
		to.requests += from.requests
		to.wall += from.wall
		for b := range to.spent {
			to.spent[b] += from.spent[b]
		}
		for i, n := range from.began {
			to.began[i] += n
		}
		if to.parts == nil {
			to.parts = from.parts
			return
		}
		for _, p := range from.parts {
			i := to.part(p.tailPart, 0)
			if i < 0 {
				i = len(to.parts)
				to.parts = append(to.parts, tailTime{tailPart: p.tailPart})
			}
			to.parts[i].time += p.time
		}
	})
	return t
}
