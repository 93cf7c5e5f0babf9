package timeline

import (
	"timesink/analyze/trace"
)

// What the processors show: CPU samples, and when all are busy.

func (m *machine) sample(r *trace.Record) {
	m.sum.Samples++
	m.sampled(r.At)
	class := m.stacks[r.Stack]
	var g *goroutine
	if r.G >= 0 {
		g = m.find(m.ids[r.G])
	}
	m.profiled(g, class, r.At)
	if g == nil {
		return
	}
	if g.state == trace.StateRunning {
		m.sum.SamplesRunning++
	}
	if g.claim == unseen && class != nil && class.Depth > 0 && class.ofServer() {
		m.recognize(g, class) // it has run since before the window, and not left a stack yet
	}
	req := m.worksFor(g)
	m.covers(req, g, class)
	if class == nil || req == nil {
		return
	}
	if req.g == g {
		unnamed, passing := req.depth == 0 || req.NamedBySample, req.NamedInPassing
		req.note(class)
		req.NamedBySample, req.NamedInPassing = unnamed && req.depth > 0, passing
	}
	if g.state == trace.StateRunning && !g.assist {
		req.RanSampled++
	}
	if len(req.Samples) < 1<<16 {
		req.Samples = append(req.Samples, m.causeOf(class, g.state, trace.ReasonNone, nil))
		m.weigh(req)
	}
}

// A processor is one of the GOMAXPROCS that run goroutines.
type processor struct{ running bool }

// proc updates how long every processor was busy.
func (m *machine) proc(id int64, runs bool, at int64) {
	p := m.procs.Find(id)
	if p == nil {
		p = &processor{}
		m.procs.Add(id, p)
	}
	if p.running != runs {
		p.running = runs
		if runs {
			m.procsRunning++
		} else {
			m.procsRunning--
		}
	}
	busy := m.maxProcs > 0 && m.procsRunning >= m.maxProcs
	m.crowds(busy, at)
	switch {
	case busy && m.busySince == 0:
		m.busySince = at
	case !busy && m.busySince != 0:
		m.sum.Saturated += max(0, at-m.busySince)
		m.busySince = 0
	}
}
