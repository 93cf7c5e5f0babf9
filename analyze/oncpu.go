package analyze

import (
	"math"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
)

// The runtime says when goroutines run, but not when the kernel has taken the core from
// them. CPU samples tell: there is one for each period of CPU time, and none while there
// is no core. So the samples that hit a running goroutine, over those that its running
// time would have got on a core, are the share that was on one.

// A sampling is what the CPU samples of one capture say.
type sampling struct {
	// usable is set if samples were taken during the whole window. old is set if running
	// time includes system calls, so that only that of the whole process can be told
	// from them.
	usable, old bool
	// per is the samples that a ns of CPU time is expected to get, and its bounds.
	per rate
	timeline.Kernel
	process exposure
}

// A rate is an estimate of samples per ns, with its bounds.
type rate struct{ expected, most, least float64 }

// An exposure is how long goroutines ran, and how many CPU samples hit them meanwhile.
type exposure struct {
	ran     int64 // ns
	briefly int64 // of it, in stretches of less than 2 ms
	samples int64
}

// newSampling returns what the samples of a trace say. One stands for period ns of CPU
// time.
func newSampling(sum *timeline.Summary, period int64) sampling {
	s := sampling{Kernel: sum.Kernel, process: exposure{sum.Running - sum.AfterCalls, sum.RunningBriefly, sum.SamplesRunning}}
	s.usable, s.old = sampledThroughout(sum), sum.Version < 22
	tick := s.Tick
	if tick == 0 {
		tick = defaultPeriod // the longest that is usual
	}
	s.per.most = 1 / float64(period)
	s.per.least = leastRate(float64(period), tick)
	s.per.expected = s.per.least + (s.per.most-s.per.least)/3
	return s
}

// sampledThroughout reports whether a CPU profile ran during the whole window, as far as
// the samples show: there were some, and the window extends beyond them by no more than
// what is usual between two of that many.
func sampledThroughout(sum *timeline.Summary) bool {
	if sum.Samples < 2 {
		return false
	}
	first, last := sum.Kernel.FirstSample, sum.Kernel.LastSample
	usual := 6 * (last - first) / (sum.Samples - 1)
	return first-sum.Start <= usual && sum.End-last <= usual
}

// add adds the exposure of a request.
func (x *exposure) add(r *breakdown.Request) {
	x.ran += r.Ran
	x.briefly += r.RanBriefly
	x.samples += r.RanSampled
}

// at returns the samples that the running time gets at a rate, if brief stretches get
// only a part of that. Measured against threads' clocks on a kernel with a tick of 4 ms,
// stretches of half a ms get 0.85 samples for 10 ms of CPU time, those of 8 ms get 0.91.
func (x *exposure) at(rate, brief float64) float64 {
	return rate * (float64(x.ran-x.briefly) + brief*float64(x.briefly))
}

// usualTick is the period of the kernel's timer interrupt that is supposed where samples do
// not show it.
const usualTick = int64(4 * time.Millisecond)

// due returns how many samples the process gets with a core for every thread, and rather too
// few than too many.
func (s *sampling) due() float64 {
	rate := s.per.least
	if s.Tick == 0 {
		rate = leastRate(1/s.per.most, usualTick)
	}
	if s.old { // it also seems to run in system calls
		rate *= 0.8
	}
	return s.process.at(rate, 0.9)
}

// leastRate returns the samples per ns if the kernel looks only at ticks whether a period of
// CPU time is over.
func leastRate(period float64, tick int64) float64 {
	return (1 - math.Exp(-period/float64(tick))) / period
}

// A presence is the share of running time that was spent on a core.
type presence struct {
	share, low, high float64
	// deprived is set if the share is less than 1 beyond doubt.
	deprived bool
}

