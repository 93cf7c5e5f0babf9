package replay

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// ErrNothing is returned for a recording without complete requests.
var ErrNothing = errors.New("no request began and ended within the window")

// Options configure a prediction.
type Options struct {
	Changes []Change
	Load    Load
}

// Predict replays a recording without and with changes.
func (rec *Recording) Predict(o Options) (*breakdown.Prediction, error) {
	if !slices.ContainsFunc(rec.requests, func(r request) bool { return r.whole }) {
		return nil, ErrNothing
	}
	turn := rec.turn()
	f := rec.fitted(o, turn)
	w, before, kept := f.world, f.replay, f.kept
	var unchanged *simulation
	if f.paced != nil && len(o.Changes) > 0 {
		w, unchanged = f.paced, f.pacedReplay
	}
	then := w.changed(rec, o.Changes)
	after := then.run(turn)
	var worst, steep *simulation
	limited, more := then.limited(before, after)
	if len(more) > 0 && len(o.Changes) > 0 {
		worst = limited.run(turn)
	}
	if len(then.awaits) > 0 && len(o.Changes) > 0 {
		steep = then.slower().run(turn)
	}
	p := &breakdown.Prediction{Schema: breakdown.WhatIfSchema, Load: w.load().String(), Told: o.Load == Told, Clients: len(w.clients), Replayed: rec.length}
	p.Changes = planned(o.Changes)
	p.Endpoints = rec.endpointsPredicted(before, unchanged, after, worst, steep)
	if worst != nil {
		p.Unknown = append(p.Unknown, more...)
	}
	var paces []breakdown.Assumption
	if len(o.Changes) > 0 {
		paces = w.pacesThatMatter(before, after)
	}
	rec.caveats(p, w, kept, paces, o.Changes)
	return p, nil
}

// A fit is the world in which the replay without a change gives back what was recorded as
// well as it can, that replay, and what the waits are for that are kept as recorded. It
// depends only on the load and on the changes that set limits.
type fit struct {
	load   Load
	limits []Change
	world  *world
	replay *simulation
	kept   []resource
	// paced is the world with calls that take as long as others with as many in flight did,
	// nil if there are none, and pacedReplay its replay without a change. That differs from
	// the recording in the order of requests.
	paced       *world
	pacedReplay *simulation
}

// fitted returns the fit for a prediction. Each is made once: most changes set no limits.
func (rec *Recording) fitted(o Options, turn int64) *fit {
	limits := slices.DeleteFunc(slices.Clone(o.Changes), func(c Change) bool { return c.Kind != Pool && c.Kind != Workers })
	for _, f := range rec.fits {
		if f.load == o.Load && slices.Equal(f.limits, limits) {
			return f
		}
	}
	f := &fit{load: o.Load, limits: limits}
	rec.fit(f, turn)
	rec.fits = append(rec.fits, f)
	return f
}

// fit makes a fit. A queue that does not come out as long as it was is not understood: the
// waits for it are kept as recorded.
func (rec *Recording) fit(f *fit, turn int64) {
	keep := map[string]bool{}
	for {
		w := rec.world(f.load)
		unclear := rec.link(w, f.limits, keep)
		awaits := w.awaits
		w.awaits = nil
		w.calibrate(rec, turn)
		s := w.run(turn)
		wall, n := int64(0), int64(0)
		for i := range rec.requests {
			if r := &rec.requests[i]; r.whole {
				wall, n = wall+r.wall(), n+1
			}
		}
		worst, by := -1, 1.0
		for i := range w.resources {
			was := float64(w.resources[i].waited) / float64(n)
			most := max(off*float64(wall)/float64(n), offQueue*was)
			if d := math.Abs(float64(s.held[i].waited)/float64(max(1, len(s.outcomes)))-was) / most; d > by {
				worst, by = i, d
			}
		}
		if worst < 0 {
			f.world, f.replay, f.kept = w, s, append(f.kept, unclear...)
			if awaits != nil {
				f.pace(awaits, float64(wall)/float64(n), turn)
			}
			return
		}
		keep[w.resources[worst].key()] = true
		f.kept = append(f.kept, w.resources[worst])
	}
}

