package timeline

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Whom the processors worked for, by the CPU samples of the whole process.

const (
	// jobSample is what a job that is sampled once has computed: a sample stands for that.
	jobSample = 10_000_000
	// jobRests is the pause that separates two stretches of a job.
	jobRests = 200_000_000
	// mostJobs bounds how many jobs, and lines of a job, are told apart.
	mostJobs = 1 << 10
)

// A profile gathers what becomes a breakdown.Processors.
type profile struct {
	breakdown.Processors
	collecting [breakdown.NumCollecting]int64
	jobs       map[string]*job // by function
	heap       heap
}

// A heap sums what the collector did.
type heap trace.Heap

func (h *heap) add(o trace.Heap) {
	h.Collections += o.Collections
	h.Live += o.Live
	h.Goal += o.Goal
}

// A job is what goroutines that serve no request computed in one function.
type job struct {
	breakdown.Job
	lines map[breakdown.Frame]int64
	last  int64 // when it was last sampled
}

// profiled counts a sample that hit a goroutine, which is nil if it hit none.
func (m *machine) profiled(g *goroutine, c *class, at int64) {
	p, crowded := &m.profile, m.busySince != 0
	p.All.Total++
	if crowded {
		p.Crowded.Total++
	}
	of := func(h *breakdown.Hits) *int64 { return &h.Requests }
	switch {
	case c == nil || c.Observer:
		return
	case c.Collecting != breakdown.NotCollecting:
		p.collecting[c.Collecting]++
		of = func(h *breakdown.Hits) *int64 { return &h.Collector }
	case g == nil || g.root.runtime:
		return
	case m.worksFor(g) != nil:
		if m.worksFor(g).observer {
			return
		}
	case c.Kind != "" || g.claim > unclaimed || !rules.WorksAlone(c.Class):
		// A server's or a client's own goroutine.
	default:
		p.jobSampled(c, at, crowded)
		of = func(h *breakdown.Hits) *int64 { return &h.Jobs }
	}
	*of(&p.All)++
	if crowded {
		*of(&p.Crowded)++
	}
}

// jobSampled counts a sample of a goroutine that serves no request.
func (p *profile) jobSampled(c *class, at int64, crowded bool) {
	j := p.jobs[c.Site.Function]
	if j == nil {
		if len(p.jobs) >= mostJobs {
			return
		}
		if p.jobs == nil {
			p.jobs = map[string]*job{}
		}
		j = &job{lines: map[breakdown.Frame]int64{}}
		j.Root = c.Root()
		p.jobs[c.Site.Function] = j
	}
	j.Samples++
	if crowded {
		j.Crowded++
	}
	if len(j.lines) < mostJobs {
		j.lines[c.Site]++
	}
	if j.last == 0 || at-j.last > jobRests {
		j.Times++
		j.Busy += jobSample
	} else {
		j.Busy += max(0, at-j.last)
	}
	j.last = max(j.last, at)
}

// result returns the Processors.
func (p *profile) result() breakdown.Processors {
	out := p.Processors
	out.Marking, out.Assisting = p.collecting[breakdown.Marking], p.collecting[breakdown.Assisting]
	out.Sweeping, out.Scavenging = p.collecting[breakdown.Sweeping], p.collecting[breakdown.Scavenging]
	if n := p.heap.Collections; n > 0 {
		out.Heap = &breakdown.Heap{Collections: n, Live: p.heap.Live / n, Goal: p.heap.Goal / n}
	}
	for _, j := range p.jobs {
		most := int64(0)
		for f, n := range j.lines {
			if n > most || n == most && f.Line < j.Line {
				most, j.Frame = n, f
			}
		}
		out.Jobs = append(out.Jobs, j.Job)
	}
	out.Sort()
	return out
}
