package replay

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/interval"
)

// This file is about the pace of other systems: how long a call takes, depending on how many
// are in flight to the same system.
//
// The pace is a line for each system and call site, duration = a + b·n. For a system that
// serves calls in turn, n is the number of calls in flight when a call is asked; for one that
// shares its time among them, the mean number during the call. The one that explains more of
// the durations is taken. The number during a call may also depend on its duration, as when
// the others wait less for something else meanwhile. The number when it is asked cannot, so
// durations that depend on the former alone, and not plainly, tell no pace.
//
// Only calls of the same stretch of the window are compared with each other. If the load and
// the durations rise together because time passes, that is no slope. Where the load hardly
// varies within stretches, the pace is not told. Calls beside others of the same request to the
// same system are left out: the longest are still in flight when the others have ended, so n
// would depend on the duration.

const (
	// stretches is how many parts of the window are looked at apart, and fewestStretches how
	// many of them must differ in load for the slope's interval to mean anything.
	stretches       = 10
	fewestStretches = 5
	// fewestCalls is the least number of calls that a pace is told from.
	fewestCalls = 100
	// apart is the share of the calls that must be at lower levels, and of those that must be
	// at higher ones.
	apart = 0.2
	// surePace is by how much a call's duration may be uncertain between the lowest and the
	// highest level seen, relative to its mean, and steady the same where it seems to be the
	// same at all levels.
	surePace = 0.25
	steady   = 0.1
	// plain is the share of the variance of the durations that a line must explain for the
	// levels during the calls alone to tell a pace. Where they only follow the durations, they
	// explained 0.04 of it at most.
	plain = 0.1
)

// A pace is how long the calls at one place take, depending on how many are in flight to
// their system.
type pace struct {
	peer   int32 // index of a resource
	frame  breakdown.Frame
	calls  int
	lo, hi int     // the levels seen; beyond them the pace stays as it is there
	level  float64 // the mean number in flight
	mean   float64 // the mean duration, ns
	slope  float64 // ns for each further call in flight
	half   float64 // half of its 95% interval
	// explained is the share of the durations' variance that the line explains.
	explained float64
	// inTurn is set if the number in flight when a call is asked decides, and not the mean
	// number during the call.
	inTurn bool
	// relative is how long a call takes with 0, 1, 2 … in flight up to hi, relative to mean,
	// and steeper the same at the end of the slope's interval. Both are nil if the duration
	// does not depend on that beyond doubt.
	relative, steeper []float64
}

// table returns how long a call takes with so many in flight, for a slope. However steep that
// is, with fewer in flight a call becomes at most twice as fast as if the system shared its
// time among all of them.
func (p *pace) table(slope float64) (relative []float64) {
	for n := range p.hi + 1 {
		at := float64(max(n, p.lo))
		relative = append(relative, max(1+slope*(at-p.level)/p.mean, at/p.level/2))
	}
	return relative
}

// of returns how long a call takes with n in flight, relative to its mean.
func (p *pace) of(n int) float64 { return p.relative[min(n, p.hi)] }

// varies reports whether any duration depends on the calls in flight.
func varies(paces []pace) bool {
	return slices.ContainsFunc(paces, func(p pace) bool { return p.relative != nil })
}

// An asking is a call during the time that it counts as in flight, as recorded.
type asking struct {
	peer     int32 // index of a resource
	site     int32
	from, to int64
	awaits   [2]int32 // its steps, indices into linker.awaits
	// tells is set if its duration tells something about the pace.
	tells bool
}

// An await is a step that waits for the other side, as recorded.
type await struct {
	from, to int64
	pace     int32 // index, -1 if none
	// relative is the mean of pace.relative during the step, and that of pace.steeper; of
	// calls served in turn, what they are when it begins.
	relative [2]float32
}

// telling marks those calls of a request that tell something about the pace.
func telling(list []asking, r *request) {
	for i := range list {
		list[i].tells = r.whole
	}
	if len(r.threads) == 1 {
		return
	}
	slices.SortFunc(list, func(a, b asking) int {
		return cmp.Or(cmp.Compare(a.peer, b.peer), cmp.Compare(a.from, b.from), cmp.Compare(a.awaits[0], b.awaits[0]))
	})
	last := 0 // of those so far, the one that ends last
	for i := 1; i < len(list); i++ {
		a, b := &list[last], &list[i]
		if a.peer == b.peer && b.from < a.to {
			a.tells, b.tells = false, false
		}
		if a.peer != b.peer || b.to > a.to {
			last = i
		}
	}
}

