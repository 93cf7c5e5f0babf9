package analyze

import (
	"math"

	"timesink/analyze/breakdown"
	"timesink/analyze/sampled"
)

// render turns an endpoint of pieces into one of estimates.
func (x *estimate) render(e *breakdown.Endpoint, s *sightings) {
	e.Requests, e.Known, e.Inferred, e.Tail = 0, 0, 0, nil
	e.Wall = breakdown.Stats{Total: e.Wall.Total, Hist: &breakdown.Histogram{}}
	e.Sampled = &breakdown.Sampled{Seen: s.seen, Joined: true}
	x.raiseCPU(e, s)
	x.inProgress(e, s)
	for i := range e.Buckets {
		x.bucket(e, &e.Buckets[i], s)
	}
	x.joined(e, s)
}

// raiseCPU raises the time in the cpu bucket to what the CPU profile shows: a snapshot is
// taken when a processor is free for it, so snapshots show too little of it.
func (x *estimate) raiseCPU(e *breakdown.Endpoint, s *sightings) {
	t := &e.Buckets[breakdown.CPU]
	e.Sampled.CPUTime = s.cpuTime()
	if more := s.cpuTime() - t.Total; more > 0 {
		t.Total += more
		e.Wall.Total += more
		t.Sites, t.Phases = []breakdown.SiteTime{}, []breakdown.PhaseTime{}
	}
}

// inProgress sets how many requests were in progress.
func (x *estimate) inProgress(e *breakdown.Endpoint, s *sightings) {
	var values []float64
	for i, weight := range x.sum.Weights {
		if weight > 0 {
			in := int64(0)
			if i < len(s.inAt) {
				in = s.inAt[i]
			}
			values = append(values, float64(in)/float64(weight))
		}
	}
	_, low, high := sampled.EstimateMean(values)
	mean := float64(e.Wall.Total) / float64(x.window)
	e.Sampled.InProgress = round(mean, 1000)
	if math.IsInf(high, 1) {
		high = float64(s.seen)
	}
	e.Sampled.InProgressCI95 = breakdown.ShareInterval{round(min(low, mean), 1000), round(max(high, mean), 1000)}
}

// bucket sets a bucket's share, with its interval. Time handed over to other goroutines
// may belong to any.
func (x *estimate) bucket(e *breakdown.Endpoint, t *breakdown.BucketTime, s *sightings) {
	*t = breakdown.BucketTime{Bucket: t.Bucket, Total: t.Total, Systems: t.Systems, Phases: t.Phases, Sites: t.Sites, Hist: &breakdown.Histogram{}}
	t.Share = share(t.Total, e.Wall.Total)
	t.TimeShare = t.Share
	for i := range t.Phases {
		t.Phases[i].Mean = 0
	}
	for i := range t.Sites {
		t.Sites[i].Mean, t.Sites[i].CallsPerRequest, t.Sites[i].Concurrency, t.Sites[i].Trips = 0, 0, 0, 0
	}
	tally := func(part []int64) sampled.Tally {
		return sampled.Tally{Part: padded(part, len(s.inAt)), Whole: s.inAt, Seen: s.seen}
	}
	own, handed := s.spent[t.Bucket], s.handed
	low := sampled.Estimate(tally(own))
	high := sampled.Estimate(tally(added(own, handed)))
	if t.Bucket == breakdown.Unknown {
		high = low // unknown is what this answer does not know
	}
	x.bound(e, t, low.Low, high.High)
	if t.Bucket != breakdown.Unknown && low.Effective > 0 && low.Value > 0 && low.Value < 1 {
		n := int64(low.Effective)
		if e.Sampled.Effective == 0 || n < e.Sampled.Effective {
			e.Sampled.Effective = n
		}
	}
}

// bound sets the interval of a bucket's share and, with that of the whole, its total's.
func (x *estimate) bound(e *breakdown.Endpoint, t *breakdown.BucketTime, low, high float64) {
	low, high = min(low, t.Share), max(high, t.Share)
	t.ShareCI95 = &breakdown.ShareInterval{math.Floor(low*1e6) / 1e6, min(math.Ceil(high*1e6)/1e6, 1)}
	in := e.Sampled.InProgressCI95
	t.TotalCI95 = &breakdown.Interval{int64(math.Floor(low * in[0] * float64(x.window))), int64(math.Ceil(high * in[1] * float64(x.window)))}
	t.TotalCI95[0], t.TotalCI95[1] = min(t.TotalCI95[0], t.Total), max(t.TotalCI95[1], t.Total)
}

// joined widens the interval of cpu to what the CPU profile allows, and that of the
// scheduler, whose time is in cpu, to what it leaves.
func (x *estimate) joined(e *breakdown.Endpoint, s *sightings) {
	cpu, scheduler := &e.Buckets[breakdown.CPU], &e.Buckets[breakdown.Scheduler]
	least := 0.0
	if x.profiled {
		low, high := sampled.PoissonRange(s.onCPU)
		unit := s.unit
		if whole := float64(e.Wall.Total); whole > 0 && unit > 0 {
			x.bound(e, cpu, cpu.ShareCI95[0], max(cpu.ShareCI95[1], min(high*unit/whole, 1)))
			least = low * unit / whole
		}
	}
	x.bound(e, scheduler, 0, max(scheduler.ShareCI95[1], max(cpu.ShareCI95[1]-least, 0)))
}

func padded(list []int64, n int) []int64 {
	out := make([]int64, n)
	copy(out, list)
	return out
}

func added(a, b []int64) []int64 {
	out := padded(a, max(len(a), len(b)))
	for i, v := range b {
		out[i] += v
	}
	return out
}