// pace lets calls take as long as the paces say, unless the mean then differs from what was
// recorded: that is not understood either.
func (f *fit) pace(awaits []await, recorded float64, turn int64) {
	w := *f.world
	w.awaits = awaits
	s := w.run(turn)
	if math.Abs(s.mean()-recorded) <= off*recorded {
		f.paced, f.pacedReplay = &w, s
		return
	}
	f.world.paces = slices.DeleteFunc(slices.Clone(w.paces), func(p pace) bool { return p.relative != nil })
}

// world returns what the requests are replayed in without a change.
func (rec *Recording) world(load Load) *world {
	w := &world{late: rec.late(), requests: rec.requests, whats: rec.whats, processors: rec.processors, length: rec.length, pace: 1, others: rec.others, offset: rec.offset, scale: 1}
	clients := rec.clients()
	if load == Told {
		load = rec.tell(clients)
	}
	if load == Closed {
		w.clients = clients
	}
	return w
}

func (w *world) load() Load {
	if w.clients != nil {
		return Closed
	}
	return Open
}

// mean returns the mean wall time of the requests that count, in ns.
func (s *simulation) mean() float64 {
	sum := int64(0)
	for i := range s.outcomes {
		sum += s.outcomes[i].end - s.outcomes[i].start
	}
	return float64(sum) / float64(max(1, len(s.outcomes)))
}

// turn returns how long goroutines beside the requests run at a time, in ns.
func (rec *Recording) turn() int64 { return rec.others.Total() / max(1, rec.others.Turns) }