// A course is how many calls were in flight to a system over time.
type course struct {
	at []int64
	n  []int32   // from at on
	by []float64 // the integral of what is asked for, until at
}

// newCourse returns the course of calls in flight.
func newCourse(list []asking) *course {
	from, to := make([]int64, len(list)), make([]int64, len(list))
	for i := range list {
		from[i], to[i] = list[i].from, list[i].to
	}
	slices.Sort(from)
	slices.Sort(to)
	c := &course{at: make([]int64, 0, 2*len(list)), n: make([]int32, 0, 2*len(list))}
	for n, i, k := int32(0), 0, 0; k < len(to); {
		at := to[k]
		if i < len(from) {
			at = min(at, from[i])
		}
		for ; i < len(from) && from[i] == at; i++ {
			n++
		}
		for ; k < len(to) && to[k] == at; k++ {
			n--
		}
		c.at, c.n = append(c.at, at), append(c.n, n)
	}
	c.by = make([]float64, len(c.at))
	return c
}

// integrate prepares the integral over time of what f gives for the calls in flight.
func (c *course) integrate(f func(n int) float64) {
	for i := 1; i < len(c.at); i++ {
		c.by[i] = c.by[i-1] + f(int(c.n[i-1]))*float64(c.at[i]-c.at[i-1])
	}
}

// between returns the integral from one moment, at which a call was asked, to another.
func (c *course) between(from, to int64, f func(n int) float64) float64 {
	until := func(t int64) float64 {
		i := c.index(t)
		return c.by[i] + f(int(c.n[i]))*float64(t-c.at[i])
	}
	return until(to) - until(from)
}

// index returns the index of what was so at a moment, at which some call was in flight.
func (c *course) index(t int64) int {
	i, ok := slices.BinarySearch(c.at, t)
	if !ok {
		i--
	}
	return i
}

// A sample is what one call tells about the pace.
type sample struct {
	at       int64   // its middle
	level    float64 // the mean number of calls in flight during it
	asked    float64 // the number when it was asked
	duration float64
}

// findPaces finds the pace of each system and call site where it can be told, and notes
// of each system whether it was seen at one level only.
func (l *linker) findPaces() (paces []pace) {
	slices.SortStableFunc(l.asked, func(a, b asking) int { return cmp.Compare(a.peer, b.peer) })
	for from := 0; from < len(l.asked); {
		to := from + 1
		for to < len(l.asked) && l.asked[to].peer == l.asked[from].peer {
			to++
		}
		if list := l.asked[from:to]; len(list) >= fewestCalls {
			paces = l.addPaces(list, paces)
		}
		from = to
	}
	if !varies(paces) {
		l.awaits = nil
	}
	return paces
}

// addPaces adds the paces of one system, given all calls to it.
func (l *linker) addPaces(list []asking, paces []pace) []pace {
	c := newCourse(list)
	count := func(n int) float64 { return float64(n) }
	c.integrate(count)
	samples := map[breakdown.Frame][]sample{}
	var order []breakdown.Frame
	var levels []float64
	for i := range list {
		a := &list[i]
		if !a.tells {
			continue
		}
		x := sample{at: (a.from + a.to) / 2}
		sum := 0.0
		for _, w := range l.awaits[a.awaits[0]:a.awaits[1]] {
			x.duration += float64(w.to - w.from)
			sum += c.between(w.from, w.to, count)
		}
		if x.duration <= 0 {
			continue
		}
		x.level, x.asked = sum/x.duration, float64(c.n[c.index(a.from)])
		levels = append(levels, x.level)
		frame := l.rec.sites[a.site].frame
		if samples[frame] == nil {
			order = append(order, frame)
		}
		samples[frame] = append(samples[frame], x)
	}
	r := &l.resources[list[0].peer]
	slices.Sort(levels)
	r.single = len(levels) >= fewestCalls && !differ(levels)
	first := len(paces)
	for _, frame := range order {
		p := paceOf(samples[frame], l.rec.length)
		if p == nil {
			continue
		}
		p.peer, p.frame = list[0].peer, frame
		paces = append(paces, *p)
	}
	for i := first; i < len(paces); i++ {
		if p := &paces[i]; p.rises() {
			p.relative, p.steeper = p.table(p.slope), p.table(p.slope+p.half)
			l.slow(c, list, int32(i), p)
		}
	}
	return paces
}

