package analyze

import (
	"cmp"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// spinTurn is the longest that a request runs between two yields at one place while it
// does nothing but ask whether it may go on, in ns. What yields in order to let others go
// first computes for longer.
const spinTurn = 10_000

// A spinning is what requests do from one yield to the next at one place.
type spinning struct {
	turns, ready, ran int64 // ns, for ready and ran
}

func (s *spinning) merge(o *spinning) {
	s.turns, s.ready, s.ran = s.turns+o.turns, s.ready+o.ready, s.ran+o.ran
}

// addSpins adds the yields of a request that follow another one at the same place with
// next to nothing in between.
func (e *endpoint) addSpins(r *breakdown.Request) {
	last, ran := -1, int64(0)
	for i := range r.Path {
		s := &r.Path[i]
		switch {
		case s.Bucket == breakdown.CPU:
			ran += s.End - s.Start
		case s.Bucket != breakdown.Scheduler:
			last = -1
		case !rules.Yields(s.Cause.Stack):
			// A processor was taken away in the meantime.
		default:
			if last >= 0 && r.Path[last].Cause == s.Cause && ran <= spinTurn {
				e.spin(s.Cause).merge(&spinning{1, s.End - s.Start, ran})
			}
			last, ran = i, 0
		}
	}
}

// spin returns the sums for a cause. If there is no room for them, nothing keeps what it
// returns.
func (e *endpoint) spin(c *breakdown.Cause) *spinning {
	s := e.spins[c]
	if s == nil {
		s = &spinning{}
		if e.spend(sumSize) {
			if e.spins == nil {
				e.spins = map[*breakdown.Cause]*spinning{}
			}
			e.spins[c] = s
		}
	}
	return s
}

// mergeSpins adds the spins of o.
func (p *patterns) mergeSpins(o *patterns) {
	for c, s := range o.spins {
		if have := p.spins[c]; have != nil {
			have.merge(s)
			continue
		}
		if p.spins == nil {
			p.spins = map[*breakdown.Cause]*spinning{}
		}
		p.spins[c] = s
	}
}

// spinsAt returns the place at which requests spin the longest, nil if there is none.
func (e *endpoint) spinsAt() (most *diagnosis.Spin) {
	sums := map[breakdown.Frame]*spinning{}
	for c, s := range e.spins {
		if sums[c.Site] == nil {
			sums[c.Site] = &spinning{}
		}
		sums[c.Site].merge(s)
	}
	for site, s := range sums {
		x := &diagnosis.Spin{Site: site, Turns: float64(s.turns) / float64(max(e.requests, 1)), Ready: mean(s.ready, e.requests), Ran: mean(s.ran, e.requests)}
		if most == nil || cmp.Or(cmp.Compare(most.Ready+most.Ran, x.Ready+x.Ran), compareFrames(site, most.Site)) < 0 {
			most = x
		}
	}
	return most
}

// oftenPolls is the share of the samples in a function that must hit what it polls with.
const oftenPolls = 0.5

// polls returns the function of the service's with the most samples that computes by
// calling functions that return at once, "" if there is none.
func (e *endpoint) polls() (most string) {
	all, polled := map[string]int64{}, map[string]int64{}
	for k, n := range e.computes {
		if k.outside || k.site.Function == "" {
			continue
		}
		all[k.site.Function] += *n
		if rules.Polls(k.called) {
			polled[k.site.Function] += *n
		}
	}
	for f, n := range polled {
		if float64(n) >= oftenPolls*float64(all[f]) && (most == "" || cmp.Or(cmp.Compare(all[most], all[f]), cmp.Compare(f, most)) < 0) {
			most = f
		}
	}
	return most
}