// presenceOf estimates the presence from exposures in several captures. It returns false
// if the samples say nothing.
func presenceOf(list []exposure, of []sampling) (p presence, ok bool) {
	var expected, most, least float64
	n := int64(0)
	for i, x := range list[:min(len(list), len(of))] {
		if s := &of[i]; s.usable {
			expected += x.at(s.per.expected, 0.9)
			most += x.at(s.per.most, 1)
			least += x.at(s.per.least, 0.85)
			n += x.samples
		}
	}
	if expected <= 0 {
		return presence{}, false
	}
	low, high := poisson(n, 1.96)
	_, surely := poisson(n, 3.29) // 99.95%: a screen shows many endpoints
	p.deprived = surely < least
	p.share, p.low, p.high = 1, ofOne(low/most), 1
	if p.deprived {
		p.share, p.high = ofOne(float64(n)/expected), ofOne(high/least)
	}
	return p, true
}

// ofOne returns a share between 0 and 1, in steps that are the same on every machine.
func ofOne(share float64) float64 { return round(min(max(share, 0), 1), 1e6) }

// poisson returns the bounds of the mean of a Poisson distribution of which n was drawn,
// z standard deviations of a normal distribution away: the quantiles of the gamma
// distribution by Wilson and Hilferty, which are off by less than a hundredth.
func poisson(n int64, z float64) (low, high float64) {
	bound := func(k, z float64) float64 {
		if k == 0 {
			return 0
		}
		root := 1 - 1/(9*k) + z/(3*math.Sqrt(k))
		return k * root * root * root
	}
	return bound(float64(n), -z), bound(float64(n+1), z)
}

// phases splits the running time of complete requests, and of those that were cut, into
// that with and without a core.
func (p presence) phases(total, incomplete, requests int64, why breakdown.Deprivation) []breakdown.PhaseTime {
	of := func(whole int64, share float64) int64 { return int64(math.Round(float64(whole) * share)) }
	on := breakdown.PhaseTime{Phase: breakdown.OnCPU, Total: of(total, p.share), IncompleteTotal: of(incomplete, p.share)}
	off := breakdown.PhaseTime{Phase: breakdown.OffCPU, Total: total - on.Total, IncompleteTotal: incomplete - on.IncompleteTotal}
	low, high := of(total, p.low), of(total, p.high)
	on.TotalCI95 = &breakdown.Interval{min(low, on.Total), max(high, on.Total)}
	off.TotalCI95 = &breakdown.Interval{total - on.TotalCI95[1], total - on.TotalCI95[0]}
	for _, t := range []*breakdown.PhaseTime{&on, &off} {
		t.Mean = mean(t.Total, requests)
		t.MeanCI95 = &breakdown.Interval{mean(t.TotalCI95[0], requests), mean(t.TotalCI95[1], requests)}
	}
	if off.Total > 0 {
		off.Cause = why
	}
	return []breakdown.PhaseTime{on, off}
}

// why returns why running goroutines had no core: those of an endpoint with these
// exposures and this presence, or of the whole process.
func why(list []exposure, p presence, of []sampling) breakdown.Deprivation {
	if stoppedRegularly(of) {
		return breakdown.ByLimit
	}
	rest := make([]exposure, len(list))
	for i := range list {
		all, own := &of[i].process, &list[i]
		rest[i] = exposure{max(0, all.ran-own.ran), max(0, all.briefly-own.briefly), max(0, all.samples-own.samples)}
	}
	switch others, ok := presenceOf(rest, of); {
	case !ok:
		return ""
	case others.low > p.high:
		return breakdown.ByStalls
	case others.deprived:
		return breakdown.ByNeighbors
	}
	return ""
}

// stoppedRegularly reports whether the kernel stopped the process at regular intervals,
// and that explains a good part of the time that goroutines ran without a core: several
// of them may have run at once.
func stoppedRegularly(of []sampling) bool {
	for i := range of {
		s := &of[i]
		p, ok := presenceOf([]exposure{s.process}, of[i:i+1])
		if ok && p.deprived && s.Every > 0 && float64(s.Still) > (1-p.share)*float64(s.process.ran)/4 {
			return true
		}
	}
	return false
}