// late returns how long the requests waited for a processor, each time, the shortest first.
func (rec *Recording) late() []int32 {
	var list []int32
	for i := range rec.requests {
		for _, t := range rec.requests[i].threads {
			for k := range t {
				if s := &t[k]; s.kind == runs && s.time == 0 {
					list = append(list, s.arg)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// calibrate finds how long an idle processor takes to run what is ready. The requests waited
// for longer in all than the queue explains; so it takes as long as the shortest of these
// waits, as many of them as have that mean.
func (w *world) calibrate(rec *Recording, turn int64) {
	left := int64(0)
	for i := range rec.requests {
		if r := &rec.requests[i]; r.whole {
			left += r.spent[breakdown.Scheduler]
		}
	}
	late := w.late
	w.late = nil
	s := w.run(turn)
	for i := range s.outcomes {
		left -= s.outcomes[i].spent[breakdown.Scheduler]
	}
	if s.starts == 0 {
		return
	}
	each := float64(left) / float64(s.starts)
	sum := 0.0
	for i, t := range late {
		if sum += float64(t); sum/float64(i+1) > each {
			w.late = late[:i]
			return
		}
	}
	w.late = late
}

// changed returns the world with changes.
func (w *world) changed(rec *Recording, changes []Change) *world {
	n := *w
	n.requests = rec.apply(w.requests, changes)
	n.resources = slices.Clone(w.resources)
	for _, c := range changes {
		for i := range n.resources {
			n.resources[i].change(&c)
		}
		switch c.Kind {
		case Procs:
			n.processors = c.Number
		case Rate:
			n = *n.faster(c.Factor)
		}
	}
	return &n
}

// change changes the resource, if a change is about it.
func (r *resource) change(c *Change) {
	switch {
	case r.sort == aPool && c.Kind == Pool && c.Target.isOf(r.causes), r.sort == workers && c.Kind == Workers && c.Target.isOf(r.causes):
		r.capacity = c.Number
	case r.sort == aLock && (c.Kind == NoLock || c.Kind == Scale && c.Factor == 0 && !c.Target.place()) && c.Target.isOf(r.causes):
		r.capacity = 0
	}
}

// faster returns the world with requests that arrive more often: under an open load, sooner
// one after another; under a closed one, from as many more clients.
func (w *world) faster(factor float64) *world {
	n := *w
	n.scale *= factor
	if w.clients == nil {
		n.pace *= factor
		return &n
	}
	want := max(1, int(math.Round(factor*float64(len(w.clients)))))
	n.clients = nil
	for i := range want {
		list := w.clients[i%len(w.clients)]
		// A further one sends the same requests, from another one on.
		turn := len(list) * (i / len(w.clients)) / (1 + (want-1)/len(w.clients))
		n.clients = append(n.clients, slices.Concat(list[turn:], list[:turn]))
	}
	return &n
}

func planned(changes []Change) (list []breakdown.PlannedChange) {
	for _, c := range changes {
		list = append(list, breakdown.PlannedChange{Change: c.Kind.String(), At: c.Target.Text, Factor: c.Factor, Number: c.Number})
	}
	return list
}

// A result is the outcomes of one endpoint.
type result struct {
	walls []int64 // in the order in which they began
	spent [breakdown.NumBuckets]int64
}

func (r *result) add(wall int64, spent *[breakdown.NumBuckets]int64) {
	r.walls = append(r.walls, wall)
	for b, t := range spent {
		r.spent[b] += t
	}
}

// endpointsPredicted returns each endpoint before and after, those with the most request
// time first. unchanged is the replay without a change that after is held against, nil if it
// is before.
func (rec *Recording) endpointsPredicted(before, unchanged, after, worst, steep *simulation) []breakdown.EndpointPredicted {
	n := len(rec.endpoints)
	recorded, same, base, then, least, slow := make([]result, n), make([]result, n), make([]result, n), make([]result, n), make([]result, n), make([]result, n)
	for i := range rec.requests {
		if r := &rec.requests[i]; r.whole {
			recorded[rec.endpointOf[r.name]].add(r.wall(), &r.spent)
		}
	}
	for _, x := range []struct {
		from *simulation
		to   []result
	}{{before, same}, {unchanged, base}, {after, then}, {worst, least}, {steep, slow}} {
		if x.from == nil {
			continue
		}
		list := x.from.outcomes
		slices.SortStableFunc(list, func(a, b outcome) int { return cmp.Compare(a.start, b.start) })
		for i := range list {
			o := &list[i]
			x.to[rec.endpointOf[rec.requests[o.request].name]].add(o.end-o.start, &o.spent)
		}
	}
	var list []breakdown.EndpointPredicted
	for i, e := range rec.endpoints {
		if e.Name == "" || len(recorded[i].walls) == 0 || len(same[i].walls) == 0 || len(then[i].walls) == 0 {
			continue
		}
		p := breakdown.EndpointPredicted{Name: e.Name, Route: e.Route, Kind: e.Kind}
		p.Before, p.Replayed, p.After = recorded[i].predicted(rec.length), same[i].predicted(before.lasted()), then[i].predicted(after.lasted())
		b := p.Replayed
		if unchanged != nil && len(base[i].walls) > 0 {
			b = base[i].predicted(unchanged.lasted())
		}
		if steep != nil && len(slow[i].walls) > 0 {
			widen(&p.After, &slow[i])
		}
		p.After = corrected(&p.After, &p.Before, &b)
		if worst != nil && len(least[i].walls) > 0 {
			limited := least[i].predicted(worst.lasted())
			limited = corrected(&limited, &p.Before, &b)
			p.Limited = &limited
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b breakdown.EndpointPredicted) int {
		return cmp.Or(cmp.Compare(b.Before.Requests*b.Before.Mean, a.Before.Requests*a.Before.Mean), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}

// lasted returns how long the replay took, in ns: that of a closed load ends for each client
// when it has sent all that it sent in the recording.
func (s *simulation) lasted() int64 {
	if s.clients == nil {
		return int64(float64(s.length) / s.pace)
	}
	sum := int64(0)
	for _, at := range s.through {
		sum += at
	}
	return sum / int64(len(s.through))
}

// batches is how many stretches of the window the intervals are made from, and batchT
// Student's t for them, two-sided at 95%.
const (
	batches = 10
	batchT  = 2.262
)

// predicted returns what the requests took.
func (r *result) predicted(length int64) breakdown.Predicted {
	n := int64(len(r.walls))
	p := breakdown.Predicted{Requests: n, Rate: float64(n) / (float64(length) / 1e9), Hist: &breakdown.Histogram{}}
	sorted := slices.Sorted(slices.Values(r.walls))
	sum := int64(0)
	for _, w := range sorted {
		sum += w
		p.Hist.Record(w)
	}
	p.Mean, p.P50, p.P95, p.P99 = sum/n, quantile(sorted, 0.50), quantile(sorted, 0.95), quantile(sorted, 0.99)
	for b, t := range r.spent {
		p.Buckets = append(p.Buckets, breakdown.PredictedShare{Bucket: breakdown.Bucket(b), Mean: t / n})
	}
	around := func(v int64, of func([]int64) float64) [2]int64 {
		half := r.half(of)
		return [2]int64{max(0, v-half), v + half}
	}
	p.MeanCI = around(p.Mean, func(s []int64) float64 {
		sum := int64(0)
		for _, w := range s {
			sum += w
		}
		return float64(sum) / float64(len(s))
	})
	at := func(q float64) func([]int64) float64 {
		return func(s []int64) float64 { return float64(quantile(s, q)) }
	}
	p.P50CI, p.P95CI, p.P99CI = around(p.P50, at(0.50)), around(p.P95, at(0.95)), around(p.P99, at(0.99))
	return p
}

// half returns half of the width of an interval for a statistic, from how much it differs
// between stretches of the window.
func (r *result) half(of func(sorted []int64) float64) int64 {
	if len(r.walls) < 2*batches {
		return slices.Max(r.walls) - slices.Min(r.walls)
	}
	var list []float64
	for i := range batches {
		list = append(list, of(slices.Sorted(slices.Values(r.walls[len(r.walls)*i/batches:len(r.walls)*(i+1)/batches]))))
	}
	m, squares := mean(list), 0.0
	for _, v := range list {
		squares += (v - m) * (v - m)
	}
	return int64(batchT * math.Sqrt(squares/(batches-1)/batches))
}

func quantile(sorted []int64, q float64) int64 {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// widen makes the intervals of a prediction wide enough for another outcome that is as far
// off as the pace of other systems may be.
func widen(p *breakdown.Predicted, other *result) {
	sorted := slices.Sorted(slices.Values(other.walls))
	sum := int64(0)
	for _, w := range sorted {
		sum += w
	}
	for _, x := range []struct {
		is, other int64
		ci        *[2]int64
	}{
		{p.Mean, sum / int64(len(sorted)), &p.MeanCI},
		{p.P50, quantile(sorted, 0.50), &p.P50CI},
		{p.P95, quantile(sorted, 0.95), &p.P95CI},
		{p.P99, quantile(sorted, 0.99), &p.P99CI},
	} {
		by := float64(x.other - x.is)
		x.ci[0] = max(0, x.is-int64(math.Hypot(float64(x.is-x.ci[0]), by)))
		x.ci[1] = x.is + int64(math.Hypot(float64(x.ci[1]-x.is), by))
	}
}

// corrected takes out of a prediction the part by which the replay without a change is
// off, and makes the intervals wide enough for it.
func corrected(after, before, replayed *breakdown.Predicted) breakdown.Predicted {
	c := *after
	one := func(v int64, ci [2]int64, recorded, same int64) (int64, [2]int64) {
		if same <= 0 {
			return v, ci
		}
		off := float64(recorded) / float64(same)
		is := int64(float64(v) * off)
		more := max(is-v, v-is)
		return is, [2]int64{max(0, int64(float64(ci[0])*off)-more), int64(float64(ci[1])*off) + more}
	}
	c.Mean, c.MeanCI = one(after.Mean, after.MeanCI, before.Mean, replayed.Mean)
	c.P50, c.P50CI = one(after.P50, after.P50CI, before.P50, replayed.P50)
	c.P95, c.P95CI = one(after.P95, after.P95CI, before.P95, replayed.P95)
	c.P99, c.P99CI = one(after.P99, after.P99CI, before.P99, replayed.P99)
	if after.Hist != nil && replayed.Mean > 0 {
		c.Hist = &breakdown.Histogram{}
		after.Hist.Each(func(lo, hi, n int64) {
			c.Hist.RecordN(int64(float64(lo+(hi-lo)/2)*float64(before.Mean)/float64(replayed.Mean)), n)
		})
	}
	if replayed.Rate > 0 {
		c.Rate *= before.Rate / replayed.Rate
	}
	c.Buckets = slices.Clone(after.Buckets)
	for i := range c.Buckets {
		c.Buckets[i].Mean = int64(float64(c.Buckets[i].Mean) * float64(c.Mean) / float64(max(1, after.Mean)))
	}
	return c
}