// slow notes the pace of the steps that wait for a system at one place, as recorded.
func (l *linker) slow(c *course, list []asking, index int32, p *pace) {
	for steeper, table := range [][]float64{p.relative, p.steeper} {
		progress := func(n int) float64 { return 1 / table[min(n, p.hi)] }
		c.integrate(progress)
		for i := range list {
			a := &list[i]
			if l.rec.sites[a.site].frame != p.frame {
				continue
			}
			for k := a.awaits[0]; k < a.awaits[1]; k++ {
				w := &l.awaits[k]
				if w.from == w.to {
					continue
				}
				w.pace = index
				if p.inTurn {
					w.relative[steeper] = float32(table[min(int(c.n[c.index(w.from)]), p.hi)])
				} else {
					w.relative[steeper] = float32(float64(w.to-w.from) / c.between(w.from, w.to, progress))
				}
			}
		}
	}
}

// differ reports whether a share of the calls was at lower levels than another. The levels
// are sorted.
func differ(levels []float64) bool {
	n := float64(len(levels))
	return math.Round(levels[int(apart*n)]) < math.Round(levels[int((1-apart)*n)])
}

// paceOf returns the pace of the calls at one place, nil if it cannot be told.
func paceOf(list []sample, length int64) *pace {
	if len(list) < fewestCalls {
		return nil
	}
	during, asked := func(x *sample) float64 { return x.level }, func(x *sample) float64 { return x.asked }
	p, inTurn := told(list, length, during, during), told(list, length, asked, asked)
	if p == nil || inTurn == nil {
		return nil
	}
	switch {
	case inTurn.rises() && inTurn.explained > p.explained:
		p = inTurn
		p.inTurn = true
	case p.rises() && !inTurn.rises() && p.explained < plain:
		// Either calls that last have more of others beside them, or the number in flight when
		// a call is asked says too little about the one during it.
		caused := told(list, length, during, asked)
		if caused == nil || caused.slope+caused.half > p.slope-p.half {
			return nil
		}
		p = caused
	}
	most := steady
	if p.rises() {
		most = surePace
	}
	// A system that answers faster the more it is asked is not understood.
	if p.slope < -p.half || p.half*float64(p.hi-p.lo) > most*p.mean {
		return nil
	}
	return p
}

// rises reports whether the duration depends on the calls in flight beyond doubt.
func (p *pace) rises() bool { return p.slope > p.half }

// told returns a line through the durations of calls by their levels, nil if they were not
// seen at different ones. Its slope is that of what another number explains of both: an
// instrumental variable, or the level itself.
func told(list []sample, length int64, level, by func(*sample) float64) *pace {
	levels := make([]float64, len(list))
	for i := range list {
		levels[i] = level(&list[i])
	}
	p := &pace{calls: len(list), level: mean(levels)}
	var sums [stretches]struct{ n, x, y, z, xx, xy, yy, xz, yz float64 }
	for i := range list {
		s := &sums[min(max(0, list[i].at*stretches/length), stretches-1)]
		x, y, z := levels[i]-p.level, list[i].duration, by(&list[i])-p.level
		s.n, s.x, s.y, s.z = s.n+1, s.x+x, s.y+y, s.z+z
		s.xx, s.xy, s.yy, s.xz, s.yz = s.xx+x*x, s.xy+x*y, s.yy+y*y, s.xz+x*z, s.yz+y*z
		p.mean += y / float64(len(list))
	}
	slices.Sort(levels)
	p.lo, p.hi = max(1, int(math.Round(levels[int(busy*float64(len(levels)))]))), int(math.Round(levels[int((1-busy)*float64(len(levels)))]))
	var xz, yz [stretches]float64
	sum, squares, both, xx, xy, yy := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	for i, s := range sums {
		if s.n > 0 {
			xz[i], yz[i] = s.xz-s.x*s.z/s.n, s.yz-s.y*s.z/s.n
			sum, squares, both = sum+xz[i], squares+xz[i]*xz[i], both+yz[i]
			xx, xy, yy = xx+s.xx-s.x*s.x/s.n, xy+s.xy-s.x*s.y/s.n, yy+s.yy-s.y*s.y/s.n
		}
	}
	if !differ(levels) || sum <= 0 || sum*sum < fewestStretches*squares {
		return nil
	}
	p.slope = both / sum
	p.explained = p.slope * (2*xy - p.slope*xx) / max(1, yy)
	variance := 0.0
	for i := range yz {
		r := (yz[i] - p.slope*xz[i]) / sum
		variance += r * r
	}
	n := sum * sum / squares // as many equal stretches would tell as much
	p.half = interval.Student(n-1) * math.Sqrt(variance*n/(n-1))
	return p
}
